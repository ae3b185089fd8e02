package gctrace

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/gctrace/hcl"
	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// makefile looks for traces in a Makefile.
type makefile struct {
	t      *rewrite.TextFile
	target string // of the recipe at hand
	ifs    int    // conditionals that are open
	out    []traceSite
}

const onCondition = "it hangs on a condition, which may be a switch for the trace; remove gctrace by hand if it is not"

const makeEffect = "; whoever runs make for the trace gets none any more"

// makefileTraces returns the places of a Makefile that switch the trace on: an
// assignment to GODEBUG, or a command in a recipe. Targets whose name says that
// they trace or measure are passed over.
func makefileTraces(t *rewrite.TextFile) []traceSite {
	m := &makefile{t: t}
	for off := 0; off < len(t.Src); {
		end := span.LineEnd(t.Src, off)
		for end < len(t.Src) && bytes.HasSuffix(bytes.TrimRight(t.Src[off:end], "\r\n"), []byte(`\`)) {
			end = span.LineEnd(t.Src, end)
		}
		line := string(bytes.TrimRight(t.Src[off:end], "\r\n"))
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '\t':
			m.recipe(off, line)
		default:
			m.line(off, line)
		}
		off = end
	}
	return m.out
}

// recipe looks at a command, which begins at off.
func (m *makefile) recipe(off int, line string) {
	if traceTarget.MatchString(m.target) || !strings.Contains(line, "GODEBUG") {
		return
	}
	lead := len(line) - len(strings.TrimLeft(line, "\t @-+"))
	text := span.WholeText(m.t.Src, span.Span{Off: off + lead, End: off + len(line)})
	text.Text = shellOfMake(text.Text)
	s := &script{t: m.t, text: text, where: "a command of target " + m.target, names: []string{m.target}, safety: rewrite.Unsafe, effect: makeEffect}
	for _, x := range s.traces() {
		if m.ifs > 0 {
			x.fix, x.why = nil, onCondition
		}
		m.out = append(m.out, x)
	}
}

// shellOfMake writes a line of a recipe as a shell can read it, byte for byte:
// references to make's variables become those of the shell.
func shellOfMake(text string) string {
	b := []byte(text)
	for i := 0; i+1 < len(b); i++ {
		switch {
		case b[i] != '$':
		case b[i+1] == '$':
			b[i] = '_'
			i++
		case b[i+1] == '(' || b[i+1] == '{':
			b[i+1] = '{'
			i += 2
			for depth := 1; i < len(b); i++ {
				switch b[i] {
				case '(', '{':
					depth++
				case ')', '}':
					depth--
				}
				if depth == 0 {
					b[i] = '}'
					break
				}
				if !hcl.IsWordByte(b[i]) || b[i] == '-' {
					b[i] = '_'
				}
			}
		}
	}
	return string(b)
}

// line looks at a line that is no command.
func (m *makefile) line(off int, line string) {
	first, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch {
	case strings.HasPrefix(first, "if"):
		m.ifs++
	case first == "endif":
		m.ifs--
	}
	head, v, ok := strings.Cut(line, "=")
	fields := strings.Fields(strings.TrimRight(head, ":?+ \t"))
	if ok && len(fields) > 0 && fields[len(fields)-1] == "GODEBUG" {
		m.assignment(off, line, len(line)-len(v), fields)
		return
	}
	if name, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
		m.target = strings.TrimSpace(name)
	}
}

// assignment looks at the line at off, whose value begins at byte begin of it;
// fields are the words before the operator.
func (m *makefile) assignment(off int, line string, begin int, fields []string) {
	end := len(line)
	if i := strings.Index(line[begin:], " #"); i >= 0 {
		end = begin + i
	}
	raw := strings.TrimSpace(line[begin:end])
	trimmed := strings.Trim(raw, `"'`)
	g := godebug.Read(trimmed)
	if !g.On() {
		return
	}
	name := off + strings.Index(line, "GODEBUG")
	site := traceSite{file: m.t, off: name, end: name + len("GODEBUG"), value: g, where: "the commands of the Makefile"}
	for _, f := range fields {
		if target, ok := strings.CutSuffix(f, ":"); ok {
			if traceTarget.MatchString(target) {
				return
			}
			site.names = append(site.names, target)
		}
	}
	switch {
	case g.Setting == "":
	case m.ifs > 0 || strings.HasSuffix(strings.TrimRight(line[:begin-1], " \t"), "?"):
		site.why = onCondition
	case strings.Contains(line, `\`):
		site.why = "the line goes on; remove gctrace by hand"
	default:
		at := off + begin + strings.Index(line[begin:end], trimmed)
		site.fix, site.why = m.fix(span.Span{Off: off, End: off + len(line)}, span.WholeText(m.t.Src, span.Span{Off: at, End: at + len(trimmed)}), g, end < len(line))
	}
	m.out = append(m.out, site)
}

// more reports whether a line other than the one at hand sets GODEBUG to more
// than the trace for all targets.
func (m *makefile) more(line span.Span) bool {
	for _, at := range makeAssignment.FindAllIndex(m.t.Src, -1) {
		value := m.t.Src[at[1]:span.LineEnd(m.t.Src, at[0])]
		if at[0] != line.Off && godebug.Read(strings.Trim(strings.TrimSpace(string(value)), `"'`)).Rest != "" {
			return true
		}
	}
	return false
}

// fix removes the trace from the value, or the line when nothing else is in it
// and nothing in the file asks for the variable; or says why it cannot.
func (m *makefile) fix(line span.Span, value span.FileText, g godebug.Value, comment bool) (*rewrite.Fix, string) {
	if g.Rest == "" && !makeReference.Match(m.t.Src) && !m.more(line) {
		if comment && !aboutTrace(string(m.t.Src[value.Offs[len(value.Offs)-1]:line.End])) {
			return nil, "a comment stands behind it; remove gctrace by hand"
		}
		cut := span.CutLines(m.t.Src, line, "#", aboutTrace)
		return span.SpliceFix(m.t, "remove GODEBUG"+makeEffect, rewrite.Unsafe, cut, []span.TextEdit{{Span: cut}}), ""
	}
	var edits []span.TextEdit
	for _, c := range g.Cuts {
		edits = append(edits, value.Cut(c)...)
	}
	return span.SpliceFix(m.t, "remove "+g.Setting+" from GODEBUG"+makeEffect, rewrite.Unsafe, line, edits), ""
}

// makeReference matches what asks for GODEBUG in a Makefile, makeAssignment what
// sets it for all targets, up to its value.
var (
	makeReference  = regexp.MustCompile(`\$(\$?[({])?GODEBUG|\$\$\{?GODEBUG`)
	makeAssignment = regexp.MustCompile(`(?m)^(?:(?:export|override)[ \t]+)*GODEBUG[ \t]*[:?+]{0,2}=`)
)

// traceTarget matches names of targets that are there to trace or to measure.
var traceTarget = regexp.MustCompile(`(?i)trace|gc|bench|prof|debug|perf|stress|test`)
