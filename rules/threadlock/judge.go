package threadlock

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A level says what may be made of a leak.
type level int

const (
	fixable  level = iota // the fix is safe
	doubtful              // the fix is made on request
	report                // there is no fix
	silent                // the lock is kept on purpose, or may well be
)

// judge says what may be made of the leaks among the ways out, and why there is
// no safe fix.
func (f *lockFunc) judge(ways exits) (level, string) {
	leaks := ways.leaking()
	if f.flow.over || f.returnsFunc() || f.saidToBeKept(nil) {
		return silent, ""
	}
	if !f.unlocks() {
		return f.withoutUnlock(leaks)
	}
	if f.callsUnlocker() || f.locksByChoice() {
		return silent, ""
	}
	if ways.handedOver() {
		return f.lockedTwice(leaks)
	}
	out := f.decided(leaks)
	if out == silent || f.changesThread(f.body, f.p, 3, make(map[*types.Func]bool)) {
		return silent, ""
	}
	// Have: the function unlocks where it succeeds. Is there somebody else who
	// would unlock for it?
	elsewhere := f.unlockedElsewhere()
	kept := slices.ContainsFunc(leaks, func(x exit) bool { return x.end < fails && f.handsOut(x) })
	switch {
	case f.saidToBeKept(elsewhere), kept && len(elsewhere) > 0, f.callsUnlocker(), f.calledByUnlocker():
		return silent, ""
	case kept, len(elsewhere) > 0, f.unlocksUnseen(), f.endsElsewhere(leaks):
		return max(out, doubtful), "somebody else may unlock"
	case f.mainLineLeaks(leaks):
		return max(out, doubtful), "the lock may be meant for the caller"
	}
	if slices.ContainsFunc(leaks, f.handsOut) {
		return max(out, doubtful), "what is returned may still need the thread"
	}
	return out, "the thread may be kept because it was changed"
}

// lockedTwice judges a function that undoes one of its locks where it succeeds
// and works on behind the last one. A second lock that only the return follows is
// one for the caller.
func (f *lockFunc) lockedTwice(leaks exits) (level, string) {
	twice := slices.ContainsFunc(leaks, func(x exit) bool { return x.end < fails && x.definite() && x.held.undone() == x.held })
	if !twice || f.setsState() || slices.ContainsFunc(leaks, f.handsOut) || !f.worksAfterAll() ||
		f.changesThread(f.body, f.p, 3, make(map[*types.Func]bool)) {
		return silent, ""
	}
	if elsewhere := f.unlockedElsewhere(); len(elsewhere) > 0 || f.calledByUnlocker() || f.unlocksUnseen() {
		return silent, ""
	}
	return report, "the thread is locked twice and unlocked once: the lock nests; which of the two is meant only the author knows"
}

// unlocks reports whether the function unlocks anywhere.
func (f *lockFunc) unlocks() bool { return len(f.flow.unlock)+len(f.flow.defers) > 0 }

// mainLineLeaks reports whether the lock is held where the function's body ends.
func (f *lockFunc) mainLineLeaks(leaks exits) bool {
	return slices.ContainsFunc(leaks, func(x exit) bool {
		if x.end == fails || !x.definite() {
			return false
		}
		return x.block == f.body || len(f.body.List) > 0 && x.stmt == f.body.List[len(f.body.List)-1]
	})
}

// handsOut reports whether the way out returns something that may be bound to
// the thread: a handle, not a number, text or error.
func (f *lockFunc) handsOut(x exit) bool {
	ret, ok := x.stmt.(*ast.ReturnStmt)
	if !ok {
		return false
	}
	if len(ret.Results) == 0 || len(ret.Results) == 1 && f.typ.Results.NumFields() > 1 {
		sig := f.signature()
		return x.end < fails && slices.ContainsFunc(slices.Collect(sig.Results().Variables()), func(v *types.Var) bool { return f.isHandle(v.Type()) })
	}
	return slices.ContainsFunc(ret.Results, func(r ast.Expr) bool {
		if lit, ok := ast.Unparen(r).(*ast.CompositeLit); ok && len(lit.Elts) == 0 {
			return false
		}
		return !f.p.Info.Types[r].IsNil() && !f.isZero(r) && f.isHandle(f.p.Info.TypeOf(r))
	})
}

// isZero reports whether x is a variable of the function that is never set.
func (f *lockFunc) isZero(x ast.Expr) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok {
		return false
	}
	v, ok := f.p.Info.Uses[id].(*types.Var)
	if !ok || v.Pos() < f.body.Pos() || f.body.End() < v.Pos() {
		return false
	}
	for range syntax.ValuesOf(f.p, v) {
		return false
	}
	return true
}

// isHandle reports whether values of type t may stand for something that is
// bound to a thread.
func (f *lockFunc) isHandle(t types.Type) bool {
	if t == nil || types.Implements(t, types.Universe.Lookup("error").Type().Underlying().(*types.Interface)) {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer, *types.Interface, *types.Chan, *types.Signature, *types.Struct:
		return true
	case *types.Basic:
		return u.Kind() == types.UnsafePointer || u.Kind() == types.Invalid
	}
	return false
}

// withoutUnlock judges a function that never unlocks. The lock may be meant to
// last as long as the goroutine. It is a fault where the function is called again
// and again by a goroutine that lives on; where it is a goroutine itself, its
// thread ends with it, which costs a thread each time.
func (f *lockFunc) withoutUnlock(leaks exits) (level, string) {
	if importsWindows(f.call.File) || slices.ContainsFunc(leaks, f.handsOut) || f.setsState() || !f.worksAfter() ||
		f.changesThread(f.body, f.p, 3, make(map[*types.Func]bool)) {
		return silent, ""
	}
	kind := heat.Of(f.p, f.bodyCursor()).Kind
	if kind == heat.OneShot || f.decl != nil && heat.Of(f.p, f.cur).Kind == heat.OneShot || heat.Of(f.p, f.call.At).Kind == heat.OneShot {
		return silent, ""
	}
	if f.isGoroutine() {
		if f.loops(f.body, f.p, 2) || kind != heat.Recurring && f.decl != nil {
			return silent, ""
		}
		if len(f.unlockedElsewhere()) > 0 {
			return silent, ""
		}
		return report, "the goroutine's thread ends with it, which may be meant"
	}
	if f.decl == nil || kind != heat.Recurring {
		return silent, ""
	}
	if len(f.unlockedElsewhere()) > 0 || f.unlocksUnseen() || slices.ContainsFunc(unlockers(f.s), func(u unlocker) bool { return u.pkg == f.p }) {
		return silent, ""
	}
	return doubtful, "callers that rely on staying on the thread afterwards lose that"
}

// worksAfter reports whether the function does anything but lock, and log that
// it did.
func (f *lockFunc) worksAfter() bool { return f.worksBehind(f.call.Call.Pos()) }

// worksAfterAll reports whether the function does anything behind its last lock.
func (f *lockFunc) worksAfterAll() bool {
	list := inOrder(f.flow.locks)
	return f.worksBehind(list[len(list)-1].End())
}

func (f *lockFunc) worksBehind(lock token.Pos) bool {
	return syntax.ContainsNode(f.body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || call.Pos() <= lock || f.is(call, "UnlockOSThread") || f.p.Info.Types[call.Fun].IsType() || f.p.Info.Types[call.Fun].IsBuiltin() {
			return false
		}
		fn := f.p.Callee(call)
		return fn == nil || fn.Pkg() == nil || !knowledge.LogPackage(fn.Pkg().Path())
	})
}

// setsState reports whether the function sets a field or a variable that
// outlives it.
func (f *lockFunc) setsState() bool {
	return syntax.ContainsNode(f.body, func(n ast.Node) bool {
		as, ok := n.(*ast.AssignStmt)
		return ok && as.Tok == token.ASSIGN && slices.ContainsFunc(as.Lhs, func(l ast.Expr) bool {
			id := syntax.VariableOf(l)
			if id == nil || id.Name == "_" {
				return false
			}
			v, ok := f.p.Info.Uses[id].(*types.Var)
			return ok && (v.Pos() < f.body.Pos() || f.body.End() < v.Pos()) && !f.isResult(v)
		})
	})
}

func (f *lockFunc) isResult(v *types.Var) bool {
	sig := f.signature()
	return sig != nil && slices.Contains(slices.Collect(sig.Results().Variables()), v)
}

// isGoroutine reports whether the function only runs as a goroutine of its own.
func (f *lockFunc) isGoroutine() bool {
	if f.decl == nil {
		switch n := f.cur.Parent().Node().(type) {
		case *ast.CallExpr:
			if n.Fun != f.cur.Node() {
				return f.startsGoroutine(n)
			}
			_, isGo := f.cur.Parent().Parent().Node().(*ast.GoStmt)
			return isGo
		}
		return false
	}
	fn, ok := f.p.Info.Defs[f.decl.Name].(*types.Func)
	if !ok {
		return false
	}
	refs := f.s.Refs(rewrite.ObjectKey(fn))
	return len(refs) > 0 && !slices.ContainsFunc(refs, func(r rewrite.Ref) bool {
		if call, ok := r.Call(); ok {
			_, isGo := call.Parent().Node().(*ast.GoStmt)
			return !isGo
		}
		call, ok := r.Expr().Parent().Node().(*ast.CallExpr)
		return !ok || !f.startsGoroutine(call)
	})
}

// startsGoroutine reports whether the call is to the Go method of a WaitGroup or
// errgroup.
func (f *lockFunc) startsGoroutine(call *ast.CallExpr) bool {
	return calleeName(call) == "Go"
}

// loops reports whether the body, or a function of the package that it calls
// within depth calls, has a loop: such a goroutine works for long.
func (f *lockFunc) loops(body *ast.BlockStmt, p *rewrite.Package, depth int) bool {
	return syntax.ContainsNode(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ForStmt, *ast.RangeStmt, *ast.SelectStmt:
			return true
		case *ast.CallExpr:
			fn := p.Callee(n)
			if fn == nil || depth == 0 {
				return false
			}
			decl, q := syntax.DeclarationOf(f.s, fn)
			return decl != nil && decl.Body != nil && f.loops(decl.Body, q, depth-1)
		}
		return false
	})
}
