package dockerfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// Each variable of an ENV stands where the parser says that it is: over several
// lines, behind comments, in quotes, in the old form, with another escape.
func TestPairs(t *testing.T) {
	for src, want := range map[string]string{
		"FROM a\nENV A=1\n":                             "A=1",
		"FROM a\nENV A=1 B=\"two words\" C=\\ x\n":      "A=1 B=\"two words\" C=\\ x",
		"FROM a\nENV A two words\n":                     "A=two words",
		"FROM a\nenv A=1 \\\n  # a comment\n  B=2\n":    "A=1 B=2",
		"# escape=`\nFROM a\nENV A=1 `\n  B=C:\\dir\n":  "A=1 B=C:\\dir",
		"\xef\xbb\xbfFROM a\r\nENV A=1 \\\r\n  B=2\r\n": "A=1 B=2",
		"FROM a\nENV A=$B\n":                            "A=$B",
	} {
		d, err := Parse([]byte(src))
		if err != nil {
			t.Errorf("%q: %v", src, err)
			continue
		}
		var got []string
		for _, in := range d.List {
			for _, p := range in.Pairs {
				at := in.Text.File(p.Value)
				if text := in.Text.Text[p.Value.Off:p.Value.End]; !strings.Contains(text, "\n") && src[at.Off:at.End] != text {
					t.Errorf("%q: %s is at %q", src, text, src[at.Off:at.End])
				}
				got = append(got, p.Name+"="+in.Text.Text[p.Value.Off:p.Value.End])
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: %q, want %q", src, s, want)
		}
	}
}

// Files that the parser refuses are errors, never panics.
func TestParseErrors(t *testing.T) {
	for _, src := range []string{"", "FROM\n", "\x00\x01", "RUN <<EOF\n"} {
		if d, err := Parse([]byte(src)); err == nil && d == nil {
			t.Errorf("%q: neither file nor error", src)
		}
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"a b  c": "a|b|c", `a="x y" b='z w'`: `a="x y"|b='z w'`, `a\ b c`: `a\ b|c`, "  ": "",
	} {
		var got []string
		for _, w := range Words(text, 0, '\\') {
			got = append(got, text[w.Off:w.End])
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q: %q, want %q", text, s, want)
		}
	}
}

// A variable is taken out with its line where it has one for itself.
func TestDropPair(t *testing.T) {
	about := func(s string) bool { return strings.Contains(s, "trace") }
	for i, test := range []struct {
		src, want string
		pair      int
	}{
		{"FROM a\nENV A=1\nCMD x\n", "FROM a\nCMD x\n", 0},
		{"FROM a\nENV A=1 B=2\n", "FROM a\nENV B=2\n", 0},
		{"FROM a\nENV A=1 B=2\n", "FROM a\nENV A=1\n", 1},
		{"FROM a\n# the trace\nENV A=1\nCMD x\n", "FROM a\nCMD x\n", 0},
		{"FROM a\nENV A=1 \\\n    B=2 \\\n    C=3\n", "FROM a\nENV A=1 \\\n    C=3\n", 1},
	} {
		d, err := Parse([]byte(test.src))
		if err != nil {
			t.Fatal(err)
		}
		got := string(span.Spliced(d.Src, d.DropPair(d.List[1], test.pair, about)))
		if got != test.want {
			t.Errorf("%s: %q, want %q", fmt.Sprint(i), got, test.want)
		}
	}
}

// An edit of an ENV counts as such where it changes nothing else, whatever else the
// file holds.
func TestChanges(t *testing.T) {
	for _, test := range []struct{ src, cut, want string }{
		{"FROM a\nENV A=1\nRUN x\n", "ENV A=1\n", "<nil>"},
		{"FROM a\nENV A=1 B=2\nRUN x\n", "A=1 ", "<nil>"},
		{"FROM a\nENV A=1 \\\n  B=2\nRUN x\n", "A=1 \\\n  ", "<nil>"},
		{"FROM a\nENV B=2 \\\n  A=1\nRUN x\n", "  A=1\n", "the rest would not parse"}, // RUN becomes part of it
		{"FROM a\nENV A=1 B=2\nRUN x\n", "A=1 B=2", "more than that would change"},
		{"FROM a\nENV A=1\nRUN x\n", "ENV A=1\nRUN x\n", "more than that would change"},
		{"# escape=`\nFROM a\nENV B=2 `\n  A=1 `\n  C=3\n", "  A=1 `\n", "<nil>"},
		{"ENV A=1\nFROM a\n", "ENV A=1\n", "<nil>"},
		{"FROM a\nENV A=1", "\nENV A=1", "<nil>"},
	} {
		d, err := Parse([]byte(test.src))
		if err != nil {
			t.Fatal(err)
		}
		var env *Instruction
		for _, in := range d.List {
			if in.Name == "env" {
				env = in
			}
		}
		off := strings.Index(test.src, test.cut)
		err = d.Changes(env, []span.TextEdit{{Span: span.Span{Off: off, End: off + len(test.cut)}}}, func(_ int, name, value string) (string, bool) { return value, name != "A" })
		if got := fmt.Sprint(err); got != test.want {
			t.Errorf("%q without %q: %s, want %s", test.src, test.cut, got, test.want)
		}
	}
}
