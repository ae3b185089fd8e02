package signalexit

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// serveMain plans the end of the server that main serves with.
func (x *signalFix) serveMain(w waits.Wait) string {
	sc := x.mainScope()
	sv := web.ServeCall(sc.p, w.Call)
	if form, look := result.OfServer(sc.p, sc.body, x.at, w.Call); form == result.Assign && look != nil {
		x.follows = syntax.NextStmt(sc.body.List, look) != nil
	}
	x.serve = true
	return x.serveIn(sc, sv, x.at, x.follows)
}

// stopServe plans the end of a server that a function serves with at its end.
func stopServe(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	stmt := syntax.StatementOf(sc.body.List, w.Node)
	if stmt == nil || sc.main || sc.looped {
		return nil, "the server is not started by a statement of the function itself"
	}
	if sv := web.ServeCall(sc.p, w.Call); x.memberStops(sc, sv) {
		x.canceled, x.limit = true, true // it returns the error of a server that is closed
		return stmt, ""
	}
	end := stmt
	if form, look := result.OfServer(sc.p, sc.body, stmt, w.Call); form == result.Assign && look != nil {
		end = look
	}
	follows := !sc.last(end) && !returnsNothing(sc, syntax.NextStmt(sc.body.List, end))
	return stmt, x.serveIn(sc, web.ServeCall(sc.p, w.Call), stmt, follows)
}

// memberStops reports whether another goroutine of the group that main waits for
// stops the server once the group's context is done.
func (x *signalFix) memberStops(sc *scope, sv *web.Serving) bool {
	if x.groupCtx == nil || sc.given != x.groupCtx || sv.On == nil {
		return false
	}
	return syntax.ContainsNode(x.main.Body, func(n ast.Node) bool {
		lit, ok := n.(*ast.FuncLit)
		if !ok || lit == sc.fn {
			return false
		}
		waited := false
		return syntax.ContainsNode(lit.Body, func(n ast.Node) bool {
			if u, ok := n.(*ast.UnaryExpr); ok && u.Op == token.ARROW && sc.isDone(u.X) {
				waited = true
			}
			call, ok := n.(*ast.CallExpr)
			if !ok || !waited {
				return false
			}
			fn := sc.p.Callee(call)
			on, isSel := ast.Unparen(call.Fun).(*ast.SelectorExpr)
			return fn != nil && isSel && slices.Contains(sv.Others, rewrite.ObjectKey(fn)) && syntax.ExprText(on.X) == syntax.ExprText(sv.On)
		})
	})
}

// returnsNothing reports whether s is the last statement of the scope and returns
// from it as is done when the context is done.
func returnsNothing(sc *scope, s ast.Stmt) bool {
	ret, ok := s.(*ast.ReturnStmt)
	return ok && sc.last(s) && (len(ret.Results) == 0 && sc.results() == nil || len(ret.Results) == 1 && syntax.IsNil(sc.p, ret.Results[0]))
}

// serveIn plans the shutdown of what stmt serves with. In main the goroutine's
// statements run when the requests are done. What follows the statement is not
// for the signal, as it is not today.
func (x *signalFix) serveIn(sc *scope, sv *web.Serving, stmt ast.Stmt, follows bool) string {
	if why := x.servable(sc, sv); why != "" {
		return why
	}
	se := x.serveEditOf(sc, sv, stmt, follows)
	se.form, se.look = result.OfServer(sc.p, sc.body, stmt, sv.Call)
	se.follows = se.follows || se.form == result.Assign && se.look == nil
	if se.form == result.Other {
		return "what is done with the result of " + syntax.ExprText(sv.Call.Fun) + " is not understood"
	}
	x.serves(se)
	return ""
}

// serves plans the edit.
func (x *signalFix) serves(se *serveEdit) {
	x.limit = x.limit || se.sv.Late
	x.drains = true
	if se.sv.On != nil {
		x.ends = append(x.ends, endedValue{p: se.sc.p, x: se.sv.On})
	}
	x.checked[se.stmt] = true
	if se.look != nil && len(se.look.Body.List) > 0 {
		x.checked[se.look.Body.List[0]] = true
	}
	x.edits = append(x.edits, se.apply)
}

// serveEditOf returns the edit of stmt, with the names that it takes.
func (x *signalFix) serveEditOf(sc *scope, sv *web.Serving, stmt ast.Stmt, follows bool) *serveEdit {
	se := &serveEdit{x: x, sc: sc, sv: sv, stmt: stmt, follows: follows, srv: sc.free("srv", "server", "httpServer")}
	se.names = rewrite.Holes{
		"ctx": sc.ctx, "stop": x.stop, "drained": sc.free("drained", "httpDrained"), "err": sc.p.File(stmt).FreeName(stmt, "err", "serveErr"),
		"sctx": sc.free("shutdownCtx", "drainCtx"), "cancel": sc.free("cancel", "cancelShutdown"), "force": sc.free("force", "forceStop"),
	}
	return se
}

// servable says why the server cannot be told to stop.
func (x *signalFix) servable(sc *scope, sv *web.Serving) string {
	if sv.On == nil {
		return ""
	}
	if x.stopsElsewhere(sc.p, sv) {
		return "something else shuts the server down"
	}
	if sv.Late && !syntax.HasMethod(sc.p, sv.On, "ShutdownWithTimeout") {
		return "the server cannot be given a limit of time to shut down"
	}
	if !syntax.Pure(sc.p, sv.On) {
		return "the server is made by the call that serves"
	}
	if _, isLit := ast.Unparen(sv.On).(*ast.CompositeLit); isLit {
		return "the server has no name"
	}
	return ""
}

// stopsElsewhere reports whether the package ends a server of the kind, other
// than by a deferred call.
func (x *signalFix) stopsElsewhere(p *rewrite.Package, sv *web.Serving) bool {
	return slices.ContainsFunc(x.h.S.Refs(sv.Others...), func(r rewrite.Ref) bool {
		if r.Pkg != p || r.File.Test {
			return false
		}
		call, ok := r.Call()
		if !ok {
			return true
		}
		_, isDefer := call.Parent().Node().(*ast.DeferStmt)
		return !isDefer
	})
}

// failedCond is the condition that the server ended by itself. Where it returns no
// error once told to stop, it may still return one when it was told so before
// it began to serve.
func failedCond(sv *web.Serving) string {
	if sv.Closed == "nil" {
		return "$err != $closed && $ctx.Err() == nil"
	}
	return "$err != $closed"
}

// declareServer returns the statement that makes the server, where the call does so.
func declareServer(sv *web.Serving, e *rewrite.Edit, p *rewrite.Package, name string) []dst.Stmt {
	if sv.On != nil {
		return nil
	}
	lit := &dst.CompositeLit{Type: rewrite.Use("net/http", "Server")}
	if sv.Addr != nil {
		lit.Elts = append(lit.Elts, &dst.KeyValueExpr{Key: dst.NewIdent("Addr"), Value: e.Clone(sv.Addr)})
	}
	if !syntax.IsNil(p, sv.Handler) {
		handler := e.Clone(sv.Handler)
		if web.IsGin(p.Callee(sv.Call)) && syntax.HasMethod(p, sv.Handler, "Handler") {
			// What Run serves: the engine, wrapped where it is to speak HTTP/2.
			handler = &dst.CallExpr{Fun: &dst.SelectorExpr{X: handler, Sel: dst.NewIdent("Handler")}}
		}
		lit.Elts = append(lit.Elts, &dst.KeyValueExpr{Key: dst.NewIdent("Handler"), Value: handler})
	}
	return rewrite.Stmts("$srv := $x", rewrite.Holes{"srv": name, "x": dst.Expr(&dst.UnaryExpr{Op: token.AND, X: lit})})
}

// servedCall returns the call that serves.
func servedCall(sv *web.Serving, e *rewrite.Edit, name string) dst.Expr {
	if sv.On != nil {
		return e.Clone(sv.Call)
	}
	c := &dst.CallExpr{Fun: &dst.SelectorExpr{X: dst.NewIdent(name), Sel: dst.NewIdent(sv.Method)}}
	for _, a := range sv.Args {
		c.Args = append(c.Args, e.Clone(a))
	}
	return c
}

// stopServer returns the goroutine that stops the server when the context is
// done, and then, in main, runs the statements that the signal's goroutine ran.
func (x *signalFix) stopServer(sv *web.Serving, e *rewrite.Edit, sc *scope, name string, holes func(...any) rewrite.Holes) []dst.Stmt {
	var server any = name
	if sv.On != nil {
		server = e.Clone(sv.On)
	}
	src := ""
	if sv.Drains {
		src = "$drained := make(chan struct{})\n"
	}
	src += "go func() {\n"
	if sv.Drains {
		src += "defer close($drained)\n"
	}
	src += "<-$ctx.Done()\n"
	if sc.main && !x.keep {
		src += "$stop()\n"
	}
	stop := sv.Stop
	if sv.Drains {
		if strings.Contains(stop, "$sctx") {
			src += "$sctx, $cancel := context.WithTimeout(context.Background(), " + web.Graceful + ")\ndefer $cancel()\n"
		}
		if syntax.ImportsPath(sc.p.File(sc.fn), "log") {
			stop = "if err := " + stop + "; err != nil {\nlog.Print(err)\n}"
		}
	}
	var tail []dst.Stmt
	if sc.main && sv.Drains {
		tail = x.tailStmts(e)
	}
	return rewrite.Stmts(src+stop+"\n$tail\n}()", holes("srv", server, "tail", tail))
}
