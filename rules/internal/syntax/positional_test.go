package syntax_test

import (
	"go/types"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

func TestPositionalValues(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go":   "package m\n\ntype pair struct{ a, b int }\n\nvar one = pair{1, 2}\n\nvar two = &pair{a: 3}\n\nvar sum = one.a + one.b + two.a\n",
	})
	p := s.Packages[0]
	fields := p.Types.Scope().Lookup("pair").Type().Underlying().(*types.Struct)
	for i, want := range []string{"1", "2"} {
		got := syntax.PositionalValues(p, fields.Field(i))
		if len(got) != 1 || syntax.ExprText(got[0]) != want {
			t.Errorf("field %d gets %v by place, want %s", i, got, want)
		}
	}
}
