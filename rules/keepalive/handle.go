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
	"github.com/runtimefix/runtimefix/rules/internal/liveness"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/keepalive/inplace"
)

// A resource has a finalizer that frees a handle. The function knows it by a
// variable, or by fields that lead on from one.
type resource struct {
	v      *types.Var
	fields []*types.Var // on the way from v to the object
	typ    types.Type   // of a pointer to it
	// element tells that the fields lead to a container that has the object, or
	// to an interface.
	element bool
	// copied tells that v, or what the fields lead to, is a copy of the object: it
	// keeps the object itself from nothing.
	copied bool
	taken  token.Pos // where its handle was copied to a variable before
	// derived tells that the call gets a part of C's memory that a function of C
	// yielded of the handle.
	derived bool
}

// subject returns what liveness is asked for.
func (o resource) subject() liveness.Subject {
	if len(o.fields) == 0 && !o.element {
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
		switch syntax.Under(syntax.TypeBehind(o.v, o.fields[:i])).(type) {
		case *types.Pointer, *types.Interface:
			return resource{v: o.v, fields: o.fields[:i]}
		}
	}
	return resource{v: o.v, fields: o.fields}
}

// objects returns the objects that the call gets a handle of.
func (k *keeper) objects(x *crossing) []resource {
	var out []resource
	add := func(all []resource) {
		for _, o := range all {
			if !slices.ContainsFunc(out, func(p resource) bool { return p.v == o.v && p.String() == o.String() }) && !k.passes(x, o.subject()) {
				out = append(out, o)
			}
		}
	}
	add(x.seen)
	if x.memory {
		return out
	}
	for _, arg := range x.operands {
		add(k.handlesOf(x, arg, copyDepth))
		add(k.contents(x, arg))
	}
	return out
}

// copyDepth is how many variables a handle may be copied to one after the other.
const copyDepth = 2

// passes reports whether the call also gets a pointer to o, which keeps it alive
// while the call runs.
func (k *keeper) passes(x *crossing, o liveness.Subject) bool {
	if x.Call == nil {
		return false
	}
	l := k.flow(x.p, x.body)
	args := x.Call.Args
	if sel, ok := ast.Unparen(x.Call.Fun).(*ast.SelectorExpr); ok && (x.through || x.memory) && x.p.Info.Selections[sel] != nil {
		args = append(slices.Clip(args), sel.X)
	}
	for _, arg := range args {
		if x.memory && slices.Contains(x.operands, arg) {
			continue // what leads to the memory
		}
		if b, ok := syntax.Under(x.p.Info.TypeOf(cgo.Converted(x.p, arg))).(*types.Basic); ok && b.Info()&(types.IsNumeric|types.IsBoolean) != 0 {
			continue // len(o), say
		}
		if l.Refers(arg, o) && len(k.handlesOf(x, arg, 0)) == 0 {
			return true
		}
	}
	return false
}

// handlesOf returns the objects of which the value of e may be a handle. Variables
// that have copies of handles are followed up to depth.
func (k *keeper) handlesOf(x *crossing, e ast.Expr, depth int) []resource {
	p := x.p
	e = cgo.Converted(p, e)
	if call, ok := e.(*ast.CallExpr); ok {
		if isFd(p, call) {
			return fileOf(p, call)
		}
		if p.IsCall(call, "syscall", "UnixRights") || p.IsCall(call, "golang.org/x/sys/unix", "UnixRights") {
			var out []resource
			for _, arg := range call.Args {
				out = append(out, k.handlesOf(x, arg, depth)...)
			}
			return out
		}
		if cgo.IsUnsafe(p, call, "Add") {
			return k.handlesOf(x, call.Args[0], depth)
		}
	}
	id, isVar := e.(*ast.Ident)
	if isVar {
		return k.copiesOf(x, id, depth)
	}
	if inplace.IsAddressInGo(p, e) {
		return nil
	}
	if w, ok := k.pathOf(p, e); ok && (cgo.IsHandle(firstType(p, e)) || p.Info.TypeOf(e) == nil) {
		if o, ok := k.ownerOf(p, w); ok {
			return []resource{o}
		}
	}
	switch n := e.(type) {
	case *ast.SelectorExpr:
		if inplace.ReadsC(p, n) {
			return k.handlesOf(x, n.X, depth)
		}
	case *ast.StarExpr:
		if inplace.ReadsC(p, n) {
			return k.handlesOf(x, n.X, depth)
		}
	case *ast.IndexExpr:
		if inplace.IsCValue(p, n.X) || inplace.ReadsC(p, ast.Unparen(n.X)) {
			return k.handlesOf(x, n.X, depth)
		}
	case *ast.UnaryExpr:
		if inner := ast.Unparen(n.X); n.Op == token.AND && inplace.ReadsC(p, inner) {
			return k.handlesOf(x, inner, depth)
		}
	}
	return nil
}

// copiesOf returns the objects of which the variable at id has got handles.
func (k *keeper) copiesOf(x *crossing, id *ast.Ident, depth int) []resource {
	v := syntax.LocalVar(x.p, id)
	if v == nil || depth == 0 {
		return nil
	}
	var out []resource
	body := declaringBody(x, v)
	for _, val := range append(syntax.AssignedValues(x.p, body, v), firstResults(x.p, body, v)...) {
		if val == nil || x.p.Info.Types[val].IsNil() || isCgoOperation(x.p, val) || val.Pos() > x.at.End() {
			continue
		}
		for _, o := range k.handlesOf(x, val, depth-1) {
			o.taken = val.Pos()
			out = append(out, o)
		}
	}
	return append(out, k.yielded(x, v, depth)...)
}

// yielded returns the objects of whose handles a function of C yielded what v
// points at, where the call copies that into Go's memory: by s = C.name(o.h) or
// C.get_name(o.h, &s). What the function frees is its own.
func (k *keeper) yielded(x *crossing, v *types.Var, depth int) (out []resource) {
	if !x.C || x.Call == nil || !cgo.CopiesFromC[x.Name] || !readsFromC(x, v) {
		return nil
	}
	if id, ok := cgo.Converted(x.p, x.Call.Args[0]).(*ast.Ident); !ok || x.p.Info.Uses[id] != v {
		return nil // the length
	}
	for c := range x.fn.Preorder((*ast.CallExpr)(nil)) {
		call := c.Node().(*ast.CallExpr)
		name := cgo.CName(x.p, call.Fun)
		if call.End() > x.at.Pos() || name == "" || knowledge.CMakes(name) || cgo.BoundaryOf(x.p, call) == nil {
			continue
		}
		sets := slices.ContainsFunc(call.Args, func(arg ast.Expr) bool { return addressed(x.p, arg) == v }) ||
			slices.ContainsFunc(syntax.AssignedValues(x.p, x.body, v), func(val ast.Expr) bool { return val != nil && cgo.Converted(x.p, val) == call })
		if !sets {
			continue
		}
		var of []resource // the nearest one's, not that of its context
		for _, arg := range call.Args {
			if all := k.handlesOf(x, arg, depth-1); len(all) > 0 && (of == nil || len(all[0].fields) <= len(of[0].fields)) {
				of = all
			}
		}
		for _, o := range of {
			o.taken, o.derived = call.Pos(), true
			out = append(out, o)
		}
	}
	return out
}

// declaringBody returns the body of the function that v is declared in: the one of
// the crossing, or one around it.
func declaringBody(x *crossing, v *types.Var) *ast.BlockStmt {
	for fn, ok := x.fn, true; ok; fn, ok = syntax.EnclosingFunc(fn.Parent()) {
		if body := syntax.BodyOf(fn.Node()); syntax.DeclaredIn(body, v) {
			return body
		}
	}
	return x.body
}

// firstResults returns the calls in body with several results of which v is set to
// the first: h, err := r.handle().
func firstResults(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) (out []ast.Expr) {
	ast.Inspect(body, func(n ast.Node) bool {
		as, ok := n.(*ast.AssignStmt)
		if ok && len(as.Lhs) > 1 && len(as.Rhs) == 1 {
			id, isVar := ast.Unparen(as.Lhs[0]).(*ast.Ident)
			_, isCall := ast.Unparen(as.Rhs[0]).(*ast.CallExpr)
			if isVar && isCall && p.Info.ObjectOf(id) == v {
				out = append(out, as.Rhs[0])
			}
		}
		return true
	})
	return out
}

// firstType returns the type of x, or of the first of the values that it has.
func firstType(p *rewrite.Package, x ast.Expr) types.Type {
	t := p.Info.TypeOf(x)
	if tuple, ok := t.(*types.Tuple); ok && tuple.Len() > 0 {
		return tuple.At(0).Type()
	}
	return t
}

// contents returns the objects whose handles are in the array, slice or struct
// whose address the argument is, or in the one that it is an element of.
func (k *keeper) contents(x *crossing, arg ast.Expr) []resource {
	if !x.C || x.Call == nil {
		return nil
	}
	v := containerAt(x.p, arg)
	if index, ok := cgo.Converted(x.p, arg).(*ast.IndexExpr); ok {
		if id, ok := ast.Unparen(index.X).(*ast.Ident); ok && cgo.IsHandle(x.p.Info.TypeOf(index)) {
			v = syntax.LocalVar(x.p, id) // an element
		}
	}
	if id, ok := cgo.Converted(x.p, arg).(*ast.Ident); ok && v == nil {
		v = syntax.LocalVar(x.p, id) // a pointer to a struct of C
	}
	if v == nil {
		return nil
	}
	var out []resource
	for _, val := range storedValues(x, v) {
		for _, o := range k.handlesOf(x, val, 1) {
			if o, ok := k.inScope(x, o); ok {
				o.taken = val.Pos()
				out = append(out, o)
			}
		}
	}
	return out
}

// containerAt returns the local variable of which x is the address, or that of
// the first element.
func containerAt(p *rewrite.Package, x ast.Expr) *types.Var {
	x = cgo.Converted(p, x)
	if call, ok := x.(*ast.CallExpr); ok && cgo.IsUnsafe(p, call, "SliceData") {
		if id, ok := ast.Unparen(call.Args[0]).(*ast.Ident); ok {
			return syntax.LocalVar(p, id)
		}
		return nil
	}
	addr, ok := x.(*ast.UnaryExpr)
	if !ok || addr.Op != token.AND {
		return nil
	}
	inner := ast.Unparen(addr.X)
	if index, ok := inner.(*ast.IndexExpr); ok {
		inner = ast.Unparen(index.X)
	}
	id, ok := inner.(*ast.Ident)
	if !ok {
		return nil
	}
	return syntax.LocalVar(p, id)
}

// storedValues returns what is put into the elements or fields of v before the
// crossing.
func storedValues(x *crossing, v *types.Var) []ast.Expr {
	out := fieldValues(x, v)
	ast.Inspect(x.body, func(n ast.Node) bool {
		as, ok := n.(*ast.AssignStmt)
		if !ok || as.Pos() > x.at.Pos() {
			return true
		}
		for i, lhs := range as.Lhs {
			id := syntax.VariableOf(lhs)
			if id == nil || len(as.Lhs) != len(as.Rhs) || x.p.Info.ObjectOf(id) != v {
				continue
			}
			rhs := ast.Unparen(as.Rhs[i])
			if call, ok := rhs.(*ast.CallExpr); ok && syntax.IsBuiltin(x.p, call, "append") {
				out = append(out, call.Args[1:]...)
				continue
			}
			switch n := ast.Unparen(lhs).(type) {
			case *ast.IndexExpr:
				out = append(out, rhs)
			case *ast.SelectorExpr:
				if x.p.Info.Selections[n] == nil { // of a struct of C
					out = append(out, rhs)
				}
			}
		}
		return true
	})
	return out
}

// inScope returns o as it is known at the crossing: what its variable was taken
// from, where that one is not declared there.
func (k *keeper) inScope(x *crossing, o resource) (resource, bool) {
	if visible(x.p, o.v, x.at.Pos()) {
		return o, true
	}
	all := sources(x.p, x.body, o.v)
	if len(all) != 1 || all[0].x == nil {
		return o, false
	}
	from, ok := k.from(x.p, all[0], o)
	return from, ok && visible(x.p, from.v, x.at.Pos())
}

// fileOf returns the file whose descriptor the call yields.
func fileOf(p *rewrite.Package, call *ast.CallExpr) []resource {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || len(call.Args) > 0 || p.Info.Selections[sel] == nil {
		return nil
	}
	root, fields, ok := syntax.FieldsBehind(p, sel.X)
	if !ok {
		return nil
	}
	v := syntax.LocalVar(p, root)
	if v == nil {
		return nil
	}
	if ptr, ok := syntax.Under(v.Type()).(*types.Pointer); ok {
		if _, ok := syntax.Under(ptr.Elem()).(*types.Pointer); ok {
			return nil // a variable of somebody else, who looks at it later
		}
	}
	fields = append(fields, syntax.FieldsAlong(p.Info.Selections[sel])...)
	return []resource{{v: v, fields: fields, typ: p.Info.Selections[sel].Obj().(*types.Func).Signature().Recv().Type()}}
}

// ownerOf returns the object that frees what the path leads to: the innermost on
// it whose finalizer works on that field.
func (k *keeper) ownerOf(p *rewrite.Package, w path) (o resource, ok bool) {
	v := syntax.LocalVar(p, w.root)
	handle := w.last()
	if v == nil || handle == "" {
		return o, false
	}
	for i := len(w.steps) - 1; i >= 0; i-- {
		t := w.typeAt(v, i)
		ptr := syntax.PointerElem(t) != nil
		if !ptr && i == 0 {
			_, isStruct := syntax.Under(t).(*types.Struct)
			o.copied = isStruct && !slices.ContainsFunc(w.steps[:len(w.steps)-1], func(s step) bool { return syntax.PointerLike(s.typ) })
		}
		if (ptr || o.copied) && k.releases.Backed(t) && k.releases.Frees(t, handle) {
			o.v, o.typ = v, t
			return o.along(w.steps[:i]), true
		}
		if whole := k.releases.Embedder(t, handle); ptr && whole != nil {
			return resource{v: v, typ: whole}.along(w.steps[:i]), true
		}
		if f := w.steps[i].field; ptr && f != nil {
			if owner, typ := k.releases.OwnerField(t, f.Name()); owner != nil {
				return resource{v: v, typ: typ}.along(append(slices.Clip(w.steps[:i]), step{owner, owner.Type()})), true
			}
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
