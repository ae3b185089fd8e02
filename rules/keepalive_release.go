package rules

import (
	"go/ast"
	"go/types"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
)

// release is what the finalizers and cleanups of a type do.
type release struct {
	fields  map[string]bool // names of the fields that they work on
	unknown bool            // one of them is not in sight
	funcs   map[string]bool // the functions that they run
	bodies  map[ast.Node]bool
	calls   map[string]bool // the boundaries that they cross
}

// releaseOf returns what is known of the finalizers for v's type.
func (k *keeper) releaseOf(v *types.Var) *release {
	key := finalizedKey(v.Type())
	if r := k.released[key]; r != nil {
		return r
	}
	r := &release{fields: make(map[string]bool), funcs: make(map[string]bool), bodies: make(map[ast.Node]bool), calls: make(map[string]bool)}
	k.released[key] = r
	for _, x := range k.registered().of(v.Type()) {
		home := x.Pkg
		if x.wrapper != nil {
			if p := k.s.Package(x.wrapper.Pkg().Path()); p != nil {
				home = p
			}
		}
		k.follow(home, x.fn, r)
		if x.cleanup && len(x.Call.Call.Args) > 2 {
			k.cleanupArg(x, r)
		}
	}
	return r
}

// cleanupArg notes the field that a cleanup's argument was taken from.
func (k *keeper) cleanupArg(x *finalization, r *release) {
	arg := x.Call.Call.Args[2]
	if sel, ok := converted(x.Pkg, arg).(*ast.SelectorExpr); ok {
		r.fields[sel.Sel.Name] = true
		return
	}
	id, ok := converted(x.Pkg, arg).(*ast.Ident)
	fn, hasFn := enclosingFunc(x.At)
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
			} else if st, ok := under(x.Pkg.Info.TypeOf(lit)).(*types.Struct); ok && i < st.NumFields() {
				name = st.Field(i).Name()
			}
			if id, ok := converted(x.Pkg, val).(*ast.Ident); ok && x.Pkg.Info.Uses[id] == obj && name != "" {
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
func (k *keeper) follow(p *rewrite.Package, fn ast.Expr, r *release) {
	switch n := ast.Unparen(fn).(type) {
	case *ast.FuncLit:
		k.followBody(p, n, n.Body, r, 4)
		return
	case *ast.Ident:
		if f, ok := p.Info.Uses[n].(*types.Func); ok {
			k.followFunc(p, f, r, 4)
			return
		}
	case *ast.SelectorExpr:
		if f, ok := p.Info.Uses[n.Sel].(*types.Func); ok {
			k.followFunc(p, f, r, 4)
			return
		}
	}
	r.unknown = true
}

func (k *keeper) followFunc(p *rewrite.Package, fn *types.Func, r *release, depth int) {
	key := rewrite.ObjectKey(fn)
	if r.funcs[key] || depth == 0 || fn.Pkg() == nil {
		return
	}
	home := p
	if fn.Pkg().Path() != p.Path {
		if home = k.s.Package(fn.Pkg().Path()); home == nil {
			return
		}
	}
	decl := declOf(home, fn)
	if decl == nil || decl.Body == nil {
		if depth == 4 {
			r.unknown = true
		}
		return
	}
	r.funcs[key] = true
	k.followBody(home, decl, decl.Body, r, depth)
}

func (k *keeper) followBody(p *rewrite.Package, fn ast.Node, body *ast.BlockStmt, r *release, depth int) {
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
					k.followFunc(p, o, r, depth-1)
				}
			}
		case *ast.CallExpr:
			if name := cName(p, n.Fun); name != "" {
				r.calls["C."+name] = true
			} else if b := boundaryOf(p, n); b != nil {
				r.calls[b.what()] = true
			}
			if f := p.Callee(n); f != nil && f.Signature().Recv() == nil {
				k.followFunc(p, f, r, depth-1)
			}
		}
		return true
	})
}

// frees reports whether the finalizer of v's object works on the field. It does
// not free what it does not touch.
func (k *keeper) frees(x *crossing, v *types.Var, field string) bool {
	r := k.releaseOf(v)
	return r.unknown || r.fields[field]
}

// inFinalizer reports whether the crossing stands in a finalizer of v's type or
// in what only finalizers call.
func (k *keeper) inFinalizer(x *crossing, v *types.Var) bool {
	if isFile(v.Type()) {
		return false
	}
	r := k.releaseOf(v)
	for c := range x.cur.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		if r.bodies[c.Node()] {
			return true
		}
	}
	return false
}

// releaseName matches the names of functions that free what they get.
var releaseName = regexp.MustCompile(`(?i)free|close|destroy|release|delete|finali[sz]e|dispose|unref|deinit|cleanup|shutdown|teardown|drop|remove|clear|unset`)

// releases reports whether the call frees the handle itself: it is what the
// finalizer does, too.
func (k *keeper) releases(x *crossing, v *types.Var) bool {
	if isFile(v.Type()) {
		return x.name == "syscall.Close" || x.name == "unix.Close" || x.name == "syscall.CloseHandle" || x.name == "windows.CloseHandle"
	}
	r := k.releaseOf(v)
	if !r.calls[x.what()] {
		return r.unknown && releaseName.MatchString(x.name)
	}
	if releaseName.MatchString(x.name) {
		return true
	}
	for name := range r.calls {
		if releaseName.MatchString(name) {
			return false
		}
	}
	return true
}

// disarms reports whether the function clears the finalizer of v's object, or
// stops a cleanup.
func (k *keeper) disarms(x *crossing, v *types.Var) bool {
	l := k.flow(x.p, x.body)
	return containsNode(x.body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		if x.p.IsCall(call, "runtime", "SetFinalizer") && len(call.Args) == 2 && l.mentions(call.Args[0], v) {
			return x.p.Info.Types[call.Args[1]].IsNil()
		}
		return x.p.IsCall(call, "runtime", "(runtime.Cleanup).Stop") && l.mentions(call.Fun, v)
	})
}
