package publicpprof

import (
	"fmt"
	"go/ast"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// move returns the fix that puts the routes on a mux of their own, served on
// loopback; nil where they are not statements of one list that put handlers on
// a ServeMux, or their function may run more than once.
func (x *exposed) move() *rewrite.Fix {
	first := x.routes[0]
	decl := syntax.EnclosingDecl(first.at)
	if decl == nil {
		return nil
	}
	if at, ok := first.Pkg.Cursor(decl); !ok || !runsOnce(first.Pkg, at, 0) {
		return nil
	}
	var stmts []ast.Stmt
	var muxes []*ast.Ident
	var list ast.Node
	for _, r := range x.routes {
		call, ok := r.registration().(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return nil
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		if !ok {
			return nil
		}
		mux, ok := sel.X.(*ast.Ident)
		if !ok || !syntax.IsPointerTo(r.Pkg.Info.TypeOf(mux), "net/http", "ServeMux") {
			return nil
		}
		at, ok := r.Pkg.Cursor(call)
		if !ok {
			return nil
		}
		stmt, ok := at.Parent().Node().(*ast.ExprStmt)
		if !ok || !syntax.InList(at.Parent()) || list != nil && list != at.Parent().Parent().Node() {
			return nil
		}
		if fn, inDecl := syntax.EnclosingFunc(at); !inDecl || fn.Node() != ast.Node(decl) {
			return nil
		}
		if len(muxes) > 0 && r.Pkg.Info.Uses[mux] != r.Pkg.Info.Uses[muxes[0]] {
			return nil // one mux cannot have the routes of both
		}
		list = at.Parent().Parent().Node()
		stmts, muxes = append(stmts, stmt), append(muxes, mux)
	}
	port := x.g.program(first.Pkg).freePort(x)
	return &rewrite.Fix{
		Message: fmt.Sprintf("put them on a mux of their own, on localhost:%d; the public listener answers them as any path that it does not know", port),
		Safety:  rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			name := first.File.FreeName(decl.Body, "pprofMux", "profileMux", "profileServeMux")
			e.InsertBefore(stmts[0], rewrite.Stmts("$mux := http.NewServeMux()", rewrite.Holes{"mux": name})...)
			for _, m := range muxes {
				e.Replace(m, dst.NewIdent(name))
			}
			e.InsertAfter(stmts[len(stmts)-1], rewrite.Stmts(`go func() {
	$println(http.ListenAndServe($addr, $mux)) // pprof
}()`, rewrite.Holes{"mux": name, "println": println(first.File), "addr": loopback(port)})...)
			return nil
		},
	}
}
