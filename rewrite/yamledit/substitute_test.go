package yamledit

import (
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestSubstituteLiteral replaces every stretch of literals by several texts: what
// comes out parses to exactly that, and all else is what it was.
func TestSubstituteLiteral(t *testing.T) {
	changed := 0
	for _, src := range []string{
		"a: |\n  one\n    two\n  three\nb: 1 # c\n",
		"a: |-\n    one\n\n    two # t\n\n\n    three\n# below\nb: 1\n",
		"a: |+\r\n  one\r\n  two\r\n\r\n  three\r\n\r\nb: 1\r\n",
		"- |\n one\n two\n three",
		"a: |\n  one\n  \n   \n  two\n  # c\n",
	} {
		f := mustParse(t, src)
		var n *yaml.Node
		for _, x := range f.order {
			if x.Style&yaml.LiteralStyle != 0 {
				n = x
			}
		}
		for i := range len(n.Value) + 1 {
			for j := i; j <= len(n.Value); j++ {
				for _, text := range []string{"", "x", "\n", " x\ny", "\n\n", "  "} {
					list, err := f.Substitute(n, i, j, text)
					if err != nil {
						continue
					}
					changed++
					g, err := Parse(f.Apply(list))
					if err != nil {
						t.Fatalf("%q %d %d %q: %v", src, i, j, text, err)
					}
					want := f.copy(f.Docs)
					want.of[n].Value = n.Value[:i] + text + n.Value[j:]
					if len(g.Docs) != 1 || !Equal(g.Docs[0], want.docs[0]) {
						t.Errorf("%q %d %d %q: got %q", src, i, j, text, f.Apply(list))
					}
				}
			}
		}
	}
	if changed < 3000 {
		t.Errorf("only %d changes were possible", changed)
	}
}

// TestWritten says where the bytes of a value stand.
func TestWritten(t *testing.T) {
	f := mustParse(t, "a: |\n  one\n  two\n")
	n := find(f, "one\ntwo\n")
	if off, end, ok := f.Written(n, 4, 7); !ok || string(f.Src[off:end]) != "two" {
		t.Error(off, end, ok)
	}
	if _, _, ok := f.Written(n, 0, len(n.Value)+1); ok {
		t.Error("beyond the end")
	}
}

// BenchmarkSubstitute changes each line of a literal. Its cost should grow as the
// number of lines does.
func BenchmarkSubstitute(b *testing.B) {
	for _, n := range []int{100, 400, 1600} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src := "a: |\n" + strings.Repeat("  one\n", n)
			for b.Loop() {
				f, err := Parse([]byte(src))
				if err != nil {
					b.Fatal(err)
				}
				value := f.Docs[0].Content[1]
				for i := range n {
					if _, err := f.Substitute(value, 4*i, 4*i+3, "two"); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
