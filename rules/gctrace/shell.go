package gctrace

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace/command"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/internal/span"
	"mvdan.cc/sh/v3/syntax"
)

// script is shell text in a file: all of a script, the command of a Dockerfile
// instruction, the line of a Procfile.
type script struct {
	t      *rewrite.TextFile
	text   span.FileText
	file   *syntax.File
	where  string
	names  []string
	safety rewrite.Safety
	effect string // of an unsafe fix
	// lines says that statements have lines of their own.
	lines bool
	// hides reports whether another value would show in the script's environment;
	// nil where none can.
	hides func() bool
	// src is what text is a part of, and splice makes the fix of edits to it, which
	// hold as long as nothing else changes in the range. They are nil where that
	// is the file.
	src    []byte
	splice func(message string, hold span.Span, edits []span.TextEdit) (*rewrite.Fix, error)
	sites  []shellSite
}

// shellTraces returns the places of a shell script that switch traces on.
func shellTraces(t *rewrite.TextFile, hides func() bool) []traceSite {
	s := &script{
		t: t, text: span.WholeText(t.Src, span.Span{Off: 0, End: len(t.Src)}), where: "what the script starts", lines: true,
		safety: rewrite.Unsafe, effect: "; whoever runs the script for its trace gets none any more", hides: hides,
	}
	return s.traces()
}

// procfileTraces returns those of a Procfile: a name and a command a line.
func procfileTraces(t *rewrite.TextFile, hides func() bool) []traceSite {
	var out []traceSite
	for off := 0; off < len(t.Src); off = span.LineEnd(t.Src, off) {
		line := bytes.TrimRight(t.Src[off:span.LineEnd(t.Src, off)], "\r\n")
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok || bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		s := &script{
			t: t, text: span.WholeText(t.Src, span.Span{Off: off + len(name) + 1, End: off + len(line)}), where: "process " + string(name), names: []string{string(name)},
			safety: rewrite.Unsafe, effect: "; the trace in the process's log ends", hides: hides,
		}
		out = append(out, s.traces()...)
	}
	return out
}

// shellSite is an assignment or argument that sets GODEBUG, with the nodes
// around it, the innermost last.
type shellSite struct {
	assign *syntax.Assign // or
	word   *syntax.Word   // NAME=value as an argument
	around []syntax.Node
}

// traces finds the assignments to GODEBUG.
func (s *script) traces() []traceSite {
	if !strings.Contains(s.text.Text, "GODEBUG") {
		return nil
	}
	f, err := command.Parse(s.text.Text)
	if err != nil {
		return nil
	}
	s.file = f
	var sites []shellSite
	var out []traceSite
	var stack []syntax.Node
	syntax.Walk(f, func(n syntax.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		switch n := n.(type) {
		case *syntax.Assign:
			if n.Name != nil && n.Name.Value == "GODEBUG" && n.Value != nil {
				sites = append(sites, shellSite{assign: n, around: slices.Clone(stack)})
			}
		case *syntax.ParamExp:
			if x, ok := s.byDefault(n, stack); ok {
				out = append(out, x)
			}
		case *syntax.CallExpr:
			for i, w := range n.Args {
				if i > 0 && passesVariable(s.source(n.Args[0]), s.source(n.Args[i-1]), s.source(w)) {
					sites = append(sites, shellSite{word: w, around: append(slices.Clone(stack), n)})
				}
			}
		}
		stack = append(stack, n)
		return true
	})
	s.sites = sites
	for _, x := range sites {
		if site, ok := s.site(x); ok {
			out = append(out, site)
		}
	}
	return append(out, s.nested()...)
}

// passesVariable reports whether word, an argument of the command called name behind
// prev, sets GODEBUG for a program: as an operand of env, or behind docker's -e.
func passesVariable(name, prev, word string) bool {
	word = strings.NewReplacer(`"`, "", "'", "").Replace(word)
	base := name[strings.LastIndexByte(name, '/')+1:]
	if strings.HasPrefix(word, "GODEBUG=") {
		return slices.Contains([]string{"env", "sudo", "doas", "exec", "nohup", "kubectl", "oc"}, base) || prev == "-e" || prev == "--env" || prev == "--setenv" || prev == "env" || strings.HasSuffix(prev, "/env")
	}
	return strings.HasPrefix(command.Operand(word), "GODEBUG=")
}

// whole returns the bytes that the text is a part of.
func (s *script) whole() []byte {
	if s.src != nil {
		return s.src
	}
	return s.t.Src
}

// span returns the range of n in the text.
func (s *script) span(n syntax.Node) span.Span {
	return span.Span{Off: int(n.Pos().Offset()), End: int(n.End().Offset())}
}

// words returns the words of a command as they stand there.
func (s *script) words(call *syntax.CallExpr) []string {
	words := make([]string, len(call.Args))
	for i, w := range call.Args {
		words[i] = s.source(w)
	}
	return words
}

func (s *script) source(n syntax.Node) string {
	at := s.span(n)
	return s.text.Text[at.Off:at.End]
}

// value returns the value that x gives to GODEBUG, between its quotes, and
// whether every byte of it stands for itself.
func (s *script) value(x shellSite) (span.FileText, bool) {
	if x.assign != nil {
		v := s.span(x.assign.Value)
		in, plain := span.PlainValue(s.text.Text[v.Off:v.End])
		return s.text.At(span.Span{Off: v.Off + in.Off, End: v.Off + in.End}), plain
	}
	w := s.span(x.word)
	if i := strings.Index(s.text.Text[w.Off:w.End], "GODEBUG="); i > 0 && strings.IndexByte(`"'`, s.text.Text[w.Off+i-1]) >= 0 {
		w.Off += i - 1 // the quotes of --env="NAME=value" are around the operand
	}
	in, plain := span.PlainValue(s.text.Text[w.Off:w.End])
	raw := s.text.Text[w.Off+in.Off : w.Off+in.End]
	i := strings.Index(raw, "GODEBUG=") + len("GODEBUG=")
	inner := span.Span{Off: w.Off + in.Off + i, End: w.Off + in.End}
	if !plain {
		v, ok := span.PlainValue(raw[i:])
		inner, plain = span.Span{Off: inner.Off + v.Off, End: inner.Off + v.End}, ok
	}
	return s.text.At(inner), plain
}

// site describes x, unless it is none.
func (s *script) site(x shellSite) (traceSite, bool) {
	value, plain := s.value(x)
	g := godebug.Read(value.Text)
	if !plain {
		g = godebug.Value{Hidden: godebug.HiddenTrace.FindString(value.Text)}
	}
	if !g.On() || s.inert(x) {
		return traceSite{}, false
	}
	at := value.File(span.Span{Off: 0, End: len(value.Text)})
	if g.Setting != "" {
		at = value.File(g.At)
	}
	site := traceSite{file: s.t, off: at.Off, end: at.End, value: g, where: s.where, names: s.names}
	for _, n := range x.around {
		if fn, ok := n.(*syntax.FuncDecl); ok && fn.Name != nil {
			site.names = append(slices.Clone(site.names), fn.Name.Value)
		}
	}
	if g.Setting == "" {
		return site, true
	}
	if site.why = s.wanted(x); site.why != "" {
		return site, true
	}
	fix, err := s.fix(x, value, g)
	if err != nil {
		site.why = err.Error() + "; remove gctrace by hand"
		return site, true
	}
	site.fix = fix
	return site, true
}

// inert reports whether the trace is of a command of development (go test, go
// build), hangs on a condition that names debugging or tracing, or goes to what is
// named for it.
func (s *script) inert(x shellSite) bool {
	for i, n := range x.around {
		switch n := n.(type) {
		case *syntax.CallExpr:
			if i == len(x.around)-1 || x.assign == nil {
				for k, w := range n.Args {
					if k+1 < len(n.Args) && s.source(w) == "go" && slices.Contains([]string{"test", "build", "vet", "tool", "generate", "install"}, s.source(n.Args[k+1])) {
						return true
					}
				}
			}
		case *syntax.IfClause:
			for _, c := range n.Cond {
				if switchName.MatchString(s.source(c)) {
					return true
				}
			}
		case *syntax.Stmt:
			for _, r := range n.Redirs {
				if r.Word != nil && keepsTrace.MatchString(s.source(r.Word)) {
					return true
				}
			}
		case *syntax.BinaryCmd:
			if (n.Op == syntax.Pipe || n.Op == syntax.PipeAll) && keepsTrace.MatchString(s.source(n.Y)) {
				return true
			}
			if int(n.X.End().Offset()) <= s.span(x.around[len(x.around)-1]).Off && s.isTest(n.X) && switchName.MatchString(s.source(n.X)) {
				return true
			}
		case *syntax.CaseClause:
			if switchName.MatchString(s.source(n.Word)) {
				return true
			}
		case *syntax.CaseItem:
			for _, p := range n.Patterns {
				if switchName.MatchString(s.source(p)) {
					return true
				}
			}
		}
	}
	return false
}

var switchName = regexp.MustCompile(`(?i)debug|trace|verbose|\bgc|profil|bench|test_|dev\b`)

// keepsTrace matches what the trace is written to or looked for in.
var keepsTrace = regexp.MustCompile(`(?i)gc.?(?:trace|log|stats)|\bgc\b`)

// isTest reports whether the statement is [ ... ], [[ ... ]] or test.
func (s *script) isTest(n *syntax.Stmt) bool {
	switch c := n.Cmd.(type) {
	case *syntax.TestClause:
		return true
	case *syntax.CallExpr:
		return len(c.Args) > 0 && (s.source(c.Args[0]) == "[" || s.source(c.Args[0]) == "test")
	}
	return false
}

// wanted returns why the trace may be wanted where the assignment stands.
func (s *script) wanted(x shellSite) string {
	for i, n := range x.around {
		switch n := n.(type) {
		case *syntax.IfClause, *syntax.CaseClause, *syntax.CaseItem:
			return "it hangs on a condition, which may be a switch for the trace; remove gctrace by hand if it is not"
		case *syntax.BinaryCmd:
			if n.Op == syntax.Pipe || n.Op == syntax.PipeAll {
				return "the output goes to another command, which may read the trace; remove gctrace by hand if it does not"
			}
			if s.isTest(n.X) && s.span(n.Y).Off <= s.span(x.around[len(x.around)-1]).Off {
				return "it hangs on a condition, which may be a switch for the trace; remove gctrace by hand if it is not"
			}
		case *syntax.CmdSubst, *syntax.ProcSubst:
			return "the output is read, maybe for the trace; remove gctrace by hand if it is not"
		case *syntax.Stmt:
			for _, r := range n.Redirs {
				if r.N != nil && r.N.Value == "2" || r.Op == syntax.RdrAll || r.Op == syntax.AppAll {
					return "standard error is redirected, maybe for the trace; remove gctrace by hand if it is not"
				}
			}
		case *syntax.CallExpr:
			if len(n.Args) > 1 && s.source(n.Args[0]) == "go" && i == len(x.around)-1 {
				return "it is a command of development; remove gctrace by hand if it is not"
			}
		}
	}
	if x.word != nil {
		call := x.around[len(x.around)-1].(*syntax.CallExpr)
		words, i := s.words(call), slices.Index(call.Args, x.word)
		if !command.Sets(words, i) && command.Option(words, i) < 0 {
			return "it is an argument of " + s.source(call.Args[0]) + "; remove gctrace by hand"
		}
	}
	return ""
}

// fix removes the trace: from the value, or the assignment, or its whole
// statement.
func (s *script) fix(x shellSite, value span.FileText, g godebug.Value) (*rewrite.Fix, error) {
	var edits []span.TextEdit
	skip := make(map[syntax.Node]bool) // what goes
	message := "remove GODEBUG"
	switch {
	case g.Rest != "" || s.keeps(x):
		message = "remove " + g.Setting + " from GODEBUG"
		for _, c := range g.Cuts {
			edits = append(edits, value.Cut(c)...)
		}
	case x.word != nil:
		call := x.around[len(x.around)-1].(*syntax.CallExpr)
		i := slices.Index(call.Args, x.word)
		from := i
		if option := command.Option(s.words(call), i); option >= 0 {
			from = option
		}
		if i+1 < len(call.Args) {
			edits = s.remove(span.Span{Off: s.span(call.Args[from]).Off, End: s.span(call.Args[i+1]).Off})
		} else {
			edits = s.remove(span.Span{Off: s.span(call.Args[from-1]).End, End: s.span(x.word).End})
		}
		skip[call.Args[from]], skip[x.word] = true, true
	default:
		var err error
		if edits, err = s.dropAssign(x, skip); err != nil {
			return nil, err
		}
	}
	if len(edits) == 0 {
		return nil, errors.New("its place is not clear")
	}
	// The new text of the script, for the check, is what the edits leave of it.
	after, err := command.Parse(s.edited(edits))
	if err != nil || !slices.Equal(command.ShellWords(s.file, skip), command.ShellWords(after, nil)) {
		return nil, errors.New("more than that would change")
	}
	hold := span.Span{Off: edits[0].Off, End: edits[len(edits)-1].End}
	whole := s.text.File(s.span(x.around[len(x.around)-1]))
	hold = span.Span{Off: min(hold.Off, whole.Off), End: max(hold.End, whole.End)}
	if s.splice != nil {
		return s.splice(message+s.effect, hold, edits)
	}
	return span.SpliceFix(s.t, message+s.effect, s.safety, hold, edits), nil
}

// remove returns the edits for a range of the text: all of it in the file, line
// breaks included, unless comments stand between its pieces.
func (s *script) remove(r span.Span) []span.TextEdit {
	at := s.text.File(r)
	if bytes.ContainsRune(s.whole()[at.Off:at.End], '#') {
		// The blanks before what follows are its indentation.
		return slices.DeleteFunc(s.text.Cut(r), func(e span.TextEdit) bool { return span.Blank(s.whole()[e.Off:e.End]) })
	}
	return []span.TextEdit{{Span: at}}
}

// edited returns the text without what the edits remove.
func (s *script) edited(edits []span.TextEdit) string {
	var b strings.Builder
	for i, off := range s.text.Offs {
		if !slices.ContainsFunc(edits, func(e span.TextEdit) bool { return e.Off <= off && off < e.End }) {
			b.WriteByte(s.text.Text[i])
		}
	}
	return b.String()
}

// dropAssign removes the assignment, with its statement if nothing else is in
// it, and notes in skip what goes.
func (s *script) dropAssign(x shellSite, skip map[syntax.Node]bool) ([]span.TextEdit, error) {
	at := s.span(x.assign)
	switch n := x.around[len(x.around)-1].(type) {
	case *syntax.CallExpr:
		i := slices.Index(n.Assigns, x.assign)
		switch {
		case i < 0:
			return nil, errors.New("its place is not clear")
		case i+1 < len(n.Assigns):
			skip[x.assign] = true
			return s.remove(span.Span{Off: at.Off, End: s.span(n.Assigns[i+1]).Off}), nil
		case len(n.Args) > 0:
			skip[x.assign] = true
			return s.remove(span.Span{Off: at.Off, End: s.span(n.Args[0]).Off}), nil
		case i > 0:
			skip[x.assign] = true
			return s.remove(span.Span{Off: s.span(n.Assigns[i-1]).End, End: at.End}), nil
		}
	case *syntax.DeclClause:
		i := slices.Index(n.Args, x.assign)
		rest := 0 // other variables
		for _, a := range n.Args {
			if a.Name != nil && a != x.assign {
				rest++
			}
		}
		if rest > 0 {
			skip[x.assign] = true
			prev := s.span(n.Variant)
			if i > 0 {
				prev = s.span(n.Args[i-1])
			}
			return s.remove(span.Span{Off: prev.End, End: at.End}), nil
		}
	default:
		return nil, errors.New("its place is not clear")
	}
	// Have: a statement that does nothing else.
	return s.dropStmt(x.around[:len(x.around)-1], skip)
}

// dropStmt removes the statement that around ends with.
func (s *script) dropStmt(around []syntax.Node, skip map[syntax.Node]bool) ([]span.TextEdit, error) {
	if len(around) < 2 {
		return nil, errors.New("its place is not clear")
	}
	stmt, ok := around[len(around)-1].(*syntax.Stmt)
	if !ok || stmt.Negated || stmt.Background || len(stmt.Redirs) > 0 {
		return nil, errors.New("its place is not clear")
	}
	at := s.span(stmt)
	var list []*syntax.Stmt
	switch n := around[len(around)-2].(type) {
	case *syntax.BinaryCmd:
		if n.Op != syntax.AndStmt {
			return nil, errors.New("a command hangs on it")
		}
		skip[stmt], skip[n] = true, true
		if n.X == stmt {
			return s.remove(span.Span{Off: at.Off, End: s.span(n.Y).Off}), nil
		}
		return s.remove(span.Span{Off: s.span(n.X).End, End: at.End}), nil
	case *syntax.File:
		list = n.Stmts
	case *syntax.Block:
		list = n.Stmts
	case *syntax.Subshell:
		list = n.Stmts
	default:
		return nil, errors.New("its place is not clear")
	}
	if _, isFile := around[len(around)-2].(*syntax.File); len(list) < 2 && !(isFile && s.lines) {
		return nil, errors.New("nothing else is in the command")
	}
	skip[stmt] = true
	end := at.End
	if stmt.Semicolon.IsValid() {
		end = max(end, int(stmt.Semicolon.Offset())+1)
	}
	text := []byte(s.text.Text)
	begin, stop := span.LineStart(text, at.Off), span.LineEnd(text, max(at.Off, end-1))
	before, after := text[begin:at.Off], bytes.TrimSpace(text[end:stop])
	switch {
	case s.lines && span.Blank(before) && (len(after) == 0 || after[0] == '#' && aboutTrace(string(after))):
		return []span.TextEdit{{Span: span.CutLines(s.whole(), s.text.File(span.Span{Off: at.Off, End: end}), "#", aboutTrace)}}, nil
	case stmt.Semicolon.IsValid() && len(after) > 0 && after[0] != '#':
		for end < len(text) && (text[end] == ' ' || text[end] == '\t') {
			end++
		}
		return s.remove(span.Span{Off: at.Off, End: end}), nil
	}
	return nil, errors.New("it shares its line")
}
