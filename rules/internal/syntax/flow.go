package syntax

import (
	"go/ast"
	"go/token"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// Leaves reports whether s may go on elsewhere than behind itself.
func Leaves(s ast.Stmt) bool {
	found := false
	ast.Inspect(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			found = true
		case *ast.BranchStmt:
			found = found || n.Tok == token.CONTINUE || n.Tok == token.GOTO || n.Label != nil || !breaksWithin(s, n)
		}
		return !found
	})
	return found
}

// breaksWithin reports whether the break leaves something inside of s.
func breaksWithin(s ast.Stmt, b *ast.BranchStmt) bool {
	return b.Tok == token.FALLTHROUGH || ContainsNode(s, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
			return n.Pos() <= b.Pos() && b.End() <= n.End()
		}
		return false
	})
}

// LoopBody returns the body of a for or range statement, nil of other nodes.
func LoopBody(n ast.Node) *ast.BlockStmt {
	switch n := n.(type) {
	case *ast.ForStmt:
		return n.Body
	case *ast.RangeStmt:
		return n.Body
	}
	return nil
}

// LeavesLoop reports whether the statement leaves the loop around it. inSwitch
// says that a plain break leaves a switch or select.
func LeavesLoop(stmt ast.Stmt, inSwitch bool) bool {
	switch s := stmt.(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.BranchStmt:
		return s.Tok == token.GOTO || s.Tok == token.BREAK && (s.Label != nil || !inSwitch)
	}
	return false
}

// InLoop reports whether c is in a loop of its function.
func InLoop(c inspector.Cursor) bool {
	for ; c.Node() != nil; c = c.Parent() {
		switch c.Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return true
		case *ast.FuncDecl, *ast.FuncLit:
			return false
		}
	}
	return false
}

// InsideLoop reports whether a loop of the function fn is around cur.
func InsideLoop(cur, fn inspector.Cursor) bool {
	for c := range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		return fn.Contains(c) && c != fn
	}
	return false
}

// OnlyReturnsAfter reports whether nothing but returns follows stmt on any path,
// and these evaluate nothing that could take time.
func OnlyReturnsAfter(p *rewrite.Package, fn inspector.Cursor, stmt ast.Stmt) bool {
	cur, ok := p.Cursor(stmt)
	if !ok {
		return false
	}
	for cur != fn {
		if next, ok := cur.NextSibling(); ok {
			switch cur.Parent().Node().(type) {
			case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
				switch n := next.Node().(type) {
				case *ast.ReturnStmt:
					return !Busy(p, n)
				case *ast.CaseClause, *ast.CommClause:
					// the next clause does not follow
				default:
					return false
				}
			}
		}
		switch cur.Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return false
		}
		cur = cur.Parent()
	}
	return true
}

// Busy reports whether evaluating a return's operands calls or receives, the
// making of an error or string aside.
func Busy(p *rewrite.Package, n *ast.ReturnStmt) bool {
	return ContainsNode(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			tv := p.Info.Types[n.Fun]
			return !tv.IsType() && !tv.IsBuiltin() && !p.IsCall(n, "errors", "New", "Join") && !p.IsCall(n, "fmt", "Errorf", "Sprintf", "Sprint")
		case *ast.UnaryExpr:
			return n.Op == token.ARROW
		case *ast.FuncLit:
			return true
		}
		return false
	})
}
