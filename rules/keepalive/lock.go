package keepalive

import (
	"go/ast"
	"go/token"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/keepalive/release"
)

// waitsForLock reports whether the finalizer of the object has to wait for a
// mutex that the function holds at the call. A mutex of the object's own type
// must be the object's; one of another type is taken to be the one that all
// objects share.
func (k *keeper) waitsForLock(x use) bool {
	if finalizer.IsFile(x.of.typ) {
		return false
	}
	locks := k.releases.Of(x.of.typ).Locks
	if len(locks) == 0 {
		return false
	}
	for fn, ok := x.fn, true; ok; fn, ok = syntax.EnclosingFunc(fn.Parent()) {
		for mutex, l := range mutexesHeld(x.p, syntax.BodyOf(fn.Node()), x.at.Pos()) {
			its, ok := locks[mutex]
			if ok && !(its.Shared && l.Shared) && (l.Owner != finalizer.FinalizedKey(x.of.typ) || l.Root == x.of.v) {
				return true
			}
		}
	}
	return false
}

// mutexesHeld returns the mutexes that are locked in body before pos and not
// unlocked until then. What happens in a block that leaves before pos does not
// count.
func mutexesHeld(p *rewrite.Package, body *ast.BlockStmt, pos token.Pos) map[string]*release.Lock {
	held := make(map[string]*release.Lock)
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.DeferStmt:
			return false
		case *ast.FuncLit:
			return n.Pos() <= pos && pos < n.End()
		case *ast.BlockStmt:
			if n.End() <= pos && len(n.List) > 0 {
				switch n.List[len(n.List)-1].(type) {
				case *ast.ReturnStmt, *ast.BranchStmt:
					return false
				}
			}
		case *ast.CallExpr:
			if n.End() > pos {
				break
			}
			if l := release.LockOf(p, n); l == nil {
				break
			} else if l.Unlock {
				delete(held, l.Mutex)
			} else {
				held[l.Mutex] = l
			}
		}
		return true
	})
	return held
}
