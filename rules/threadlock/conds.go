package threadlock

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// condKey names a condition; it and its negation have the same name.
func condKey(x ast.Expr) (key string, negated bool) {
	switch x := ast.Unparen(x).(type) {
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			key, negated = condKey(x.X)
			return key, !negated
		}
	case *ast.BinaryExpr:
		if x.Op == token.NEQ {
			return types.ExprString(x.X) + " == " + types.ExprString(x.Y), true
		}
	}
	return types.ExprString(ast.Unparen(x)), false
}

// maxSharedConds bounds the number of interpretations.
const maxSharedConds = 3

// shareConds finds the conditions that several if statements of body have, some
// of which lock or unlock, and whose variables do not change in body.
func (f *lockFlow) shareConds(body *ast.BlockStmt) {
	uses := make(map[string]int)
	locking := make(map[string]bool)
	var order []string
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.IfStmt:
			if n.Init != nil || !f.stable(n.Cond, body) {
				break
			}
			key, _ := condKey(n.Cond)
			if uses[key]++; uses[key] == 1 {
				order = append(order, key)
			}
			locking[key] = locking[key] || f.contains(n, f.locks) || f.contains(n, f.unlock) || f.contains(n, f.defers)
		}
		return true
	})
	f.conds = nil
	for _, key := range order {
		if uses[key] > 1 && locking[key] && len(f.conds) < maxSharedConds {
			f.conds = append(f.conds, key)
		}
	}
}

// shares reports whether the condition is one of those that several if
// statements share.
func (f *lockFlow) shares(x ast.Expr) bool {
	key, _ := condKey(x)
	return slices.Contains(f.conds, key)
}

// leavesList reports whether the block ends in a statement that leaves it.
func leavesList(b *ast.BlockStmt) bool {
	if len(b.List) == 0 {
		return false
	}
	switch b.List[len(b.List)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	}
	return false
}

// stable reports whether the condition x calls nothing and body assigns to
// nothing that it looks at.
func (f *lockFlow) stable(x ast.Expr, body *ast.BlockStmt) bool {
	looksAt := make(map[types.Object]bool)
	if syntax.ContainsNode(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr, *ast.IndexExpr, *ast.StarExpr:
			return true
		case *ast.UnaryExpr:
			return n.Op == token.ARROW
		case *ast.Ident:
			if v, ok := f.p.Info.Uses[n].(*types.Var); ok {
				looksAt[v] = true
			}
		}
		return false
	}) {
		return false
	}
	changed := func(x ast.Expr) bool {
		if x == nil {
			return false
		}
		id := syntax.LastName(x)
		return id != nil && looksAt[f.p.Info.Uses[id]]
	}
	return !syntax.ContainsNode(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			return slices.ContainsFunc(n.Lhs, changed)
		case *ast.IncDecStmt:
			return changed(n.X)
		case *ast.UnaryExpr:
			return n.Op == token.AND && changed(n.X)
		case *ast.RangeStmt:
			return changed(n.Key) || changed(n.Value)
		}
		return false
	})
}

// contains reports whether a statement of set stands in n, not in a function
// literal.
func (f *lockFlow) contains(n ast.Node, set map[ast.Stmt]bool) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		if s, ok := n.(ast.Stmt); ok && set[s] {
			found = true
		}
		return !found
	})
	return found
}
