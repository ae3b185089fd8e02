// Package finalizer answers which objects have a finalizer or a cleanup.
package finalizer

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A Finalization is one call that ties a function to the end of an object: of
// runtime.SetFinalizer or runtime.AddCleanup.
type Finalization struct {
	rewrite.Call
	// object is the first argument, a pointer, and fn the function.
	Object, Fn ast.Expr
	// clears reports whether fn is nil: the object's finalizer is removed.
	Clears bool
	// elem is the type of what the object points at, nil where it is not known.
	Elem types.Type
	// cleanup reports whether it is a cleanup rather than a finalizer.
	Cleanup bool
	// wrapper is the function that hands one of its parameters to the runtime,
	// where the call is one of that function. fn then stands in the wrapper.
	Wrapper *types.Func
	// indirect reports whether a variable or field has the runtime's function.
	Indirect bool
	// runs are the functions that may run at the object's end: fn, and those that
	// the calls of wrappers hand over.
	Runs []Func
}

// A Func is an expression for a function, and the package that it stands in.
type Func struct {
	Pkg *rewrite.Package
	X   ast.Expr
}

// Finalizers are the finalizations in the main modules' packages, by the type of
// the object.
type Finalizers struct {
	Set, cleared map[string][]*Finalization
	// all has those of unknown type too, in source order.
	All []*Finalization
	// wrappers are the names of exported functions that hand a parameter of
	// unknown type on to the runtime: their callers tell the type. So do the uses
	// of exported variables that have the runtime's functions.
	wrappers []string
}

// Of returns what the packages of s and of the modules around them
// register and clear. It loads those that do so beside the ones asked for.
func Of(s *rewrite.Snapshot) *Finalizers {
	type key struct{}
	get := func() *Finalizers {
		return rewrite.Memo(s, key{}, func() *Finalizers { return collectFinalizers(s) })
	}
	s.Widen("SetFinalizer", "AddCleanup")
	for range wrapperDepth { // wrappers of wrappers
		names := get().wrappers
		if len(names) == 0 {
			break
		}
		s.Widen(names...)
	}
	return get()
}

// Of returns the registrations for objects of type t or what t points at.
func (f *Finalizers) Of(t types.Type) []*Finalization { return f.Set[FinalizedKey(t)] }

// Clears returns the calls that clear the finalizer of objects of type t or of
// what t points at.
func (f *Finalizers) Clears(t types.Type) []*Finalization { return f.cleared[FinalizedKey(t)] }

// Backed reports whether somewhere in the modules a finalizer or cleanup is
// registered for objects of type t or of what t points at.
func (f *Finalizers) Backed(t types.Type) bool { return len(f.Of(t)) > 0 }

// Through reports whether call registers by a variable or field that has the
// runtime's function.
func (f *Finalizers) Through(call *ast.CallExpr) bool {
	return slices.ContainsFunc(f.All, func(x *Finalization) bool { return x.Indirect && x.Call.Call == call })
}

// Wrapped returns the finalization that call makes by a function of the module, nil
// where it makes none.
func (f *Finalizers) Wrapped(call *ast.CallExpr) *Finalization {
	for _, x := range f.All {
		if x.Wrapper != nil && x.Call.Call == call {
			return x
		}
	}
	return nil
}

// FinalizedKey names a type, or what it points at, independently of how its
// package was loaded and of type arguments.
func FinalizedKey(t types.Type) string {
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
	return syntax.TypeKey(t)
}

func collectFinalizers(s *rewrite.Snapshot) *Finalizers {
	f := &Finalizers{Set: make(map[string][]*Finalization), cleared: make(map[string][]*Finalization)}
	// Generated files count: what they register holds for the others.
	calls, names := registrations(s)
	f.wrappers = names
	for _, r := range calls {
		call := r.Call
		if len(call.Call.Args) < 2 {
			continue
		}
		x := &Finalization{
			Call: call, Object: ast.Unparen(call.Call.Args[0]), Fn: ast.Unparen(call.Call.Args[1]),
			Cleanup: call.Obj.Name() == "AddCleanup", Indirect: r.indirect,
		}
		x.Clears = call.Pkg.Info.Types[x.Fn].IsNil()
		x.Elem = finalizedElem(call.Pkg, x.Object, x.Fn, x.Cleanup)
		x.Runs = []Func{{call.Pkg, x.Fn}}
		if x.Elem == nil {
			f.All = append(f.All, f.wrapped(s, x, wrapperDepth)...)
		}
		f.All = append(f.All, x)
	}
	for _, x := range f.All {
		if x.Elem == nil {
			continue
		}
		k := FinalizedKey(x.Elem)
		if x.Clears {
			f.cleared[k] = append(f.cleared[k], x)
		} else {
			f.Set[k] = append(f.Set[k], x)
		}
	}
	return f
}

// finalizedElem returns the type that object points at, nil where it is only
// known when the program runs. A finalizer's parameter tells what an interface
// holds.
func finalizedElem(p *rewrite.Package, object, fn ast.Expr, cleanup bool) types.Type {
	if elem := concreteElem(p, object); elem != nil {
		return elem
	}
	if cleanup {
		return nil
	}
	if sig, ok := syntax.Under(p.Info.TypeOf(fn)).(*types.Signature); ok && sig.Params().Len() == 1 {
		if elem := syntax.PointerElem(sig.Params().At(0).Type()); !isTypeParam(elem) {
			return elem
		}
	}
	return nil
}

// concreteElem returns the type that object points at, nil where that is a type
// parameter: the callers of the function tell.
func concreteElem(p *rewrite.Package, object ast.Expr) types.Type {
	if elem := syntax.PointerElem(p.Info.TypeOf(object)); !isTypeParam(elem) {
		return elem
	}
	return nil
}

func isTypeParam(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.TypeParam)
	return ok
}

// wrapperDepth is how many functions an object may pass on its way to the runtime.
const wrapperDepth = 3

// wrapped returns the calls of the function around x that x's object is a
// parameter of, as finalizations of the arguments.
func (f *Finalizers) wrapped(s *rewrite.Snapshot, x *Finalization, depth int) []*Finalization {
	decl := syntax.EnclosingDecl(x.At)
	id, ok := x.Object.(*ast.Ident)
	if decl == nil || !ok || depth == 0 {
		return nil
	}
	fn, _ := x.Pkg.Info.Defs[decl.Name].(*types.Func)
	if fn == nil {
		return nil
	}
	params := syntax.ParamObjects(x.Pkg, decl.Type)
	i := slices.IndexFunc(params, func(v types.Object) bool { return v != nil && v == x.Pkg.Info.Uses[id] })
	if i < 0 {
		return nil
	}
	if fn.Exported() && !slices.Contains(f.wrappers, fn.Name()) {
		f.wrappers = append(f.wrappers, fn.Name())
	}
	var out []*Finalization
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
		y := &Finalization{
			Call: call, Object: object, Fn: x.Fn, Clears: x.Clears, Elem: concreteElem(r.Pkg, object),
			Cleanup: x.Cleanup, Wrapper: fn, Indirect: x.Indirect, Runs: handedOver(x, params, call),
		}
		if y.Elem != nil {
			out = append(out, y)
		} else {
			out = append(out, f.wrapped(s, y, depth-1)...)
		}
	}
	return out
}

// handedOver returns what x runs where its wrapper, which has the parameters, is
// called so: the functions among the arguments take the places of parameters.
func handedOver(x *Finalization, params []types.Object, call rewrite.Call) []Func {
	var out []Func
	for _, run := range x.Runs {
		id, ok := run.X.(*ast.Ident)
		if !ok || !slices.ContainsFunc(params, func(v types.Object) bool { return v != nil && v == run.Pkg.Info.Uses[id] }) {
			out = append(out, run)
		}
	}
	for _, arg := range call.Call.Args {
		if _, ok := syntax.Under(call.Pkg.Info.TypeOf(arg)).(*types.Signature); ok {
			out = append(out, Func{call.Pkg, ast.Unparen(arg)})
		}
	}
	return out
}

// IsFile reports whether t is an os.File or a pointer to one.
func IsFile(t types.Type) bool { return FinalizedKey(t) == "os.File" }
