package gctrace

import (
	"go/ast"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// maybeNil reports whether the list may be nil where the literal is appended to
// it. A nil Env is the parent's whole environment, so that without the literal
// the child would get more than it had.
func (x *goTrace) maybeNil(list ast.Expr) bool {
	switch n := ast.Unparen(list).(type) {
	case *ast.CompositeLit:
		return false
	case *ast.CallExpr:
		switch {
		case syntax.IsBuiltin(x.p, n, "make"), x.returnsEnviron(n):
			return false
		case syntax.IsBuiltin(x.p, n, "append") && len(n.Args) > 0:
			// An element more makes the list not nil, but a spread one may be empty,
			// and a trace is taken out by a fix of its own.
			for _, a := range n.Args[1:] {
				if !n.Ellipsis.IsValid() && !strings.Contains(x.file.Text(a), "gctrace") {
					return false
				}
			}
			return x.maybeNil(n.Args[0])
		}
	case *ast.SelectorExpr:
		return !x.isEnvField(n) || x.envMaybeNil(n)
	case *ast.Ident:
		v, ok := x.p.Info.Uses[n].(*types.Var)
		return !ok || x.variableMaybeNil(v)
	}
	return true
}

// variableMaybeNil reports whether a local variable may hold a nil list before
// the literal: whether one of its values is not visibly a list.
func (x *goTrace) variableMaybeNil(v *types.Var) bool {
	if v.Pkg() == nil || v.Parent() == nil || v.Parent() == v.Pkg().Scope() {
		return true
	}
	defined := false
	for _, a := range syntax.AssignmentsOf(x.p, v) {
		if a.Value == nil {
			return true
		}
		if call, ok := ast.Unparen(a.Value).(*ast.CallExpr); ok && syntax.IsBuiltin(x.p, call, "append") && len(call.Args) > 0 && x.isVariable(call.Args[0], v) {
			continue // not nil if it was not before
		}
		if x.isLocal(a.Value) || x.maybeNil(a.Value) {
			return true
		}
		defined = defined || a.Target.Pos() == v.Pos()
	}
	return !defined
}

func (x *goTrace) isVariable(e ast.Expr, v *types.Var) bool {
	id, ok := ast.Unparen(e).(*ast.Ident)
	return ok && x.p.Info.Uses[id] == v
}

// envMaybeNil reports whether nothing is visibly assigned to the Env of a command
// before the literal.
func (x *goTrace) envMaybeNil(sel *ast.SelectorExpr) bool {
	decl := syntax.EnclosingDecl(x.cur)
	if decl == nil {
		return true
	}
	return !syntax.InDecl(decl, func(n ast.Node) bool {
		if n.Pos() >= x.lit.Pos() {
			return false
		}
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if len(n.Lhs) == len(n.Rhs) && x.file.Text(l) == x.file.Text(sel) && n.End() <= x.lit.Pos() {
					return !x.maybeNilBut(n.Rhs[i], sel)
				}
			}
		case *ast.KeyValueExpr:
			id, ok := n.Key.(*ast.Ident)
			return ok && id.Name == "Env" && n.End() <= x.lit.Pos() && !x.maybeNil(n.Value)
		}
		return false
	})
}

// maybeNilBut is maybeNil for a value of the Env at sel, which may be the Env
// itself with elements more.
func (x *goTrace) maybeNilBut(value ast.Expr, sel *ast.SelectorExpr) bool {
	call, ok := ast.Unparen(value).(*ast.CallExpr)
	if !ok || !syntax.IsBuiltin(x.p, call, "append") || len(call.Args) < 2 || x.file.Text(call.Args[0]) != x.file.Text(sel) {
		return x.maybeNil(value)
	}
	return call.Ellipsis.IsValid() || strings.Contains(x.file.Text(call), "gctrace")
}
