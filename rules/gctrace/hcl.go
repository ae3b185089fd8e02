package gctrace

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/gctrace/hcl"
	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// hclFile looks for traces in a file of HCL: a job of Nomad, a module of
// Terraform.
type hclFile struct {
	t    *rewrite.TextFile
	list []hcl.Token
	up   []int       // the opening bracket around each token, -1 outside of all
	end  map[int]int // the closing bracket of each opening one
}

// hclTraces returns the places of a file of HCL that switch traces on. With
// hides, the variable keeps its name: another value would show without it.
func hclTraces(t *rewrite.TextFile, hides func() bool) []traceSite {
	f := &hclFile{t: t, list: hcl.Tokens(t.Src), end: make(map[int]int)}
	open := -1
	for i, tok := range f.list {
		if strings.IndexByte("}])", tok.Kind) >= 0 {
			if open < 0 {
				return nil
			}
			f.end[open], open = i, f.up[open]
		}
		f.up = append(f.up, open)
		if strings.IndexByte("{[(", tok.Kind) >= 0 {
			open = i
		}
	}
	if open >= 0 {
		return nil
	}
	var out []traceSite
	for i, tok := range f.list {
		switch value, first, last := f.variable(i); {
		case tok.Kind == 'h' && strings.Contains(tok.Text, "GODEBUG") && godebug.HiddenTrace.MatchString(tok.Text):
			site := f.site(i, godebug.Value{Setting: godebug.HiddenTrace.FindString(tok.Text)})
			site.why = "it is part of a here-document; remove gctrace by hand"
			out = append(out, site)
		case value >= 0:
			if site, ok := f.trace(value, first, last, hides); ok {
				out = append(out, site)
			}
		}
	}
	return out
}

// word returns the name that the i-th token is, without quotes.
func (f *hclFile) word(i int) string {
	if i < 0 || i >= len(f.list) || f.list[i].Kind != 'w' && f.list[i].Kind != 's' {
		return ""
	}
	return strings.Trim(f.list[i].Text, `"`)
}

// assigned returns the index of the string that the name at i is set to, -1 when
// it is set to nothing or to more than a string.
func (f *hclFile) assigned(i int) int {
	if i+2 >= len(f.list) || f.list[i+1].Kind != '=' && f.list[i+1].Kind != ':' || f.list[i+2].Kind != 's' {
		return -1
	}
	if i+3 < len(f.list) && strings.IndexByte("\n,}", f.list[i+3].Kind) < 0 {
		return -1
	}
	return i + 2
}

// variable reports whether the i-th token sets GODEBUG: the index of its value,
// -1 when it does not, and the tokens from first to last that are the variable.
func (f *hclFile) variable(i int) (value, first, last int) {
	up := f.up[i]
	if up < 0 {
		return -1, 0, 0
	}
	switch word := f.word(i); {
	case word == "GODEBUG" && f.list[up].Kind == '{':
		value = f.assigned(i)
		return value, i, value
	case strings.EqualFold(word, "value") && f.list[up].Kind == '{' && f.named(up):
		return f.assigned(i), f.header(up), f.end[up]
	case f.list[i].Kind == 's' && f.list[up].Kind == '[' && strings.HasPrefix(word, "GODEBUG="):
		return i, i, i
	}
	return -1, 0, 0
}

// named reports whether name = "GODEBUG" stands in the bracket.
func (f *hclFile) named(open int) bool {
	for i := open + 1; i < f.end[open]; i++ {
		if f.up[i] == open && strings.EqualFold(f.word(i), "name") {
			v := f.assigned(i)
			return v >= 0 && f.word(v) == "GODEBUG"
		}
	}
	return false
}

// header returns the first token of the block that the bracket opens; the
// bracket's own index when it is a value.
func (f *hclFile) header(open int) int {
	first := open
	for first > 0 && (f.list[first-1].Kind == 'w' || f.list[first-1].Kind == 's') {
		first--
	}
	return first
}

// owner returns the name and labels of what the bracket belongs to: env of
// env {, variables of variables = {, task and api of task "api" {.
func (f *hclFile) owner(open int) (name string, labels []string) {
	first := f.header(open)
	if first == open && open > 1 && (f.list[open-1].Kind == '=' || f.list[open-1].Kind == ':') {
		return f.word(open - 2), nil
	}
	for i := first + 1; i < open; i++ {
		labels = append(labels, f.word(i))
	}
	return f.word(first), labels
}

// site describes what the i-th token belongs to.
func (f *hclFile) site(i int, g godebug.Value) traceSite {
	at := f.list[i].At
	x := traceSite{file: f.t, off: at.Off, end: at.End, value: g, where: "the programs that the file configures"}
	for open := f.up[i]; open >= 0; open = f.up[open] {
		if name, labels := f.owner(open); len(labels) > 0 {
			if len(x.names) == 0 {
				x.where = name + " " + labels[len(labels)-1]
			}
			x.names = append(x.names, labels...)
		}
	}
	return x
}

// inEnvironment reports whether a bracket around the i-th token is called like an
// environment.
func (f *hclFile) inEnvironment(i int) bool {
	for open := f.up[i]; open >= 0; open = f.up[open] {
		if name, _ := f.owner(open); strings.Contains(strings.ToLower(name), "env") || name == "variables" {
			return true
		}
	}
	return false
}

// trace returns the site of the variable from first to last with the value at
// the index, and whether it is one.
func (f *hclFile) trace(value, first, last int, hides func() bool) (traceSite, bool) {
	at := f.list[value].At
	in := span.WholeText(f.t.Src, span.Span{Off: at.Off + 1, End: at.End - 1})
	if rest, ok := strings.CutPrefix(in.Text, "GODEBUG="); ok {
		in = in.At(span.Span{Off: len(in.Text) - len(rest), End: len(in.Text)})
	}
	g := godebug.Read(in.Text)
	if strings.ContainsAny(in.Text, `\"`) {
		g = godebug.Value{Hidden: godebug.HiddenTrace.FindString(in.Text)}
	}
	site := f.site(value, g)
	if g.Setting == "" {
		return site, g.On()
	}
	safety, effect := rewrite.Safe, ""
	if !f.inEnvironment(value) {
		safety, effect = rewrite.Unsafe, "; the trace ends wherever the setting is used"
	}
	message := "remove " + g.Setting + " from GODEBUG"
	var edits []span.TextEdit
	var gone [2]int // tokens that go
	if g.Rest == "" {
		message = "empty GODEBUG"
		if !hides() {
			if edits, gone = f.drop(first, last); edits != nil {
				message = "remove GODEBUG"
			}
		}
	}
	if edits == nil {
		gone = [2]int{}
		for _, c := range g.Cuts {
			edits = append(edits, in.Cut(c)...)
		}
	}
	if err := f.check(edits, value, gone); err != nil {
		site.why = err.Error() + "; remove gctrace by hand"
		return site, true
	}
	from, to := span.LineStart(f.t.Src, min(f.list[first].At.Off, edits[0].Off)), span.LineEnd(f.t.Src, max(f.list[last].At.End, edits[len(edits)-1].End)-1)
	site.fix = span.SpliceFix(f.t, message+effect, safety, span.Span{Off: from, End: to}, edits)
	return site, true
}

// drop returns the edits that remove the tokens from first to last, an entry or
// element, with a comma or its lines, and which tokens go; nil where it would be
// the last one of a value, or takes a comment with it.
func (f *hclFile) drop(first, last int) (edits []span.TextEdit, gone [2]int) {
	open := f.up[first]
	if open < 0 {
		return nil, gone
	}
	others := slices.ContainsFunc(f.list[open+1:first], isContent) || slices.ContainsFunc(f.list[last+1:f.end[open]], isContent)
	if !others {
		if f.header(open) == open {
			return nil, gone // an empty list or map may not be what none is
		}
		return f.drop(f.header(open), f.end[open])
	}
	gone = [2]int{first, last + 1}
	src := f.t.Src
	cut := span.Span{Off: f.list[first].At.Off, End: f.list[last].At.End}
	comma := last+1 < len(f.list) && f.list[last+1].Kind == ','
	if comma {
		gone[1]++
		cut.End = f.list[last+1].At.End
	}
	line := span.Span{Off: span.LineStart(src, cut.Off), End: span.LineEnd(src, cut.End-1)}
	switch after := bytes.TrimSpace(src[cut.End:line.End]); {
	case span.Blank(src[line.Off:cut.Off]) && len(after) == 0:
		cut = span.CutLines(src, cut, "#/", aboutTrace)
	case f.list[first-1].Kind == ',' && !comma:
		gone[0]--
		cut.Off = f.list[first-1].At.Off
	case comma && last+2 < len(f.list) && f.list[last+2].Kind != '\n':
		cut.End = f.list[last+2].At.Off
	default:
		return nil, gone
	}
	if inner := src[f.list[first].At.Off:f.list[last].At.End]; bytes.Contains(inner, []byte("#")) || bytes.Contains(inner, []byte("//")) || bytes.Contains(inner, []byte("/*")) {
		return nil, gone
	}
	return []span.TextEdit{{Span: cut}}, gone
}

func isContent(t hcl.Token) bool { return t.Kind != '\n' && t.Kind != ',' }

// check reports whether the edits leave the tokens as they are, but for the ones
// that go or the value.
func (f *hclFile) check(edits []span.TextEdit, value int, gone [2]int) error {
	var want []string
	for i, tok := range f.list {
		switch {
		case tok.Kind == '\n' || gone[0] <= i && i < gone[1]:
		case i == value:
			want = append(want, "")
		default:
			want = append(want, tok.Text)
		}
	}
	var got []string
	for _, tok := range hcl.Tokens(span.Spliced(f.t.Src, edits)) {
		if tok.Kind != '\n' {
			got = append(got, tok.Text)
		}
	}
	if i := slices.Index(want, ""); i >= 0 && i < len(got) {
		got[i] = ""
	}
	if len(edits) == 0 || !slices.Equal(want, got) {
		return errors.New("more than that would change")
	}
	return nil
}
