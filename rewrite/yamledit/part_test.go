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
		if !f.turnsInto(p, list, dropping(env.Content[1])) {
			t.Fatalf("container %s: its part says nothing", Text(c, "name"))
		}
	}
}

// TestPartOfLongList removes each entry of long lists and mappings and asserts that
// none of the changes needs more than one entry beside it.
func TestPartOfLongList(t *testing.T) {
	for _, item := range []string{"  - A=b # c\n", "  # GODEBUG\n  - name: A\n    value: b\n", "  k%d: b\n", "    {\"name\": \"A\", \"value\": \"b\"}%s\n", "    \"k%d\": \"b\"%s\n"} {
		const n = 300
		var b strings.Builder
		open, end := "a:\n", "b: c\n"
		if strings.Contains(item, "%s") {
			open, end = "{\"a\": [\n", "  ]}\n"
		}
		if strings.Contains(item, "\"k") {
			open, end = "{\"a\": {\n", "  }}\n"
		}
		b.WriteString(open)
		for i := range n {
			line := strings.ReplaceAll(item, "%d", fmt.Sprint(i))
			comma := ","
			if i == n-1 {
				comma = ""
			}
			b.WriteString(strings.ReplaceAll(line, "%s", comma))
		}
		b.WriteString(end)
		f := mustParse(t, b.String())
		coll := Get(f.Docs[0], "a")
		step := len(coll.Content) / n
		for i := 0; i < len(coll.Content); i += step {
			list, err := f.Remove(coll.Content[i], Options{Comment: func(string) bool { return i > 0 }})
			if err != nil {
				t.Fatal(err)
			}
			p, ok := f.around(coll.Content[i])
			if !ok || !p.holds(list) || p.to-p.from > 120 {
				t.Fatalf("%q, entry %d: ok %v, a part of %d bytes for %v", item, i/step, ok, p.to-p.from, list)
			}
			if !f.turnsInto(p, list, dropping(coll.Content[i])) {
				t.Fatalf("%q, entry %d: its part says nothing", item, i/step)
			}
		}
	}
}

// TestBeside says what has to stay for the change of an entry to be right.
func TestBeside(t *testing.T) {
	for _, tt := range []struct {
		src  string
		i    int
		want string // "" for an only entry
	}{
		{"a:\n- x\n- y # c\n- z\n", 0, "x\n- y"},
		{"a:\n- x\n- y # c\n- z\n", 2, "y # c\n- z"},
		{"a:\n- x\n", 0, ""},
		{"a: [x, y, z]\n", 1, "y, z"},
		{"a: {b: c, d: e}\n", 2, "b: c, d: e"},
		{"a:\n  b: c\n  d:\n", 0, "b: c\n  d:"},
	} {
		f := mustParse(t, tt.src)
		off, end, ok := f.Beside(Get(f.Docs[0], "a").Content[tt.i])
		if got := tt.src[off:end]; got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q, node %d: %q, %v, want %q", tt.src, tt.i, got, ok, tt.want)
		}
	}
}

// TestCommentBelow keeps a comment from becoming the text of a block scalar, when
// the entry between them goes.
func TestCommentBelow(t *testing.T) {
	f := mustParse(t, "a:\n  - |\n    text\n  - x\n    # comment\n")
	if list, err := f.Remove(Get(f.Docs[0], "a").Content[1], Options{}); err == nil {
		t.Errorf("gives %q", f.Apply(list))
	}
}
