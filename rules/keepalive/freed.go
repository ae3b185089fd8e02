package keepalive

import (
	"go/ast"

	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// inFinalizer reports whether the use stands in a finalizer of the object or in
// what only finalizers call.
func (k *keeper) inFinalizer(x use) bool {
	return k.releases.RunsIn(x.p, x.fn, x.of.typ)
}

// freed reports whether the call frees the handle itself: it is what the
// finalizer does, too.
func (k *keeper) freed(x use) bool {
	if finalizer.IsFile(x.of.typ) {
		return x.Name == "syscall.Close" || x.Name == "unix.Close" || x.Name == "syscall.CloseHandle" || x.Name == "windows.CloseHandle"
	}
	r := k.releases.Of(x.of.typ)
	if x.wrapper != nil {
		return r.Runs(x.wrapper)
	}
	return r.FreesBy(x.What(), x.Name)
}

// disarms reports whether the function clears the finalizer of the object, or
// stops a cleanup.
func (k *keeper) disarms(x use) bool {
	l, v := k.flow(x.p, x.body), x.of.v
	return syntax.ContainsNode(x.body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		if x.p.IsCall(call, "runtime", "SetFinalizer") && len(call.Args) == 2 && l.Mentions(call.Args[0], v) {
			return x.p.Info.Types[call.Args[1]].IsNil()
		}
		return x.p.IsCall(call, "runtime", "(runtime.Cleanup).Stop") && l.Mentions(call.Fun, v)
	})
}
