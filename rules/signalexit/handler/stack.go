package handler

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// Waiting finds the stack that stands while the goroutine waits for the
// signal, nil when nothing is left to do once the handler is installed.
func (h *Handler) Waiting() *waits.Waiting {
	p := h.GoPkg
	cur, ok := p.Cursor(h.Gostmt)
	if !ok {
		return nil
	}
	var busy *waits.Waiting // works without waiting in anything
	for range heat.MaxCallers {
		fn, ok := syntax.EnclosingFunc(cur)
		if !ok {
			break
		}
		w := &waits.Waiting{Pkg: p}
		var body *ast.BlockStmt
		switch n := fn.Node().(type) {
		case *ast.FuncDecl:
			w.Host, body = n, n.Body
		case *ast.FuncLit:
			w.Host, body = waits.Command(p, fn), n.Body
		}
		w.Start, w.Rest = waits.Following(cur, body)
		w.Waits = waits.Loaded(p, waits.NodesOf(w.Rest)...)
		if len(w.Waits.List) > 0 {
			w.Stack(h.S, p, body, fn)
			return w
		}
		if busy == nil && waits.Works(p, w.Rest) {
			busy = w
			w.Stack(h.S, p, body, fn)
		}
		// The function installs the handler, and its caller waits.
		if w.Host == nil {
			break
		}
		if w.Host.Name.Name == "init" && w.Host.Recv == nil && p.Name == "main" {
			if m := h.behindInit(); m != nil {
				return m
			}
			break
		}
		call, q := syntax.OnlyCall(h.S, p, w.Host)
		if q == nil {
			break
		}
		cur, p = call, q
	}
	return busy
}

// behindInit returns where main waits when the goroutine runs from the start of
// the program, nil when it does not.
func (h *Handler) behindInit() *waits.Waiting {
	obj, _ := h.P.Types.Scope().Lookup("main").(*types.Func)
	if obj == nil {
		return nil
	}
	decl, p := syntax.DeclarationOf(h.S, obj)
	if decl == nil || decl.Body == nil {
		return nil
	}
	fn, ok := p.Cursor(decl)
	if !ok {
		return nil
	}
	w := &waits.Waiting{Pkg: p, Host: decl, Rest: decl.Body.List, Waits: waits.Loaded(p, decl.Body)}
	if len(w.Waits.List) == 0 && !waits.Works(p, w.Rest) {
		return nil
	}
	w.Stack(h.S, p, decl.Body, fn)
	return w
}
