package gctrace

import (
	"bytes"
	"encoding/xml"
	"errors"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// plistElement is an element of a property list, in order of its end.
type plistElement struct {
	name  string
	at    span.Span // with its tags
	inner span.Span
	text  string // of a key or string
	up    int    // the element around it in order of beginning, -1 at the top
}

// plistElements returns the elements of src in order of their beginnings; nil
// where it is no XML.
func plistElements(src []byte) []plistElement {
	d := xml.NewDecoder(bytes.NewReader(src))
	d.Entity = map[string]string{}
	var out []plistElement
	var stack []int
	for {
		off := int(d.InputOffset())
		tok, err := d.Token()
		if err != nil {
			if len(stack) > 0 || len(out) == 0 {
				return nil
			}
			return out
		}
		end := int(d.InputOffset())
		switch tok := tok.(type) {
		case xml.StartElement:
			up := -1
			if len(stack) > 0 {
				up = stack[len(stack)-1]
			}
			stack = append(stack, len(out))
			out = append(out, plistElement{name: tok.Name.Local, at: span.Span{Off: off, End: end}, inner: span.Span{Off: end, End: end}, up: up})
		case xml.CharData:
			if len(stack) > 0 {
				out[stack[len(stack)-1]].text += string(tok)
			}
		case xml.EndElement:
			x := &out[stack[len(stack)-1]]
			x.inner.End, x.at.End = max(off, x.inner.Off), end
			stack = stack[:len(stack)-1]
		}
	}
}

// plistTraces returns the places of a property list of launchd that switch
// traces on: the EnvironmentVariables of a job, the arguments of env.
func plistTraces(t *rewrite.TextFile) []traceSite {
	list := plistElements(t.Src)
	label := ""
	for i, x := range list {
		if i > 0 && list[i-1].name == "key" && list[i-1].text == "Label" {
			label = x.text
		}
	}
	var out []traceSite
	for i, x := range list {
		if x.name != "string" {
			continue
		}
		value, isArgument := strings.CutPrefix(x.text, "GODEBUG=")
		isValue := i > 0 && list[i-1].name == "key" && list[i-1].up == x.up && list[i-1].text == "GODEBUG"
		g := godebug.Read(value)
		if !isArgument && !isValue || !g.On() {
			continue
		}
		site := traceSite{file: t, off: x.inner.Off, end: x.inner.End, value: g, where: "the job", names: []string{label}}
		switch {
		case g.Setting == "":
		case isArgument:
			site.why = "it is part of a command; remove gctrace by hand"
		default:
			fix, err := plistFix(t, list, i, g)
			if err != nil {
				site.why = err.Error() + "; remove gctrace by hand"
			}
			site.fix = fix
		}
		out = append(out, site)
	}
	return out
}

// plistFix removes the trace from the i-th element, or the variable, or the
// whole environment when nothing else is in it.
func plistFix(t *rewrite.TextFile, list []plistElement, i int, g godebug.Value) (*rewrite.Fix, error) {
	x := list[i]
	if string(t.Src[x.inner.Off:x.inner.End]) != x.text || x.up < 1 {
		return nil, errors.New("the value is written in an unusual way")
	}
	dict := list[x.up]
	safety, message := rewrite.Safe, "remove "+g.Setting+" from GODEBUG"
	if list[x.up-1].text != "EnvironmentVariables" {
		return nil, errors.New("it is not in EnvironmentVariables")
	}
	var edits []span.TextEdit
	gone := map[int]bool{}
	if g.Rest != "" {
		in := span.WholeText(t.Src, x.inner)
		for _, c := range g.Cuts {
			edits = append(edits, in.Cut(c)...)
		}
	} else {
		message = "remove GODEBUG"
		first, last := i-1, i
		if list[x.up+1].text == "GODEBUG" && (i+1 == len(list) || list[i+1].up != x.up) {
			first, last = x.up-1, x.up
		}
		cut := span.Span{Off: list[first].at.Off, End: list[last].at.End}
		for k, y := range list {
			if cut.Off <= y.at.Off && y.at.End <= cut.End {
				gone[k] = true
			}
		}
		if bytes.Contains(t.Src[cut.Off:cut.End], []byte("<!--")) {
			return nil, errors.New("a comment stands in it")
		}
		if span.Blank(t.Src[span.LineStart(t.Src, cut.Off):cut.Off]) && span.Blank(t.Src[cut.End:span.LineEnd(t.Src, cut.End-1)]) {
			cut = span.CutLines(t.Src, cut, "", aboutTrace)
		}
		edits = []span.TextEdit{{Span: cut}}
	}
	var want, got []string
	for k, y := range list {
		if !gone[k] && k != i {
			want = append(want, y.name+" "+strings.TrimSpace(y.text))
		} else if !gone[k] {
			want = append(want, y.name+" "+g.Rest)
		}
	}
	for _, y := range plistElements(span.Spliced(t.Src, edits)) {
		got = append(got, y.name+" "+strings.TrimSpace(y.text))
	}
	if !slices.Equal(want, got) {
		return nil, errors.New("more than that would change")
	}
	hold := span.Span{Off: min(dict.at.Off, edits[0].Off), End: max(dict.at.End, edits[len(edits)-1].End)}
	return span.SpliceFix(t, message, safety, hold, edits), nil
}
