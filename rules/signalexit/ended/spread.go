package ended

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// spread adds the variables of the file that get what is ended, or what is made
// from it.
func (e *Set) spread(p *rewrite.Package, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			e.assigned(p, n.Lhs, n.Rhs)
		case *ast.ValueSpec:
			var names []ast.Expr
			for _, id := range n.Names {
				names = append(names, id)
			}
			e.assigned(p, names, n.Values)
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok {
				if v, ok := p.Info.Uses[id].(*types.Var); ok && v.IsField() {
					e.pass(p, v, n.Value)
				}
			}
		case *ast.CallExpr:
			e.passed(p, n)
		}
		return true
	})
}

// assigned adds the variables on the left that get what is ended. Of those that
// one call returns, the others belong to a function that ends something.
func (e *Set) assigned(p *rewrite.Package, lhs, rhs []ast.Expr) {
	for i, l := range lhs {
		v := p.Info.ObjectOf(nameOf(l))
		switch {
		case v == nil || len(rhs) == 0:
		case len(lhs) == len(rhs):
			e.pass(p, v, rhs[i])
		default:
			e.pass(p, v, rhs[0])
			if _, isFunc := v.Type().Underlying().(*types.Signature); isFunc && e.has(v) {
				for _, other := range lhs {
					if w := p.Info.ObjectOf(nameOf(other)); w != nil && holds(w.Type()) {
						e.add(w)
					}
				}
			}
		}
	}
}

// nameOf returns the name of the variable or field that x denotes, nil for none.
func nameOf(x ast.Expr) *ast.Ident {
	id := syntax.LastName(x)
	if id == nil || id.Name == "_" {
		return nil
	}
	return id
}

// pass adds v when x is or is made from what is ended.
func (e *Set) pass(p *rewrite.Package, v types.Object, x ast.Expr) {
	if _, isVar := v.(*types.Var); !isVar {
		return
	}
	if from := syntax.BaseVar(p, x); from != nil && e.chans[keyOf(from)] {
		e.chans[keyOf(v)] = true
	}
	if holds(v.Type()) && e.Mentions(p, x) {
		e.add(v)
	}
}

// passed adds the parameters of the function called that get what is ended.
func (e *Set) passed(p *rewrite.Package, call *ast.CallExpr) {
	var typ *ast.FuncType
	q := p
	if lit, ok := ast.Unparen(call.Fun).(*ast.FuncLit); ok {
		typ = lit.Type
	} else if fn := p.Callee(call); fn != nil {
		decl, in := syntax.DeclarationOf(e.s, fn)
		if decl == nil {
			return
		}
		typ, q = decl.Type, in
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && decl.Recv != nil && len(decl.Recv.List[0].Names) == 1 && e.Mentions(p, sel.X) {
			e.add(q.Info.Defs[decl.Recv.List[0].Names[0]])
		}
	}
	if typ == nil {
		return
	}
	for i, v := range syntax.ParamObjects(q, typ) {
		if i < len(call.Args) && v != nil {
			e.pass(p, v, call.Args[i])
			if from := syntax.BaseVar(p, call.Args[i]); from != nil && e.has(from) {
				e.add(v) // a name, say
			}
		}
	}
}

// Mentions reports whether n uses what is ended. A field that is not, of a
// struct of which another field is, is no such use.
func (e *Set) Mentions(p *rewrite.Package, n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if f, ok := p.Info.Uses[n.Sel].(*types.Var); ok && f.IsField() {
				found = found || e.has(f)
				if _, isName := ast.Unparen(n.X).(*ast.Ident); isName {
					return false
				}
			}
		case *ast.Ident:
			found = found || e.has(p.Info.Uses[n])
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				found = found || e.closed(p, n.X)
			}
		}
		return !found
	})
	return found
}
