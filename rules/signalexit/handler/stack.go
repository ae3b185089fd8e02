package handler

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
	"golang.org/x/tools/go/ast/inspector"
)

// Waiting finds the stacks that stand while the goroutine waits for the signal, one
// for each place that the function which installs the handler is called from; none
// when nothing is left to do once it is installed.
func (h *Handler) Waiting() []*waits.Waiting {
	cur, ok := h.GoPkg.Cursor(h.Gostmt)
	if !ok {
		return nil
	}
	return h.waitingFrom(h.GoPkg, cur, heat.MaxCallers)
}

// waitingFrom finds the stacks when cur installs the handler, through as many callers
// as depth.
func (h *Handler) waitingFrom(p *rewrite.Package, cur inspector.Cursor, depth int) []*waits.Waiting {
	var busy *waits.Waiting // works without waiting in anything
	for ; depth > 0; depth-- {
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
			return []*waits.Waiting{w}
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
				return []*waits.Waiting{m}
			}
			break
		}
		call, q := syntax.OnlyCall(h.S, p, w.Host)
		if q == nil {
			var out []*waits.Waiting
			for _, r := range callsOf(h.S, p, w.Host) {
				c, _ := r.Call()
				out = append(out, h.waitingFrom(r.Pkg, c, depth-1)...)
			}
			if len(out) > 0 {
				return out
			}
			break
		}
		cur, p = call, q
	}
	if busy == nil {
		return nil
	}
	return []*waits.Waiting{busy}
}

// callsOf returns the calls of the function outside of tests, nil where it is used
// otherwise, too.
func callsOf(s *rewrite.Snapshot, p *rewrite.Package, decl *ast.FuncDecl) []rewrite.Ref {
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return nil
	}
	var out []rewrite.Ref
	for _, r := range s.Refs(rewrite.ObjectKey(obj)) {
		if r.File.Test {
			continue
		}
		call, ok := r.Call()
		if !ok {
			return nil
		}
		switch call.Parent().Node().(type) {
		case *ast.GoStmt, *ast.DeferStmt:
			return nil
		}
		out = append(out, r)
	}
	return out
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
