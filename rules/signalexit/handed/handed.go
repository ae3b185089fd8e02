// Package handed tells what becomes of a context that a function hands on to
// others, which may fail once it is done.
package handed

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
)

// Context tells which expressions are the context.
type Context func(x ast.Expr) bool

// On reports whether code does more with the context than to look at it, to
// derive another one from it, and to pass it to a function of those known.
func On(p *rewrite.Package, code ast.Node, is Context, known map[*ast.FuncDecl]bool) bool {
	found := false
	ast.Inspect(code, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			return false // its errors are not the function's
		case *ast.CallExpr:
			if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok && is(sel.X) || derives(p, n) {
				return false
			}
			if decl := callee(p, n); decl != nil && known[decl] {
				return false
			}
		case *ast.Ident:
			found = found || is(n)
		}
		return !found
	})
	return found
}

// Exits reports whether code ends the process or panics, itself or in a function that
// it passes the context to.
func Exits(p *rewrite.Package, code ast.Node, is Context, depth int) bool {
	return syntax.ContainsNode(code, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		if syntax.EndsProcess(p, call) {
			return true
		}
		decl := callee(p, call)
		if decl == nil || decl.Body == nil || depth == 0 {
			return false
		}
		for _, a := range call.Args {
			if is(a) {
				q := p.Snapshot().File(decl.Pos()).Pkg
				return Exits(q, decl.Body, func(x ast.Expr) bool { return isContext(q, x) }, depth-1)
			}
		}
		return false
	})
}

// Returned reports whether the function returns an error other than that of a
// context that it asks itself.
func Returned(p *rewrite.Package, body *ast.BlockStmt, results *ast.FieldList) bool {
	list := result.Types(p, &ast.FuncType{Results: results})
	if len(list) == 0 || !syntax.IsError(list[len(list)-1]) {
		return false
	}
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			if len(n.Results) == 0 {
				found = true
				break
			}
			last := ast.Unparen(n.Results[len(n.Results)-1])
			found = found || !syntax.IsNil(p, last) && !p.IsCall(last, "context", "(context.Context).Err", "Cause")
		}
		return !found
	})
	return found
}

// derives reports whether the call is one of the packages that make contexts.
func derives(p *rewrite.Package, call *ast.CallExpr) bool {
	fn := p.Callee(call)
	return fn != nil && fn.Pkg() != nil && (fn.Pkg().Path() == "context" || fn.Pkg().Path() == "os/signal")
}

func callee(p *rewrite.Package, call *ast.CallExpr) *ast.FuncDecl {
	fn := p.Callee(call)
	if fn == nil {
		return nil
	}
	decl, _ := syntax.DeclarationOf(p.Snapshot(), fn)
	return decl
}

func isContext(p *rewrite.Package, x ast.Expr) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok {
		return false
	}
	_, isVar := p.Info.Uses[id].(*types.Var)
	return isVar && syntax.IsType(p.Info.TypeOf(id), "context", "Context")
}
