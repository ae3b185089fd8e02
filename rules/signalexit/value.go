package signalexit

import (
	"go/ast"
	"go/version"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

// groupServer plans the end of a server whose method, fn, a group is given as a
// goroutine: a function literal takes its place, which shuts the server down.
func (x *signalFix) groupServer(sc *scope, call *ast.CallExpr, fn *ast.SelectorExpr, sv *web.Serving, seen map[ast.Node]bool) string {
	if seen[fn] {
		return ""
	}
	seen[fn] = true
	cur, ok := sc.p.Cursor(call)
	if !ok {
		return "a statement is not found"
	}
	stmt, _ := syntax.EnclosingStmt(cur)
	if syntax.InLoop(cur) && version.Compare(sc.p.File(call).Version(), "go1.22") < 0 {
		return "the server may be a variable that all turns of the loop share"
	}
	in := &scope{p: sc.p, fn: sc.fn, body: sc.body, name: "the goroutine", ctx: sc.ctx, given: x.groupCtx}
	if x.memberStops(in, sv) {
		x.canceled, x.limit = true, true
		return ""
	}
	if why := x.servable(in, sv); why != "" {
		return why
	}
	se := x.serveEditOf(in, sv, stmt, false)
	x.limit = x.limit || sv.Late
	x.drains = true
	x.ends = append(x.ends, endedValue{p: sc.p, x: sv.On})
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		body := x.stopServer(sv, e, in, "", se.holes)
		body = append(body, rewrite.Stmts("if $err := $call(); "+failedCond(sv)+" {\nreturn $err\n}", se.holes("call", e.Clone(fn)))...)
		if sv.Drains {
			body = append(body, rewrite.Stmts("<-$drained", se.holes())...)
		}
		body = append(body, rewrite.Stmts("return nil", nil)...)
		e.Replace(fn, rewrite.Expr("func() error {\n$body\n}", rewrite.Holes{"body": body}))
	})
	return ""
}
