package keepalive

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/liveness"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A resource has a finalizer that frees a handle. The function knows it by a
// variable, or by fields that lead on from one.
type resource struct {
	v      *types.Var
	fields []*types.Var // on the way from v to the object
	typ    types.Type   // of a pointer to it
}

// subject returns what liveness is asked for.
func (o resource) subject() liveness.Subject {
	if len(o.fields) == 0 {
		return liveness.Subject{V: o.v}
	}
	return liveness.Subject{V: o.v, Part: o.typ}
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
		if _, ok := syntax.Under(syntax.TypeBehind(o.v, o.fields[:i])).(*types.Pointer); ok {
			return resource{v: o.v, fields: o.fields[:i]}
		}
	}
	return resource{v: o.v, fields: o.fields}
}

// objects returns the objects that the call gets a handle of.
func (k *keeper) objects(x *crossing) []resource {
	var out []resource
	for _, arg := range x.Call.Args {
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
func (k *keeper) passes(x *crossing, o liveness.Subject) bool {
	l := k.flow(x.p, x.body)
	for _, arg := range x.Call.Args {
		if l.Refers(arg, o) && !isFd(x.p, cgo.Converted(x.p, arg)) && !isGetter(x.p, cgo.Converted(x.p, arg)) {
			return true
		}
	}
	return false
}

// handleOf returns the object of which the argument is a handle; copies tells
// whether a variable may stand for it.
func (k *keeper) handleOf(x *crossing, arg ast.Expr, copies bool) (o resource, ok bool) {
	p := x.p
	arg = cgo.Converted(p, arg)
	switch n := arg.(type) {
	case *ast.SelectorExpr:
		root, fields, ok := syntax.FieldsBehind(p, n)
		if !ok || !isHandle(p.Info.TypeOf(n)) {
			return o, false
		}
		return k.ownerOf(p, root, fields)
	case *ast.CallExpr:
		sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
		if !ok || len(n.Args) > 0 || p.Info.Selections[sel] == nil {
			return o, false
		}
		root, fields, ok := syntax.FieldsBehind(p, sel.X)
		if !ok {
			return o, false
		}
		fields = append(fields, syntax.FieldsAlong(p.Info.Selections[sel])...)
		if isFd(p, n) {
			v := syntax.LocalVar(p, root)
			if v == nil {
				return o, false
			}
			if ptr, ok := syntax.Under(v.Type()).(*types.Pointer); ok {
				if _, ok := syntax.Under(ptr.Elem()).(*types.Pointer); ok {
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
		v := syntax.LocalVar(p, n)
		if v == nil || !copies {
			return o, false
		}
		if def := syntax.OnlyValue(p, x.body, v); def != nil && !isCgoOperation(p, def) {
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
	v := syntax.LocalVar(p, root)
	if v == nil || len(fields) == 0 {
		return o, false
	}
	handle := fields[len(fields)-1].Name()
	for i := len(fields) - 1; i >= 0; i-- {
		t := syntax.TypeBehind(v, fields[:i])
		if syntax.PointerElem(t) != nil && k.backed(t) && k.frees(t, handle) {
			return resource{v, fields[:i], t}, true
		}
	}
	return o, false
}

// isCgoOperation reports whether x is the result of a C function.
func isCgoOperation(p *rewrite.Package, x ast.Expr) bool {
	call, ok := cgo.Converted(p, x).(*ast.CallExpr)
	return ok && cgo.BoundaryOf(p, call) != nil
}

// isFd reports whether x calls (*os.File).Fd.
func isFd(p *rewrite.Package, x ast.Expr) bool { return p.IsCall(x, "", "(*os.File).Fd") }

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
	decl := syntax.DeclOf(p, fn)
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
	x := cgo.Converted(p, ret.Results[0])
	if id, ok := x.(*ast.Ident); ok {
		v := syntax.LocalVar(p, id)
		if v == nil {
			return nil
		}
		if x = syntax.OnlyValue(p, decl.Body, v); x == nil {
			return nil
		}
		x = cgo.Converted(p, x)
	}
	if !isHandle(p.Info.TypeOf(x)) {
		return nil
	}
	root, fields, ok := syntax.FieldsBehind(p, x)
	if !ok || p.Info.Uses[root] != recv {
		return nil
	}
	return fields
}
