// Package locked tells which locks code takes, and which it still holds.
package locked

import (
	"go/ast"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// AtEnd returns a lock that the statements, of package p, have taken and not
// released when they are done, "" for none.
func AtEnd(p *rewrite.Package, list ...ast.Stmt) string {
	held := make(map[string]int)
	for _, s := range list {
		count(p, s, held, 2)
	}
	for lock, n := range held {
		if n > 0 {
			return lock
		}
	}
	return ""
}

// count counts how often n locks, less how often it unlocks.
func count(p *rewrite.Package, n ast.Node, held map[string]int, depth int) {
	ast.Inspect(n, func(n ast.Node) bool {
		if _, isLit := n.(*ast.FuncLit); isLit {
			return false
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if lock, by := lockCall(call); by != 0 {
			held[lock] += by
			return true
		}
		if fn := p.Callee(call); fn != nil && depth > 0 {
			if decl, q := syntax.DeclarationOf(p.Snapshot(), fn); decl != nil && decl.Body != nil {
				count(q, decl.Body, held, depth-1)
			}
		}
		return true
	})
}

// lockCall returns what the call locks, by > 0, or unlocks, by < 0.
func lockCall(call *ast.CallExpr) (lock string, by int) {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || len(call.Args) > 0 {
		return "", 0
	}
	switch sel.Sel.Name {
	case "Lock", "RLock":
		return syntax.ExprText(sel.X), 1
	case "Unlock", "RUnlock":
		return syntax.ExprText(sel.X), -1
	}
	return "", 0
}

// Holding returns the lock that the function holds at n, "" for none: it locks
// before n and unlocks behind it, but not by a deferred call.
func Holding(p *rewrite.Package, body *ast.BlockStmt, n ast.Node) string {
	before, behind := make(map[string]bool), make(map[string]bool)
	ast.Inspect(body, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.FuncLit, *ast.DeferStmt, *ast.GoStmt:
			return false
		case *ast.CallExpr:
			switch lock, by := lockedBy(p, m); {
			case by > 0 && m.End() <= n.Pos():
				before[lock] = true
			case by < 0 && m.End() <= n.Pos():
				delete(before, lock)
			case by < 0:
				behind[lock] = true
			}
		}
		return true
	})
	for lock := range before {
		if behind[lock] {
			return lock
		}
	}
	return ""
}

// lockedBy is lockCall through a function that does nothing but lock or unlock.
func lockedBy(p *rewrite.Package, call *ast.CallExpr) (lock string, by int) {
	if lock, by = lockCall(call); by != 0 {
		return lock, by
	}
	fn := p.Callee(call)
	if fn == nil {
		return "", 0
	}
	decl, _ := syntax.DeclarationOf(p.Snapshot(), fn)
	if decl == nil || decl.Body == nil {
		return "", 0
	}
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if name, k := lockCall(n); k != 0 {
				lock, by = name, by+k
			}
		}
		return true
	})
	return lock, by
}

// Takes reports whether what n calls, through depth functions, may wait for a
// lock.
func Takes(p *rewrite.Package, n ast.Node, depth int) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		if _, by := lockCall(call); by > 0 {
			return true
		}
		fn := p.Callee(call)
		if fn == nil || depth == 0 {
			return false
		}
		decl, q := syntax.DeclarationOf(p.Snapshot(), fn)
		return decl != nil && decl.Body != nil && Takes(q, decl.Body, depth-1)
	})
}
