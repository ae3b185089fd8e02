package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// owned reports whether nothing outside of the function is known to hold o: it
// was made in the function and not put anywhere, or it came by a parameter whose
// callers are unknown or let go of it.
func (k *keeper) owned(x *crossing, o resource) bool {
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
	values := syntax.AssignedValues(x.p, body, v)
	if body.Pos() <= v.Pos() && v.Pos() < body.End() {
		if k.flow(x.p, body).Holding(o.subject()).Stored || len(values) == 0 {
			return false
		}
		if from, ok := takenFrom(x.p, values, o); ok {
			return !k.alive(x, from.subject()) && k.owned(x, from)
		}
		return !slices.ContainsFunc(values, func(val ast.Expr) bool { return val == nil || !k.fresh(x.p, val, o.fields, 3) })
	}
	// Have: a parameter, receiver or result.
	decl, ok := fn.Node().(*ast.FuncDecl)
	if !ok || len(values) > 0 {
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

// takenFrom returns o as another variable knows it, where o's variable was set
// once, to that one or a field behind it.
func takenFrom(p *rewrite.Package, values []ast.Expr, o resource) (resource, bool) {
	if len(values) != 1 || values[0] == nil {
		return o, false
	}
	root, fields, ok := syntax.FieldsBehind(p, values[0])
	if !ok {
		return o, false
	}
	v := syntax.LocalVar(p, root)
	return resource{v, append(fields, o.fields...), o.typ}, v != nil && v != o.v
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
		val := elementOf(p, n, fields[0])
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
		home, decl := k.source(p, fn)
		return decl != nil && k.makes(home, decl, fields, depth-1)
	}
	return false
}

// source returns the declaration of fn, which p uses, with a body, and its
// package; nil when it is not loaded.
func (k *keeper) source(p *rewrite.Package, fn *types.Func) (*rewrite.Package, *ast.FuncDecl) {
	if fn.Pkg() == nil {
		return nil, nil
	}
	if fn.Pkg().Path() != p.Path {
		if p = k.s.Package(fn.Pkg().Path()); p == nil {
			return nil, nil
		}
	}
	if decl := syntax.DeclOf(p, fn); decl != nil && decl.Body != nil {
		return p, decl
	}
	return nil, nil
}

// opensFile reports whether call returns a new *os.File.
func opensFile(p *rewrite.Package, call *ast.CallExpr) bool {
	return p.IsCall(call, "os", "Open", "Create", "OpenFile", "NewFile", "CreateTemp", "OpenInRoot",
		"(*os.Root).Open", "(*os.Root).Create", "(*os.Root).OpenFile",
		"(*net.conn).File", "(*net.TCPListener).File", "(*net.UnixListener).File")
}

// elementOf returns the value that the literal gives the field, nil when it
// gives none.
func elementOf(p *rewrite.Package, lit *ast.CompositeLit, field *types.Var) ast.Expr {
	st, ok := syntax.Under(p.Info.TypeOf(lit)).(*types.Struct)
	if !ok {
		return nil
	}
	for i, elt := range lit.Elts {
		if kv, ok := elt.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id.Name == field.Name() {
				return kv.Value
			}
		} else if i < st.NumFields() && st.Field(i).Name() == field.Name() {
			return elt
		}
	}
	return nil
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
	if v == nil || !(body.Pos() <= v.Pos() && v.Pos() < body.End()) {
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
	if !closed && !isFile(o.typ) {
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
	for _, r := range k.s.Refs(key) {
		if r.File.Test {
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
		caller, ok := syntax.EnclosingFunc(c)
		if !ok {
			return false
		}
		if k.runsInFinalizer(r.Pkg, caller, o.typ) {
			continue
		}
		x := &crossing{Boundary: &cgo.Boundary{Call: call}, p: r.Pkg, file: r.File, cur: c, fn: caller, body: syntax.BodyOf(caller.Node())}
		if !k.heldAt(x, arg, o) {
			return false
		}
		held = true
	}
	return held
}

// heldAt reports whether o, which the callee knows by a parameter, is held beyond
// the call at, which gives the parameter the value arg.
func (k *keeper) heldAt(at *crossing, arg ast.Expr, o resource) bool {
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
	of := resource{v, append(fields, o.fields...), o.typ}
	return k.alive(at, of.subject()) || !k.owned(at, of)
}
