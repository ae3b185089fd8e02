package signalexit

import (
	"go/ast"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
	"github.com/runtimefix/runtimefix/rules/signalexit/served"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// serveBranches plans the end of one server that every branch of the statement
// which waits serves with at its end, in the same form.
func (x *signalFix) serveBranches(sc *scope, list []waits.Wait) string {
	const unlike = "main serves in branches that are not alike"
	x.serve = sc.main
	first := web.ServeCall(sc.p, list[0].Call)
	if why := x.servable(sc, first); why != "" {
		return why
	}
	if v := syntax.BaseVar(sc.p, first.On); v == nil || syntax.DeclaredIn(x.at, v) {
		return "the server has no name before it serves"
	}
	se := x.serveEditOf(sc, first, x.at, false)
	var err ast.Expr
	for i, b := range served.BranchesOf(x.at) {
		sv, stmt := web.ServeCall(sc.p, list[i].Call), ast.Stmt(nil)
		if len(b.List) > 0 {
			stmt = b.List[len(b.List)-1]
		}
		form := result.FormOf(stmt, sv.Call)
		if sv.On == nil || syntax.ExprText(sv.On) != syntax.ExprText(first.On) || i > 0 && form != se.form {
			return unlike
		}
		switch form {
		case result.Wrap:
			if outer := stmt.(*ast.ExprStmt).X.(*ast.CallExpr); !syntax.EndsProcess(sc.p, outer) {
				return unlike
			}
		case result.Assign:
			to := stmt.(*ast.AssignStmt).Lhs[0]
			if err != nil && !result.SameVar(sc.p, err, to) {
				return unlike
			}
			err = to
		case result.Return:
		default:
			return unlike
		}
		se.form = form
		branch := x.serveEditOf(sc, sv, stmt, false)
		branch.form = form
		se.branches = append(se.branches, branch)
		x.checked[stmt] = true
	}
	end := x.at
	if se.form == result.Assign {
		if se.look = result.LooksBehind(sc.p, sc.body, x.at, err); se.look != nil {
			end = se.look
		}
	}
	next := syntax.NextStmt(sc.body.List, end)
	se.follows = next != nil && !returnsNothing(sc, next) || se.form == result.Assign && se.look == nil
	x.follows = next != nil
	x.serves(se)
	return ""
}
