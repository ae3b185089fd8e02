package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// owned reports whether nothing outside of the function is known to hold o: it
// was made in the function and not put anywhere, or it came by a parameter whose
// callers are unknown or let go of it.
func (k *keeper) owned(x *crossing, o resource) bool { return k.ownedBy(x, o, 4) }

func (k *keeper) ownedBy(x *crossing, o resource, depth int) bool {
	v := o.v
	fn := x.fn
	for !(fn.Node().Pos() <= v.Pos() && v.Pos() < fn.Node().End()) {
		outer, ok := syntax.EnclosingFunc(fn.Parent())
		if !ok {
			return false
		}
		fn = outer
	}
	body := syntax.BodyOf(fn.Node())
	for _, val := range sources(x.p, body, v) {
		if !k.letGo(x, body, val, o, depth) {
			return false
		}
	}
	if syntax.DeclaredIn(body, v) {
		return len(syntax.AssignedValues(x.p, body, v)) > 0 && !k.flow(x.p, body).Holding(o.subject()).Stored
	}
	// Have: a parameter, receiver or result.
	decl, ok := fn.Node().(*ast.FuncDecl)
	if !ok {
		return false
	}
	i := slices.Index(syntax.ParamObjects(x.p, decl.Type), types.Object(v))
	if i < 0 {
		if decl.Recv == nil || len(decl.Recv.List[0].Names) == 0 || x.p.Info.Defs[decl.Recv.List[0].Names[0]] != v {
			return false
		}
	}
	obj, _ := x.p.Info.Defs[decl.Name].(*types.Func)
	return obj == nil || !k.heldByCallers(x.p, obj, i, o)
}

// A source is what a variable is set to; x is nil where that is not known.
type source struct {
	x       ast.Expr
	element bool // to an element of x
}

// sources returns what v is set to in body.
func sources(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) []source {
	var out []source
	is := func(x ast.Expr) bool {
		id, ok := x.(*ast.Ident)
		return ok && p.Info.ObjectOf(id) == v
	}
	ranged := 0
	ast.Inspect(body, func(n ast.Node) bool {
		if r, ok := n.(*ast.RangeStmt); ok && (is(r.Value) || is(r.Key)) {
			ranged++
			if is(r.Value) {
				out = append(out, source{r.X, true})
			} else {
				out = append(out, source{})
			}
		}
		return true
	})
	for _, val := range syntax.AssignedValues(p, body, v) {
		if val == nil && ranged > 0 {
			ranged--
			continue
		}
		out = append(out, source{x: val})
	}
	return out
}

// letGo reports whether nothing outside of the function is known to hold what
// o's variable gets of val.
func (k *keeper) letGo(x *crossing, body *ast.BlockStmt, val source, o resource, depth int) bool {
	if val.x == nil || depth == 0 {
		return false
	}
	from, ok := k.from(x.p, val, o)
	if !ok {
		return !val.element && k.fresh(x.p, val.x, o.fields, 3)
	}
	if from.v == o.v {
		return true
	}
	return takenOut(x, body, val.x) || !k.alive(x, from.subject()) && k.ownedBy(x, from, depth-1)
}

// takenOut reports whether v, what a variable is set to, is an element of a map
// that the function deletes before the crossing.
func takenOut(x *crossing, body *ast.BlockStmt, v ast.Expr) bool {
	index, ok := ast.Unparen(v).(*ast.IndexExpr)
	if !ok {
		return false
	}
	return syntax.ContainsNode(body, func(n ast.Node) bool {
		if _, later := n.(*ast.DeferStmt); later {
			return false
		}
		call, ok := n.(*ast.CallExpr)
		return ok && call.End() <= x.at.Pos() && syntax.IsBuiltin(x.p, call, "delete") && len(call.Args) == 2 &&
			syntax.ExprText(call.Args[0]) == syntax.ExprText(index.X) && syntax.ExprText(call.Args[1]) == syntax.ExprText(index.Index)
	})
}

// from returns o as another variable knows it, where o's variable is set to that
// one or to what a path leads to from there.
func (k *keeper) from(p *rewrite.Package, val source, o resource) (resource, bool) {
	if elt, rest := partOf(p, val.x, o.fields); elt != nil && !val.element {
		val.x, o.fields = elt, rest
	}
	w, ok := k.pathOf(p, val.x)
	if !ok || p.Info.Types[val.x].IsNil() {
		return o, false
	}
	if val.element {
		w.steps = append(w.steps, step{typ: o.v.Type()})
	}
	for _, f := range o.fields {
		w.steps = append(w.steps, step{f, f.Type()})
	}
	v := syntax.LocalVar(p, w.root)
	if v == nil {
		if _, isVar := p.Info.Uses[w.root].(*types.Var); !isVar {
			return o, false
		}
		return resource{v: p.Info.Uses[w.root].(*types.Var), typ: o.typ, element: true}, true
	}
	out := resource{v: v, typ: o.typ, element: o.element}
	for _, s := range w.steps {
		if s.field == nil {
			out.element = true
			break
		}
		out.fields = append(out.fields, s.field)
	}
	return out, true
}

// partOf returns what the literal x gives the first of the fields, and the others.
func partOf(p *rewrite.Package, x ast.Expr, fields []*types.Var) (ast.Expr, []*types.Var) {
	if addr, ok := ast.Unparen(x).(*ast.UnaryExpr); ok && addr.Op == token.AND {
		x = addr.X
	}
	lit, ok := ast.Unparen(x).(*ast.CompositeLit)
	if !ok || len(fields) == 0 {
		return nil, fields
	}
	return syntax.FieldValue(p, lit, fields[0]), fields[1:]
}

// fresh reports whether x is a new object that only its receiver knows, and so
// is what the fields lead to from there.
func (k *keeper) fresh(p *rewrite.Package, x ast.Expr, fields []*types.Var, depth int) bool {
	switch n := ast.Unparen(x).(type) {
	case *ast.UnaryExpr:
		lit, ok := ast.Unparen(n.X).(*ast.CompositeLit)
		return ok && n.Op == token.AND && k.fresh(p, lit, fields, depth)
	case *ast.CompositeLit:
		if len(fields) == 0 {
			return true
		}
		val := syntax.FieldValue(p, n, fields[0])
		return val != nil && k.fresh(p, val, fields[1:], depth)
	case *ast.Ident:
		return p.Info.Types[n].IsNil()
	case *ast.CallExpr:
		if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok {
			if b, ok := p.Info.Uses[id].(*types.Builtin); ok {
				return b.Name() == "new" && len(fields) == 0
			}
		}
		if opensFile(p, n) {
			return true
		}
		fn := p.Callee(n)
		if fn == nil || depth == 0 || fn.Signature().Recv() != nil {
			return false
		}
		home, decl := syntax.Source(k.s, p, fn)
		return decl != nil && k.makes(home, decl, fields, depth-1)
	}
	return false
}

// opensFile reports whether call returns a new *os.File.
func opensFile(p *rewrite.Package, call *ast.CallExpr) bool {
	return p.IsCall(call, "os", "Open", "Create", "OpenFile", "NewFile", "CreateTemp", "OpenInRoot",
		"(*os.Root).Open", "(*os.Root).Create", "(*os.Root).OpenFile",
		"(*net.conn).File", "(*net.TCPListener).File", "(*net.UnixListener).File")
}

// makes reports whether the first result of the function is always a new object
// that it has put nowhere, or nil, and so is what the fields lead to from there.
func (k *keeper) makes(p *rewrite.Package, decl *ast.FuncDecl, fields []*types.Var, depth int) bool {
	returns, always := false, true
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			returns = true
			always = always && len(n.Results) > 0 && k.isNew(p, decl.Body, n.Results[0], fields, depth)
		}
		return true
	})
	return returns && always
}

// isNew reports whether x, which a function with the body returns, is a new
// object that the function has put nowhere, or nil.
func (k *keeper) isNew(p *rewrite.Package, body *ast.BlockStmt, x ast.Expr, fields []*types.Var, depth int) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok || p.Info.Types[id].IsNil() {
		return k.fresh(p, x, fields, depth)
	}
	v := syntax.LocalVar(p, id)
	if v == nil || !syntax.DeclaredIn(body, v) {
		return false
	}
	o := resource{v: v, fields: fields}
	if len(fields) > 0 {
		o.typ = syntax.TypeBehind(v, fields)
	}
	return !k.flow(p, body).Holding(o.subject()).Stored && !slices.ContainsFunc(syntax.AssignedValues(p, body, v), func(val ast.Expr) bool {
		return val == nil || !k.fresh(p, val, fields, depth)
	})
}

// heldByCallers reports whether every caller of fn still refers to the argument
// for its i-th parameter (the receiver for -1) after the call. Unless all
// callers are in sight that says nothing; os.Files are taken to be held by
// others as by those in sight.
func (k *keeper) heldByCallers(p *rewrite.Package, fn *types.Func, i int, o resource) bool {
	key := rewrite.ObjectKey(fn)
	closed := !fn.Exported() || p.Name == "main"
	if !closed && !finalizer.IsFile(o.typ) {
		return false
	}
	if k.busy[key] {
		return true // recursion adds no caller
	}
	k.busy[key] = true
	defer delete(k.busy, key)
	if !closed {
		k.s.Widen(fn.Name())
	}
	held := false
	home := k.s.File(fn.Pos())
	for _, r := range k.s.Refs(append(throughInterfaces(p, fn), key)...) {
		if r.File.Test && home != nil && !home.Test {
			continue
		}
		c, ok := r.Call()
		if !ok {
			return false
		}
		call := c.Node().(*ast.CallExpr)
		var arg ast.Expr
		if i < 0 {
			sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
			if !ok {
				return false
			}
			arg = sel.X
		} else if i < len(call.Args) {
			arg = call.Args[i]
		} else {
			return false
		}
		x := callAt(r.Pkg, r.File, c, nil)
		if x == nil {
			return false
		}
		if k.releases.RunsIn(r.Pkg, x.fn, o.typ) {
			continue
		}
		if !k.heldAt(x, arg, o) {
			return false
		}
		held = true
	}
	return held
}

// throughInterfaces returns the keys of the methods of the package's interfaces by
// which fn, a method, may be called.
func throughInterfaces(p *rewrite.Package, fn *types.Func) []string {
	recv := fn.Signature().Recv()
	if recv == nil || p.Types == nil || types.IsInterface(recv.Type()) {
		return nil
	}
	var out []string
	scope := p.Types.Scope()
	for _, name := range scope.Names() {
		tn, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || !types.IsInterface(tn.Type()) {
			continue
		}
		iface := tn.Type().Underlying().(*types.Interface)
		obj, _, _ := types.LookupFieldOrMethod(tn.Type(), false, p.Types, fn.Name())
		method, ok := obj.(*types.Func)
		if ok && types.Implements(recv.Type(), iface) {
			out = append(out, rewrite.ObjectKey(method))
		}
	}
	return out
}

// heldAt reports whether o, which the callee knows by a parameter, is held beyond
// the call at, which gives the parameter the value arg.
func (k *keeper) heldAt(at *crossing, arg ast.Expr, o resource) bool {
	if sel, ok := ast.Unparen(arg).(*ast.SelectorExpr); ok {
		// A variable of another package: os.Stdout. What keeps a handle for later is
		// written for any file, whoever calls it today.
		if v, ok := at.p.Info.Uses[sel.Sel].(*types.Var); ok && !v.IsField() {
			return !o.taken.IsValid()
		}
	}
	root, fields, ok := syntax.FieldsBehind(at.p, arg)
	if !ok {
		// An element, or the result of a call.
		if root = syntax.VariableOf(arg); root == nil {
			return false
		}
	}
	if _, ok := at.p.Info.Uses[root].(*types.Var); !ok {
		return false
	}
	v := syntax.LocalVar(at.p, root)
	if v == nil {
		return true // package-level
	}
	of := resource{v: v, fields: append(fields, o.fields...), typ: o.typ, element: o.element}
	return k.alive(at, of.subject()) || !k.owned(at, of)
}
