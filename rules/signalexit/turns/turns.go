// Package turns tells whether the turns of a loop come to the places at which it is
// left.
package turns

import (
	"go/ast"
	"go/token"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Count reports whether the loop has an end: a condition and something that
// brings it about.
func Count(n *ast.ForStmt) bool { return n.Cond != nil && n.Post != nil && n.Init != nil }

// Hold reports whether one of the ends is in n.
func Hold(n ast.Node, ends map[ast.Stmt]bool) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		s, ok := n.(ast.Stmt)
		return ok && ends[s]
	})
}

// Meet reports whether every way through the list comes to one of the ends
// before it may go on to the next turn of the loop around it, or, when strict
// is set, leave that loop.
func Meet(list []ast.Stmt, ends map[ast.Stmt]bool, strict bool) bool {
	for _, s := range list {
		if l, ok := s.(*ast.LabeledStmt); ok {
			s = l.Stmt
		}
		if ends[s] {
			return true
		}
		switch s := s.(type) {
		case *ast.BlockStmt:
			if Meet(s.List, ends, strict) {
				return true
			}
		case *ast.ForStmt:
			if s.Cond == nil && Meet(s.Body.List, ends, true) {
				return true
			}
		}
		if skips(s, ends, strict) {
			return false
		}
	}
	return false
}

// skips reports whether s may go on to the next turn of the loop around it, or,
// when strict is set, leave that loop, before it comes to one of the ends.
func skips(s ast.Stmt, ends map[ast.Stmt]bool, strict bool) bool {
	list := func(list []ast.Stmt) bool {
		for _, s := range list {
			if ends[s] {
				return false
			}
			if skips(s, ends, strict) {
				return true
			}
		}
		return false
	}
	switch s := s.(type) {
	case *ast.BlockStmt:
		return list(s.List)
	case *ast.IfStmt:
		return list(s.Body.List) || s.Else != nil && skips(s.Else, ends, strict)
	case *ast.BranchStmt:
		return s.Tok == token.CONTINUE || s.Tok == token.GOTO || strict && s.Tok == token.BREAK
	}
	return syntax.ContainsNode(s, func(n ast.Node) bool {
		b, ok := n.(*ast.BranchStmt)
		return ok && (b.Tok == token.CONTINUE || b.Tok == token.GOTO || strict && b.Tok == token.BREAK)
	})
}
