package signalexit

import (
	"go/ast"
	"go/token"
	"strconv"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// leaveMain returns what main does when it is told to leave its own loop.
func (x *signalFix) leaveMain(e *rewrite.Edit) []dst.Stmt {
	if x.label != "" {
		return rewrite.Stmts("break $label", rewrite.Holes{"label": x.label})
	}
	return x.tail(e, true)
}

// tailStmts returns the goroutine's statements between receive and exit, and
// what the exit says.
func (x *signalFix) tailStmts(e *rewrite.Edit) []dst.Stmt {
	if x.keep {
		return nil
	}
	var list []dst.Stmt
	for _, s := range x.h.Tail {
		if !x.left[callOf(s)] {
			list = append(list, x.moved(e, s)...)
		}
	}
	if !x.explicitExit() {
		list = append(list, x.swapped(e, x.farewell(e, x.h.Exit))...)
	}
	return list
}

// moved returns copies of the goroutine's statements for main.
func (x *signalFix) moved(e *rewrite.Edit, list ...ast.Stmt) []dst.Stmt {
	return x.swapped(e, e.CloneStmts(list...))
}

// swapped puts the signal in the place of the variable that held it.
func (x *signalFix) swapped(e *rewrite.Edit, list []dst.Stmt) []dst.Stmt {
	if x.h.Sig == nil {
		return list
	}
	for _, s := range list {
		dst.Inspect(s, func(n dst.Node) bool {
			swapIdent(n, x.h.Sig.Name(), func() dst.Expr { return e.Clone(x.signals[0]) })
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

// tail returns what main does behind what it waited in.
func (x *signalFix) tail(e *rewrite.Edit, leave bool) []dst.Stmt {
	var out []dst.Stmt
	if x.explicitExit() && !x.limit && !x.keep {
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
	start := rewrite.Stmts("$ctx, $stop := signal.NotifyContext($parent, $signals)", rewrite.Holes{"parent": x.root(e), "ctx": x.ctx, "stop": x.stop, "signals": cloneAll(e, x.signals)})
	switch {
	case x.limit:
		start = append(start, rewrite.Stmts("go func() {\n<-$ctx.Done()\n$stop()\ntime.Sleep("+strconv.Itoa(limitSeconds)+" * time.Second)\nos.Exit($code)\n}()", rewrite.Holes{"ctx": x.ctx, "stop": x.stop, "code": x.forcedCode(e)})...)
	case !x.explicitExit() || x.serve:
		start = append(start, rewrite.Stmts("defer $stop()", rewrite.Holes{"stop": x.stop})...)
	}
	if x.code != "" && !x.explicitExit() {
		e.Prepend(x.main.Body, rewrite.Stmts("$code := 0\ndefer func() {\nif $code != 0 {\nos.Exit($code)\n}\n}()", rewrite.Holes{"code": x.code})...)
	}
	keepsGo := x.serve && syntax.NextStmt(x.main.Body.List, h.Gostmt) == x.at
	inGo := syntax.IndexOf(h.Pre, h.NotifyStmt) >= 0
	switch {
	case inGo && keepsGo:
		x.lead = start
	case inGo:
		e.InsertBefore(h.Gostmt, start...)
	case syntax.NextStmt(x.main.Body.List, x.chDecl) == ast.Stmt(h.NotifyStmt):
		e.ReplaceStmt(x.chDecl, start...)
		e.Delete(h.NotifyStmt, about.Removed())
	default:
		e.Delete(x.chDecl, about.Removed())
		e.ReplaceStmt(h.NotifyStmt, start...)
	}
	// Comments around the receive and the exit.
	start[0].Decorations().Start.Append(x.looseComments()...)
	for _, f := range x.edits {
		f(e)
	}
	if !keepsGo {
		e.Delete(h.Gostmt, about.Removed("signal", "interrupt", "ctrl", "sigterm"))
	}
	if x.serve || x.inMain {
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
	if x.wrap != nil {
		x.wrap(e)
	}
}

// root returns the context that the signal's is made from.
func (x *signalFix) root(e *rewrite.Edit) dst.Expr {
	if x.parent != nil {
		return e.Clone(x.parent)
	}
	if x.getter != nil {
		return e.Clone(x.getter)
	}
	return rewrite.Expr("context.Background()", nil)
}

// looseComments returns the comments in the goroutine that are not among the
// statements that move.
func (x *signalFix) looseComments() []string {
	h := x.h
	line := func(pos token.Pos) int { return h.S.Position(pos).Line }
	var from, to int
	if n := len(h.Tail); n > 0 {
		from, to = line(h.Tail[0].Pos()), line(h.Tail[n-1].End())
	}
	var out []string
	for _, g := range h.File.AST.Comments {
		if g.Pos() < h.Gostmt.Pos() || g.End() > h.Gostmt.End() {
			continue
		}
		recv := line(h.Recv.Pos())
		if len(h.Tail) > 0 && line(g.Pos()) > recv && line(g.Pos()) <= to && (line(g.Pos()) >= from || line(g.End()) == from-1) {
			continue
		}
		for _, c := range g.List {
			out = append(out, c.Text)
		}
	}
	return out
}

func cloneAll(e *rewrite.Edit, list []ast.Expr) []dst.Expr {
	var out []dst.Expr
	for _, a := range list {
		out = append(out, e.Clone(a))
	}
	return out
}
