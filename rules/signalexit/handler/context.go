package handler

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/contexts"
	"golang.org/x/tools/go/ast/inspector"
)

// OfContext returns the goroutine that ends the process when the context of the
// signal.NotifyContext call is done, and that nothing else looks at: whatever else
// had it could end by it. It is nil when there is none.
func OfContext(notify rewrite.Call) *Handler {
	p := notify.Pkg
	a, ok := notify.At.Parent().Node().(*ast.AssignStmt)
	if !ok || len(a.Lhs) != 2 {
		return nil
	}
	id, ok := a.Lhs[0].(*ast.Ident)
	if !ok {
		return nil
	}
	ctx, ok := p.Info.Defs[id].(*types.Var)
	if !ok || ctx.Parent() == p.Types.Scope() {
		return nil
	}
	h := &Handler{S: p.Snapshot(), P: p, Notify: notify}
	var at inspector.Cursor
	found := false
	for _, c := range syntax.MentionsOf(p, ctx) {
		if c.Node() == id {
			continue
		}
		// <-ctx.Done()
		up := c.Parent().Parent()
		call, isCall := up.Node().(*ast.CallExpr)
		recv, isRecv := up.Parent().Node().(*ast.UnaryExpr)
		if found || !isCall || !isRecv || recv.Op != token.ARROW || !contexts.IsDone(p, call) {
			return nil
		}
		at, found = up.Parent(), true
	}
	if !found {
		return nil
	}
	if at, ok = h.goroutine(at); !ok || !h.split(at) {
		return nil
	}
	return h
}

// ExitsOnDone reports whether a goroutine of the file waits for a context and may
// end the process, by their names.
func ExitsOnDone(f *ast.File) bool {
	return syntax.ContainsNode(f, func(n ast.Node) bool {
		g, ok := n.(*ast.GoStmt)
		if !ok {
			return false
		}
		waits, ends := false, false
		ast.Inspect(g, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if id := syntax.LastName(call.Fun); id != nil {
					waits = waits || id.Name == "Done"
					ends = ends || id.Name == "Exit" || strings.HasPrefix(id.Name, "Fatal")
				}
			}
			return true
		})
		return waits && ends
	})
}
