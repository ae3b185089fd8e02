package heat

import (
	"go/ast"
	"go/token"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// LastTurn reports whether the loop around cur is left behind it, so that the
// place is reached once however many turns the loop has.
func LastTurn(cur inspector.Cursor) bool {
	inSwitch := false
	for c := cur; ; c = c.Parent() {
		switch n := c.Parent().Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt, *ast.FuncLit, *ast.FuncDecl, *ast.File, nil:
			return false
		case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
			inSwitch = true
		case *ast.BlockStmt:
			if len(n.List) > 0 && !syntax.IsFuncBody(c.Parent()) && insideOwnLoop(c) && leavesLoop(n.List[len(n.List)-1], inSwitch) {
				return true
			}
		case *ast.CaseClause:
			if len(n.Body) > 0 && insideOwnLoop(c) && leavesLoop(n.Body[len(n.Body)-1], true) {
				return true
			}
		case *ast.CommClause:
			if len(n.Body) > 0 && insideOwnLoop(c) && leavesLoop(n.Body[len(n.Body)-1], true) {
				return true
			}
		}
	}
}

// insideOwnLoop reports whether a loop of the same function is around cur.
func insideOwnLoop(cur inspector.Cursor) bool {
	for c := range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch c.Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return true
		}
		return false
	}
	return false
}

// leavesLoop reports whether the statement leaves the loop around it. inSwitch
// says that a plain break leaves a switch or select.
func leavesLoop(stmt ast.Stmt, inSwitch bool) bool {
	switch s := stmt.(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.BranchStmt:
		return s.Tok == token.GOTO || s.Tok == token.BREAK && (s.Label != nil || !inSwitch)
	}
	return false
}
