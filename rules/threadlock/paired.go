package threadlock

import (
	"go/ast"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// mayLeak reports whether a lock of f may not be undone, as far as f shows: somewhere
// a call of LockOSThread is not followed at once by the deferred unlock, or stands in
// a loop, or something else unlocks, too.
func mayLeak(f *ast.File) bool {
	leaks, paired := false, make(map[ast.Node]bool)
	for _, decl := range f.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if ok && fn.Body != nil && (fn.Recv != nil || fn.Name.Name != "init") {
			note(fn.Body, false, paired)
		}
		if ok && fn.Recv == nil && fn.Name.Name == "init" {
			continue
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			leaks = leaks || ok && (id.Name == lockName || id.Name == unlockName) && !paired[id]
			return !leaks
		})
	}
	return leaks
}

const lockName, unlockName = "LockOSThread", "UnlockOSThread"

// note adds the names of the locks below n that are followed at once by a deferred
// unlock, and of that. Deferred calls of a loop come when the function returns.
func note(n ast.Node, looped bool, paired map[ast.Node]bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			note(n.Body, false, paired)
			return false
		case *ast.ForStmt:
			note(n.Body, true, paired)
			return false
		case *ast.RangeStmt:
			note(n.Body, true, paired)
			return false
		case *ast.BlockStmt:
			if !looped {
				noteList(n.List, paired)
			}
		case *ast.CaseClause:
			if !looped {
				noteList(n.Body, paired)
			}
		case *ast.CommClause:
			if !looped {
				noteList(n.Body, paired)
			}
		}
		return true
	})
}

func noteList(list []ast.Stmt, paired map[ast.Node]bool) {
	for i := 1; i < len(list); i++ {
		stmt, isExpr := list[i-1].(*ast.ExprStmt)
		unlock, isDeferred := list[i].(*ast.DeferStmt)
		if !isExpr || !isDeferred {
			continue
		}
		lock, isCall := stmt.X.(*ast.CallExpr)
		if !isCall {
			continue
		}
		a, b := syntax.LastName(lock.Fun), syntax.LastName(unlock.Call.Fun)
		if a != nil && b != nil && a.Name == lockName && b.Name == unlockName {
			paired[a], paired[b] = true, true
		}
	}
}
