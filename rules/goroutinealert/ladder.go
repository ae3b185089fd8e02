package goroutinealert

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// chooses notes the first case of the switch at c that compares v with a limit,
// and reports whether there is one.
func (a *levelAlert) chooses(c inspector.Cursor, v *types.Var) bool {
	for x := range c.ChildAt(edge.SwitchStmt_Body, -1).Children() {
		for i := range x.Node().(*ast.CaseClause).List {
			if a.compares(x.ChildAt(edge.CaseClause_List, i), v) && a.rungs == c.Node() {
				return true
			}
		}
	}
	return false
}

// climbs notes the switch whose case has the comparison at c, and reports whether
// it does nothing but tell: where one limit after the other is asked for.
func (a *levelAlert) climbs(c inspector.Cursor) bool {
	clause := c.Parent().Node().(*ast.CaseClause)
	n, ok := c.Parent().Parent().Parent().Node().(*ast.SwitchStmt)
	if !ok || n.Tag != nil || len(clause.List) != 1 || !onlyTells(a.pkg, block(clause)) {
		return false
	}
	a.rungs, a.cond = n, clause.List[0]
	return !slices.ContainsFunc(n.Body.List, func(s ast.Stmt) bool {
		cc := s.(*ast.CaseClause)
		b := block(cc)
		return slices.ContainsFunc(cc.List, func(x ast.Expr) bool { return !syntax.Pure(a.pkg, x) && !a.reads(x) }) ||
			len(b.List) > 0 && !onlyTells(a.pkg, b) && !onlyRemembers(a.pkg, b)
	})
}

// reads reports whether x compares nothing but a reading of its own.
func (a *levelAlert) reads(x ast.Expr) bool {
	cmp, ok := ast.Unparen(x).(*ast.BinaryExpr)
	return ok && a.pkg.IsCall(ast.Unparen(cmp.X), "runtime", "NumGoroutine") && syntax.Pure(a.pkg, cmp.Y)
}

// block returns what stands in the case.
func block(c *ast.CaseClause) *ast.BlockStmt {
	return &ast.BlockStmt{Lbrace: c.Colon, List: c.Body, Rbrace: c.End()}
}
