package syntax

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
)

// FieldsBehind returns the variable at the root of x.f.g, and all the fields
// that lead on from it; embedded ones need not be spelled out.
func FieldsBehind(p *rewrite.Package, x ast.Expr) (root *ast.Ident, fields []*types.Var, ok bool) {
	switch n := ast.Unparen(x).(type) {
	case *ast.Ident:
		return n, nil, true
	case *ast.StarExpr:
		return FieldsBehind(p, n.X)
	case *ast.SelectorExpr:
		sel := p.Info.Selections[n]
		if sel == nil || sel.Kind() != types.FieldVal {
			return nil, nil, false
		}
		root, fields, ok = FieldsBehind(p, n.X)
		return root, append(fields, FieldsAlong(sel)...), ok
	}
	return nil, nil, false
}

// FieldsAlong returns the fields that a selection passes, the selected one
// included.
func FieldsAlong(sel *types.Selection) []*types.Var {
	index := sel.Index()
	if sel.Kind() != types.FieldVal {
		index = index[:len(index)-1]
	}
	var out []*types.Var
	t := sel.Recv()
	for _, i := range index {
		if ptr, ok := Under(t).(*types.Pointer); ok {
			t = ptr.Elem()
		}
		st, ok := Under(t).(*types.Struct)
		if !ok {
			break
		}
		out = append(out, st.Field(i))
		t = st.Field(i).Type()
	}
	return out
}

// FieldChain returns the variable at the root of x.f.g, where all selectors are
// fields; x itself is such a chain.
func FieldChain(p *rewrite.Package, x ast.Expr) (*ast.Ident, bool) {
	for {
		switch n := ast.Unparen(x).(type) {
		case *ast.Ident:
			return n, true
		case *ast.SelectorExpr:
			sel := p.Info.Selections[n]
			if sel == nil || sel.Kind() != types.FieldVal {
				return nil, false
			}
			x = n.X
		case *ast.StarExpr:
			x = n.X
		default:
			return nil, false
		}
	}
}
