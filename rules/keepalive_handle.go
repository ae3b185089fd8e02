package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// A resource has a finalizer that frees a handle. The function knows it by a
// variable, or by fields that lead on from one.
type resource struct {
	v      *types.Var
	fields []*types.Var // on the way from v to the object
	typ    types.Type   // of a pointer to it
}

// subject returns what liveness is asked for.
func (o resource) subject() subject {
	if len(o.fields) == 0 {
		return subject{v: o.v}
	}
	return subject{o.v, o.typ}
}

// String returns the expression for o, as "a.b".
func (o resource) String() string {
	var b strings.Builder
	b.WriteString(o.v.Name())
	for _, f := range o.fields {
		b.WriteByte('.')
		b.WriteString(f.Name())
	}
	return b.String()
}

// holder returns what is to be kept alive for o: the variable, when that is a
// pointer, else the part of it that is one.
func (o resource) holder() resource {
	for i := range o.fields {
		if _, ok := under(typeBehind(o.v, o.fields[:i])).(*types.Pointer); ok {
			return resource{v: o.v, fields: o.fields[:i]}
		}
	}
	return resource{v: o.v, fields: o.fields}
}

// typeBehind returns the type of the last of fields, that of v when there are
// none.
func typeBehind(v *types.Var, fields []*types.Var) types.Type {
	if len(fields) == 0 {
		return v.Type()
	}
	return fields[len(fields)-1].Type()
}

// fieldsBehind returns the variable at the root of x.f.g, and all the fields
// that lead on from it; embedded ones need not be spelled out.
func fieldsBehind(p *rewrite.Package, x ast.Expr) (root *ast.Ident, fields []*types.Var, ok bool) {
	switch n := ast.Unparen(x).(type) {
	case *ast.Ident:
		return n, nil, true
	case *ast.StarExpr:
		return fieldsBehind(p, n.X)
	case *ast.SelectorExpr:
		sel := p.Info.Selections[n]
		if sel == nil || sel.Kind() != types.FieldVal {
			return nil, nil, false
		}
		root, fields, ok = fieldsBehind(p, n.X)
		return root, append(fields, fieldsAlong(sel)...), ok
	}
	return nil, nil, false
}

// fieldsAlong returns the fields that a selection passes, the selected one
// included.
func fieldsAlong(sel *types.Selection) []*types.Var {
	index := sel.Index()
	if sel.Kind() != types.FieldVal {
		index = index[:len(index)-1]
	}
	var out []*types.Var
	t := sel.Recv()
	for _, i := range index {
		if ptr, ok := under(t).(*types.Pointer); ok {
			t = ptr.Elem()
		}
		st, ok := under(t).(*types.Struct)
		if !ok {
			break
		}
		out = append(out, st.Field(i))
		t = st.Field(i).Type()
	}
	return out
}

// objects returns the objects that the call gets a handle of.
func (k *keeper) objects(x *crossing) []resource {
	var out []resource
	for _, arg := range x.call.Args {
		o, ok := k.handleOf(x, arg, true)
		if !ok || slices.ContainsFunc(out, func(p resource) bool { return p.v == o.v && p.String() == o.String() }) || k.passes(x, o.subject()) {
			continue
		}
		out = append(out, o)
	}
	return out
}

// passes reports whether the call also gets a pointer to o, which keeps it alive
// while the call runs.
func (k *keeper) passes(x *crossing, o subject) bool {
	l := k.flow(x.p, x.body)
	for _, arg := range x.call.Args {
		if l.refers(arg, o) && !isFd(x.p, converted(x.p, arg)) && !isGetter(x.p, converted(x.p, arg)) {
			return true
		}
	}
	return false
}

// handleOf returns the object of which the argument is a handle; copies tells
// whether a variable may stand for it.
func (k *keeper) handleOf(x *crossing, arg ast.Expr, copies bool) (o resource, ok bool) {
	p := x.p
	arg = converted(p, arg)
	switch n := arg.(type) {
	case *ast.SelectorExpr:
		root, fields, ok := fieldsBehind(p, n)
		if !ok || !isHandle(p.Info.TypeOf(n)) {
			return o, false
		}
		return k.ownerOf(p, root, fields)
	case *ast.CallExpr:
		sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
		if !ok || len(n.Args) > 0 || p.Info.Selections[sel] == nil {
			return o, false
		}
		root, fields, ok := fieldsBehind(p, sel.X)
		if !ok {
			return o, false
		}
		fields = append(fields, fieldsAlong(p.Info.Selections[sel])...)
		if isFd(p, n) {
			v := localVar(p, root)
			if v == nil {
				return o, false
			}
			if ptr, ok := under(v.Type()).(*types.Pointer); ok {
				if _, ok := under(ptr.Elem()).(*types.Pointer); ok {
					return o, false // a variable of somebody else, who looks at it later
				}
			}
			return resource{v, fields, fileOf(p, sel)}, true
		}
		if get := getterFields(p, n); get != nil {
			return k.ownerOf(p, root, append(fields, get...))
		}
	case *ast.Ident:
		// A copy of the handle, made once before.
		v := localVar(p, n)
		if v == nil || !copies {
			return o, false
		}
		if def := onlyValue(p, x.body, v); def != nil && !isCgoOperation(p, def) {
			return k.handleOf(x, def, false)
		}
	}
	return o, false
}

// fileOf returns the type of the file whose method sel is.
func fileOf(p *rewrite.Package, sel *ast.SelectorExpr) types.Type {
	return p.Info.Selections[sel].Obj().(*types.Func).Signature().Recv().Type()
}

// ownerOf returns the object that frees the last of the fields that lead on from
// root: the innermost whose finalizer works on it.
func (k *keeper) ownerOf(p *rewrite.Package, root *ast.Ident, fields []*types.Var) (o resource, ok bool) {
	v := localVar(p, root)
	if v == nil || len(fields) == 0 {
		return o, false
	}
	handle := fields[len(fields)-1].Name()
	for i := len(fields) - 1; i >= 0; i-- {
		t := typeBehind(v, fields[:i])
		if pointerElem(t) != nil && k.backed(t) && k.frees(t, handle) {
			return resource{v, fields[:i], t}, true
		}
	}
	return o, false
}

// isCgoOperation reports whether x is the result of a C function.
func isCgoOperation(p *rewrite.Package, x ast.Expr) bool {
	call, ok := converted(p, x).(*ast.CallExpr)
	return ok && boundaryOf(p, call) != nil
}

// isFd reports whether x calls (*os.File).Fd.
func isFd(p *rewrite.Package, x ast.Expr) bool { return p.IsCall(x, "", "(*os.File).Fd") }

// localVar returns the local variable, parameter or receiver that id uses.
func localVar(p *rewrite.Package, id *ast.Ident) *types.Var {
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || v.IsField() || v.Pkg() == nil || v.Parent() == v.Pkg().Scope() {
		return nil
	}
	return v
}

// isHandle reports whether a value of type t may stand for something outside of
// Go's memory: a C type, an integer, an untyped pointer.
func isHandle(t types.Type) bool {
	if t == nil {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Kind() == types.Invalid || u.Kind() == types.UnsafePointer || u.Info()&types.IsInteger != 0
	case *types.Pointer:
		b, ok := u.Elem().Underlying().(*types.Basic)
		return ok && b.Kind() == types.Invalid
	}
	return false
}

// isGetter reports whether x calls a method that only returns a field.
func isGetter(p *rewrite.Package, x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	return ok && getterFields(p, call) != nil
}

// getterFields returns the fields from the receiver to the handle that the
// called method returns, nil when the method does more than that.
func getterFields(p *rewrite.Package, call *ast.CallExpr) []*types.Var {
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil || fn.Signature().Recv() == nil || fn.Signature().Params().Len() > 0 {
		return nil
	}
	if fn.Pkg().Path() != p.Path {
		if p = p.Snapshot().Package(fn.Pkg().Path()); p == nil {
			return nil
		}
	}
	decl := declOf(p, fn)
	if decl == nil || decl.Body == nil || len(decl.Recv.List[0].Names) == 0 {
		return nil
	}
	recv := p.Info.Defs[decl.Recv.List[0].Names[0]]
	n := len(decl.Body.List)
	if n == 0 || n > 3 {
		return nil
	}
	ret, ok := decl.Body.List[n-1].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return nil
	}
	x := converted(p, ret.Results[0])
	if id, ok := x.(*ast.Ident); ok {
		v := localVar(p, id)
		if v == nil {
			return nil
		}
		if x = onlyValue(p, decl.Body, v); x == nil {
			return nil
		}
		x = converted(p, x)
	}
	if !isHandle(p.Info.TypeOf(x)) {
		return nil
	}
	root, fields, ok := fieldsBehind(p, x)
	if !ok || p.Info.Uses[root] != recv {
		return nil
	}
	return fields
}

// onlyValue returns the one value that v is set to in body, nil when there are
// several or none.
func onlyValue(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) ast.Expr {
	all := assignedValues(p, body, v)
	if len(all) != 1 {
		return nil
	}
	return all[0]
}

// assignedValues returns what v is set to in body, with nil for what is no
// expression of its own: the result of a call with several, an element.
func assignedValues(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) []ast.Expr {
	is := func(x ast.Expr) bool {
		id, ok := ast.Unparen(x).(*ast.Ident)
		return ok && (p.Info.Defs[id] == v || p.Info.Uses[id] == v)
	}
	var out []ast.Expr
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				switch {
				case !is(l):
				case n.Tok != token.ASSIGN && n.Tok != token.DEFINE:
					out = append(out, nil)
				case len(n.Lhs) == len(n.Rhs):
					out = append(out, n.Rhs[i])
				case i == 0:
					out = append(out, n.Rhs[0]) // x, err := f()
				default:
					out = append(out, nil)
				}
			}
		case *ast.ValueSpec:
			for i, l := range n.Names {
				if p.Info.Defs[l] != v || len(n.Values) == 0 {
					continue
				}
				switch {
				case len(n.Names) == len(n.Values):
					out = append(out, n.Values[i])
				case i == 0:
					out = append(out, n.Values[0])
				default:
					out = append(out, nil)
				}
			}
		case *ast.RangeStmt:
			if n.Key != nil && is(n.Key) || n.Value != nil && is(n.Value) {
				out = append(out, nil)
			}
		case *ast.IncDecStmt:
			if is(n.X) {
				out = append(out, nil)
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND && is(n.X) {
				out = append(out, nil)
			}
		}
		return true
	})
	return out
}
