package yamledit

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// find returns the scalar with the value.
func find(f *File, value string) *yaml.Node {
	var found *yaml.Node
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.Value == value && found == nil {
			found = n
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	for _, d := range f.Docs {
		walk(d)
	}
	return found
}

func mustParse(t *testing.T, src string) *File {
	t.Helper()
	f, err := Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRemove(t *testing.T) {
	mentions := func(text string) bool { return strings.Contains(text, "gc") }
	tests := []struct{ name, src, node, want string }{
		{"list item", "e:\n  - A=1\n  - X\n  - B=2\n", "X", "e:\n  - A=1\n  - B=2\n"},
		{"comments", "e:\n  # keep\n\n  # the gc\n  # of it\n  - X # gc\n  # below\n  - B=2\n", "X", "e:\n  # keep\n\n  # below\n  - B=2\n"},
		{"commented out", "e:\n  # - gc=1\n  - X\n  - B=2\n", "X", "e:\n  # - gc=1\n  - B=2\n"},
		{"last of file", "e:\n  - A=1\n  - X", "X", "e:\n  - A=1"},
		{"CRLF", "e:\r\n  - A=1\r\n  - X\r\n  - B\r\n", "X", "e:\r\n  - A=1\r\n  - B\r\n"},
		{"BOM", "\ufeffX: 1\nB: 2\n", "X", "\ufeffB: 2\n"},
		{"wide characters", "ä: {é: 1, X: 2, ü: 3}\n", "X", "ä: {é: 1, ü: 3}\n"},
		{"entry", "s:\n  X: \"1\"\n  B: 2\n", "X", "s:\n  B: 2\n"},
		{"first entry of an item", "- X: 1\n  B: 2\n", "X", "- B: 2\n"},
		{"block value", "s:\n  X: |\n    a\n    b\n\n  B: 2\n", "X", "s:\n\n  B: 2\n"},
		{"folded value", "s:\n  X: >-\n    a\n    b\n  B: 2\n", "X", "s:\n  B: 2\n"},
		{"empty value", "s:\n  X:\n  B: 2\n", "X", "s:\n  B: 2\n"},
		{"only entry", "s:\n  i: x\n  env:\n    X: 1\n  p: 2\n", "X", "s:\n  i: x\n  p: 2\n"},
		{"only entry with comment", "s:\n  i: x\n  env: # here\n    # keep\n    X: 1\n  p: 2\n", "X", "s:\n  i: x\n  env: {} # here\n    # keep\n  p: 2\n"},
		{"only item, commented-out neighbour", "s:\n  i: x\n  env:\n  - X\n  # - A=1\n  p: 2\n", "X", "s:\n  i: x\n  env: []\n  # - A=1\n  p: 2\n"},
		{"anchored list", "a: &e\n  - X\nb: *e\n", "X", "a: &e []\nb: *e\n"},
		{"flow", "e: [A, X, B]\n", "X", "e: [A, B]\n"},
		{"flow first", "e: [X, B]\n", "X", "e: [B]\n"},
		{"flow last", "e: {A: 1, X: 2}\n", "X", "e: {A: 1}\n"},
		{"JSON", "{\n  \"e\": [\n    \"A\",\n    \"X\"\n  ]\n}\n", "X", "{\n  \"e\": [\n    \"A\"\n  ]\n}\n"},
		{"second document", "a: 1\n---\ne:\n- X\n- B\n", "X", "a: 1\n---\ne:\n- B\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := mustParse(t, tt.src)
			list, err := f.Remove(find(f, tt.node), Options{Comment: mentions, Prune: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(f.Apply(list)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRemoveRefused(t *testing.T) {
	for _, src := range []string{
		"a: &x {X: 1}\nb: *x\n# only entry of a flow mapping with an anchor\n",
		"a: &x\n  X: &y 1\n  B: *y\n",
		"a: {X: 1, # why\n  B: 2}\n",
	} {
		f := mustParse(t, src)
		list, err := f.Remove(find(f, "X"), Options{Prune: true})
		if err == nil && strings.Count(string(f.Apply(list)), "#") < strings.Count(src, "#") {
			t.Errorf("%q lost a comment: %q", src, f.Apply(list))
		}
	}
}

func TestSubstitute(t *testing.T) {
	tests := []struct{ src, node, old, new, want string }{
		{"a: x=1,y\n", "x=1,y", "x=1,", "", "a: y\n"},
		{"a: \"x=1,\\ty\"\n", "x=1,\ty", "x=1,", "", "a: \"\\ty\"\n"},
		{"a: 'it''s x'\n", "it's x", " x", " 'y'", "a: 'it''s ''y'''\n"},
		{"a: x\n", "x", "x", "", "a: \"\"\n"},
		{"a: |\n  one\n  two # c\n", "one\ntwo # c\n", "two", "2\n3", "a: |\n  one\n  2\n  3 # c\n"},
		{"a: >-\r\n  one\r\n  two\r\nb: 1\r\n", "one two", "two", "2", "a: >-\r\n  one\r\n  2\r\nb: 1\r\n"},
		{"a: one\n  two\nb: 1\n", "one two", "two", "2", "a: one\n  2\nb: 1\n"},
		{"a: &x !!str one # c\n", "one", "one", "two", "a: &x !!str two # c\n"},
	}
	for _, tt := range tests {
		f := mustParse(t, tt.src)
		n := find(f, tt.node)
		if n == nil {
			t.Errorf("%q: no scalar %q", tt.src, tt.node)
			continue
		}
		i := strings.Index(n.Value, tt.old)
		list, err := f.Substitute(n, i, i+len(tt.old), tt.new)
		if err != nil {
			t.Errorf("%q: %v", tt.src, err)
			continue
		}
		if got := string(f.Apply(list)); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestAppend(t *testing.T) {
	item := Map(Scalar("name"), Scalar("G"), Scalar("valueFrom"), Map(Scalar("r"), Scalar("c")))
	tests := []struct{ src, want string }{
		{"env:\n- name: A\n  value: b # c\nx: 1\n", "env:\n- name: A\n  value: b # c\n- name: G\n  valueFrom:\n    r: c\nx: 1\n"},
		{"env:\n    -   name: A\n        value: b", "env:\n    -   name: A\n        value: b\n    -   name: G\n        valueFrom:\n            r: c"},
		{"env:\r\n  - {name: A, value: b}\r\n", "env:\r\n  - {name: A, value: b}\r\n  - {name: G, valueFrom: {r: c}}\r\n"},
		{"env: []\n", "env: [{name: G, valueFrom: {r: c}}]\n"},
		{
			"{\n  \"env\": [\n    {\n      \"name\": \"A\"\n    }\n  ]\n}\n",
			"{\n  \"env\": [\n    {\n      \"name\": \"A\"\n    },\n    {\n      \"name\": \"G\",\n      \"valueFrom\": {\n        \"r\": \"c\"\n      }\n    }\n  ]\n}\n",
		},
	}
	for _, tt := range tests {
		f := mustParse(t, tt.src)
		list, err := f.Append(Get(f.Docs[0], "env"), item)
		if err != nil {
			t.Errorf("%q: %v", tt.src, err)
			continue
		}
		if got := string(f.Apply(list)); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestInsertAfter(t *testing.T) {
	value := Seq(Map(Scalar("name"), Scalar("G")))
	tests := []struct{ src, want string }{
		{"c:\n- image: x # i\n  # limits\n  r: 1\n", "c:\n- image: x # i\n  env:\n  - name: G\n  # limits\n  r: 1\n"},
		{"c:\n  - image: x\n    r: 1\n", "c:\n  - image: x\n    env:\n      - name: G\n    r: 1\n"},
		{"{\"c\": [{\"image\": \"x\", \"r\": 1}]}", "{\"c\": [{\"image\": \"x\", \"env\": [{\"name\": \"G\"}], \"r\": 1}]}"},
	}
	for _, tt := range tests {
		f := mustParse(t, tt.src)
		m := Items(Get(f.Docs[0], "c"))[0]
		after, _ := Entry(m, "image")
		list, err := f.InsertAfter(m, after, Scalar("env"), value)
		if err != nil {
			t.Errorf("%q: %v", tt.src, err)
			continue
		}
		if got := string(f.Apply(list)); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// FuzzEdit tries every change at one node: it is refused, or the result parses
// to the tree that it is meant to give.
func FuzzEdit(f *testing.F) {
	for _, src := range []string{
		"services:\n  a:\n    image: x\n    environment:\n      - GODEBUG=gctrace=1 # gc\n      - B='x'\n",
		"{\"a\": [{\"name\": \"x\", \"value\": \"\\u00e4\"}], \"b\": {}}\n",
		"a: &x\r\n  b: |-\r\n    one\r\n\r\n    two\r\n  c: *x\r\n---\r\nd: >\r\n  one\r\n  two\r\n",
		"a: {b: 1, 'c': [x, y],}\nd: !t {}\n? e\n: f\n",
		"- - a\n  - b\n- c:\n  d:\n",
		"a: one\n  two\nb: \"x\\\n  y\"\n",
	} {
		for i := range 6 {
			f.Add(src, i*3, 1, "z")
		}
	}
	f.Fuzz(func(t *testing.T, src string, at, cut int, text string) {
		if len(src) > 1<<12 || at < 0 || cut < 0 {
			return
		}
		hang := time.AfterFunc(5*time.Second, func() { panic("hangs") })
		defer hang.Stop()
		file, err := Parse([]byte(src))
		if err != nil {
			return
		}
		var nodes []*yaml.Node
		var walk func(*yaml.Node)
		walk = func(n *yaml.Node) {
			nodes = append(nodes, n)
			for _, c := range n.Content {
				walk(c)
			}
		}
		for _, d := range file.Docs {
			walk(d)
		}
		if len(nodes) == 0 {
			return
		}
		n := nodes[at%len(nodes)]
		shape := func(f *File) string {
			var b strings.Builder
			for _, d := range f.Docs {
				dump(&b, d, nil, nil)
			}
			return b.String()
		}
		reparse := func(what string, list []Splice) string {
			out := file.Apply(list)
			g, err := Parse(out)
			if err != nil {
				t.Fatalf("%s of %q gives %q: %v", what, src, out, err)
			}
			return shape(g)
		}
		if list, err := file.Remove(n, Options{Prune: true}); err == nil {
			got := reparse("removal", list)
			var once, up strings.Builder
			for _, d := range file.Docs {
				dump(&once, d, n, nil)
				dump(&up, d, n, file.Key(file.Parent(n)))
			}
			if got != once.String() && got != up.String() {
				t.Errorf("removal of %q from %q gives %q", n.Value, src, file.Apply(list))
			}
		}
		if n.Kind == yaml.ScalarNode {
			i := cut % (len(n.Value) + 1)
			if list, err := file.Substitute(n, i, len(n.Value), text); err == nil {
				got := reparse("substitution", list)
				old := n.Value
				n.Value = old[:i] + text
				want := shape(file)
				n.Value = old
				if got != want {
					t.Errorf("substitution in %q of %q gives %q", old, src, file.Apply(list))
				}
			}
		}
		if n.Kind == yaml.SequenceNode {
			if list, err := file.Append(n, Map(Scalar("k"), Scalar("v"))); err == nil {
				got := reparse("appending", list)
				if len(got) <= len(shape(file)) {
					t.Errorf("appending to %q gives %q", src, file.Apply(list))
				}
			}
		}
	})
}

// dump writes n without what drop and its entry, or up's entry, stand for.
func dump(b *strings.Builder, n, drop, up *yaml.Node) {
	b.WriteString("(" + n.Tag + " " + n.Anchor + " " + n.Value)
	for i := 0; i < len(n.Content); i++ {
		c := n.Content[i]
		if c == drop && (up == nil || n.Kind == 0) || up != nil && c == up {
			if n.Kind == yaml.MappingNode {
				i++
			}
			continue
		}
		dump(b, c, drop, up)
	}
	b.WriteString(")")
}
