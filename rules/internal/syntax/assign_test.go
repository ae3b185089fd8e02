package syntax_test

import (
	"fmt"
	"go/ast"
	"slices"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

func TestAssignments(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go": `package a

type conn struct{ fd int }

var limit = 3

func open() (int, error) { return 0, nil }

func f(list []int) {
	x := 1
	x = 2
	x++
	x += 3
	y, err := open()
	for _, y = range list {
		_ = err
	}
	p := &x
	_ = p
	c := conn{fd: 4}
	c.fd = 5
	(c.fd) = 6
	{
		x := 7
		_ = x
	}
	limit = 8
}
`,
	})
	p := s.Package("example.com/m")
	kinds := []string{"declared", "assigned", "updated", "ranged", "keyed", "shared"}
	want := map[string][]string{
		"limit": {"declared 3", "assigned 8"},
		"x":     {"assigned 1", "assigned 2", "updated", "updated 3", "shared"},
		"y":     {"assigned result 0 of open()", "ranged"},
		"err":   {"assigned result 1 of open()"},
		"p":     {"assigned &x"},
		"c":     {"assigned conn{fd: 4}"},
		"fd":    {"keyed 4", "assigned 5", "assigned 6"},
	}
	seen := make(map[string]bool)
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		id := c.Node().(*ast.Ident)
		obj := p.Info.Defs[id]
		if obj == nil || want[id.Name] == nil || seen[id.Name] {
			continue
		}
		seen[id.Name] = true
		var got []string
		for _, a := range syntax.AssignmentsOf(p, obj) {
			text := kinds[a.Kind]
			if a.Value != nil {
				text += " " + p.Files[0].Text(a.Value)
			}
			if a.Call != nil {
				text += fmt.Sprintf(" result %d of %s", a.Index, p.Files[0].Text(a.Call))
			}
			got = append(got, text)
		}
		if !slices.Equal(got, want[id.Name]) {
			t.Errorf("%s: %q, want %q", id.Name, got, want[id.Name])
		}
	}
	if len(seen) != len(want) {
		t.Errorf("seen %v", seen)
	}
}
