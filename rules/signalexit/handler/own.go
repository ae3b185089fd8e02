package handler

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// Stays reports whether the goroutine waits for something before it exits.
func (h *Handler) Stays() bool {
	return slices.ContainsFunc(h.Tail, func(s ast.Stmt) bool { return len(waits.In(h.P, s).List) > 0 }) ||
		slices.ContainsFunc(h.made(), func(m MadeCall) bool { return m.Call != nil && m.pkg.IsCall(m.Call, "time", "Sleep") })
}

// endsOwn reports whether call ends a context that was made behind the receive, by
// the function that makes the call: nobody else waits for that.
func (h *Handler) endsOwn(p *rewrite.Package, call *ast.CallExpr) bool {
	id, ok := ast.Unparen(call.Fun).(*ast.Ident)
	if !ok || !syntax.IsContextFunc(p.Info.TypeOf(id)) {
		return false
	}
	v, ok := p.Info.Uses[id].(*types.Var)
	cur, found := p.Cursor(call)
	if !ok || !found {
		return false
	}
	fn, ok := syntax.EnclosingFunc(cur)
	if !ok {
		return false
	}
	body := syntax.BodyOf(fn.Node())
	return syntax.DeclaredIn(body, v) && (body != h.Body || v.Pos() > h.at.Pos())
}

// besides reports whether call ends a server while main waits in what has nothing to
// do with servers.
func besides(p *rewrite.Package, w *waits.Waiting, call *ast.CallExpr) bool {
	return p.IsCall(call, "net/http", "(*net/http.Server).Shutdown", "(*net/http.Server).Close") && len(w.Waits.List) > 0 &&
		!slices.ContainsFunc(w.Waits.List, func(at waits.Wait) bool { return !at.Apart(w.Pkg) })
}
