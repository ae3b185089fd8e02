package heat

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// rationed reports whether an if before child in its list leaves in most turns,
// so that only some come by child: it asks the clock, counts turns, or lets one
// caller at a time pass.
func rationed(p *rewrite.Package, list []ast.Stmt, child ast.Node) bool {
	for _, stmt := range list {
		if stmt == child {
			return false
		}
		n, ok := stmt.(*ast.IfStmt)
		if ok && n.Else == nil && syntax.Leaves(n.Body) && (rations(p, n.Cond) || n.Init != nil && rations(p, n.Init)) {
			return true
		}
	}
	return false
}

// rations reports whether n compares times, takes a counter by a modulus, or asks
// a lock or a limiter for leave.
func rations(p *rewrite.Package, n ast.Node) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			switch n.Op {
			case token.REM:
				return p.Info.Types[n].Value == nil
			case token.LSS, token.LEQ, token.GTR, token.GEQ:
				return syntax.ContainsNode(n, func(n ast.Node) bool {
					x, ok := n.(ast.Expr)
					return ok && isTime(p.Info.TypeOf(x))
				})
			}
		case *ast.CallExpr:
			fn := p.Callee(n)
			if fn == nil || fn.Signature().Recv() == nil && !p.IsCall(n, "sync/atomic", fn.Name()) {
				return false
			}
			switch fn.Name() {
			case "CompareAndSwap", "CompareAndSwapInt32", "CompareAndSwapInt64", "CompareAndSwapUint32", "CompareAndSwapUint64", "TryLock", "TryAcquire", "Allow":
				return true
			case "Before", "After":
				return syntax.IsType(fn.Signature().Recv().Type(), "time", "Time")
			}
		}
		return false
	})
}

// isTime reports whether t is a time or a duration.
func isTime(t types.Type) bool {
	return t != nil && (syntax.IsType(t, "time", "Duration") || syntax.IsType(t, "time", "Time"))
}
