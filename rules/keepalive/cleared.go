package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// cleared reports whether the field that the handle was copied from is emptied on
// every way to the use: the finalizer, which asks the object for the handle, finds
// nothing to free then.
func (k *keeper) cleared(x use) bool {
	if !x.of.taken.IsValid() {
		return false
	}
	from := exprAt(x.body, x.of.taken)
	for c := range x.cur.Enclosing((*ast.BlockStmt)(nil), (*ast.CaseClause)(nil), (*ast.CommClause)(nil)) {
		for s := range c.Children() {
			as, ok := s.Node().(*ast.AssignStmt)
			if ok && as.End() > x.of.taken && as.End() <= x.at.Pos() && k.clears(x, as, from) {
				return true
			}
		}
		if c.Node() == x.body {
			break
		}
	}
	return false
}

// clears reports whether as sets the field of the object that from is copied from
// to nil or 0.
func (k *keeper) clears(x use, as *ast.AssignStmt, from ast.Expr) bool {
	if len(as.Lhs) != len(as.Rhs) || from == nil {
		return false
	}
	for i, lhs := range as.Lhs {
		sel, ok := lhs.(*ast.SelectorExpr)
		if !ok || x.p.Info.Selections[sel] == nil || types.ExprString(sel.X) != x.of.String() {
			continue
		}
		zero, isInt := syntax.ConstInt(x.p, as.Rhs[i])
		if !x.p.Info.Types[as.Rhs[i]].IsNil() && !(isInt && zero == 0) {
			continue
		}
		want := types.ExprString(sel)
		copied := syntax.ContainsNode(from, func(n ast.Node) bool {
			part, ok := n.(*ast.SelectorExpr)
			return ok && types.ExprString(part) == want
		})
		if copied && k.releases.Asks(x.of.typ, sel.Sel.Name) {
			return true
		}
	}
	return false
}

// exprAt returns the outermost expression in body that begins at pos.
func exprAt(body *ast.BlockStmt, pos token.Pos) (out ast.Expr) {
	ast.Inspect(body, func(n ast.Node) bool {
		if x, ok := n.(ast.Expr); ok && out == nil && x.Pos() == pos {
			out = x
		}
		return out == nil
	})
	return out
}
