package result

import (
	"go/ast"
	"go/token"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// OfServer says how stmt, in the function's body, takes the error of a call that
// serves; with If and Assign also which statement looks at the error, nil where
// whatever follows does.
func OfServer(p *rewrite.Package, body *ast.BlockStmt, stmt ast.Stmt, call *ast.CallExpr) (form Form, look *ast.IfStmt) {
	if s, ok := stmt.(*ast.IfStmt); ok {
		a, ok := s.Init.(*ast.AssignStmt)
		if ok && len(a.Lhs) == 1 && a.Rhs[0] == call && looksAtError(p, s) {
			return If, s
		}
		return Other, nil
	}
	switch form = FormOf(stmt, call); form {
	case Plain, Return, Wrap:
		return form, nil
	case Dropped:
		return Plain, nil
	case Assign:
		return form, LooksBehind(p, body, stmt, stmt.(*ast.AssignStmt).Lhs[0])
	}
	return Other, nil
}

// LooksBehind returns the statement right behind stmt that looks at the server's error
// in the variable err, nil for none.
func LooksBehind(p *rewrite.Package, body *ast.BlockStmt, stmt ast.Stmt, err ast.Expr) *ast.IfStmt {
	next, ok := syntax.NextStmt(body.List, stmt).(*ast.IfStmt)
	id, isName := err.(*ast.Ident)
	if ok && isName && next.Init == nil && looksAtError(p, next) && errorOf(next) == id.Name {
		return next
	}
	return nil
}

// looksAtError reports whether the branch is taken when the server failed, and
// only then.
func looksAtError(p *rewrite.Package, s *ast.IfStmt) bool {
	return s.Else == nil && (ComparesNil(s.Cond) || leavesClosedOut(p, s.Cond)) && errorOf(s) != ""
}

// errorOf returns the name of the error that the branch looks at.
func errorOf(s *ast.IfStmt) string {
	name := ""
	ast.Inspect(s.Cond, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			return false
		case *ast.Ident:
			if name == "" && n.Name != "nil" {
				name = n.Name
			}
		}
		return name == ""
	})
	return name
}

// leavesClosedOut reports whether the condition leaves http.ErrServerClosed out:
// err != http.ErrServerClosed, !errors.Is(err, http.ErrServerClosed), and these
// with err != nil before.
func leavesClosedOut(p *rewrite.Package, x ast.Expr) bool {
	isClosed := func(x ast.Expr) bool {
		id := syntax.LastName(x)
		return id != nil && id.Name == "ErrServerClosed"
	}
	switch x := ast.Unparen(x).(type) {
	case *ast.BinaryExpr:
		if x.Op == token.LAND {
			return ComparesNil(x.X) && leavesClosedOut(p, x.Y) || leavesClosedOut(p, x.X) && ComparesNil(x.Y)
		}
		return x.Op == token.NEQ && isClosed(x.Y)
	case *ast.UnaryExpr:
		call, ok := x.X.(*ast.CallExpr)
		return ok && x.Op == token.NOT && p.IsCall(call, "errors", "Is") && len(call.Args) == 2 && isClosed(call.Args[1])
	}
	return false
}
