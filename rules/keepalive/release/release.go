package release

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// A Release is what the finalizers and cleanups of a type do.
type Release struct {
	fields  map[string]bool // names of the fields that they work on
	unknown bool            // one of them, or the field of one's argument, is not in sight
	unseen  bool            // one of them is not in sight
	funcs   map[string]bool // the functions that they run
	bodies  map[ast.Node]bool
	last    map[string]string // the last boundary that they cross with each handle
	Locks   map[string]*Lock  // the mutexes that they lock
	acts    bool              // they may free something: they do more than to look and to tell
	frees   map[string]bool   // of the boundaries those that free: the last of each handle
	typ     types.Type        // of the object
	unmaps  bool              // they unmap or free memory that Go may have as a slice
}

// Of returns what is known of the finalizers for objects that t points
// at.
func (rs *Releases) Of(t types.Type) *Release {
	key := finalizer.FinalizedKey(t)
	if r := rs.released[key]; r != nil {
		return r
	}
	r := &Release{fields: make(map[string]bool), funcs: make(map[string]bool), bodies: make(map[ast.Node]bool), last: make(map[string]string), Locks: make(map[string]*Lock), frees: make(map[string]bool), typ: t}
	rs.released[key] = r
	for _, x := range rs.registered().Of(t) {
		for _, run := range x.Runs {
			rs.follow(run.Pkg, run.X, r)
		}
		for _, name := range r.last {
			r.frees[name] = true
		}
		clear(r.last)
		if x.Cleanup && len(x.Call.Call.Args) > 2 {
			rs.cleanupArg(x, r)
		}
	}
	return r
}

// cleanupArg notes the field that a cleanup's argument was taken from.
func (rs *Releases) cleanupArg(x *finalizer.Finalization, r *Release) {
	arg := x.Call.Call.Args[2]
	if sel, ok := cgo.Converted(x.Pkg, arg).(*ast.SelectorExpr); ok {
		r.fields[sel.Sel.Name] = true
		return
	}
	id, ok := cgo.Converted(x.Pkg, arg).(*ast.Ident)
	fn, hasFn := syntax.EnclosingFunc(x.At)
	if !ok || !hasFn {
		r.unknown = true
		return
	}
	obj := x.Pkg.Info.Uses[id]
	found := false
	ast.Inspect(fn.Node(), func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		for i, elt := range lit.Elts {
			val, name := elt, ""
			if kv, ok := elt.(*ast.KeyValueExpr); ok {
				val = kv.Value
				if id, ok := kv.Key.(*ast.Ident); ok {
					name = id.Name
				}
			} else if st, ok := syntax.Under(x.Pkg.Info.TypeOf(lit)).(*types.Struct); ok && i < st.NumFields() {
				name = st.Field(i).Name()
			}
			if id, ok := cgo.Converted(x.Pkg, val).(*ast.Ident); ok && x.Pkg.Info.Uses[id] == obj && name != "" {
				r.fields[name] = true
				found = true
			}
		}
		return true
	})
	if !found {
		r.unknown = true
	}
}

// follow adds what the function fn does, and the functions that it calls.
func (rs *Releases) follow(p *rewrite.Package, fn ast.Expr, r *Release) {
	switch n := ast.Unparen(fn).(type) {
	case *ast.FuncLit:
		rs.followBody(p, n, n.Body, r, 4)
		return
	case *ast.Ident:
		switch f := p.Info.Uses[n].(type) {
		case *types.Func:
			rs.followFunc(p, f, r, 4)
			return
		case *types.Var:
			if all := functionsIn(p, f); len(all) > 0 {
				for _, fn := range all {
					rs.follow(fn.Pkg, fn.Expr, r)
				}
				return
			}
		}
	case *ast.SelectorExpr:
		if f, ok := p.Info.Uses[n.Sel].(*types.Func); ok {
			rs.followFunc(p, f, r, 4)
			return
		}
	}
	r.unknown, r.unseen = true, true
}

// functionsIn returns what the local variable v is set to, where these are functions
// of the package, or what the callers pass for it; nil where not all are in sight.
func functionsIn(p *rewrite.Package, v *types.Var) (out []syntax.Arg) {
	if v.Parent() == v.Pkg().Scope() || v.IsField() {
		return nil
	}
	for val := range syntax.ValuesOf(p, v) {
		out = append(out, syntax.Arg{Pkg: p, Expr: val})
	}
	if v.Kind() == types.ParamVar && len(out) == 0 {
		out = syntax.ArgumentsFor(p, v)
	}
	if slices.ContainsFunc(out, func(a syntax.Arg) bool { return !isFunction(a) }) {
		return nil
	}
	return out
}

// isFunction reports whether x is a literal or names a declared function.
func isFunction(x syntax.Arg) bool {
	switch n := ast.Unparen(x.Expr).(type) {
	case *ast.FuncLit:
		return true
	case *ast.Ident:
		_, ok := x.Pkg.Info.Uses[n].(*types.Func)
		return ok
	case *ast.SelectorExpr:
		_, ok := x.Pkg.Info.Uses[n.Sel].(*types.Func)
		return ok
	}
	return false
}

func (rs *Releases) followFunc(p *rewrite.Package, fn *types.Func, r *Release, depth int) {
	key := rewrite.ObjectKey(fn)
	if depth == 0 {
		r.acts = true
	}
	if r.funcs[key] || depth == 0 || fn.Pkg() == nil {
		return
	}
	home, decl := syntax.Source(rs.s, p, fn)
	if decl == nil {
		if depth == 4 {
			r.unknown, r.unseen = true, true
		}
		return
	}
	r.funcs[key] = true
	rs.followBody(home, decl, decl.Body, r, depth)
}

func (rs *Releases) followBody(p *rewrite.Package, fn ast.Node, body *ast.BlockStmt, r *Release, depth int) {
	r.bodies[fn] = true
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if sel := p.Info.Selections[n]; sel != nil {
				switch o := sel.Obj().(type) {
				case *types.Var:
					r.fields[n.Sel.Name] = true
				case *types.Func:
					// A method that is called or handed on.
					rs.followFunc(p, methodOf(r.typ, o, p), r, depth-1)
				}
			}
		case *ast.SendStmt:
			r.acts = true
		case *ast.AssignStmt:
			for _, lhs := range n.Lhs {
				if id := syntax.VariableOf(lhs); id != nil && id.Name != "_" && p.Info.Defs[id] == nil && syntax.LocalVar(p, id) == nil {
					r.acts = true // a list of free handles, say
				}
			}
		case *ast.CallExpr:
			r.acts = r.acts || rs.mayFree(p, n)
			r.unmaps = r.unmaps || len(rs.unmapped(p, n)) > 0
			if l := LockOf(p, n); l != nil && !l.Unlock {
				r.Locks[l.Mutex] = l
			} else if b := cgo.BoundaryOf(p, n); b != nil {
				r.noteBoundary(p, b)
			} else if name := cgo.CName(p, n.Fun); name == "free" {
				r.frees["C.free"] = true
			}
			if f := p.Callee(n); f != nil && f.Signature().Recv() == nil {
				rs.followFunc(p, f, r, depth-1)
			}
		}
		return true
	})
}

// methodOf returns the method that a call of fn runs for the object of type t,
// where fn is an interface's.
func methodOf(t types.Type, fn *types.Func, p *rewrite.Package) *types.Func {
	if !syntax.IsAbstract(fn) {
		return fn
	}
	if !syntax.IsPointer(t) {
		t = types.NewPointer(t)
	}
	obj, _, _ := types.LookupFieldOrMethod(t, true, p.Types, fn.Name())
	if m, ok := obj.(*types.Func); ok {
		return m
	}
	return fn
}

// noteBoundary adds a boundary that finalizers cross. Those in what they call
// come in the order in which they run, near enough.
func (r *Release) noteBoundary(p *rewrite.Package, b *cgo.Boundary) {
	handle := ""
	for _, arg := range b.Call.Args {
		if sel, ok := cgo.Converted(p, arg).(*ast.SelectorExpr); ok && p.Info.Selections[sel] != nil {
			handle = sel.Sel.Name
		}
	}
	r.last[handle] = b.What()
	if knowledge.CSurelyFrees(b.Name) {
		r.frees[b.What()] = true
	}
}

// mayFree reports whether the call in a finalizer may free something by itself:
// it leaves the sources that are followed, and not just to tell the user.
func (rs *Releases) mayFree(p *rewrite.Package, call *ast.CallExpr) bool {
	if name := cgo.CName(p, call.Fun); name != "" {
		return !cgo.IsCType(p, name)
	}
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.FuncLit:
		return false
	case *ast.Ident:
		if b, ok := p.Info.Uses[fun].(*types.Builtin); ok {
			return b.Name() == "close"
		}
	}
	if p.Info.Types[call.Fun].IsType() {
		return false
	}
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return true
	}
	if freesNothing[fn.Pkg().Path()] {
		return false
	}
	_, decl := syntax.Source(rs.s, p, fn)
	return decl == nil
}

// freesNothing has packages whose functions free nothing.
var freesNothing = map[string]bool{
	"errors": true, "fmt": true, "log": true, "log/slog": true, "runtime": true, "runtime/debug": true,
	"strconv": true, "strings": true, "sync": true, "sync/atomic": true, "testing": true, "time": true,
}

// Frees reports whether the finalizer of what t points at works on the field, or
// on another one that has the same handle. It does not free what it does not
// touch, and nothing when it only tells that the object was not closed.
func (rs *Releases) Frees(t types.Type, field string) bool {
	r := rs.Of(t)
	return r.unknown || r.acts && (r.fields[field] || rs.secondFields(t, r)[field])
}

// Asks reports whether all finalizers of what t points at are in sight, take
// their handle from the field, and from the object: a cleanup has a copy.
func (rs *Releases) Asks(t types.Type, field string) bool {
	r := rs.Of(t)
	return !r.unknown && r.fields[field] && !slices.ContainsFunc(rs.registered().Of(t), func(x *finalizer.Finalization) bool { return x.Cleanup })
}

// secondFields returns the fields of what t points at that are given the same
// handles as those in r: T{base: base{h: h}, sub: (*C.sub)(h)}.
func (rs *Releases) secondFields(t types.Type, r *Release) map[string]bool {
	key := finalizer.FinalizedKey(t)
	if out, ok := rs.seconds[key]; ok {
		return out
	}
	out := make(map[string]bool)
	rs.seconds[key] = out
	for _, p := range rs.s.Packages {
		for _, c := range literalsOf(p)[key] {
			given := make(map[types.Object][]string)
			handlesGiven(p, c.Node().(*ast.CompositeLit), given)
			for _, names := range given {
				if slices.ContainsFunc(names, func(n string) bool { return r.fields[n] }) {
					for _, n := range names {
						out[n] = true
					}
				}
			}
		}
	}
	return out
}

// handlesGiven adds the names of the fields that the literal, and those in it,
// give the value of a variable that may have a handle.
func handlesGiven(p *rewrite.Package, lit *ast.CompositeLit, given map[types.Object][]string) {
	for _, elt := range lit.Elts {
		kv, ok := elt.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, ok := kv.Key.(*ast.Ident)
		if !ok {
			continue
		}
		switch val := cgo.Converted(p, kv.Value).(type) {
		case *ast.CompositeLit:
			handlesGiven(p, val, given)
		case *ast.Ident:
			if v := syntax.LocalVar(p, val); v != nil && cgo.IsHandle(v.Type()) {
				given[v] = append(given[v], key.Name)
			}
		}
	}
}

// RunsIn reports whether the function at fn runs only when what t points
// at is dead: it is the finalizer, or nothing else calls it.
func (rs *Releases) RunsIn(p *rewrite.Package, fn inspector.Cursor, t types.Type) bool {
	if finalizer.IsFile(t) {
		return false
	}
	r := rs.Of(t)
	for c := range fn.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		if r.bodies[c.Node()] && !rs.calledByOthers(p, c.Node(), r) {
			return true
		}
	}
	return false
}

// calledByOthers reports whether a function that the finalizers in r run is
// called elsewhere, too: by users of the package or by its other functions.
func (rs *Releases) calledByOthers(p *rewrite.Package, fn ast.Node, r *Release) bool {
	decl, ok := fn.(*ast.FuncDecl)
	if !ok {
		return false
	}
	if decl.Name.IsExported() && p.Name != "main" {
		return true
	}
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return false
	}
	return slices.ContainsFunc(rs.s.Refs(rewrite.ObjectKey(obj)), func(ref rewrite.Ref) bool {
		c, ok := ref.Call()
		if !ok || ref.File.Test {
			return false
		}
		for f := range c.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
			if r.bodies[f.Node()] {
				return false
			}
		}
		return true
	})
}

// Runs reports whether the finalizers run fn; of those not in sight its name
// tells.
func (r *Release) Runs(fn *types.Func) bool {
	return r.funcs[rewrite.ObjectKey(fn)] || r.unseen && knowledge.CFrees(fn.Name())
}

// FreesBy reports whether the finalizers free a handle by crossing the boundary
// that is called what in messages; of those not in sight its name tells.
func (r *Release) FreesBy(what, name string) bool {
	return r.frees[what] || r.unseen && knowledge.CFrees(name)
}
