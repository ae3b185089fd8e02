package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A lockCall locks or unlocks a mutex that is a field or a package's variable.
type lockCall struct {
	mutex  string // the field of its type, or the variable
	owner  string // that type, as finalizedKey names it
	root   types.Object
	shared bool // a reader's lock
	unlock bool
}

// lockCallOf returns what call does to a mutex, nil when it does nothing.
func lockCallOf(p *rewrite.Package, call *ast.CallExpr) *lockCall {
	var l lockCall
	switch {
	case p.IsCall(call, "sync", "(*sync.Mutex).Lock", "(*sync.RWMutex).Lock"):
	case p.IsCall(call, "sync", "(*sync.RWMutex).RLock"):
		l.shared = true
	case p.IsCall(call, "sync", "(*sync.Mutex).Unlock", "(*sync.RWMutex).Unlock"):
		l.unlock = true
	case p.IsCall(call, "sync", "(*sync.RWMutex).RUnlock"):
		l.shared, l.unlock = true, true
	default:
		return nil
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || p.Info.Selections[sel] == nil {
		return nil
	}
	id, fields, ok := syntax.FieldsBehind(p, sel.X)
	if !ok {
		return nil
	}
	v, _ := p.Info.Uses[id].(*types.Var)
	if v == nil {
		return nil
	}
	l.root = v
	fields = append(fields, syntax.FieldsAlong(p.Info.Selections[sel])...)
	if n := len(fields); n > 0 {
		l.owner = finalizer.FinalizedKey(syntax.TypeBehind(v, fields[:n-1]))
		l.mutex = l.owner + "." + fields[n-1].Name()
		return &l
	}
	if v.Pkg() == nil || v.Parent() != v.Pkg().Scope() {
		return nil
	}
	l.mutex = rewrite.ObjectKey(v)
	return &l
}

// waitsForLock reports whether the finalizer of the object has to wait for a
// mutex that the function holds at the call. A mutex of the object's own type
// must be the object's; one of another type is taken to be the one that all
// objects share.
func (k *keeper) waitsForLock(x use) bool {
	if isFile(x.of.typ) {
		return false
	}
	locks := k.releaseOf(x.of.typ).locks
	if len(locks) == 0 {
		return false
	}
	for fn, ok := x.fn, true; ok; fn, ok = syntax.EnclosingFunc(fn.Parent()) {
		for mutex, l := range mutexesHeld(x.p, syntax.BodyOf(fn.Node()), x.at.Pos()) {
			its, ok := locks[mutex]
			if ok && !(its.shared && l.shared) && (l.owner != finalizer.FinalizedKey(x.of.typ) || l.root == x.of.v) {
				return true
			}
		}
	}
	return false
}

// mutexesHeld returns the mutexes that are locked in body before pos and not
// unlocked until then. What happens in a block that leaves before pos does not
// count.
func mutexesHeld(p *rewrite.Package, body *ast.BlockStmt, pos token.Pos) map[string]*lockCall {
	held := make(map[string]*lockCall)
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
			if l := lockCallOf(p, n); l == nil {
				break
			} else if l.unlock {
				delete(held, l.mutex)
			} else {
				held[l.mutex] = l
			}
		}
		return true
	})
	return held
}
