// Package godebug answers which traces a value of GODEBUG switches on, and what
// stays of it without that of collections.
package godebug

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// OtherTraces are the other GODEBUG settings that make the runtime write to
// standard error as long as they are on (runtime/extern.go).
var OtherTraces = []string{"schedtrace", "scheddetail", "scavtrace", "gcpacertrace", "inittrace", "checkfinalizers"}

// Value is a value of GODEBUG with respect to traces.
type Value struct {
	// Setting is the element that switches the trace of collections on,
	// "gctrace=1" say, and At its place in the value; "" when it is off.
	Setting string
	At      span.Span
	// Cuts are the ranges to be removed, each with one comma, and Rest is what
	// stays of the value.
	Cuts []span.Span
	Rest string
	// Hidden is an element that may switch the trace on inside of an expansion,
	// as in ${GODEBUG:-gctrace=1}.
	Hidden string
	// Others are the elements that switch other traces on.
	Others []string
}

// On reports whether there is anything to say about the value.
func (g Value) On() bool { return g.Setting != "" || g.Hidden != "" || len(g.Others) > 0 }

// Read reads a value of GODEBUG as the runtime does: elements apart by
// commas, of which later ones win, with decimal numbers (parsegodebug in
// runtime/runtime1.go). Elements with an expansion of a shell, Dockerfile or
// template are left alone.
func Read(value string) Value {
	var g Value
	list := elementsOf(value)
	traces := make(map[string]string) // the element in effect by name
	for _, e := range list {
		if strings.ContainsAny(e.text, "$`{") {
			if HiddenTrace.MatchString(e.text) {
				g.Hidden = e.text
			}
			continue
		}
		name, v, ok := e.number()
		if !ok {
			continue
		}
		switch {
		case name == "gctrace" && v > 0:
			g.Setting, g.At = e.text, e.Span
		case name == "gctrace":
			g.Setting = ""
		case slices.Contains(OtherTraces, name) && v > 0:
			traces[name] = e.text
		case slices.Contains(OtherTraces, name):
			delete(traces, name)
		}
	}
	for _, name := range OtherTraces {
		if traces[name] != "" {
			g.Others = append(g.Others, traces[name])
		}
	}
	g.Rest = value
	if g.Setting != "" {
		g.Rest, g.Cuts = withoutTrace(value, list)
	}
	return g
}

// element is one name=value of GODEBUG and its place in the value.
type element struct {
	span.Span
	text string
}

// number returns the element's name and number. ok is false where the runtime
// reads none.
func (e element) number() (name string, n int64, ok bool) {
	name, digits, ok := strings.Cut(e.text, "=")
	if !ok {
		return "", 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	return name, n, err == nil
}

// elementsOf cuts value at its commas, save those within an expansion.
func elementsOf(value string) (list []element) {
	begin, depth := 0, 0
	for i := 0; i <= len(value); i++ {
		if i < len(value) {
			switch value[i] {
			case '{', '(':
				depth++
			case '}', ')':
				depth--
			}
			if value[i] != ',' || depth > 0 {
				continue
			}
		}
		list = append(list, element{span.Span{Off: begin, End: i}, value[begin:i]})
		begin = i + 1
	}
	return list
}

// withoutTrace returns value, made of list, without the elements that switch the
// trace on, and what is cut for that.
func withoutTrace(value string, list []element) (rest string, cuts []span.Span) {
	var kept []string
	for _, e := range list {
		if name, v, ok := e.number(); !ok || name != "gctrace" || v <= 0 {
			kept = append(kept, e.text)
			continue
		}
		cut := e.Span
		switch {
		case len(kept) > 0:
			cut.Off-- // the comma before it
		case cut.End < len(value):
			cut.End++ // the comma behind it
		}
		cuts = append(cuts, cut)
	}
	return strings.Join(kept, ","), cuts
}

// HiddenTrace matches an element that switches the trace of collections on.
var HiddenTrace = regexp.MustCompile(`gctrace=0*[1-9]`)
