package syntax

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
)

// PositionalValues returns the elements that composite literals of p without
// keys give the field.
func PositionalValues(p *rewrite.Package, field *types.Var) []ast.Expr {
	type key struct{ p *rewrite.Package }
	return rewrite.Memo(p.Snapshot(), key{p}, func() map[*types.Var][]ast.Expr {
		all := make(map[*types.Var][]ast.Expr)
		for c := range p.Inspector.Root().Preorder((*ast.CompositeLit)(nil)) {
			lit := c.Node().(*ast.CompositeLit)
			st, ok := Under(p.Info.TypeOf(lit)).(*types.Struct)
			if !ok || len(lit.Elts) != st.NumFields() {
				continue
			}
			for i, x := range lit.Elts {
				if _, keyed := x.(*ast.KeyValueExpr); !keyed {
					all[st.Field(i)] = append(all[st.Field(i)], x)
				}
			}
		}
		return all
	})[field]
}
