package collect

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// leftIdle says why a loop around cur, or around a call of a function that does
// nothing but collect there, must keep its collection: it waits for what the
// collection brings about, or would turn without doing anything; "" where all do
// more.
func leftIdle(p *rewrite.Package, cur inspector.Cursor) string {
	if spins(p, cur) {
		return "the loop would turn without a pause while there is nothing to do"
	}
	return leftIdleBy(p, cur, make(map[string]bool), 4)
}

// spins reports whether cur is all that the default clause of a select does, in a
// loop that waits for nothing else.
func spins(p *rewrite.Package, cur inspector.Cursor) bool {
	for c := range cur.Enclosing((*ast.CommClause)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		clause, ok := c.Node().(*ast.CommClause)
		waits := func(s ast.Stmt) bool { return heat.WaitsForClock(p, s) }
		if !ok || clause.Comm != nil || !(&waiting{p: p}).idle(clause.Body) || slices.ContainsFunc(clause.Body, waits) {
			return false
		}
		loop, ok := c.Parent().Parent().Parent().Parent().Node().(*ast.ForStmt)
		return ok && !slices.ContainsFunc(loop.Body.List, waits)
	}
	return false
}

// leftIdleBy does so for a call of one of idle, functions that only collect.
func leftIdleBy(p *rewrite.Package, cur inspector.Cursor, idle map[string]bool, depth int) string {
	for c := range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		var body *ast.BlockStmt
		asks := false
		var items loopVars
		switch n := c.Node().(type) {
		case *ast.ForStmt:
			body = n.Body
			items.index = indexOf(p, n)
			asks = n.Cond != nil && (n.Post == nil || syntax.ContainsNode(n.Cond, isCall))
		case *ast.RangeStmt:
			body = n.Body
			items.items = itemsOf(p, n)
		case *ast.FuncDecl:
			return leftIdleAfter(p, n, idle, depth)
		default:
			return ""
		}
		w, only := turnIdle(p, body, idle, items)
		if !only {
			continue
		}
		w.asks = w.asks || asks
		if w.asks {
			return "the loop waits for what the collection brings about, and would turn in vain without it"
		}
		if !w.says {
			return "the loop does nothing else, and would turn without doing anything"
		}
	}
	return ""
}

// turnIdle looks at the body of a loop over items, of which each collection in it
// asks.
func turnIdle(p *rewrite.Package, body *ast.BlockStmt, idle map[string]bool, vars loopVars) (w waiting, only bool) {
	type key struct{ body *ast.BlockStmt }
	type answer struct {
		w    waiting
		only bool
	}
	look := func() answer {
		w := waiting{p: p, funcs: idle, loopVars: vars}
		only := w.idle(body.List)
		return answer{w, only}
	}
	if len(idle) > 0 {
		a := look()
		return a.w, a.only
	}
	a := rewrite.Memo(p.Snapshot(), key{body}, look)
	return a.w, a.only
}

// leftIdleAfter looks at the callers of a function that only collects.
func leftIdleAfter(p *rewrite.Package, decl *ast.FuncDecl, idle map[string]bool, depth int) string {
	fn, _ := p.Info.Defs[decl.Name].(*types.Func)
	w := &waiting{p: p, funcs: idle}
	if fn == nil || depth == 0 || idle[rewrite.ObjectKey(fn)] || !w.idle(decl.Body.List) || w.says {
		return ""
	}
	key := rewrite.ObjectKey(fn)
	idle[key] = true
	for _, r := range p.Snapshot().Refs(key) {
		call, ok := r.Call()
		if !ok {
			continue
		}
		if why := leftIdleBy(r.Pkg, call, idle, depth-1); why != "" {
			return why
		}
	}
	return ""
}

func isCall(n ast.Node) bool {
	_, ok := n.(*ast.CallExpr)
	return ok
}

// waiting looks at what the body of a loop does beside collecting.
type waiting struct {
	p    *rewrite.Package
	asks bool // a condition ends the loop
	says bool // it logs
	// funcs are functions that do nothing else, by their keys.
	funcs map[string]bool
	loopVars
}

// loopVars are the variables of a loop.
type loopVars struct {
	// items are what the loop goes over: to print them is work, and what they
	// are like waits for nothing.
	items []types.Object
	// index is what the loop counts with.
	index []types.Object
}

// indexOf returns the variables that the head of a loop makes.
func indexOf(p *rewrite.Package, n *ast.ForStmt) (out []types.Object) {
	as, ok := n.Init.(*ast.AssignStmt)
	if !ok {
		return nil
	}
	for _, x := range as.Lhs {
		if id, ok := x.(*ast.Ident); ok && p.Info.Defs[id] != nil {
			out = append(out, p.Info.Defs[id])
		}
	}
	return out
}

// worksOn reports whether n calls something with one of the variables.
func (w *waiting) worksOn(n ast.Node, vars []types.Object) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && !harmless(w.p, call) && slices.ContainsFunc(vars, func(v types.Object) bool { return syntax.Mentions(w.p, call, v) })
	})
}

// itemsOf returns the variables of a loop over data, not over a number or a clock.
func itemsOf(p *rewrite.Package, n *ast.RangeStmt) (out []types.Object) {
	if t := p.Info.TypeOf(n.X); t == nil || syntax.IsClock(p, n.X) {
		return nil
	} else if _, number := t.Underlying().(*types.Basic); number {
		return nil
	}
	for _, x := range []ast.Expr{n.Key, n.Value} {
		if id, ok := x.(*ast.Ident); ok && p.Info.ObjectOf(id) != nil {
			out = append(out, p.Info.ObjectOf(id))
		}
	}
	return out
}

// aboutItem reports whether n mentions an item of the loop.
func (w *waiting) aboutItem(n ast.Node) bool {
	return slices.ContainsFunc(w.items, func(item types.Object) bool { return syntax.Mentions(w.p, n, item) })
}

// idle reports whether statements only collect, wait, count, log, or leave.
func (w *waiting) idle(list []ast.Stmt) bool {
	for _, stmt := range list {
		if !w.idleStmt(stmt) {
			return false
		}
	}
	return true
}

func (w *waiting) idleStmt(stmt ast.Stmt) bool {
	if heat.WaitsForClock(w.p, stmt) {
		return true
	}
	switch s := stmt.(type) {
	case *ast.ExprStmt:
		if IsCollection(w.p, s.X) || stopsClock(w.p, s.X) || w.p.IsCall(s.X, "runtime", "Gosched") {
			return true
		}
		if u, ok := ast.Unparen(s.X).(*ast.UnaryExpr); ok && u.Op == token.ARROW {
			return true
		}
		call, ok := s.X.(*ast.CallExpr)
		if ok {
			if fn := w.p.Callee(call); fn != nil && w.funcs[rewrite.ObjectKey(fn)] {
				return true
			}
		}
		if w.aboutItem(s) {
			return false
		}
		w.says = true
		return ok && logs(w.p, call)
	case *ast.GoStmt:
		return IsCollection(w.p, s.Call)
	case *ast.IncDecStmt, *ast.EmptyStmt:
		return true
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	case *ast.BlockStmt:
		return w.idle(s.List)
	case *ast.IfStmt:
		if s.Init != nil && w.worksOn(s.Init, slices.Concat(w.items, w.index)) || w.worksOn(s.Cond, w.items) {
			return false
		}
		if syntax.Leaves(s.Body) {
			w.asks = w.asks || !onlyContinues(s.Body) && !w.aboutItem(s.Cond)
		} else if s.Init != nil || !harmless(w.p, s.Cond) {
			return false
		}
		if s.Else != nil && !w.idleStmt(s.Else) {
			return false
		}
		return w.idle(s.Body.List)
	case *ast.SelectStmt:
		for _, c := range s.Body.List {
			comm := c.(*ast.CommClause)
			if comm.Comm != nil && !receives(comm.Comm) || !w.idle(comm.Body) {
				return false
			}
		}
		return true
	}
	return false
}

// onlyContinues reports whether the block ends in the next turn of the loop.
func onlyContinues(b *ast.BlockStmt) bool {
	last, ok := b.List[len(b.List)-1].(*ast.BranchStmt)
	return ok && last.Tok == token.CONTINUE
}

// logs reports whether call writes a line for people.
func logs(p *rewrite.Package, call *ast.CallExpr) bool {
	id := syntax.LastName(call.Fun)
	return id != nil && replyName.MatchString(id.Name) && replies(p, call)
}
