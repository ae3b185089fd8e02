package signalexit

import (
	"go/ast"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
)

// serveEdit makes the server at stmt shut down when the context is done.
type serveEdit struct {
	x       *signalFix
	sc      *scope
	sv      *web.Serving
	stmt    ast.Stmt
	form    result.Form // how stmt takes the error
	look    *ast.IfStmt // looks at the error, nil where nothing does
	follows bool        // statements follow that are not for the signal
	names   rewrite.Holes
	// branches are those of stmt in which the server serves, none where stmt does
	// so itself.
	branches []*serveEdit
	srv      string // the name of the server, where the fix makes it
}

// holes returns the names and more, pairs of a name and what stands for it.
func (se *serveEdit) holes(more ...any) rewrite.Holes {
	h := rewrite.Holes{"closed": rewrite.Expr(se.sv.Closed, nil)}
	for k, v := range se.names {
		h[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		h[more[i].(string)] = more[i+1]
	}
	return h
}

func (se *serveEdit) apply(e *rewrite.Edit) {
	x, sc, sv, stmt := se.x, se.sc, se.sv, se.stmt
	start := declareServer(sv, e, sc.p, se.srv)
	start = append(start, x.stopServer(sv, e, sc, se.srv, se.holes)...)
	x.startBefore(e, sc, stmt, start)
	end := se.end(e)
	if len(se.branches) > 0 && se.form != result.Assign {
		for _, b := range se.branches {
			e.ReplaceStmt(b.stmt, b.failed(e)...)
		}
		e.InsertAfter(stmt, end...)
		return
	}
	switch se.form {
	case result.Plain:
		if len(end) > 0 {
			e.ReplaceStmt(stmt, rewrite.Stmts("if $err := $call; $err == $closed {\n$end\n}", se.holes("call", servedCall(sv, e, se.srv), "end", end))...)
		}
	case result.Wrap, result.Return:
		if failed := se.failed(e); failed != nil {
			e.ReplaceStmt(stmt, append(failed, end...)...)
		}
	case result.If, result.Assign:
		after := stmt
		if se.look != nil {
			se.looked(e)
			after = se.look
		} else if sv.On == nil {
			e.Replace(sv.Call, servedCall(sv, e, se.srv))
		}
		e.InsertAfter(after, end...)
	}
}

// failed returns the statement in the place of one that returns the error or passes it
// on: it does so only where the server ended by itself.
func (se *serveEdit) failed(e *rewrite.Edit) []dst.Stmt {
	body := rewrite.Stmts("return $err", se.holes())
	if se.form == result.Wrap {
		if body = se.wrapped(e); body == nil {
			return nil
		}
	}
	return rewrite.Stmts("if $err := $call; "+failedCond(se.sv)+" {\n$body\n}", se.holes("call", servedCall(se.sv, e, se.srv), "body", body))
}

// end returns what is done behind the server once the signal has ended it.
func (se *serveEdit) end(e *rewrite.Edit) []dst.Stmt {
	x, sc, sv := se.x, se.sc, se.sv
	var end []dst.Stmt
	if sv.Drains {
		end = rewrite.Stmts("<-$drained", se.holes())
	}
	switch {
	case sc.main:
		if !sv.Drains {
			end = append(end, x.tailStmts(e)...)
		}
		end = append(end, x.exitStmts(e)...)
		if se.follows && !x.explicitExit() {
			end = append(end, rewrite.Stmts("return", nil)...)
		}
	case se.follows, sc.results() != nil && (sc.last(se.stmt) || se.look != nil && sc.last(se.look)):
		end = append(end, sc.leave(e)...)
	}
	if se.follows && se.form != result.Plain {
		end = rewrite.Stmts("if $ctx.Err() != nil {\n$end\n}", se.holes("end", end))
	}
	return end
}

// wrapped returns the statement with the error in the place of the call that
// serves.
func (se *serveEdit) wrapped(e *rewrite.Edit) []dst.Stmt {
	outer := se.stmt.(*ast.ExprStmt).X.(*ast.CallExpr)
	list := e.CloneStmts(se.stmt)
	if list == nil {
		return nil
	}
	taken, ok := list[0].(*dst.ExprStmt)
	if !ok {
		return nil // another fix has been here
	}
	taken.X.(*dst.CallExpr).Args[slices.Index(outer.Args, ast.Expr(se.sv.Call))] = dst.NewIdent(se.names["err"].(string))
	decs := list[0].Decorations()
	decs.Start, decs.End, decs.Before, decs.After = nil, nil, dst.NewLine, dst.NewLine
	if !se.follows && !syntax.EndsProcess(se.sc.p, outer) {
		list = append(list, rewrite.Stmts("return", nil)...)
	}
	return list
}

// looked makes the look at the error one for errors other than that of a server
// which was shut down.
func (se *serveEdit) looked(e *rewrite.Edit) {
	sc, sv, look := se.sc, se.sv, se.look
	if sv.On == nil {
		e.Replace(sv.Call, servedCall(sv, e, se.srv))
	}
	if result.ComparesNil(look.Cond) {
		if sv.Closed == "nil" {
			e.Replace(look.Cond, rewrite.Expr("$is && $ctx.Err() == nil", rewrite.Holes{"is": e.Clone(look.Cond), "ctx": sc.ctx}))
		} else {
			e.Replace(look.Cond.(*ast.BinaryExpr).Y, rewrite.Expr(sv.Closed, nil))
		}
	}
	if se.follows || result.Terminates(sc.p, look.Body) {
		return
	}
	if sc.results() != nil {
		e.Append(look.Body, sc.leave(e)...) // as the statement behind it does
	} else {
		e.Append(look.Body, rewrite.Stmts("return", nil)...)
	}
}
