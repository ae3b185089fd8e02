package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// unnamed reports a boundary that gets the handle of an object which no variable
// has: one that was just made or received from a channel. It is dead once the
// handle is read.
func (k *keeper) unnamed(x *crossing, arg ast.Expr) *rewrite.Finding {
	p := x.p
	sel, ok := cgo.Converted(p, arg).(*ast.SelectorExpr)
	if !ok || p.Info.Selections[sel] == nil || p.Info.Selections[sel].Kind() != types.FieldVal {
		return nil
	}
	t := p.Info.TypeOf(sel.X)
	if syntax.PointerElem(t) == nil || !k.releases.Backed(t) || !k.releases.Frees(t, sel.Sel.Name) || k.releases.Listed(t) || k.releases.RunsIn(p, x.fn, t) {
		return nil
	}
	switch n := ast.Unparen(sel.X).(type) {
	case *ast.UnaryExpr:
		if n.Op != token.ARROW {
			return nil
		}
	case *ast.CallExpr:
		if !k.fresh(p, n, nil, 3) {
			return nil
		}
	default:
		return nil
	}
	return &rewrite.Finding{
		Pos: x.at.Pos(), End: x.at.End(),
		Message: "no variable holds the object whose handle " + x.What() + " gets: the finalizer may free it meanwhile",
		NoFix:   "give the object a variable, and call runtime.KeepAlive with it when the call is done",
	}
}
