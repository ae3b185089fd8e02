package threadlock

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
)

// callsUnlocker reports whether the function calls another one that undoes the
// lock on some of its paths, by an interface's method too.
func (f *lockFunc) callsUnlocker() bool {
	all := unlockers(f.s)
	return callsFunc(f.p, f.body, func(fn *types.Func) bool {
		return slices.ContainsFunc(all, func(u unlocker) bool { return u.fn.Name() == fn.Name() && u.isCalledBy(fn) })
	})
}

// isCalledBy reports whether a call of fn may run u: fn is u, or the method of an
// interface that u's type implements.
func (u unlocker) isCalledBy(fn *types.Func) bool {
	if rewrite.ObjectKey(fn) == rewrite.ObjectKey(u.fn) {
		return true
	}
	to, from := fn.Signature().Recv(), u.fn.Signature().Recv()
	return to != nil && from != nil && covers(to.Type(), from.Type())
}

// calledByUnlocker reports whether a function that undoes a lock and makes none
// calls this one: it got the lock from here.
func (f *lockFunc) calledByUnlocker() bool {
	if f.decl == nil {
		return false
	}
	me, ok := f.p.Info.Defs[f.decl.Name].(*types.Func)
	if !ok {
		return false
	}
	key := rewrite.ObjectKey(me)
	return slices.ContainsFunc(unlockers(f.s), func(u unlocker) bool {
		return u.decl.Body != nil && callsFunc(u.pkg, u.decl.Body, func(fn *types.Func) bool { return rewrite.ObjectKey(fn) == key })
	})
}

// endsElsewhere reports whether a way out calls what a field or a package's
// variable holds, while a function of the module that is used as a value, or a
// literal, unlocks: it may be that one.
func (f *lockFunc) endsElsewhere(leaks exits) bool {
	return unlocksAsValue(f.s) && slices.ContainsFunc(leaks, func(x exit) bool {
		ret, ok := x.stmt.(*ast.ReturnStmt)
		if !ok {
			return false
		}
		var calls bool
		ast.Inspect(ret, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				calls = calls || f.isStored(call.Fun)
			}
			return !calls
		})
		return calls
	})
}

// isStored reports whether x is a field or a package's variable.
func (f *lockFunc) isStored(x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.SelectorExpr:
		v, ok := f.p.Info.Uses[x.Sel].(*types.Var)
		return ok && (v.IsField() || v.Parent() == v.Pkg().Scope())
	case *ast.Ident:
		v, ok := f.p.Info.Uses[x].(*types.Var)
		return ok && v.Pkg() != nil && v.Parent() == v.Pkg().Scope()
	}
	return false
}

// unlocksAsValue reports whether what unlocks in the loaded packages is a literal
// that does not lock, the function itself as a value, or a function that is used
// as a value.
func unlocksAsValue(s *rewrite.Snapshot) bool {
	type key struct{}
	return rewrite.Memo(s, key{}, func() bool {
		for _, r := range s.Refs("runtime.UnlockOSThread") {
			if _, called := r.Call(); !called {
				return true
			}
			for c := range r.Cursor().Enclosing((*ast.FuncLit)(nil)) {
				if !locks(r.Pkg, c.Node()) {
					return true
				}
			}
		}
		return slices.ContainsFunc(unlockers(s), func(u unlocker) bool {
			return slices.ContainsFunc(s.Refs(rewrite.ObjectKey(u.fn)), func(r rewrite.Ref) bool { _, called := r.Call(); return !called })
		})
	})
}

// locks reports whether n locks a thread.
func locks(p *rewrite.Package, n ast.Node) bool {
	return callsFunc(p, n, func(fn *types.Func) bool { return fn.FullName() == "runtime.LockOSThread" })
}

// callsFunc reports whether n holds a call of a function that is wanted.
func callsFunc(p *rewrite.Package, n ast.Node, wanted func(*types.Func) bool) (calls bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && !calls {
			fn := p.Callee(call)
			calls = fn != nil && wanted(fn)
		}
		return !calls
	})
	return calls
}
