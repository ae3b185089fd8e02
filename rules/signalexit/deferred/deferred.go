// Package deferred tells what a deferred call does once the function is left.
package deferred

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/handler"
)

// Exits reports whether the deferred call ends the process with a code of its own,
// other than after a panic.
func Exits(p *rewrite.Package, d *ast.DeferStmt) bool {
	var body ast.Node = d.Call
	if fn := p.Callee(d.Call); fn != nil {
		if decl, q := syntax.DeclarationOf(p.Snapshot(), fn); decl != nil && decl.Body != nil {
			body, p = decl.Body, q
		}
	}
	exits := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			return n.Init == nil || !syntax.ContainsNode(n.Init, func(n ast.Node) bool {
				c, ok := n.(*ast.CallExpr)
				return ok && syntax.IsBuiltin(p, c, "recover")
			})
		case *ast.CallExpr:
			exits = exits || syntax.EndsProcess(p, n)
		}
		return true
	})
	return exits
}

// Text names the deferred call.
func Text(d *ast.DeferStmt) string {
	if _, ok := ast.Unparen(d.Call.Fun).(*ast.FuncLit); ok {
		return "function literal"
	}
	return syntax.ExprText(d.Call.Fun) + "()"
}

// AsksError returns the name of the function's error variable that the deferred
// call looks at, "" for none: it may commit where that is nil, and roll back where
// it is not.
func AsksError(p *rewrite.Package, d *ast.DeferStmt) string {
	for _, a := range d.Call.Args {
		// defer finish(&err)
		if u, ok := ast.Unparen(a).(*ast.UnaryExpr); ok && u.Op == token.AND {
			if v := errorVar(p, u.X); v != nil {
				return v.Name()
			}
		}
	}
	lit := literal(p, d.Call.Fun)
	if lit == nil {
		return ""
	}
	set := make(map[*types.Var]bool)
	for _, s := range lit.Body.List {
		first := s
		if look, ok := s.(*ast.IfStmt); ok && look.Init != nil {
			first = look.Init
		}
		if a, ok := first.(*ast.AssignStmt); ok {
			for _, l := range a.Lhs {
				if v := errorVar(p, l); v != nil {
					set[v] = true
				}
			}
		}
		if v := asked(p, lit, s, set); v != nil {
			return v.Name()
		}
	}
	return ""
}

// literal returns the function literal that fun is or stands for, nil for none.
func literal(p *rewrite.Package, fun ast.Expr) *ast.FuncLit {
	fun = ast.Unparen(fun)
	if id, ok := fun.(*ast.Ident); ok {
		if def := syntax.Definition(p, id); def != nil {
			fun = ast.Unparen(def.Value)
		}
	}
	lit, _ := fun.(*ast.FuncLit)
	return lit
}

// errorVar returns the variable of a function that x is, when it holds an error.
func errorVar(p *rewrite.Package, x ast.Expr) *types.Var {
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok {
		return nil
	}
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || v.IsField() || v.Parent() == nil || v.Parent().Parent() == types.Universe || !syntax.IsError(v.Type()) {
		return nil
	}
	return v
}

// asked returns the error variable from outside the literal that s looks at, and
// that the literal has not set.
func asked(p *rewrite.Package, lit *ast.FuncLit, s ast.Stmt, set map[*types.Var]bool) (found *types.Var) {
	ast.Inspect(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			return found == nil && !onlyKeeps(p, n)
		case *ast.ExprStmt:
			call, ok := n.X.(*ast.CallExpr)
			return !ok || !handler.TellsOnly(p, call)
		case *ast.Ident:
			if v := errorVar(p, n); v != nil && !set[v] && (v.Pos() < lit.Pos() || lit.End() <= v.Pos()) {
				found = v
			}
		}
		return found == nil
	})
	return found
}

// onlyKeeps reports whether the branch does nothing but to keep an error, err =
// closeErr, or to say something.
func onlyKeeps(p *rewrite.Package, s *ast.IfStmt) bool {
	if s.Else != nil || calls(p, s.Cond) {
		return false
	}
	for _, s := range s.Body.List {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if len(s.Lhs) != 1 || errorVar(p, s.Lhs[0]) == nil || calls(p, s.Rhs[0]) {
				return false
			}
		case *ast.ExprStmt:
			if call, ok := s.X.(*ast.CallExpr); !ok || !handler.TellsOnly(p, call) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// calls reports whether x calls anything but what compares and makes errors.
func calls(p *rewrite.Package, x ast.Expr) bool {
	return syntax.ContainsNode(x, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		fn := p.Callee(call)
		return fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "errors" && fn.Pkg().Path() != "fmt"
	})
}
