package release

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A Lock is a call that locks or unlocks a mutex that is a field or a package's variable.
type Lock struct {
	Mutex  string // the field of its type, or the variable
	Owner  string // that type, as finalizer.FinalizedKey names it
	Root   types.Object
	Shared bool // a reader's lock
	Unlock bool
}

// LockOf returns what call does to a mutex, nil when it does nothing.
func LockOf(p *rewrite.Package, call *ast.CallExpr) *Lock {
	var l Lock
	switch {
	case p.IsCall(call, "sync", "(*sync.Mutex).Lock", "(*sync.RWMutex).Lock"):
	case p.IsCall(call, "sync", "(*sync.RWMutex).RLock"):
		l.Shared = true
	case p.IsCall(call, "sync", "(*sync.Mutex).Unlock", "(*sync.RWMutex).Unlock"):
		l.Unlock = true
	case p.IsCall(call, "sync", "(*sync.RWMutex).RUnlock"):
		l.Shared, l.Unlock = true, true
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
	l.Root = v
	fields = append(fields, syntax.FieldsAlong(p.Info.Selections[sel])...)
	if n := len(fields); n > 0 {
		l.Owner = finalizer.FinalizedKey(syntax.TypeBehind(v, fields[:n-1]))
		l.Mutex = l.Owner + "." + fields[n-1].Name()
		return &l
	}
	if v.Pkg() == nil || v.Parent() != v.Pkg().Scope() {
		return nil
	}
	l.Mutex = rewrite.ObjectKey(v)
	return &l
}
