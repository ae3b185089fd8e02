package signalexit

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/channels"
	"github.com/runtimefix/runtimefix/rules/signalexit/contexts"
	"github.com/runtimefix/runtimefix/rules/signalexit/handed"
	"github.com/runtimefix/runtimefix/rules/signalexit/locked"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
	"github.com/runtimefix/runtimefix/rules/signalexit/served"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// cleanupName matches functions that clean up, which deferred calls are for.
var cleanupName = regexp.MustCompile(`(?i)^(close|flush|sync|remove|stop|end|release|free|restore|unlock|reset|shutdown|disconnect|destroy|cleanup|save)`)

// stopper plans the end of one kind of wait. It returns the statement at which
// the scope is left once the context is done, nil when it goes on behind the
// wait, or says why the wait cannot be ended.
type stopper func(x *signalFix, sc *scope, w site) (end ast.Stmt, why string)

// stopperOf returns how waits of the kind are ended, nil for those that nothing
// ends.
func stopperOf(k waits.Kind) stopper {
	switch k {
	case waits.WaitSleep:
		return stopSleep
	case waits.WaitClock:
		return stopClock
	case waits.WaitClockRange:
		return stopClockRange
	case waits.WaitChanRange:
		return stopChanRange
	case waits.WaitSelect:
		return stopSelect
	case waits.WaitReceive:
		return stopReceive
	case waits.WaitSend:
		return stopSend
	case waits.WaitSpin:
		return stopSpin
	case waits.WaitClosable:
		return stopClosable
	case waits.WaitServe:
		return stopServe
	case waits.WaitCallee:
		return stopCallee
	}
	return nil
}

// block plans that the scope ends when the context is done: every wait in it is
// one that can be told to end, and every turn of a loop looks at the context.
func (x *signalFix) block(sc *scope) string {
	x.scopes = append(x.scopes, sc)
	ws := waits.Loaded(sc.p, sc.code)
	if len(ws.Slow) > 0 {
		x.limit = true
	}
	if !sc.main && !sc.looped && served.AtEnds(sc.p, sc.body, ws.List) {
		return x.serveEnds(sc, ws.List)
	}
	ends := make(map[ast.Stmt]bool)
	for _, w := range ws.List {
		at, ok := sc.siteOf(w)
		if !ok {
			return "a statement is not found"
		}
		stop := stopperOf(w.Kind)
		if stop == nil {
			return "main waits in " + w.Text + ", " + w.Obstacle(sc.p)
		}
		if lock := locked.Holding(sc.p, sc.body, w.Node); lock != "" {
			return sc.name + " holds " + lock + " while it waits in " + w.Text
		}
		end, why := stop(x, sc, at)
		if why != "" {
			return why
		}
		if end != nil {
			ends[end] = true
		}
	}
	if why := x.turns(sc, ends); why != "" {
		return why
	}
	if why := x.hands(sc); why != "" {
		return why
	}
	if sc.main && sc.exits > 1 && !x.keep && (len(x.h.Tail) > 0 || x.code != "") {
		return x.breakOut(sc)
	}
	return ""
}

// hands notes that the scope returns the errors of others who have the context, or
// says that the process would end because of one.
func (x *signalFix) hands(sc *scope) string {
	is := func(a ast.Expr) bool {
		id, ok := ast.Unparen(a).(*ast.Ident)
		return sc.isGiven(a) || ok && sc.main && slices.ContainsFunc(x.ends, func(v endedValue) bool { return v.v != nil && sc.p.Info.Uses[id] == v.v })
	}
	if !handed.On(sc.p, sc.code, is, x.planned) {
		return ""
	}
	if handed.Exits(sc.p, sc.code, is, waits.MaxFrames) {
		return sc.name + " may exit because its context is done"
	}
	x.handed = x.handed || !sc.main && handed.Returned(sc.p, sc.body, sc.results())
	return ""
}

// breakOut plans that main leaves its loop by a break wherever it is told to,
// and goes on behind it.
func (x *signalFix) breakOut(sc *scope) string {
	at := x.at
	if l, ok := at.(*ast.LabeledStmt); ok {
		at, x.label = l.Stmt, l.Label.Name
	}
	loop, ok := at.(*ast.ForStmt)
	if !ok {
		return fmt.Sprintf("main waits in %d places of one statement", sc.exits)
	}
	x.inMain = false
	x.guard = loop.Cond != nil || syntax.ContainsNode(loop.Body, func(n ast.Node) bool {
		b, ok := n.(*ast.BranchStmt)
		return ok && (b.Tok == token.BREAK || b.Tok == token.GOTO)
	})
	if x.label != "" {
		return ""
	}
	x.label = sc.free("loop", "serving")
	x.wrap = func(e *rewrite.Edit) {
		twin, err := rewrite.Twin[dst.Stmt](e, loop)
		if err != nil {
			return
		}
		e.Modify(x.main.Body, func(n dst.Node) error {
			body := n.(*dst.BlockStmt)
			for i, s := range body.List {
				if s == twin {
					l := &dst.LabeledStmt{Label: dst.NewIdent(x.label), Stmt: s}
					l.Decs.NodeDecs = dst.NodeDecs{Before: s.Decorations().Before, Start: s.Decorations().Start, After: s.Decorations().After, End: s.Decorations().End}
					*s.Decorations() = dst.NodeDecs{Before: dst.NewLine}
					body.List[i] = l
				}
			}
			return nil
		})
	}
	return ""
}

// selectOn plans a select in the place of the statement at w: on the context
// and on comm, whose $x is the expression given.
func (x *signalFix) selectOn(sc *scope, w site, comm string, of ast.Expr) (ast.Stmt, string) {
	if !w.alone() {
		return nil, w.Text + " is not a statement of its own"
	}
	sc.exits++
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		e.ReplaceStmt(w.stmt, rewrite.Stmts("select {\ncase <-$ctx.Done():\n$leave\ncase "+comm+":\n}",
			rewrite.Holes{"ctx": sc.ctx, "leave": sc.leave(e), "x": e.Clone(of)})...)
	})
	return w.stmt, ""
}

func stopSleep(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	return x.selectOn(sc, w, "<-time.After($x)", w.Call.Args[0])
}

func stopClock(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	return x.selectOn(sc, w, "<-$x", w.Node.(*ast.UnaryExpr).X)
}

// stopReceive ends a receive whose value is dropped.
func stopReceive(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	of := w.Node.(*ast.UnaryExpr).X
	if sc.isDone(of) {
		return nil, ""
	}
	if !w.alone() {
		return x.stopResult(sc, w, of)
	}
	sc.exits++
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		e.ReplaceStmt(w.stmt, rewrite.Stmts("select {\ncase <-$x:\ncase <-$ctx.Done():\n$leave\n}",
			rewrite.Holes{"ctx": sc.ctx, "leave": sc.leave(e), "x": e.Clone(of)})...)
	})
	return w.stmt, ""
}

// stopResult ends a receive whose value is passed to a function, log.Fatal(<-c),
// returned, kept in a variable, or looked at, if err := <-c; err != nil.
func (x *signalFix) stopResult(sc *scope, w site, of ast.Expr) (ast.Stmt, string) {
	stmt, name, arg := w.stmt, "", -1
	switch s := w.stmt.(type) {
	case *ast.ExprStmt:
		if call, ok := s.X.(*ast.CallExpr); ok && syntax.InList(w.cur) {
			name, arg = sc.p.File(s).FreeName(s, "err", "got"), slices.Index(call.Args, ast.Expr(w.Node.(*ast.UnaryExpr)))
		}
		if arg < 0 {
			name = ""
		}
	case *ast.ReturnStmt:
		if len(s.Results) == 1 && s.Results[0] == w.Node && syntax.InList(w.cur) {
			name = sc.p.File(s).FreeName(s, "err", "got")
		}
	case *ast.AssignStmt:
		if x.stopKept(sc, w, s, of) {
			return stmt, ""
		}
		inner, ok := w.cur.Parent().Node().(*ast.IfStmt)
		id, isName := s.Lhs[0].(*ast.Ident)
		if ok && isName && inner.Init == s && s.Tok == token.DEFINE && len(s.Lhs) == 1 && s.Rhs[0] == w.Node && syntax.InList(w.cur.Parent()) {
			stmt, name = inner, id.Name
		}
	}
	breaks := syntax.ContainsNode(stmt, func(n ast.Node) bool {
		b, ok := n.(*ast.BranchStmt)
		return ok && b.Tok == token.BREAK && b.Label == nil
	})
	if name == "" || name == "_" || breaks {
		return nil, "main waits in " + w.Text + ", which nothing ends on a signal"
	}
	sc.exits++
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		body := e.CloneStmts(stmt)
		if body == nil {
			return
		}
		switch s := body[0].(type) {
		case *dst.ExprStmt:
			s.X.(*dst.CallExpr).Args[arg] = dst.NewIdent(name)
		case *dst.ReturnStmt:
			s.Results[0] = dst.NewIdent(name)
		case *dst.IfStmt:
			s.Init = nil
		}
		decs := body[0].Decorations()
		decs.Start, decs.End, decs.Before, decs.After = nil, nil, dst.NewLine, dst.NewLine
		e.ReplaceStmt(stmt, rewrite.Stmts("select {\ncase $v := <-$x:\n$body\ncase <-$ctx.Done():\n$leave\n}",
			rewrite.Holes{"ctx": sc.ctx, "leave": sc.leave(e), "x": e.Clone(of), "v": name, "body": body})...)
	})
	return stmt, ""
}

// stopKept plans the end of a receive whose value an error variable keeps, err :=
// <-c, and reports whether the statement s is that.
func (x *signalFix) stopKept(sc *scope, w site, s *ast.AssignStmt, of ast.Expr) bool {
	id, ok := s.Lhs[0].(*ast.Ident)
	if !ok || id.Name == "_" || len(s.Lhs) != 1 || s.Rhs[0] != w.Node || !syntax.InList(w.cur) || !syntax.IsError(sc.p.Info.TypeOf(id)) {
		return false
	}
	src := "select {\ncase <-$ctx.Done():\n$leave\ncase $v = <-$x:\n}"
	if s.Tok == token.DEFINE {
		src = "var $v error\n" + src
	}
	sc.exits++
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		e.ReplaceStmt(s, rewrite.Stmts(src, rewrite.Holes{"ctx": sc.ctx, "leave": sc.leave(e), "x": e.Clone(of), "v": id.Name})...)
	})
	return true
}

func stopSend(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	send := w.Node.(*ast.SendStmt)
	if !syntax.InList(w.cur) {
		return nil, "main waits in " + w.Text + ", which nothing ends on a signal"
	}
	if channels.Taken(sc.p, w.cur, sc.body) {
		return nil, "the value that " + sc.name + " sends would be lost"
	}
	sc.exits++
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		e.ReplaceStmt(send, rewrite.Stmts("select {\ncase <-$ctx.Done():\n$leave\ncase $c <- $v:\n}",
			rewrite.Holes{"ctx": sc.ctx, "leave": sc.leave(e), "c": e.Clone(send.Chan), "v": e.Clone(send.Value)})...)
	})
	return send, ""
}

// stopClockRange puts a select in the place of a range over a ticker.
func stopClockRange(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	loop := w.Node.(*ast.RangeStmt)
	switch {
	case loop.Key != nil && loop.Tok != token.DEFINE:
		return nil, "the loop over a ticker sets a variable"
	case syntax.ContainsNode(loop.Body, func(n ast.Node) bool {
		b, ok := n.(*ast.BranchStmt)
		return ok && b.Tok != token.CONTINUE
	}):
		return nil, "the loop over a ticker has a break"
	}
	sc.exits++
	ticks := sc.free("ticks", "ticker")
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		sc.dropReturn(e, loop)
		names := rewrite.Holes{"ctx": sc.ctx, "leave": sc.leave(e), "c": e.Clone(loop.X), "body": e.CloneStmts(loop.Body.List...)}
		src := "for {\nselect {\ncase <-$ctx.Done():\n$leave\ncase "
		if id, ok := loop.Key.(*ast.Ident); ok && id.Name != "_" {
			names["t"] = id.Name
			src += "$t := "
		}
		if syntax.Pure(sc.p, loop.X) {
			src += "<-$c:\n$body\n}\n}"
		} else {
			names["ticks"] = ticks
			src = "$ticks := $c\n" + src + "<-$ticks:\n$body\n}\n}"
		}
		e.ReplaceStmt(loop, rewrite.Stmts(src, names)...)
	})
	return loop, ""
}

// stopChanRange puts a select in the place of a range over a channel into which
// something is sent.
func stopChanRange(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	loop := w.Node.(*ast.RangeStmt)
	next := syntax.NextStmt(sc.body.List, loop)
	switch {
	case loop.Key != nil && loop.Tok != token.DEFINE:
		return nil, "the range over a channel sets a variable"
	case len(loop.Body.List) == 0 || !channels.Fed(sc.p, loop.X):
		return nil, "nothing is seen to send to the channel that " + sc.name + " ranges over"
	case syntax.ContainsNode(loop.Body, func(n ast.Node) bool {
		b, ok := n.(*ast.BranchStmt)
		return ok && b.Tok != token.CONTINUE
	}):
		return nil, "the range over a channel has a break"
	case !sc.last(loop) && !returnsNothing(sc, next):
		return nil, "statements follow the range over a channel in " + sc.name
	}
	sc.exits++
	open, ch := sc.free("ok", "open"), sc.free("in", "values")
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		sc.dropReturn(e, loop)
		closed := rewrite.Stmts("return", nil)
		if !sc.main {
			closed = sc.leave(e)
		}
		names := rewrite.Holes{"ctx": sc.ctx, "leave": sc.leave(e), "c": e.Clone(loop.X), "ch": ch, "v": "_", "ok": open, "closed": closed, "body": e.CloneStmts(loop.Body.List...)}
		if id, ok := loop.Key.(*ast.Ident); ok {
			names["v"] = id.Name
		}
		from := "$c"
		src := ""
		if !syntax.Pure(sc.p, loop.X) {
			src, from = "$ch := $c\n", "$ch"
		}
		e.ReplaceStmt(loop, rewrite.Stmts(src+"for {\nselect {\ncase <-$ctx.Done():\n$leave\ncase $v, $ok := <-"+from+":\nif !$ok {\n$closed\n}\n$body\n}\n}", names)...)
	})
	return loop, ""
}

// dropReturn removes the return behind a loop that becomes one without an end.
func (sc *scope) dropReturn(e *rewrite.Edit, loop ast.Stmt) {
	if next := syntax.NextStmt(sc.body.List, loop); returnsNothing(sc, next) {
		e.Delete(next, about.Removed())
	}
}

func stopSelect(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	sel := w.Node.(*ast.SelectStmt)
	if len(sel.Body.List) == 0 {
		return x.emptySelect(sc, w)
	}
	for _, c := range sel.Body.List {
		clause := c.(*ast.CommClause)
		comm, ok := clause.Comm.(*ast.ExprStmt)
		if !ok {
			continue
		}
		u, ok := ast.Unparen(comm.X).(*ast.UnaryExpr)
		switch {
		case !ok || u.Op != token.ARROW || !contexts.IsDone(sc.p, u.X):
		case !sc.isDone(u.X):
			return nil, "the select looks at a context already"
		default:
			return x.obeys(sc, sel, clause)
		}
	}
	sc.exits++
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		e.Modify(sel.Body, func(n dst.Node) error {
			body := n.(*dst.BlockStmt)
			clause := rewrite.Stmts("select {\ncase <-$ctx.Done():\n$leave\n}", rewrite.Holes{"ctx": sc.ctx, "leave": sc.leave(e)})[0].(*dst.SelectStmt).Body.List[0]
			clause.Decorations().Before, clause.Decorations().After = dst.NewLine, dst.NewLine
			body.List = append([]dst.Stmt{clause}, body.List...)
			return nil
		})
	})
	return sel, ""
}

// emptySelect puts a receive in the place of select {}.
func (x *signalFix) emptySelect(sc *scope, w site) (ast.Stmt, string) {
	if sc.main && w.stmt != x.at || !sc.main && !syntax.InList(w.cur) {
		return nil, "select {} is not a statement of the function itself"
	}
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		list := rewrite.Stmts("<-$ctx.Done()", rewrite.Holes{"ctx": sc.ctx})
		switch {
		case sc.main:
			list = append(list, x.tail(e, false)...)
		case sc.results() != nil || !sc.last(w.stmt):
			list = append(list, sc.leave(e)...)
		}
		e.ReplaceStmt(w.stmt, list...)
	})
	return w.stmt, ""
}

// stopSpin ends a loop that waits in nothing.
func stopSpin(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	loop, ok := w.Node.(*ast.ForStmt)
	if !ok {
		return nil, "the loop does not wait in anything that a context could end"
	}
	if loop.Cond == nil && loop.Init == nil && loop.Post == nil && !sc.main && sc.results() == nil && sc.last(loop) {
		x.edits = append(x.edits, func(e *rewrite.Edit) {
			e.Modify(loop, func(n dst.Node) error {
				n.(*dst.ForStmt).Cond = rewrite.Expr("$ctx.Err() == nil", rewrite.Holes{"ctx": sc.ctx})
				return nil
			})
		})
		return loop, ""
	}
	if len(loop.Body.List) == 0 || loop.Cond != nil && !syntax.Pure(sc.p, loop.Cond) {
		return nil, "the loop does not wait in anything that a context could end"
	}
	sc.exits++
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		e.InsertBefore(loop.Body.List[0], sc.check(e)...)
	})
	return loop, ""
}

// stopCallee makes a function of the module return, and the scope behind it.
func stopCallee(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	stmt := w.stmt
	if inner, ok := w.cur.Parent().Node().(*ast.IfStmt); ok && inner.Init == stmt {
		stmt = inner
	}
	f := result.FormOf(stmt, w.Call)
	switch {
	case f == result.Return:
	case f == result.Plain, f == result.If, f == result.Dropped:
	case f == result.Assign:
		c, ok := sc.p.Cursor(stmt)
		if !ok || !syntax.InList(c) {
			return nil, "a statement is not found"
		}
	default:
		return nil, sc.name + " does something with the result of " + syntax.ExprText(w.Call.Fun)
	}
	if why := x.function(sc, w.Wait, syntax.InLoop(w.cur)); why != "" {
		return nil, why
	}
	if f == result.Return || sc.last(stmt) && sc.results() == nil {
		return stmt, ""
	}
	if c, ok := sc.p.Cursor(stmt); !ok || !syntax.InList(c) {
		return nil, w.Text + " is called in the condition of a branch"
	}
	sc.exits++
	x.edits = append(x.edits, func(e *rewrite.Edit) { e.InsertAfter(stmt, sc.check(e)...) })
	return stmt, ""
}
