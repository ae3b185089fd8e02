// Package dockerfile answers where the instructions of a Dockerfile, their words
// and variables stand.
package dockerfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// File is a parsed Dockerfile.
type File struct {
	Src    []byte
	List   []*Instruction
	Escape byte
}

// Instruction is one of a Dockerfile with its place in the file.
type Instruction struct {
	Node *parser.Node
	Name string // in lower case
	// lines are the ranges of its lines without their comments, with line
	// breaks; here-documents are not among them.
	Lines []span.Span
	// text is the instruction on one line; args is where its arguments begin.
	Text span.FileText
	Args int
	// pairs are the variables of an ENV, in order; nil where they could not be
	// found in the file.
	Pairs []envPair
	stage int // -1 before the first FROM
}

// envPair is a variable that an ENV sets; ranges are those of the text.
type envPair struct {
	Name  string
	Whole span.Span // name, equals sign and value
	Value span.Span // with its quotes
}

// Parse parses src. The parser says which instructions there are and
// what they hold; their places in the file are found by joining the lines as it
// does, and count only where the outcome is the same.
func Parse(src []byte) (d *File, err error) {
	defer func() {
		if v := recover(); v != nil {
			d, err = nil, fmt.Errorf("parsing: %v", v)
		}
	}()
	res, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	d = &File{Src: src, Escape: byte(res.EscapeToken)}
	starts := []int{0}
	for i, c := range src {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	stage := -1
	for _, n := range res.AST.Children {
		in := &Instruction{Node: n, Name: strings.ToLower(n.Value)}
		if in.Name == "from" {
			stage++
		}
		in.stage = stage
		if n.StartLine >= 1 && n.StartLine <= len(starts) {
			d.locate(in, starts)
		}
		d.List = append(d.List, in)
	}
	return d, nil
}

// locate joins the lines of in, and finds the variables of an ENV.
func (d *File) locate(in *Instruction, starts []int) {
	var text []byte
	var offs []int
	for i := in.Node.StartLine - 1; i < len(starts) && i < in.Node.EndLine; i++ {
		first := i == in.Node.StartLine-1
		off, end := starts[i], len(d.Src)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		full := span.Span{Off: off, End: end}
		line := bytes.TrimRight(d.Src[off:end], "\r\n")
		if i == 0 && bytes.HasPrefix(line, []byte("\xef\xbb\xbf")) {
			off, line = off+3, line[3:]
		}
		trimmed := bytes.TrimLeftFunc(line, unicode.IsSpace)
		if first {
			off, line = off+len(line)-len(trimmed), trimmed
		} else if len(trimmed) == 0 || trimmed[0] == '#' {
			continue
		}
		in.Lines = append(in.Lines, full)
		line, more := d.continued(line)
		for j := range line {
			text, offs = append(text, line[j]), append(offs, off+j)
		}
		if !more {
			break
		}
	}
	if string(text) != in.Node.Original {
		in.Lines = nil
		return
	}
	in.Text = span.FileText{Text: string(text), Offs: offs}
	trimmed := strings.TrimRightFunc(in.Text.Text, unicode.IsSpace)
	i := strings.IndexAny(trimmed, " \t\v\f\r")
	if i < 0 {
		return
	}
	in.Args = len(trimmed) - len(strings.TrimLeft(trimmed[i:], " \t\v\f\r"))
	if in.Name == "env" && len(in.Node.Flags) == 0 {
		in.findPairs(trimmed, d.Escape)
	}
}

// continued returns line without a continuation character at its end, and
// whether there is one.
func (d *File) continued(line []byte) ([]byte, bool) {
	t := bytes.TrimRight(line, " \t")
	n := len(t)
	if n == 0 || t[n-1] != d.Escape {
		return line, false
	}
	if n == 1 || t[n-2] != d.Escape {
		return t[:n-1], true
	}
	return line, false
}

// findPairs finds the variables in the text, and compares them with what the
// parser says.
func (in *Instruction) findPairs(text string, escape byte) {
	type pair struct{ name, value, sep string }
	var want []pair
	for n := in.Node.Next; n != nil && n.Next != nil && n.Next.Next != nil; n = n.Next.Next.Next {
		want = append(want, pair{n.Value, n.Next.Value, n.Next.Next.Value})
	}
	if len(want) == 0 {
		return
	}
	var pairs []envPair
	if want[0].sep == "" {
		i := in.Args + strings.IndexAny(text[in.Args:], " \t\v\f\r")
		if i < in.Args {
			return
		}
		v := len(text) - len(strings.TrimLeft(text[i:], " \t\v\f\r"))
		pairs = []envPair{{text[in.Args:i], span.Span{Off: in.Args, End: len(text)}, span.Span{Off: v, End: len(text)}}}
	} else {
		for _, w := range Words(text, in.Args, escape) {
			name, _, ok := strings.Cut(text[w.Off:w.End], "=")
			if !ok {
				return
			}
			pairs = append(pairs, envPair{name, w, span.Span{Off: w.Off + len(name) + 1, End: w.End}})
		}
	}
	if len(pairs) != len(want) {
		return
	}
	for i, p := range pairs {
		if p.Name != want[i].name || text[p.Value.Off:p.Value.End] != want[i].value {
			return
		}
	}
	in.Pairs = pairs
}

// Words returns the ranges of the words of text from off on: apart by blanks
// that are neither quoted nor escaped.
func Words(text string, off int, escape byte) []span.Span {
	var out []span.Span
	begin := -1
	var quote byte
	for i := off; i <= len(text); i++ {
		if i == len(text) || quote == 0 && unicode.IsSpace(rune(text[i])) {
			if begin >= 0 {
				out = append(out, span.Span{Off: begin, End: i})
			}
			begin = -1
			continue
		}
		if begin < 0 {
			begin = i
		}
		switch c := text[i]; {
		case c == escape && quote != '\'' && i+1 < len(text):
			i++
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	return out
}

// Contents writes what the Dockerfile says without its layout and comments. An
// ENV is written through env.
func (d *File) Contents(env func(in *Instruction, i int, name, value string) (string, bool)) []string {
	var out []string
	for _, in := range d.List {
		text := fmt.Sprintf("%s %q", in.Name, in.Node.Flags)
		if in.Name != "env" {
			text += fmt.Sprint(in.Node.Dump(), in.Node.Heredocs)
			out = append(out, text)
			continue
		}
		some, i := false, 0
		for n := in.Node.Next; n != nil && n.Next != nil && n.Next.Next != nil; n = n.Next.Next.Next {
			value := n.Next.Value
			keep := true
			if env != nil {
				value, keep = env(in, i, n.Value, value)
			}
			if i++; keep {
				some = true
				text += fmt.Sprintf(" %q=%q", n.Value, value)
			}
		}
		if some {
			out = append(out, text)
		}
	}
	return out
}

func OnlyChild(n *parser.Node) *parser.Node {
	if n.Next == nil || len(n.Next.Children) != 1 {
		return nil
	}
	return n.Next.Children[0]
}

// Chain returns the instructions that the last stage consists of, those of the
// stages it builds from first, and the names of these stages.
func (d *File) Chain() (list []*Instruction, names []string) {
	type stage struct {
		name, base string
		list       []*Instruction
	}
	var stages []stage
	globals := make(map[string]string)
	for _, in := range d.List {
		switch {
		case in.Name == "arg" && in.stage < 0:
			for n := in.Node.Next; n != nil; n = n.Next {
				name, def, _ := strings.Cut(n.Value, "=")
				globals[name] = strings.Trim(def, `"'`)
			}
		case in.Name == "from":
			s := stage{}
			var args []string
			for n := in.Node.Next; n != nil; n = n.Next {
				args = append(args, n.Value)
			}
			if len(args) > 0 {
				s.base = expandArgs(args[0], globals)
			}
			if len(args) == 3 && strings.EqualFold(args[1], "as") {
				s.name = args[2]
			}
			stages = append(stages, s)
		case in.stage >= 0:
			s := &stages[in.stage]
			s.list = append(s.list, in)
		}
	}
	if len(stages) == 0 {
		return nil, nil
	}
	for i := len(stages) - 1; i >= 0; {
		list = append(slices.Clone(stages[i].list), list...)
		if stages[i].name != "" {
			names = append(names, stages[i].name)
		}
		next := -1
		for j := range i {
			if stages[j].name != "" && strings.EqualFold(stages[j].name, stages[i].base) {
				next = j
			}
		}
		i = next
	}
	return list, names
}

type argValues map[string]string

func (a argValues) Get(name string) (string, bool) { v, ok := a[name]; return v, ok }

func (a argValues) Keys() []string {
	var out []string
	for k := range a {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// expandArgs puts the defaults of build arguments into word.
func expandArgs(word string, args map[string]string) string {
	out, _, err := shell.NewLex('\\').ProcessWord(word, argValues(args))
	if err != nil {
		return word
	}
	return out
}

// DropPair returns the edits that remove the i-th variable of an ENV, its line
// if it has one for itself, or the instruction if it is the only one. Comments
// between the lines stay.
func (d *File) DropPair(in *Instruction, i int, about func(string) bool) []span.TextEdit {
	if len(in.Pairs) == 1 {
		var out []span.TextEdit
		if first, last := in.Lines[0], in.Lines[len(in.Lines)-1]; last.End-first.Off == lengths(in.Lines) {
			return []span.TextEdit{{Span: span.CutLines(d.Src, span.Span{Off: first.Off, End: last.End}, "#", about)}}
		}
		for k, l := range in.Lines {
			if k == 0 {
				l.Off = span.WithComments(d.Src, l.Off, "#", about)
			}
			out = append(out, span.TextEdit{Span: l})
		}
		return out
	}
	var items []span.Span
	for _, p := range in.Pairs {
		items = append(items, in.Text.File(p.Whole))
	}
	off := in.Text.Offs[0]
	return span.DropItem(d.Src, span.Span{Off: off, End: off + len(in.Name)}, items, i, "#", about)
}

func lengths(list []span.Span) int {
	n := 0
	for _, s := range list {
		n += s.End - s.Off
	}
	return n
}
