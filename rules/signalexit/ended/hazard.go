package ended

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
	"golang.org/x/tools/go/ast/inspector"
)

// Hazard is a place in another goroutine than main's where the process ends, or
// the goroutine panics, once what main ends is ended.
type Hazard struct {
	Pkg  *rewrite.Package
	Call *ast.CallExpr // what ends the process; nil for a send or a receive
	Stmt ast.Stmt      // the statement around it
	// Lit is the goroutine's function, where that is a literal and the call is
	// its own.
	Lit  *ast.FuncLit
	Text string // what happens, for messages
}

// Hazards returns those in goroutines that are started anywhere in the loaded
// packages, but not by the go statements given or in the literals given.
func (e *Set) Hazards(but ...ast.Node) []Hazard {
	var out []Hazard
	e.closesAny()
	for _, p := range e.s.Packages {
		if !e.sameProgram(p) {
			continue
		}
		for c := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil), (*ast.SendStmt)(nil), (*ast.UnaryExpr)(nil), (*ast.Ident)(nil)) {
			if f := p.File(c.Node()); f == nil || f.Test {
				continue
			}
			if h, ok := e.hazard(p, c); ok {
				w := &walk{e: e, but: but, seen: make(map[ast.Node]bool), uses: h.Call == nil}
				if w.started(p, c, maxCalls) {
					h.Lit = w.own
					out = append(out, h)
				}
			}
		}
	}
	return out
}

// sameProgram reports whether p may be in one program with main's package.
func (e *Set) sameProgram(p *rewrite.Package) bool {
	return p.Types != nil && (p.Module == nil || p.Module.Main) && (p == e.p || waits.Imports(e.p.Types, p.Path) || waits.Imports(p.Types, e.p.Path))
}

// closesAny adds the types of all channels that the program closes, where it is
// not known which of them main closes.
func (e *Set) closesAny() {
	if !e.opaque {
		return
	}
	for _, p := range e.s.Packages {
		if !e.sameProgram(p) {
			continue
		}
		for c := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
			call := c.Node().(*ast.CallExpr)
			if !syntax.IsBuiltin(p, call, "close") || len(call.Args) != 1 {
				continue
			}
			if ch, ok := syntax.Under(p.Info.TypeOf(call.Args[0])).(*types.Chan); ok {
				e.elems = append(e.elems, ch.Elem())
			}
		}
	}
}

// hazard returns what would happen at c, were it in a goroutine.
func (e *Set) hazard(p *rewrite.Package, c inspector.Cursor) (h Hazard, ok bool) {
	h.Pkg = p
	h.Stmt, _ = syntax.EnclosingStmt(c)
	switch n := c.Node().(type) {
	case *ast.CallExpr:
		h.Call, h.Text = n, "ends the process by "+syntax.ExprText(n.Fun)
		if syntax.EndsProcess(p, n) || p.IsCall(n, "syscall", "Kill", "Raise") || p.IsCall(n, "os", "(*os.Process).Signal", "(*os.Process).Kill") && takesSelf(p, c) {
			return h, true
		}
		if syntax.IsBuiltin(p, n, "close") && len(n.Args) == 1 {
			h.Call, h.Text = nil, "closes "+syntax.ExprText(n.Args[0])+", which is closed by then"
			return h, e.closed(p, n.Args[0])
		}
		h.Text = "panics"
		panics := syntax.IsBuiltin(p, n, "panic") || knowledge.NoReturn(p.Callee(n)) && !p.IsCall(n, "runtime", "Goexit")
		return h, panics && aboutError(p, c)
	case *ast.Ident:
		h.Text = "uses " + n.Name + ", which is gone by then"
		v, ok := p.Info.Uses[n].(*types.Var)
		return h, ok && e.gone[keyOf(v)] && h.Stmt != nil
	case *ast.SendStmt:
		h.Text = "sends on " + syntax.ExprText(n.Chan) + ", which is closed by then"
		return h, e.closed(p, n.Chan)
	case *ast.UnaryExpr:
		h.Text = "takes what a closed " + syntax.ExprText(n.X) + " gives for a value"
		return h, n.Op == token.ARROW && e.closed(p, n.X) && takesValue(c)
	}
	return h, false
}

// aboutError reports whether the panic at c is one about an error: other panics
// are about mistakes of the program.
func aboutError(p *rewrite.Package, c inspector.Cursor) bool {
	mentions := func(n ast.Node) bool {
		return n != nil && syntax.ContainsNode(n, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			return ok && syntax.IsError(p.Info.TypeOf(id))
		})
	}
	if mentions(c.Node()) {
		return true
	}
	for d := range c.Enclosing((*ast.IfStmt)(nil), (*ast.CaseClause)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch n := d.Node().(type) {
		case *ast.IfStmt:
			return mentions(n.Cond) || asksOK(p, n.Cond)
		case *ast.CaseClause:
			return false
		}
		return true // behind a loop or a receive, say
	}
	return false
}

// asksOK reports whether the condition is whether something was there: a variable
// of type bool, or its negation.
func asksOK(p *rewrite.Package, x ast.Expr) bool {
	if u, ok := ast.Unparen(x).(*ast.UnaryExpr); ok && u.Op == token.NOT {
		x = u.X
	}
	id, ok := ast.Unparen(x).(*ast.Ident)
	return ok && types.Identical(syntax.Under(p.Info.TypeOf(id)), types.Typ[types.Bool])
}

// takesSelf reports whether the function around c looks for its own process.
func takesSelf(p *rewrite.Package, c inspector.Cursor) bool {
	fn, ok := syntax.EnclosingFunc(c)
	return ok && syntax.ContainsNode(fn.Node(), func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && p.IsCall(call, "os", "Getpid")
	})
}

// takesValue reports whether the receive at c uses the value, and does not ask
// whether the channel is closed.
func takesValue(c inspector.Cursor) bool {
	switch n := c.Parent().Node().(type) {
	case *ast.ExprStmt:
		return false
	case *ast.AssignStmt:
		return len(n.Lhs) == 1
	}
	return true
}

// walk goes from a place up to the goroutines that come there.
type walk struct {
	e    *Set
	but  []ast.Node
	seen map[ast.Node]bool
	uses bool         // a function on the way uses what is ended
	own  *ast.FuncLit // the literal that is a goroutine and holds the place itself
}

// startName matches functions that run the function passed to them in another
// goroutine.
var startName = regexp.MustCompile(`^(Go|TryGo|AfterFunc|Submit|Schedule|Spawn|Async)`)

// started reports whether a goroutine comes to c, through functions of which one
// uses what is ended.
func (w *walk) started(p *rewrite.Package, c inspector.Cursor, depth int) bool {
	fn, ok := syntax.EnclosingFunc(c)
	if !ok || depth < 0 || w.seen[fn.Node()] {
		return false
	}
	before := w.uses
	defer func() { w.uses = before }()
	w.uses = w.uses || w.e.Mentions(p, syntax.BodyOf(fn.Node())) || w.e.reaches(p, fn.Node())
	switch n := fn.Node().(type) {
	case *ast.FuncLit:
		if slices.Contains(w.but, ast.Node(n)) {
			return false
		}
		value := isValue(p, fn) // whoever has it may call it because of what is ended
		if value || w.starts(p, fn) {
			if depth == maxCalls {
				w.own = n
			}
			return value || w.uses
		}
		call, isCall := fn.Parent().Node().(*ast.CallExpr)
		if _, isGo := fn.Parent().Parent().Node().(*ast.GoStmt); isCall && call.Fun == n && !isGo {
			return w.started(p, fn.Parent(), depth-1) // called where it stands
		}
		return false
	case *ast.FuncDecl:
		w.seen[n] = true
		return depth > 0 && w.called(p, n, depth)
	}
	return false
}

// called reports whether a goroutine comes to one of the calls of decl, or is
// decl itself.
func (w *walk) called(p *rewrite.Package, decl *ast.FuncDecl, depth int) bool {
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return false
	}
	for _, r := range w.e.s.Refs(rewrite.ObjectKey(obj)) {
		if r.File.Test {
			continue
		}
		if w.starts(r.Pkg, r.Expr()) {
			if w.uses {
				return true
			}
			continue
		}
		call, ok := r.Call()
		if !ok {
			if isValue(r.Pkg, r.Expr()) {
				return true
			}
			continue
		}
		if g, ok := call.Parent().Node().(*ast.GoStmt); ok {
			if !slices.Contains(w.but, ast.Node(g)) && (w.uses || w.e.Mentions(r.Pkg, g.Call)) {
				return true
			}
			continue
		}
		if w.started(r.Pkg, call, depth-1) {
			return true
		}
	}
	return decl.Recv != nil && w.behindInterface(obj, depth)
}

// behindInterface reports whether a goroutine calls a method of an interface that
// obj may stand for.
func (w *walk) behindInterface(obj *types.Func, depth int) bool {
	for _, p := range w.e.s.Packages {
		if !w.e.sameProgram(p) {
			continue
		}
		for c := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
			call := c.Node().(*ast.CallExpr)
			sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != obj.Name() {
				continue
			}
			fn := p.Callee(call)
			if fn == nil || fn.Signature().Recv() == nil || !types.IsInterface(fn.Signature().Recv().Type()) || fn.Signature().Params().Len() != obj.Signature().Params().Len() {
				continue
			}
			if f := p.File(call); f == nil || f.Test {
				continue
			}
			if g, ok := c.Parent().Node().(*ast.GoStmt); ok {
				if !slices.Contains(w.but, ast.Node(g)) && (w.uses || w.e.Mentions(p, g.Call)) {
					return true
				}
				continue
			}
			if w.started(p, c, depth-1) {
				return true
			}
		}
	}
	return false
}

// starts reports whether the function at c is started as a goroutine: by a go
// statement, or by a function that does so.
func (w *walk) starts(p *rewrite.Package, c inspector.Cursor) bool {
	call, ok := c.Parent().Node().(*ast.CallExpr)
	if !ok {
		return false
	}
	if call.Fun == c.Node() {
		g, ok := c.Parent().Parent().Node().(*ast.GoStmt)
		return ok && !slices.Contains(w.but, ast.Node(g))
	}
	id := syntax.LastName(call.Fun)
	return id != nil && startName.MatchString(id.Name)
}
