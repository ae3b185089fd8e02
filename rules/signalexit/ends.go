package signalexit

import (
	"go/ast"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
	"github.com/runtimefix/runtimefix/rules/signalexit/served"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// several plans the end of what the scope serves with in several places; ok is false
// where it does not.
func (x *signalFix) several(sc *scope, list []waits.Wait) (why string, ok bool) {
	ends := served.AtEnds(sc.p, sc.body, list)
	switch {
	case served.InBranches(x.at, list) && (!ends || served.Named(sc.p, list)):
		return x.serveBranches(sc, list), true
	case ends:
		return x.serveEnds(sc, list), true
	}
	return "", false
}

// serveEnds plans the end of the servers with which the function ends: of one that
// all its ends serve with, or of one for each.
func (x *signalFix) serveEnds(sc *scope, list []waits.Wait) string {
	at := syntax.StatementOf(sc.body.List, list[0].Node)
	first := web.ServeCall(sc.p, list[0].Call)
	one := true
	var ends []*serveEdit
	for _, w := range list {
		sv := web.ServeCall(sc.p, w.Call)
		if why := x.servable(sc, sv); why != "" {
			return why
		}
		if sc.main && !sv.Drains {
			return "main serves in several places"
		}
		one = one && served.Same(sc.p, sc.body, sv, first, at)
		c, _ := sc.p.Cursor(w.Node)
		stmt, _ := syntax.EnclosingStmt(c)
		se := x.serveEditOf(sc, sv, stmt, false)
		se.form = result.FormOf(stmt, w.Call)
		ends = append(ends, se)
		x.limit = x.limit || sv.Late
		x.checked[stmt] = true
		if sv.On != nil {
			x.ends = append(x.ends, endedValue{p: sc.p, x: sv.On})
		}
	}
	x.drains = true
	x.serve = x.serve || sc.main
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		var start []dst.Stmt
		if one {
			start = x.stopServer(first, e, sc, "", ends[0].holes)
		}
		x.startBefore(e, sc, at, start)
		for _, se := range ends {
			e.ReplaceStmt(se.stmt, se.atEnd(e, !one)...)
		}
	})
	return ""
}

// startBefore puts the statements before at; in main in the place of the signal's
// goroutine, where that stands right before it.
func (x *signalFix) startBefore(e *rewrite.Edit, sc *scope, at ast.Stmt, start []dst.Stmt) {
	if !sc.main || x.keep || syntax.NextStmt(x.main.Body.List, x.h.Gostmt) != at {
		e.InsertBefore(at, start...)
		return
	}
	if start = append(x.lead, start...); len(start) == 0 {
		e.Delete(x.h.Gostmt, about.Removed("signal", "interrupt", "ctrl", "sigterm"))
		return
	}
	e.ReplaceStmt(x.h.Gostmt, start...)
}

// atEnd returns what stands in the place of the statement that serves at an end of
// the function; own says that its server is stopped by a goroutine of its own.
func (se *serveEdit) atEnd(e *rewrite.Edit, own bool) []dst.Stmt {
	x, sc := se.x, se.sc
	var list []dst.Stmt
	if own {
		list = declareServer(se.sv, e, sc.p, se.srv)
		list = append(list, x.stopServer(se.sv, e, sc, se.srv, se.holes)...)
	}
	list = append(list, se.failed(e)...)
	if se.sv.Drains {
		list = append(list, rewrite.Stmts("<-$drained", se.holes())...)
	}
	if !sc.main {
		return append(list, sc.leave(e)...)
	}
	list = append(list, x.exitStmts(e)...)
	if !sc.last(se.stmt) && !x.explicitExit() {
		list = append(list, rewrite.Stmts("return", nil)...)
	}
	return list
}
