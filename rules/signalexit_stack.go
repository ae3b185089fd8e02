package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// frame is a function on the stack of the goroutine that waits.
type frame struct {
	pkg  *rewrite.Package
	body *ast.BlockStmt
	end  token.Pos // deferred calls before this position are pending
}

// waiting is where main is when the signal arrives.
type waiting struct {
	pkg    *rewrite.Package
	host   *ast.FuncDecl // the function that installs the handler or calls the one that does; nil for a literal
	start  ast.Stmt      // in the host's body: the statement that installs the handler
	rest   []ast.Stmt    // what follows in the host, at the level of start
	waits  waits         // in rest
	frames []frame
}

// waiting finds the stack that stands while the goroutine waits for the
// signal, nil when nothing is left to do once the handler is installed.
func (h *signalHandler) waiting() *waiting {
	cur, ok := h.p.Inspector.Root().FindNode(h.gostmt)
	if !ok {
		return nil
	}
	p := h.p
	var busy *waiting // works without waiting in anything
	for range maxCallers {
		fn, ok := enclosingFunc(cur)
		if !ok {
			break
		}
		w := &waiting{pkg: p}
		var body *ast.BlockStmt
		switch n := fn.Node().(type) {
		case *ast.FuncDecl:
			w.host, body = n, n.Body
		case *ast.FuncLit:
			body = n.Body
		}
		w.start, w.rest = following(cur, body)
		w.waits = loadedWaits(p, nodesOf(w.rest)...)
		if len(w.waits.list) > 0 {
			w.stack(h.s, p, body, fn)
			return w
		}
		if busy == nil && works(p, w.rest) {
			busy = w
			w.stack(h.s, p, body, fn)
		}
		// The function installs the handler, and its caller waits.
		if w.host == nil {
			break
		}
		if w.host.Name.Name == "init" && w.host.Recv == nil && p.Name == "main" {
			if m := h.behindInit(); m != nil {
				return m
			}
			break
		}
		call, q := onlyCall(h.s, p, w.host)
		if q == nil {
			break
		}
		cur, p = call, q
	}
	return busy
}

// behindInit returns where main waits when the goroutine runs from the start of
// the program, nil when it does not.
func (h *signalHandler) behindInit() *waiting {
	obj, _ := h.p.Types.Scope().Lookup("main").(*types.Func)
	if obj == nil {
		return nil
	}
	decl, p := declarationOf(h.s, obj)
	if decl == nil || decl.Body == nil {
		return nil
	}
	fn, ok := p.Inspector.Root().FindNode(decl)
	if !ok {
		return nil
	}
	w := &waiting{pkg: p, host: decl, rest: decl.Body.List, waits: loadedWaits(p, decl.Body)}
	if len(w.waits.list) == 0 && !works(p, w.rest) {
		return nil
	}
	w.stack(h.s, p, decl.Body, fn)
	return w
}

// loadedWaits returns the waits in the nodes, once the functions of other
// packages that may stay by their names are loaded.
func loadedWaits(p *rewrite.Package, nodes ...ast.Node) waits {
	ws := waitsIn(p, nodes...)
	for range maxFrames {
		names := ws.away
		if len(names) == 0 {
			break
		}
		p.Snapshot().Widen(names...)
		ws = waitsIn(p, nodes...)
		if slices.Equal(ws.away, names) {
			break
		}
	}
	return ws
}

// stmtsOf returns the statement list of a block or clause, nil of other nodes.
func stmtsOf(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	}
	return nil
}

// following returns the statement of body's list that holds c, and those that
// come after c in all lists around it.
func following(c inspector.Cursor, body *ast.BlockStmt) (at ast.Stmt, rest []ast.Stmt) {
	for ; c.Node() != nil && c.Node() != body; c = c.Parent() {
		s, ok := c.Node().(ast.Stmt)
		if !ok {
			continue
		}
		list := stmtsOf(c.Parent().Node())
		if i := indexOf(list, s); i >= 0 {
			at = s
			rest = append(rest, list[i+1:]...)
		}
	}
	return at, rest
}

func nodesOf(list []ast.Stmt) []ast.Node {
	var out []ast.Node
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// works reports whether the statements call anything but loggers.
func works(p *rewrite.Package, list []ast.Stmt) bool {
	for _, s := range list {
		if _, isDefer := s.(*ast.DeferStmt); isDefer {
			continue
		}
		if containsNode(s, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return false
			}
			fn := p.Callee(call)
			return fn != nil && fn.Pkg() != nil && fn.Pkg().Path() != "fmt" && fn.Pkg().Path() != "log" && fn.Pkg().Path() != "os/signal"
		}) {
			return true
		}
	}
	return false
}

// onlyCall returns the only call of the declared function, outside of tests.
func onlyCall(s *rewrite.Snapshot, p *rewrite.Package, decl *ast.FuncDecl) (inspector.Cursor, *rewrite.Package) {
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return inspector.Cursor{}, nil
	}
	if obj.Exported() {
		s.Widen(obj.Name())
	}
	var found *rewrite.Ref
	for _, r := range s.Refs(rewrite.ObjectKey(obj)) {
		if r.File.Test {
			continue
		}
		if found != nil {
			return inspector.Cursor{}, nil
		}
		found = &r
	}
	if found == nil {
		return inspector.Cursor{}, nil
	}
	call, ok := found.Call()
	if !ok {
		return inspector.Cursor{}, nil
	}
	switch call.Parent().Node().(type) {
	case *ast.GoStmt, *ast.DeferStmt:
		return inspector.Cursor{}, nil
	}
	return call, found.Pkg
}

// stack collects the frames: those of the functions that the host waits in, the
// host, and its only callers.
func (w *waiting) stack(s *rewrite.Snapshot, p *rewrite.Package, body *ast.BlockStmt, fn inspector.Cursor) {
	end := body.Rbrace
	var first *wait
	if len(w.waits.list) > 0 {
		first = &w.waits.list[0]
		end = first.node.Pos()
	}
	w.frames = append(w.frames, frame{p, body, end})
	// Down into what it waits in.
	var callee *ast.FuncDecl
	q := p
	if first != nil {
		callee, q = first.callee, first.pkg
	} else if len(w.rest) > 0 {
		if x, ok := w.rest[len(w.rest)-1].(*ast.ExprStmt); ok {
			if call, ok := x.X.(*ast.CallExpr); ok {
				if f := p.Callee(call); f != nil {
					callee, q = declarationOf(s, f)
				}
			}
		}
	}
	for range maxFrames {
		if callee == nil || callee.Body == nil {
			break
		}
		inner := waitsIn(q, callee.Body)
		end := callee.Body.Rbrace
		var next *ast.FuncDecl
		nextPkg := q
		if len(inner.list) > 0 {
			end = inner.list[0].node.Pos()
			next, nextPkg = inner.list[0].callee, inner.list[0].pkg
		}
		w.frames = append(w.frames, frame{q, callee.Body, end})
		callee, q = next, nextPkg
	}
	// Up to main.
	for range maxCallers {
		decl, ok := fn.Node().(*ast.FuncDecl)
		if !ok {
			return
		}
		call, caller := onlyCall(s, p, decl)
		if caller == nil {
			return
		}
		up, ok := enclosingFunc(call)
		if !ok {
			return
		}
		switch n := up.Node().(type) {
		case *ast.FuncDecl:
			w.frames = append(w.frames, frame{caller, n.Body, call.Node().Pos()})
		case *ast.FuncLit:
			w.frames = append(w.frames, frame{caller, n.Body, call.Node().Pos()})
		}
		fn, p = up, caller
	}
}
