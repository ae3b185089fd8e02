package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A path leads from a variable over fields and elements to a value: r.items[i].h.
type path struct {
	root  *ast.Ident
	steps []step
}

// A step of a path: to a field, or, where that is nil, to something that is not
// written as one: an element, what an interface holds.
type step struct {
	field *types.Var
	typ   types.Type // of the value behind the step
}

// last returns the name of the last field on the path, "" when there is none.
func (w path) last() string {
	for _, s := range slices.Backward(w.steps) {
		if s.field != nil {
			return s.field.Name()
		}
	}
	return ""
}

// typeAt returns the type behind the first i steps from v.
func (w path) typeAt(v *types.Var, i int) types.Type {
	if i == 0 {
		return v.Type()
	}
	return w.steps[i-1].typ
}

func fieldSteps(fields []*types.Var) []step {
	var out []step
	for _, f := range fields {
		out = append(out, step{f, f.Type()})
	}
	return out
}

// pathOf returns the path that x is: over fields, elements, conversions, type
// assertions, and methods and functions that return what lies on such a path.
func (k *keeper) pathOf(p *rewrite.Package, x ast.Expr) (path, bool) {
	x = cgo.Converted(p, x)
	var inner ast.Expr
	var more []step
	switch n := x.(type) {
	case *ast.Ident:
		return path{root: n}, true
	case *ast.StarExpr:
		inner = n.X
	case *ast.UnaryExpr:
		if n.Op != token.AND {
			return path{}, false
		}
		inner, more = n.X, []step{{typ: p.Info.TypeOf(n)}}
	case *ast.SelectorExpr:
		sel := p.Info.Selections[n]
		if sel == nil {
			_, ok := p.Info.Uses[n.Sel].(*types.Var) // of another package
			return path{root: n.Sel}, ok
		}
		if sel.Kind() != types.FieldVal {
			return path{}, false
		}
		inner, more = n.X, fieldSteps(syntax.FieldsAlong(sel))
	case *ast.IndexExpr:
		if _, generic := syntax.Under(p.Info.TypeOf(n.X)).(*types.Signature); generic {
			return path{}, false
		}
		inner, more = n.X, []step{{typ: p.Info.TypeOf(n)}}
	case *ast.TypeAssertExpr:
		if n.Type == nil {
			return path{}, false
		}
		inner, more = n.X, []step{{typ: p.Info.TypeOf(n.Type)}}
	case *ast.CallExpr:
		if at := loadedFrom(p, n); at != nil {
			return k.pathOf(p, at)
		}
		return k.passedPath(p, n)
	default:
		return path{}, false
	}
	w, ok := k.pathOf(p, inner)
	return path{w.root, append(slices.Clip(w.steps), more...)}, ok
}

// loadedFrom returns what the call loads by package sync/atomic: x.p for
// atomic.LoadPointer(&x.p) and for x.p.Load().
func loadedFrom(p *rewrite.Package, call *ast.CallExpr) ast.Expr {
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "sync/atomic" || !strings.HasPrefix(fn.Name(), "Load") {
		return nil
	}
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && fn.Signature().Recv() != nil {
		return sel.X
	}
	if len(call.Args) == 1 {
		if addr, ok := ast.Unparen(call.Args[0]).(*ast.UnaryExpr); ok && addr.Op == token.AND {
			return addr.X
		}
	}
	return nil
}

// passedPath returns the path that the called method or function passes back of
// its receiver or an argument.
func (k *keeper) passedPath(p *rewrite.Package, call *ast.CallExpr) (path, bool) {
	fn := p.Callee(call)
	if fn == nil {
		return path{}, false
	}
	sel, _ := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if sel != nil && p.Info.Selections[sel] != nil && p.Info.Selections[sel].Kind() == types.MethodVal {
		if types.IsInterface(p.Info.Selections[sel].Recv()) {
			pass, typ := k.implemented(p, fn)
			if pass == nil {
				return path{}, false
			}
			w, ok := k.pathOf(p, sel.X)
			return path{w.root, slices.Concat(w.steps, []step{{typ: typ}}, pass.steps)}, ok
		}
		if pass := k.passage(p, fn); pass != nil && pass.param < 0 {
			w, ok := k.pathOf(p, sel.X)
			return path{w.root, slices.Concat(w.steps, fieldSteps(syntax.FieldsAlong(p.Info.Selections[sel])), pass.steps)}, ok
		}
		return path{}, false
	}
	if pass := k.passage(p, fn); pass != nil && pass.param >= 0 && pass.param < len(call.Args) {
		w, ok := k.pathOf(p, call.Args[pass.param])
		return path{w.root, slices.Concat(w.steps, pass.steps)}, ok
	}
	return path{}, false
}

// A passage says what a function returns: its receiver (-1) or a parameter, or
// what lies on a path from there.
type passage struct {
	param int
	steps []step
}

// passage returns what fn passes back as its first result, nil when that differs
// or is something else. It may return nil instead.
func (k *keeper) passage(p *rewrite.Package, fn *types.Func) *passage {
	key := rewrite.ObjectKey(fn)
	if pass, ok := k.passages[key]; ok {
		return pass
	}
	k.passages[key] = nil // for recursion
	if fn.Signature().Results().Len() == 0 {
		return nil
	}
	home, decl := syntax.Source(k.s, p, fn)
	if decl == nil && isGetter(p, fn) {
		k.s.TryWidenTo(fn.Pkg().Path())
		home, decl = syntax.Source(k.s, p, fn)
	}
	if decl == nil {
		return nil
	}
	var found *passage
	failed := false
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			x := firstResult(decl, n)
			if x == nil {
				failed = true
				break
			}
			if tv := home.Info.Types[x]; tv.IsNil() || tv.Value != nil {
				break // no handle: nil, 0 or -1
			}
			pass := k.returned(home, decl, x)
			if pass == nil || found != nil && !found.same(pass) {
				failed = true
				break
			}
			found = pass
		}
		return !failed
	})
	if failed {
		found = nil
	}
	k.passages[key] = found
	return found
}

// firstResult returns the first result of the return statement of decl's function:
// the named one where it stands alone.
func firstResult(decl *ast.FuncDecl, ret *ast.ReturnStmt) ast.Expr {
	if len(ret.Results) > 0 {
		return ret.Results[0]
	}
	if names := decl.Type.Results.List[0].Names; len(names) > 0 {
		return names[0]
	}
	return nil
}

// isGetter reports whether fn, going by its type, may return a handle of what it is
// given, and another package of p's module declares it.
func isGetter(p *rewrite.Package, fn *types.Func) bool {
	sig := fn.Signature()
	if fn.Pkg() == nil || fn.Pkg().Path() == p.Path || !p.Module.Holds(fn.Pkg().Path()) || !cgo.IsHandle(sig.Results().At(0).Type()) {
		return false
	}
	if recv := sig.Recv(); recv != nil {
		return syntax.PointerElem(recv.Type()) != nil
	}
	for v := range sig.Params().Variables() {
		if syntax.PointerElem(v.Type()) != nil {
			return true
		}
	}
	return false
}

func (a *passage) same(b *passage) bool {
	return a.param == b.param && slices.EqualFunc(a.steps, b.steps, func(x, y step) bool { return x.field == y.field })
}

// returned returns what x, which decl's function returns, is of its parameters.
func (k *keeper) returned(p *rewrite.Package, decl *ast.FuncDecl, x ast.Expr) *passage {
	w, ok := k.pathOf(p, x)
	if !ok {
		if x = k.derivedFrom(p, decl, x); x == nil {
			return nil
		}
		if w, ok = k.pathOf(p, x); !ok {
			return nil
		}
	}
	v := syntax.LocalVar(p, w.root)
	if v == nil {
		v, _ = p.Info.Defs[w.root].(*types.Var) // the named result
	}
	if v == nil {
		return nil
	}
	if decl.Recv != nil && len(decl.Recv.List[0].Names) > 0 && p.Info.Defs[decl.Recv.List[0].Names[0]] == v {
		return &passage{-1, w.steps}
	}
	if i := slices.Index(syntax.ParamObjects(p, decl.Type), types.Object(v)); i >= 0 {
		return &passage{i, w.steps}
	}
	// A copy.
	var found *passage
	for _, val := range syntax.AssignedValues(p, decl.Body, v) {
		if val == nil {
			return nil
		}
		if p.Info.Types[val].IsNil() {
			continue
		}
		pass := k.returned(p, decl, val)
		if pass == nil || found != nil && !found.same(pass) {
			return nil
		}
		found = pass
	}
	if found == nil {
		return nil
	}
	return &passage{found.param, slices.Concat(found.steps, w.steps)}
}

// derivedFrom returns the handle of which a C function yields a part, where the
// function of decl returns that part: *C.ctx of C.store_context(s.h). It lives as
// long as the whole does, unless the name says that it is a new one.
func (k *keeper) derivedFrom(p *rewrite.Package, decl *ast.FuncDecl, x ast.Expr) ast.Expr {
	call, ok := cgo.Converted(p, x).(*ast.CallExpr)
	if !ok || cgo.CName(p, call.Fun) == "" || knowledge.CMakes(cgo.CName(p, call.Fun)) || len(call.Args) == 0 || decl.Type.Results == nil {
		return nil
	}
	star, ok := decl.Type.Results.List[0].Type.(*ast.StarExpr)
	if !ok || cgo.CName(p, star.X) == "" || cgo.CName(p, star.X) == "char" || !cgo.IsHandle(p.Info.TypeOf(cgo.Converted(p, call.Args[0]))) {
		return nil
	}
	return call.Args[0]
}

// implemented returns what the interface's method fn passes back of an object
// with a finalizer in one of its implementations in fn's package, and that
// object's type.
func (k *keeper) implemented(p *rewrite.Package, fn *types.Func) (*passage, types.Type) {
	recv := fn.Signature().Recv()
	home := p
	if fn.Pkg() != nil && fn.Pkg().Path() != p.Path {
		if p.Module.Holds(fn.Pkg().Path()) {
			k.s.TryWidenTo(fn.Pkg().Path())
		}
		home = k.s.Package(fn.Pkg().Path())
	}
	if recv == nil || home == nil || home.Types == nil {
		return nil, nil
	}
	iface, _ := recv.Type().Underlying().(*types.Interface)
	if iface == nil {
		return nil, nil
	}
	scope := home.Types.Scope()
	for _, name := range scope.Names() {
		tn, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || tn.IsAlias() || types.IsInterface(tn.Type()) {
			continue
		}
		ptr := types.NewPointer(tn.Type())
		if !types.Implements(ptr, iface) || !k.releases.Backed(ptr) {
			continue
		}
		obj, _, _ := types.LookupFieldOrMethod(ptr, true, home.Types, fn.Name())
		method, ok := obj.(*types.Func)
		if !ok {
			continue
		}
		pass := k.passage(home, method)
		if pass == nil || pass.param >= 0 {
			continue
		}
		if method.Signature().Recv() != nil {
			if _, index, _ := types.LookupFieldOrMethod(ptr, true, home.Types, fn.Name()); len(index) > 1 {
				continue // promoted: the path begins at an embedded field
			}
		}
		return pass, ptr
	}
	return nil, nil
}
