package threadlock

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// An unlocker is a function of the module that unlocks what it did not lock.
type unlocker struct {
	fn   *types.Func
	decl *ast.FuncDecl
	pkg  *rewrite.Package
	file *rewrite.File
}

// unlockers returns the functions of the loaded packages that unlock and do not
// lock.
func unlockers(s *rewrite.Snapshot) []unlocker {
	type key struct{}
	return rewrite.Memo(s, key{}, func() []unlocker {
		locks := make(map[*ast.FuncDecl]bool)
		for _, r := range s.Refs("runtime.LockOSThread") {
			locks[syntax.EnclosingDecl(r.Cursor())] = true
		}
		seen := make(map[*ast.FuncDecl]bool)
		var out []unlocker
		for _, r := range s.Refs("runtime.UnlockOSThread") {
			decl := syntax.EnclosingDecl(r.Cursor())
			if decl == nil || locks[decl] || seen[decl] {
				continue
			}
			seen[decl] = true
			if fn, ok := r.Pkg.Info.Defs[decl.Name].(*types.Func); ok {
				out = append(out, unlocker{fn, decl, r.Pkg, r.File})
			}
		}
		return out
	})
}

// unlockedElsewhere returns the functions of the module that may undo the lock:
// they take or return what this function hands out, or nothing at all.
func (f *lockFunc) unlockedElsewhere() []unlocker {
	f.lookAround()
	mine := make(handles)
	mine.addFunc(f.signature(), f.ours)
	f.addGlobals(mine)
	var out []unlocker
	for _, u := range unlockers(f.s) {
		sig := u.fn.Signature()
		if sig.Recv() == nil && sig.Params().Len() == 0 && sig.Results().Len() == 0 {
			if u.pkg == f.p || u.fn.Exported() {
				out = append(out, u)
			}
			continue
		}
		theirs := make(handles)
		theirs.addFunc(sig, f.ours)
		if mine.meet(theirs) {
			out = append(out, u)
		}
	}
	return out
}

// lookAround loads the packages of the module that unlock threads. Where nobody
// outside of the package can call this function, a run that sees no other
// packages needs none.
func (f *lockFunc) lookAround() {
	exported := f.decl == nil || f.decl.Name.IsExported()
	if f.p.Name == "main" || !exported {
		f.s.TryWiden("UnlockOSThread")
		return
	}
	f.s.Widen("UnlockOSThread")
}

// unlocksUnseen reports whether a file of the package that is not loaded, for
// another platform perhaps, unlocks a thread.
func (f *lockFunc) unlocksUnseen() bool { return syntax.Mentioned(f.p, "UnlockOSThread") }

// signature returns the function's type, with its receiver.
func (f *lockFunc) signature() *types.Signature {
	if f.decl != nil {
		if fn, ok := f.p.Info.Defs[f.decl.Name].(*types.Func); ok {
			return fn.Signature()
		}
	}
	sig, _ := f.p.Info.TypeOf(f.typ).(*types.Signature)
	return sig
}

// ours reports whether the package belongs to the module.
func (f *lockFunc) ours(p *types.Package) bool {
	if p == nil {
		return false
	}
	return p.Path() == f.p.Path || f.p.Module.Holds(p.Path())
}

// addGlobals adds the types of package variables that the function sets.
func (f *lockFunc) addGlobals(to handles) {
	ast.Inspect(f.body, func(n ast.Node) bool {
		as, ok := n.(*ast.AssignStmt)
		if !ok || as.Tok != token.ASSIGN {
			return true
		}
		for _, l := range as.Lhs {
			id := syntax.VariableOf(l)
			if id == nil {
				continue
			}
			if v, ok := f.p.Info.Uses[id].(*types.Var); ok && v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
				to.add(v.Type(), f.ours, 1)
			}
		}
		return true
	})
}

// handles are types by their names, independently of how they were loaded.
type handles map[string]types.Type

// maxFields bounds how deep the fields of a struct are looked at.
const maxFields = 2

func (h handles) addFunc(sig *types.Signature, ours func(*types.Package) bool) {
	if sig == nil {
		return
	}
	if r := sig.Recv(); r != nil {
		h.add(r.Type(), ours, maxFields)
	}
	for v := range sig.Params().Variables() {
		h.add(v.Type(), ours, 1)
	}
	for v := range sig.Results().Variables() {
		h.add(v.Type(), ours, maxFields)
	}
}

// add adds the named types of the module that t is made of.
func (h handles) add(t types.Type, ours func(*types.Package) bool, depth int) {
	switch t := types.Unalias(t).(type) {
	case *types.Pointer:
		h.add(t.Elem(), ours, depth)
	case *types.Slice:
		h.add(t.Elem(), ours, depth)
	case *types.Array:
		h.add(t.Elem(), ours, depth)
	case *types.Map:
		h.add(t.Elem(), ours, depth)
	case *types.Chan:
		h.add(t.Elem(), ours, depth)
	case *types.Named:
		key := syntax.TypeKey(t.Origin())
		if h[key] != nil || !ours(t.Obj().Pkg()) {
			return
		}
		h[key] = t
		if st, ok := t.Underlying().(*types.Struct); ok && depth > 0 {
			for v := range st.Fields() {
				h.add(v.Type(), ours, depth-1)
			}
		}
	}
}

// meet reports whether a type of one is in the other, or implements an interface
// that is.
func (h handles) meet(other handles) bool {
	for key, t := range h {
		if other[key] != nil {
			return true
		}
		for _, u := range other {
			if covers(t, u) || covers(u, t) {
				return true
			}
		}
	}
	return false
}

// covers reports whether iface is an interface and t has all methods of it, by
// their names.
func covers(iface, t types.Type) bool {
	i, ok := iface.Underlying().(*types.Interface)
	if !ok || i.NumMethods() == 0 || types.IsInterface(t) {
		return false
	}
	for m := range i.Methods() {
		if obj, _, _ := types.LookupFieldOrMethod(t, true, m.Pkg(), m.Name()); obj == nil {
			return false
		}
	}
	return true
}
