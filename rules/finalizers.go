package rules

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
)

// A finalization is one call that ties a function to the end of an object: of
// runtime.SetFinalizer or runtime.AddCleanup.
type finalization struct {
	rewrite.Call
	// object is the first argument, a pointer, and fn the function.
	object, fn ast.Expr
	// clears reports whether fn is nil: the object's finalizer is removed.
	clears bool
	// elem is the type of what the object points at, nil where it is not known.
	elem types.Type
	// cleanup reports whether it is a cleanup rather than a finalizer.
	cleanup bool
	// wrapper is the function that hands one of its parameters to the runtime,
	// where the call is one of that function. fn then stands in the wrapper.
	wrapper *types.Func
}

// finalizers are the finalizations in the main modules' packages, by the type of
// the object.
type finalizers struct {
	set, cleared map[string][]*finalization
	// all has those of unknown type too, in source order.
	all []*finalization
	// wrappers are the names of exported functions that hand a parameter of
	// unknown type on to the runtime: their callers tell the type.
	wrappers []string
}

// finalizersOf returns what the packages of s and of the modules around them
// register and clear. It loads those that do so beside the ones asked for.
func finalizersOf(s *rewrite.Snapshot) *finalizers {
	type key struct{}
	get := func() *finalizers {
		return s.Memo(key{}, func() any { return collectFinalizers(s) }).(*finalizers)
	}
	s.Widen("SetFinalizer", "AddCleanup")
	if names := get().wrappers; len(names) > 0 {
		s.Widen(names...)
	}
	return get()
}

// of returns the registrations for objects of type t or what t points at.
func (f *finalizers) of(t types.Type) []*finalization { return f.set[finalizedKey(t)] }

// clears returns the calls that clear the finalizer of objects of type t or of
// what t points at.
func (f *finalizers) clears(t types.Type) []*finalization { return f.cleared[finalizedKey(t)] }

// backed reports whether somewhere in the modules a finalizer or cleanup is
// registered for objects of type t or of what t points at.
func (f *finalizers) backed(t types.Type) bool { return len(f.of(t)) > 0 }

// finalizedKey names a type, or what it points at, independently of how its
// package was loaded and of type arguments.
func finalizedKey(t types.Type) string {
	if t == nil {
		return ""
	}
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	if named, ok := types.Unalias(t).(*types.Named); ok {
		obj := named.Origin().Obj()
		if obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope() {
			return rewrite.ObjectKey(obj)
		}
	}
	return typeKey(t)
}

func collectFinalizers(s *rewrite.Snapshot) *finalizers {
	f := &finalizers{set: make(map[string][]*finalization), cleared: make(map[string][]*finalization)}
	// Generated files count: what they register holds for the others.
	for _, r := range s.Refs("runtime.SetFinalizer", "runtime.AddCleanup") {
		c, ok := r.Call()
		if !ok {
			continue
		}
		call := rewrite.Call{Ref: r, Call: c.Node().(*ast.CallExpr), At: c}
		if len(call.Call.Args) < 2 {
			continue
		}
		x := &finalization{
			Call: call, object: ast.Unparen(call.Call.Args[0]), fn: ast.Unparen(call.Call.Args[1]),
			cleanup: call.Obj.Name() == "AddCleanup",
		}
		x.clears = call.Pkg.Info.Types[x.fn].IsNil()
		x.elem = finalizedElem(call.Pkg, x.object, x.fn, x.cleanup)
		if x.elem == nil {
			f.all = append(f.all, f.wrapped(s, x)...)
		}
		f.all = append(f.all, x)
	}
	for _, x := range f.all {
		if x.elem == nil {
			continue
		}
		k := finalizedKey(x.elem)
		if x.clears {
			f.cleared[k] = append(f.cleared[k], x)
		} else {
			f.set[k] = append(f.set[k], x)
		}
	}
	return f
}

// finalizedElem returns the type that object points at, nil where it is only
// known when the program runs. A finalizer's parameter tells what an interface
// holds.
func finalizedElem(p *rewrite.Package, object, fn ast.Expr, cleanup bool) types.Type {
	if elem := pointerElem(p.Info.TypeOf(object)); elem != nil {
		return elem
	}
	if cleanup {
		return nil
	}
	if sig, ok := under(p.Info.TypeOf(fn)).(*types.Signature); ok && sig.Params().Len() == 1 {
		return pointerElem(sig.Params().At(0).Type())
	}
	return nil
}

// pointerElem returns what t points at, nil when t is no pointer to a known
// type.
func pointerElem(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	ptr, ok := t.Underlying().(*types.Pointer)
	if !ok {
		return nil
	}
	switch elem := types.Unalias(ptr.Elem()).(type) {
	case *types.TypeParam:
		return nil
	case *types.Basic:
		if elem.Kind() == types.Invalid { // a type of C
			return nil
		}
	}
	return ptr.Elem()
}

// wrapped returns the calls of the function around x that x's object is a
// parameter of, as finalizations of the arguments.
func (f *finalizers) wrapped(s *rewrite.Snapshot, x *finalization) []*finalization {
	decl := enclosingDecl(x.At)
	id, ok := x.object.(*ast.Ident)
	if decl == nil || !ok || decl.Recv != nil {
		return nil
	}
	fn, _ := x.Pkg.Info.Defs[decl.Name].(*types.Func)
	if fn == nil {
		return nil
	}
	i := slices.IndexFunc(paramObjects(x.Pkg, decl.Type), func(v types.Object) bool { return v != nil && v == x.Pkg.Info.Uses[id] })
	if i < 0 {
		return nil
	}
	if fn.Exported() && !slices.Contains(f.wrappers, fn.Name()) {
		f.wrappers = append(f.wrappers, fn.Name())
	}
	var out []*finalization
	for _, r := range s.Refs(rewrite.ObjectKey(fn)) {
		c, isCall := r.Call()
		if !isCall {
			continue
		}
		call := rewrite.Call{Ref: r, Call: c.Node().(*ast.CallExpr), At: c}
		if i >= len(call.Call.Args) {
			continue
		}
		object := ast.Unparen(call.Call.Args[i])
		if elem := pointerElem(r.Pkg.Info.TypeOf(object)); elem != nil {
			out = append(out, &finalization{Call: call, object: object, fn: x.fn, clears: x.clears, elem: elem, cleanup: x.cleanup, wrapper: fn})
		}
	}
	return out
}

// paramObjects returns the objects of a function's parameters, nil for those
// without a name.
func paramObjects(p *rewrite.Package, typ *ast.FuncType) []types.Object {
	var out []types.Object
	for _, field := range typ.Params.List {
		for _, name := range field.Names {
			out = append(out, p.Info.Defs[name])
		}
		if len(field.Names) == 0 {
			out = append(out, nil)
		}
	}
	return out
}
