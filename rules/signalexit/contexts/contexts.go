// Package contexts tells where a context comes from.
package contexts

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// IsRoot reports whether x is a new context that nothing ends.
func IsRoot(p *rewrite.Package, x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	return ok && p.IsCall(call, "context", "Background", "TODO")
}

// Parent returns the context from which a's call of package context derives
// one that ends with it, nil for anything else.
func Parent(p *rewrite.Package, a *ast.AssignStmt) ast.Expr {
	call, ok := a.Rhs[0].(*ast.CallExpr)
	if !ok || len(a.Rhs) != 1 || len(call.Args) == 0 {
		return nil
	}
	if p.IsCall(call, "context", "WithCancel", "WithCancelCause", "WithTimeout", "WithTimeoutCause", "WithDeadline", "WithDeadlineCause", "WithValue") ||
		p.IsCall(call, "os/signal", "NotifyContext") {
		return ast.Unparen(call.Args[0])
	}
	return nil
}

// DerivedFrom returns the context that v is made from by a function of package
// context within body, nil when it is not, or not only once.
func DerivedFrom(p *rewrite.Package, body ast.Node, v *types.Var) (parent ast.Expr) {
	count := 0
	ast.Inspect(body, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && syntax.Sets(p, a, v) {
			count++
			parent = Parent(p, a)
		}
		return true
	})
	if count != 1 {
		return nil
	}
	return parent
}

// DefinedAs returns the expression of v := x in body, nil when v is set in
// another way, or several times.
func DefinedAs(p *rewrite.Package, body ast.Node, v *types.Var) (x ast.Expr) {
	count := 0
	ast.Inspect(body, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok {
			for i, l := range a.Lhs {
				if id, ok := l.(*ast.Ident); ok && p.Info.ObjectOf(id) == v {
					count++
					if len(a.Lhs) == len(a.Rhs) {
						x = ast.Unparen(a.Rhs[i])
					}
				}
			}
		}
		return true
	})
	if count != 1 {
		return nil
	}
	return x
}

// SetAfter reports whether v is set behind pos.
func SetAfter(p *rewrite.Package, body ast.Node, v *types.Var, pos token.Pos) bool {
	return setBy(p, body, v, func(a *ast.AssignStmt) bool { return a.End() > pos })
}

// SetBut reports whether v is set elsewhere than by the statement that uses it as
// arg.
func SetBut(p *rewrite.Package, body ast.Node, v *types.Var, arg *ast.Ident) bool {
	return setBy(p, body, v, func(a *ast.AssignStmt) bool { return !syntax.Encloses(a, arg) })
}

// setBy reports whether one of the wanted assignments sets v, or something may that has
// its address.
func setBy(p *rewrite.Package, body ast.Node, v *types.Var, wanted func(*ast.AssignStmt) bool) bool {
	return syntax.ContainsNode(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			return wanted(n) && syntax.Sets(p, n, v)
		case *ast.UnaryExpr:
			id, ok := ast.Unparen(n.X).(*ast.Ident)
			return ok && n.Op == token.AND && p.Info.Uses[id] == v
		}
		return false
	})
}

// IsGetter reports whether the call is of a method Context of a parameter of the
// function, of a command's say: the same context wherever it is called.
func IsGetter(p *rewrite.Package, fn *ast.FuncType, call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Context" || len(call.Args) > 0 || !syntax.IsType(p.Info.TypeOf(call), "context", "Context") {
		return false
	}
	id, ok := ast.Unparen(sel.X).(*ast.Ident)
	if !ok {
		return false
	}
	v, ok := p.Info.Uses[id].(*types.Var)
	return ok && syntax.DeclaredIn(fn, v)
}

// IsDone reports whether x is the Done channel of a context.
func IsDone(p *rewrite.Package, x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	return ok && p.IsCall(call, "context", "(context.Context).Done")
}
