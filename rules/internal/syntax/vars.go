package syntax

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// ValuesOf yields what the package assigns to v. Where that is not one
// expression, as with x++ or a range clause, it yields v's own identifier.
func ValuesOf(p *rewrite.Package, v types.Object) func(yield func(ast.Expr) bool) {
	return func(yield func(ast.Expr) bool) {
		for _, a := range AssignmentsOf(p, v) {
			if a.Value != nil && !yield(a.Value) {
				return
			}
			if (a.Value == nil || a.Kind == Updated) && !yield(a.Target) {
				return
			}
		}
	}
}

// LocalVar returns the local variable, parameter or receiver that id uses.
func LocalVar(p *rewrite.Package, id *ast.Ident) *types.Var {
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || v.IsField() || v.Pkg() == nil || v.Parent() == v.Pkg().Scope() {
		return nil
	}
	return v
}

// OnlyValue returns the one value that v is set to in body, nil when there are
// several or none.
func OnlyValue(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) ast.Expr {
	all := AssignedValues(p, body, v)
	if len(all) != 1 {
		return nil
	}
	return all[0]
}

// AssignedValues returns what v is set to in body, with nil for what is no
// expression of its own: the result of a call with several, an element.
func AssignedValues(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) []ast.Expr {
	var out []ast.Expr
	for _, a := range AssignmentsOf(p, v) {
		switch {
		case a.Target.Pos() < body.Pos() || body.End() < a.Target.End():
		case a.Kind == Updated:
			out = append(out, nil)
		case a.Call != nil && a.Index == 0:
			out = append(out, a.Call) // x, err := f()
		default:
			out = append(out, a.Value)
		}
	}
	return out
}

// DeclaredIn reports whether obj is declared inside n.
func DeclaredIn(n ast.Node, obj types.Object) bool {
	return n.Pos() <= obj.Pos() && obj.Pos() < n.End()
}

// VariableOf returns the variable that x is a part of, nil when x is behind a
// call.
func VariableOf(x ast.Expr) *ast.Ident {
	for {
		switch n := ast.Unparen(x).(type) {
		case *ast.Ident:
			return n
		case *ast.SelectorExpr:
			x = n.X
		case *ast.IndexExpr:
			x = n.X
		case *ast.SliceExpr:
			x = n.X
		case *ast.StarExpr:
			x = n.X
		default:
			return nil
		}
	}
}

// Written reports whether the variable at c is assigned to or its address taken.
func Written(c inspector.Cursor) bool {
	switch p := c.Parent().Node().(type) {
	case *ast.AssignStmt:
		for _, l := range p.Lhs {
			if l == c.Node() {
				return true
			}
		}
	case *ast.IncDecStmt:
		return true
	case *ast.UnaryExpr:
		return p.Op == token.AND
	case *ast.RangeStmt:
		return p.Key == c.Node() || p.Value == c.Node()
	}
	return false
}

// BaseVar returns the variable or field that x denotes.
func BaseVar(p *rewrite.Package, x ast.Expr) types.Object {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return p.Info.Uses[x]
	case *ast.SelectorExpr:
		return p.Info.Uses[x.Sel]
	case *ast.StarExpr:
		return BaseVar(p, x.X)
	}
	return nil
}

// AssignedTo reports whether the variable or field at c gets a value there; the
// value is nil where it stands alone in a declaration.
func AssignedTo(c inspector.Cursor) (value ast.Expr, ok bool) {
	at := c
	if sel, isSel := c.Parent().Node().(*ast.SelectorExpr); isSel && sel.Sel == c.Node() {
		at = c.Parent()
	}
	switch n := at.Parent().Node().(type) {
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if l == at.Node() {
				if len(n.Lhs) == len(n.Rhs) {
					return n.Rhs[i], true
				}
				return n.Rhs[0], true
			}
		}
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if name == at.Node() {
				if i < len(n.Values) {
					return n.Values[i], true
				}
				return nil, true
			}
		}
	case *ast.KeyValueExpr:
		if n.Key == at.Node() {
			return n.Value, true
		}
	}
	return nil, false
}

// Sets reports whether a assigns to v.
func Sets(p *rewrite.Package, a *ast.AssignStmt, v *types.Var) bool {
	for _, l := range a.Lhs {
		if id, ok := ast.Unparen(l).(*ast.Ident); ok && p.Info.ObjectOf(id) == v {
			return true
		}
	}
	return false
}
