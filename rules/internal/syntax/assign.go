package syntax

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
)

// AssignKind says how a variable or field is set.
type AssignKind int

const (
	Declared AssignKind = iota // var v = x
	Assigned                   // v = x, v := x
	Updated                    // v += x, v++
	Ranged                     // for v = range x
	Keyed                      // T{v: x}, of a field
	Shared                     // &v: what holds the address may set it
)

// Assignment is one place where a variable or field is set, or may be.
type Assignment struct {
	Kind   AssignKind
	Target ast.Expr // the variable or field as it is written there
	// Value is what it is set to, nil where that is no expression of its own:
	// an element of a range, v++, one of several results.
	Value ast.Expr
	// Call has several results, of which v gets the one at Index; else it is nil.
	Call  ast.Expr
	Index int
}

// AssignmentsOf returns where the package sets v, a variable or field, in source
// order. Sets through a pointer are those behind a Shared one.
func AssignmentsOf(p *rewrite.Package, v types.Object) []Assignment {
	type key struct{ p *rewrite.Package }
	return rewrite.Memo(p.Snapshot(), key{p}, func() map[types.Object][]Assignment { return assignments(p) })[v]
}

func assignments(p *rewrite.Package) map[types.Object][]Assignment {
	all := make(map[types.Object][]Assignment)
	add := func(target ast.Expr, a Assignment) {
		id, ok := ast.Unparen(target).(*ast.Ident)
		if sel, isSel := ast.Unparen(target).(*ast.SelectorExpr); isSel {
			id, ok = sel.Sel, true
		}
		if !ok {
			return
		}
		if obj := p.Info.ObjectOf(id); obj != nil {
			a.Target = target
			all[obj] = append(all[obj], a)
		}
	}
	nodes := []ast.Node{(*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil), (*ast.IncDecStmt)(nil), (*ast.RangeStmt)(nil), (*ast.UnaryExpr)(nil), (*ast.KeyValueExpr)(nil)}
	for c := range p.Inspector.Root().Preorder(nodes...) {
		switch n := c.Node().(type) {
		case *ast.AssignStmt:
			kind := Assigned
			if n.Tok != token.ASSIGN && n.Tok != token.DEFINE {
				kind = Updated
			}
			for i, l := range n.Lhs {
				add(l, valueAt(kind, n.Rhs, len(n.Lhs), i))
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if len(n.Values) > 0 {
					add(name, valueAt(Declared, n.Values, len(n.Names), i))
				}
			}
		case *ast.IncDecStmt:
			add(n.X, Assignment{Kind: Updated})
		case *ast.RangeStmt:
			for _, x := range []ast.Expr{n.Key, n.Value} {
				if x != nil {
					add(x, Assignment{Kind: Ranged})
				}
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				add(n.X, Assignment{Kind: Shared})
			}
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok && p.Info.Uses[id] != nil {
				add(id, Assignment{Kind: Keyed, Value: n.Value})
			}
		}
	}
	return all
}

// valueAt is what the i-th of n variables gets of the values.
func valueAt(kind AssignKind, values []ast.Expr, n, i int) Assignment {
	if len(values) == n {
		return Assignment{Kind: kind, Value: values[i]}
	}
	return Assignment{Kind: kind, Call: values[0], Index: i}
}
