package signalexit

import (
	"go/ast"
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/signalexit/counted"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// group plans the end of all goroutines that main waits for by a sync.WaitGroup
// or an errgroup.Group.
func (x *signalFix) group(w waits.Wait) string {
	p := x.h.P
	form := x.formInMain(w.Call)
	if form != result.Plain && form != result.If && form != result.Assign && form != result.Dropped && form != result.Return {
		return "main does something with the result of " + syntax.ExprText(w.Call.Fun)
	}
	sel, ok := ast.Unparen(w.Call.Fun).(*ast.SelectorExpr)
	if !ok {
		return "the goroutines that main waits for are not known"
	}
	id, ok := ast.Unparen(sel.X).(*ast.Ident)
	if !ok {
		return "the goroutines that main waits for are not known"
	}
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || v.Pos() < x.main.Body.Pos() || v.Pos() > x.main.Body.End() {
		return "the goroutines that main waits for are started anywhere in the package"
	}
	x.guard = true
	if why := x.early(v); why != "" {
		return why
	}
	sc := x.mainScope()
	if why := x.groupContext(sc, v); why != "" {
		return why
	}
	seen := make(map[ast.Node]bool)
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		if p.Info.Uses[c.Node().(*ast.Ident)] != v {
			continue
		}
		if why := x.member(sc, c, id, seen); why != "" {
			return why
		}
	}
	if len(seen) == 0 {
		return x.endless(v)
	}
	if x.canceled || x.handed {
		x.notOnSignal()
	}
	return x.count(v)
}

// notOnSignal plans that what main does with the error of what it waits in is
// not done when the signal was its cause.
func (x *signalFix) notOnSignal() {
	switch s := x.at.(type) {
	case *ast.IfStmt:
		x.edits = append(x.edits, func(e *rewrite.Edit) {
			e.Replace(s.Cond, rewrite.Expr("$is && $ctx.Err() == nil", rewrite.Holes{"is": e.Clone(s.Cond), "ctx": x.ctx}))
		})
	case *ast.ReturnStmt:
		err := x.file.FreeName(s, "err", "waitErr")
		x.edits = append(x.edits, func(e *rewrite.Edit) {
			e.ReplaceStmt(s, rewrite.Stmts("if $err := $call; $ctx.Err() == nil {\nreturn $err\n}\nreturn nil",
				rewrite.Holes{"err": err, "call": e.Clone(s.Results[0]), "ctx": x.ctx})...)
		})
	}
}

// groupContext plans that the context of g, ctx := errgroup.WithContext(parent)
// ends with the signal.
func (x *signalFix) groupContext(sc *scope, v *types.Var) string {
	for _, s := range x.main.Body.List {
		a, ok := s.(*ast.AssignStmt)
		if !ok || len(a.Lhs) != 2 || len(a.Rhs) != 1 || !syntax.Sets(x.h.P, a, v) || !x.h.P.IsCall(a.Rhs[0], waits.Errgroup, "WithContext") {
			continue
		}
		id, ok := a.Lhs[1].(*ast.Ident)
		if !ok || id.Name == "_" {
			return ""
		}
		if a.Pos() < x.asks() {
			x.first = a
			if why := x.stay(); why != "" {
				return why
			}
		}
		x.groupCtx, _ = x.h.P.Info.ObjectOf(id).(*types.Var)
		if x.groupCtx == nil {
			return ""
		}
		x.ends = append(x.ends, endedValue{v: x.groupCtx})
		return x.sign(sc, a.Rhs[0].(*ast.CallExpr).Args[0])
	}
	return ""
}

// early makes the context before the first goroutine of the group, where that
// starts before the signals are asked for. The signal's goroutine then stays: to
// ask for them earlier would keep the process from ending meanwhile.
func (x *signalFix) early(v *types.Var) string {
	for i, s := range x.main.Body.List {
		if s.Pos() >= x.asks() {
			break
		}
		starts := syntax.ContainsNode(s, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				return syntax.Mentions(x.h.P, n, v)
			case *ast.CallExpr:
				sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
				return ok && sel.Sel.Name == "Go" && syntax.Mentions(x.h.P, sel.X, v)
			}
			return false
		})
		if !starts {
			continue
		}
		x.first = s
		if i > 0 {
			if add, ok := x.main.Body.List[i-1].(*ast.ExprStmt); ok && syntax.Mentions(x.h.P, add, v) {
				x.first = add
			}
		}
		if !x.keep {
			x.keep = true
			return x.cancelName()
		}
		break
	}
	return ""
}

// endless plans for a group that nothing is counted in: main blocks for ever.
func (x *signalFix) endless(v *types.Var) string {
	list := x.main.Body.List
	var gone []ast.Stmt
	for _, s := range list {
		if syntax.Mentions(x.h.P, s, v) && s != x.at {
			gone = append(gone, s)
		}
		if d, ok := s.(*ast.DeclStmt); ok && syntax.DeclaredIn(d, v) {
			gone = append(gone, s)
		}
	}
	// var wg sync.WaitGroup; wg.Add(1)
	if len(gone) != 2 || !counted.Var(gone[0]) || v.Pos() > gone[0].End() {
		return "the goroutines that main waits for are not known"
	}
	add, ok := gone[1].(*ast.ExprStmt)
	if !ok || !x.h.P.IsCall(add.X, "sync", "(*sync.WaitGroup).Add") {
		return "the goroutines that main waits for are not known"
	}
	x.guard = false
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		for _, s := range gone {
			e.Delete(s, about.Removed(v.Name()))
		}
		e.ReplaceStmt(x.at, rewrite.Stmts("<-$ctx.Done()", rewrite.Holes{"ctx": x.ctx})...)
	})
	return ""
}

// count compares what main adds to the group with the goroutines that it starts:
// one too many would be waited for for ever. Where that is not known, the
// process has to end by itself.
func (x *signalFix) count(v *types.Var) string {
	p := x.h.P
	added, started := int64(0), int64(0)
	known := true
	for c := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil), (*ast.GoStmt)(nil)) {
		switch n := c.Node().(type) {
		case *ast.CallExpr:
			sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
			if !ok || !p.IsCall(n, "sync", "(*sync.WaitGroup).Add") || !syntax.Mentions(p, sel.X, v) {
				continue
			}
			k, isConst := syntax.ConstInt(p, n.Args[0])
			stmt, at := syntax.EnclosingStmt(c)
			block, inBlock := at.Parent().Node().(*ast.BlockStmt)
			switch g, isGo := ast.Stmt(nil), false; {
			case !isConst || !inBlock:
				known = false
			default:
				if g = syntax.NextStmt(block.List, stmt); g != nil {
					_, isGo = g.(*ast.GoStmt)
				}
				if k == 1 && isGo && syntax.Mentions(p, g, v) {
					started-- // the pair
				} else {
					added += k
					known = known && syntax.IndexOf(x.main.Body.List, stmt) >= 0
				}
			}
		case *ast.GoStmt:
			if syntax.Mentions(p, n, v) {
				started++
				if syntax.IndexOf(x.main.Body.List, n) < 0 && !counted.Paired(p, c, v) {
					known = false
				}
			}
		}
	}
	switch {
	case !known:
		x.limit = true
	case added != started:
		return "main waits for more goroutines than it starts"
	}
	return ""
}

// member plans the end of the goroutine that a use of the group at c is about.
func (x *signalFix) member(sc *scope, c inspector.Cursor, wait *ast.Ident, seen map[ast.Node]bool) string {
	const unknown = "the goroutines that main waits for are started elsewhere"
	if c.Node() == wait {
		return ""
	}
	switch c.ParentEdgeKind() {
	case edge.AssignStmt_Rhs, edge.ValueSpec_Values:
		return unknown
	}
	// wg.Add, wg.Done, wg.Go
	if sel, ok := c.Parent().Node().(*ast.SelectorExpr); ok {
		call, ok := c.Parent().Parent().Node().(*ast.CallExpr)
		if !ok || call.Fun != sel {
			return unknown
		}
		switch sel.Sel.Name {
		case "Add", "SetLimit":
			return ""
		case "Go":
			switch fn := ast.Unparen(call.Args[0]).(type) {
			case *ast.FuncLit:
				return x.goroutine(sc, call, fn, seen, "")
			case *ast.SelectorExpr:
				if sv := web.ServeValue(sc.p, fn); sv != nil && syntax.InList(c.Parent().Parent().Parent()) {
					return x.groupServer(sc, call, fn, sv, seen)
				}
			}
			return unknown
		case "Done":
		default:
			return unknown
		}
	} else if _, ok := c.Parent().Node().(*ast.UnaryExpr); ok {
		c = c.Parent()
	}
	// In a goroutine that main starts.
	for g := range c.Enclosing((*ast.GoStmt)(nil)) {
		n := g.Node().(*ast.GoStmt)
		fn, ok := syntax.EnclosingFunc(g)
		if !ok || fn.Node() != sc.fn {
			return unknown
		}
		if lit, ok := ast.Unparen(n.Call.Fun).(*ast.FuncLit); ok {
			return x.goroutine(sc, n, lit, seen, "Done")
		}
		return x.started(sc, n, seen)
	}
	return unknown
}

// goroutine plans the end of a goroutine that main starts as a literal. done is
// the method that it has to defer, "" for none.
func (x *signalFix) goroutine(sc *scope, at ast.Node, lit *ast.FuncLit, seen map[ast.Node]bool, done string) string {
	if seen[lit] {
		return ""
	}
	seen[lit] = true
	if done != "" && !counted.Defers(lit.Body, done) {
		return "a goroutine that main waits for does not defer the call of " + done
	}
	cur, ok := sc.p.Cursor(at)
	if !ok {
		return "a statement is not found"
	}
	x.literals = append(x.literals, lit.Body)
	return x.block(&scope{
		p: sc.p, fn: lit, body: lit.Body, code: lit.Body, name: "the goroutine", ctx: sc.ctx,
		looped: syntax.InLoop(cur), given: x.groupCtx,
		leave: func(*rewrite.Edit) []dst.Stmt {
			if lit.Type.Results == nil {
				return rewrite.Stmts("return", nil)
			}
			return rewrite.Stmts("return nil", nil)
		},
	})
}

// started plans the end of a goroutine whose function is declared.
func (x *signalFix) started(sc *scope, g *ast.GoStmt, seen map[ast.Node]bool) string {
	fn := sc.p.Callee(g.Call)
	if fn == nil {
		return "the goroutines that main waits for are not known"
	}
	decl, q := syntax.DeclarationOf(x.h.S, fn)
	if decl == nil || decl.Body == nil {
		return "the goroutines that main waits for are not known"
	}
	if seen[decl] {
		return ""
	}
	seen[decl] = true
	if !counted.Defers(decl.Body, "Done") {
		return decl.Name.Name + " does not defer the call of Done"
	}
	cur, ok := sc.p.Cursor(g)
	if !ok {
		return "a statement is not found"
	}
	return x.function(sc, waits.Wait{Kind: waits.WaitCallee, Node: g.Call, Call: g.Call, Callee: decl, Pkg: q, Text: syntax.ExprText(g.Call.Fun)}, syntax.InLoop(cur))
}
