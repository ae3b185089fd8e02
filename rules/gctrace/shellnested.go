package gctrace

import (
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rules/gctrace/command"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/internal/span"
	"mvdan.cc/sh/v3/syntax"
)

// nested returns the sites in the scripts that commands of this one hand to
// another shell: sh -c '...', a here-document that bash reads.
func (s *script) nested() []traceSite {
	var out []traceSite
	var stack []syntax.Node
	within := func(at span.Span, lines bool) {
		if !strings.Contains(s.text.Text[at.Off:at.End], "GODEBUG") {
			return
		}
		inner := *s
		inner.text, inner.lines, inner.sites = s.text.At(at), lines && s.lines, nil
		outer := shellSite{around: slices.Clone(stack)}
		for _, x := range inner.traces() {
			switch why := s.wanted(outer); {
			case s.inert(outer):
				continue
			case why != "":
				x.fix, x.why = nil, why
			}
			out = append(out, x)
		}
	}
	syntax.Walk(s.file, func(n syntax.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		switch n := n.(type) {
		case *syntax.CallExpr:
			words := make([]string, len(n.Args))
			for i, w := range n.Args {
				if at, ok := s.asItIs(w); ok {
					words[i] = s.text.Text[at.Off:at.End]
				}
			}
			for i, role := range command.Roles(words) {
				if at, ok := s.asItIs(n.Args[i]); ok && role == command.Script {
					within(at, false)
				}
			}
		case *syntax.Redirect:
			stmt, ok := stack[len(stack)-2].(*syntax.Stmt)
			switch {
			case !ok || n.Hdoc == nil:
			case s.readsScript(stmt):
				within(s.span(n.Hdoc), true)
			default:
				out = append(out, s.writtenOut(stmt, n.Hdoc)...)
			}
		}
		return true
	})
	return out
}

// asItIs returns the range of the word's text, without quotes around it, and
// whether it is that text, but for variables that are put in.
func (s *script) asItIs(w *syntax.Word) (span.Span, bool) {
	at := s.span(w)
	if len(w.Parts) != 1 {
		return at, false
	}
	switch w.Parts[0].(type) {
	case *syntax.SglQuoted:
		return span.Span{Off: at.Off + 1, End: at.End - 1}, s.text.Text[at.Off] == '\''
	case *syntax.DblQuoted:
		at = span.Span{Off: at.Off + 1, End: at.End - 1}
		return at, s.text.Text[at.Off-1] == '"' && !strings.ContainsAny(s.text.Text[at.Off:at.End], "\\`\"")
	case *syntax.Lit:
		return at, !strings.ContainsAny(s.text.Text[at.Off:at.End], "\\")
	}
	return at, false
}

// readsScript reports whether the command of stmt is a shell, here or on another
// host, that reads its script from a here-document.
func (s *script) readsScript(stmt *syntax.Stmt) bool {
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	first := s.source(call.Args[0])
	if first == "ssh" {
		return true
	}
	words := make([]string, len(call.Args))
	for i, w := range call.Args {
		words[i] = s.source(w)
	}
	return command.ReadsInput(words)
}

// settingsFile matches names of files that set up how programs are started.
var settingsFile = regexp.MustCompile(`(?i)\.(?:service|conf|env|ya?ml|container|plist|toml|sh)\b|^["']?/etc/|environment|dockerfile|procfile|(?:^|[/.])env$`)

// inSettings matches a GODEBUG with its value on a line of such a file.
var inSettings = regexp.MustCompile(`GODEBUG["']?[ \t]*[:=][ \t]*["']?([^\s"']+)`)

// writtenOut returns the lines of a here-document that set GODEBUG in a file that
// stmt writes.
func (s *script) writtenOut(stmt *syntax.Stmt, doc *syntax.Word) []traceSite {
	name := ""
	for _, r := range stmt.Redirs {
		if r.Hdoc == nil && (r.Op == syntax.RdrOut || r.Op == syntax.AppOut) && r.Word != nil {
			name = s.source(r.Word)
		}
	}
	if call, ok := stmt.Cmd.(*syntax.CallExpr); ok && len(call.Args) > 1 && slices.ContainsFunc(call.Args, func(w *syntax.Word) bool { return s.source(w) == "tee" }) {
		name = s.source(call.Args[len(call.Args)-1])
	}
	if !settingsFile.MatchString(name) {
		return nil
	}
	var out []traceSite
	at := s.span(doc)
	off := at.Off
	for line := range strings.Lines(s.text.Text[at.Off:at.End]) {
		m := inSettings.FindStringSubmatchIndex(line)
		if m != nil && !strings.ContainsAny(strings.TrimSpace(line)[:1], "#;") {
			if g := godebug.Read(line[m[2]:m[3]]); g.Setting != "" {
				place := s.text.File(span.Span{Off: off + m[2] + g.At.Off, End: off + m[2] + g.At.End})
				out = append(out, traceSite{file: s.t, off: place.Off, end: place.End, value: g, where: "what " + name + " starts", names: append(slices.Clone(s.names), name),
					why: "it is part of a here-document, which becomes " + name + "; remove gctrace by hand"})
			}
		}
		off += len(line)
	}
	return out
}
