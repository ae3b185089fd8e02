package yamledit

import (
	"fmt"
	"strings"
	"testing"
)

// TestPart says what is parsed again to check one change: a part that does not
// grow with the file.
func TestPart(t *testing.T) {
	tests := []struct {
		src, node string
		path      []string
		part      string // "" for the whole file
	}{
		{"a:\n- env:\n  - x\n  - y\n- env: [z]\n", "a", nil, "a:\n- env:\n  - x\n  - y\n- env: [z]\n"},
		{"a:\n- env:\n  - x\n  - y\n- b: c\nd: e\n", "x", []string{"a", "0", "env"}, "  - x\n"},
		{"a:\n  b:\n    c: d # e\n  f: g\n", "d", []string{"a", "b"}, "    c: d # e\n"},
		{"a:\n  - {b: [c, d]}\n", "c", []string{"a", "0", "b"}, "[c, d]"},
		{"a:\n  - {b: c}\n", "c", []string{"a", "0"}, "{b: c}"},
		{"a:\n  - b: c\n    d: e\n", "c", []string{"a", "0"}, "  - b: c\n    d: e\n"},
		{"? - a\n  - b\n: c\n", "a", nil, ""},
	}
	for _, tt := range tests {
		f := mustParse(t, tt.src)
		n := f.Docs[0]
		for _, name := range tt.path {
			if items := Items(n); items != nil {
				n = items[0]
			} else {
				n = Get(n, name)
			}
		}
		for _, c := range f.order {
			if c.Value == tt.node && (f.up[c] == n || tt.path == nil) {
				n = c
			}
		}
		off, end, ok := f.Span(n)
		if !ok {
			off = f.Offset(n)
			end = off
		}
		got := ""
		if p, ok := f.partAround(n, []Splice{{off, end, ""}}); ok {
			got = tt.src[p.from:p.to]
		}
		if got != tt.part {
			t.Errorf("%q, node %q: part %q, want %q", tt.src, tt.node, got, tt.part)
		}
	}
}

// TestPartOfLongFile removes one variable of each container of a long manifest
// and asserts that none of the changes needs more than its container.
func TestPartOfLongFile(t *testing.T) {
	var b strings.Builder
	b.WriteString("spec:\n  containers:\n")
	for i := range 300 {
		fmt.Fprintf(&b, "  - name: c%d\n    env:\n    - {name: A, value: b}\n    - name: GODEBUG\n      value: gctrace=1\n", i)
	}
	f := mustParse(t, b.String())
	for _, c := range Items(Get(f.Docs[0], "spec", "containers")) {
		env := Get(c, "env")
		list, err := f.Remove(env.Content[1], Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, ok := f.partAround(env, list)
		if !ok || p.to-p.from > 120 {
			t.Fatalf("container %s: ok %v, a part of %d bytes", Text(c, "name"), ok, p.to-p.from)
		}
		want := f.copy(p.nodes)
		dropping(env.Content[1])(want)
		if !f.turnsInto(p, list, want) {
			t.Fatalf("container %s: its part says nothing", Text(c, "name"))
		}
	}
}
