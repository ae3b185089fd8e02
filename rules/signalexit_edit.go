package rules

import (
	"go/ast"
	"go/token"
	"strconv"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// leaveMain returns what main does when it is told to leave its own loop.
func (x *signalFix) leaveMain(e *rewrite.Edit) []dst.Stmt { return x.tail(e, true) }

// tailStmts returns the goroutine's statements between receive and exit.
func (x *signalFix) tailStmts(e *rewrite.Edit) []dst.Stmt {
	h := x.h
	if len(h.tail) == 0 || x.keep {
		return nil
	}
	list := e.CloneStmts(h.tail...)
	if h.sig == nil || list == nil {
		return list
	}
	for _, s := range list {
		dst.Inspect(s, func(n dst.Node) bool {
			swapIdent(n, h.sig.Name(), func() dst.Expr { return e.Clone(x.signals[0]) })
			return true
		})
	}
	return list
}

// swapIdent puts an expression in the place of the variable called name among
// the operands of n.
func swapIdent(n dst.Node, name string, with func() dst.Expr) {
	swap := func(x *dst.Expr) {
		if id, ok := (*x).(*dst.Ident); ok && id.Name == name && id.Path == "" {
			*x = with()
		}
	}
	switch n := n.(type) {
	case *dst.CallExpr:
		for i := range n.Args {
			swap(&n.Args[i])
		}
	case *dst.SelectorExpr:
		swap(&n.X)
	case *dst.BinaryExpr:
		swap(&n.X)
		swap(&n.Y)
	}
}

// exitStmts returns what gives the process its exit code.
func (x *signalFix) exitStmts(e *rewrite.Edit) []dst.Stmt {
	switch {
	case x.code == "" || x.keep:
		return nil
	case x.explicitExit():
		return e.CloneStmts(x.h.last)
	}
	return rewrite.Stmts("$code = $n", rewrite.Holes{"code": x.code, "n": e.Clone(x.h.exit.Args[0])})
}

// tail returns what main does behind what it waited in.
func (x *signalFix) tail(e *rewrite.Edit, leave bool) []dst.Stmt {
	var out []dst.Stmt
	if x.explicitExit() && !x.limit {
		out = append(out, rewrite.Stmts("$stop()", rewrite.Holes{"stop": x.stop})...)
	}
	out = append(out, x.tailStmts(e)...)
	out = append(out, x.exitStmts(e)...)
	if leave && !x.explicitExit() {
		out = append(out, rewrite.Stmts("return", nil)...)
	}
	return out
}

// apply replaces the goroutine.
func (x *signalFix) apply(e *rewrite.Edit) error {
	h := x.h
	if x.keep {
		x.applyKept(e)
		return nil
	}
	start := rewrite.Stmts("$ctx, $stop := signal.NotifyContext(context.Background(), $signals)", rewrite.Holes{"ctx": x.ctx, "stop": x.stop, "signals": cloneAll(e, x.signals)})
	switch {
	case x.limit:
		start = append(start, rewrite.Stmts("go func() {\n<-$ctx.Done()\n$stop()\ntime.Sleep("+strconv.Itoa(graceSeconds)+" * time.Second)\nos.Exit(1)\n}()", rewrite.Holes{"ctx": x.ctx, "stop": x.stop})...)
	case !x.explicitExit() || x.serve:
		start = append(start, rewrite.Stmts("defer $stop()", rewrite.Holes{"stop": x.stop})...)
	}
	if x.code != "" && !x.explicitExit() {
		e.Prepend(x.main.Body, rewrite.Stmts("$code := 0\ndefer func() {\nif $code != 0 {\nos.Exit($code)\n}\n}()", rewrite.Holes{"code": x.code})...)
	}
	keepsGo := x.serve && nextStmt(x.main.Body.List, h.gostmt) == x.at
	inGo := indexOf(h.pre, h.notifyStmt) >= 0
	switch {
	case inGo:
		e.InsertBefore(h.gostmt, start...)
	case nextStmt(x.main.Body.List, x.chDecl) == ast.Stmt(h.notifyStmt):
		e.ReplaceStmt(x.chDecl, start...)
		e.Delete(h.notifyStmt)
	default:
		e.Delete(x.chDecl)
		e.ReplaceStmt(h.notifyStmt, start...)
	}
	// Comments around the receive and the exit.
	start[0].Decorations().Start.Append(x.looseComments()...)
	for _, f := range x.edits {
		f(e)
	}
	if !keepsGo {
		e.Delete(h.gostmt, "signal", "interrupt", "ctrl", "sigterm")
	}
	if x.serve || x.selfTail() {
		return nil
	}
	x.behind(e)
	return nil
}

// behind puts the tail behind what main waits in.
func (x *signalFix) behind(e *rewrite.Edit) {
	var tail []dst.Stmt
	if x.guard || x.follows {
		tail = x.tail(e, x.follows)
		if len(tail) > 0 {
			tail = rewrite.Stmts("if $ctx.Err() != nil {\n$tail\n}", rewrite.Holes{"ctx": x.ctx, "tail": tail})
		}
	} else {
		tail = x.tail(e, false)
	}
	e.InsertAfter(x.at, tail...)
}

// applyKept leaves the goroutine in its place: it cancels the context where it
// exited.
func (x *signalFix) applyKept(e *rewrite.Edit) {
	h := x.h
	names := rewrite.Holes{"ctx": x.ctx, "stop": x.stop}
	start := rewrite.Stmts("$ctx, $stop := context.WithCancel(context.Background())", names)
	if x.limit {
		start = append(start, rewrite.Stmts("go func() {\n<-$ctx.Done()\ntime.Sleep("+strconv.Itoa(graceSeconds)+" * time.Second)\nos.Exit(1)\n}()", names)...)
	} else {
		start = append(start, rewrite.Stmts("defer $stop()", names)...)
	}
	if x.code != "" {
		e.Prepend(x.main.Body, rewrite.Stmts("$code := 0\ndefer func() {\nif $code != 0 {\nos.Exit($code)\n}\n}()", rewrite.Holes{"code": x.code})...)
	}
	e.InsertBefore(h.gostmt, start...)
	var end []dst.Stmt
	if x.code != "" {
		end = rewrite.Stmts("$code = $n", rewrite.Holes{"code": x.code, "n": e.Clone(h.exit.Args[0])})
	}
	end = append(end, rewrite.Stmts("signal.Stop($c)\n$stop()", rewrite.Holes{"c": h.ch.Name(), "stop": x.stop})...)
	if h.arms {
		end = append(end, rewrite.Stmts("return", nil)...)
	}
	e.ReplaceStmt(h.last, end...)
	for _, f := range x.edits {
		f(e)
	}
	if !x.serve && !x.inMain {
		x.behind(e)
	}
}

// looseComments returns the comments in the goroutine that are not among the
// statements that move.
func (x *signalFix) looseComments() []string {
	h := x.h
	line := func(pos token.Pos) int { return h.s.Position(pos).Line }
	var from, to int
	if n := len(h.tail); n > 0 {
		from, to = line(h.tail[0].Pos()), line(h.tail[n-1].End())
	}
	var out []string
	for _, g := range h.file.AST.Comments {
		if g.Pos() < h.gostmt.Pos() || g.End() > h.gostmt.End() {
			continue
		}
		recv := line(h.recv.Pos())
		if len(h.tail) > 0 && line(g.Pos()) > recv && line(g.Pos()) <= to && (line(g.Pos()) >= from || line(g.End()) == from-1) {
			continue
		}
		for _, c := range g.List {
			out = append(out, c.Text)
		}
	}
	return out
}

// selfTail reports whether an edit in main has placed the tail already.
func (x *signalFix) selfTail() bool { return x.inMain }

func cloneAll(e *rewrite.Edit, list []ast.Expr) []dst.Expr {
	var out []dst.Expr
	for _, a := range list {
		out = append(out, e.Clone(a))
	}
	return out
}
