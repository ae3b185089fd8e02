package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/liveness"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// memory is the Go memory that a pointer expression leads to.
type memory struct {
	v     *types.Var // the variable that leads there
	value bool       // the memory is the variable's own
}

// goMemory returns what the pointer x leads to; ok is false where it may not be
// memory of Go.
func (k *keeper) goMemory(x *crossing, e ast.Expr) (m memory, ok bool) {
	p := x.p
	e = cgo.Converted(p, e)
	switch n := e.(type) {
	case *ast.UnaryExpr:
		if n.Op != token.AND {
			return m, false
		}
		switch t := ast.Unparen(n.X).(type) {
		case *ast.IndexExpr:
			id, isVar := ast.Unparen(t.X).(*ast.Ident)
			if !isVar {
				return k.elementOfField(x, t)
			}
			m.v = syntax.LocalVar(p, id)
			if m.v == nil {
				return m, false
			}
			switch syntax.Under(m.v.Type()).(type) {
			case *types.Slice:
				return m, k.goSlice(x, m.v)
			case *types.Array:
				m.value = true
				return m, true
			}
		case *ast.Ident:
			m.v, m.value = syntax.LocalVar(p, t), true
			return m, m.v != nil
		case *ast.SelectorExpr:
			root, chain := syntax.FieldChain(p, t)
			if !chain {
				return m, false
			}
			m.v = syntax.LocalVar(p, root)
			if m.v == nil {
				return m, false
			}
			_, m.value = syntax.Under(m.v.Type()).(*types.Struct)
			return m, m.value
		}
	case *ast.CallExpr:
		if cgo.IsUnsafe(p, n, "SliceData") || cgo.IsUnsafe(p, n, "StringData") {
			if id, isVar := ast.Unparen(n.Args[0]).(*ast.Ident); isVar {
				m.v = syntax.LocalVar(p, id)
				return m, m.v != nil && k.goSlice(x, m.v)
			}
		}
	case *ast.Ident:
		m.v = syntax.LocalVar(p, n)
		if m.v == nil {
			return m, false
		}
		def := syntax.OnlyValue(p, x.body, m.v)
		if def == nil {
			return m, false
		}
		if syntax.Under(m.v.Type()) == types.Typ[types.UnsafePointer] {
			return k.goMemory(x, def)
		}
		return m, syntax.PointerElem(m.v.Type()) != nil && k.fresh(p, def, nil, 0)
	}
	return m, false
}

// elementOfField returns the memory of an element of a slice or array that a
// field behind a pointer has; what leads there keeps it alive.
func (k *keeper) elementOfField(x *crossing, n *ast.IndexExpr) (m memory, ok bool) {
	root, fields, chain := syntax.FieldsBehind(x.p, n.X)
	if !chain || len(fields) == 0 {
		return m, false
	}
	m.v = syntax.LocalVar(x.p, root)
	if m.v == nil || syntax.PointerElem(m.v.Type()) == nil {
		return m, false
	}
	last := fields[len(fields)-1]
	switch syntax.Under(last.Type()).(type) {
	case *types.Array:
		return m, !slices.ContainsFunc(fields[:len(fields)-1], func(f *types.Var) bool { return syntax.PointerLike(f.Type()) })
	case *types.Slice:
		return m, !slices.ContainsFunc(syntax.AssignmentsOf(x.p, last.Origin()), func(a syntax.Assignment) bool {
			return a.Value != nil && notOfGo(x.p, a.Value) || a.Call != nil && notOfGo(x.p, a.Call)
		})
	}
	return m, false
}

// notOfGo reports whether the slice x may be made of memory that is not Go's: by
// package unsafe or reflect, C, or a mapping.
func notOfGo(p *rewrite.Package, x ast.Expr) bool {
	return syntax.ContainsNode(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			id, ok := n.X.(*ast.Ident)
			return ok && (id.Name == "C" || id.Name == "unsafe" || id.Name == "reflect")
		case *ast.CallExpr:
			fn := p.Callee(n)
			return fn != nil && fn.Name() == "Mmap"
		}
		return false
	})
}

// goSlice reports whether the slice v has its array in Go's memory as far as
// one can see: it was not made from a pointer.
func (k *keeper) goSlice(x *crossing, v *types.Var) bool {
	return !slices.ContainsFunc(sources(x.p, x.body, v), func(val source) bool { return val.x == nil || notOfGo(x.p, val.x) })
}

// hiddenPointer returns the pointer that arg, or what it is a copy of, has as an
// integer; nil when it has none. A variable may be set on some paths only.
func hiddenPointer(x *crossing, arg ast.Expr) ast.Expr {
	if ptr := cgo.UintptrOfPointer(x.p, arg); ptr != nil {
		return ptr
	}
	id, ok := cgo.Converted(x.p, arg).(*ast.Ident)
	if !ok {
		return nil
	}
	v := syntax.LocalVar(x.p, id)
	if v == nil {
		return nil
	}
	for _, def := range syntax.AssignedValues(x.p, x.body, v) {
		if def == nil || def.Pos() > x.at.Pos() {
			continue
		}
		if ptr := cgo.UintptrOfPointer(x.p, def); ptr != nil {
			return ptr
		}
	}
	return nil
}

// hidden reports a Go pointer that goes to C as an integer.
func (k *keeper) hidden(x *crossing, arg ast.Expr) *rewrite.Finding {
	ptr := hiddenPointer(x, arg)
	if ptr == nil {
		return nil
	}
	m, ok := k.goMemory(x, ptr)
	if !ok || k.alive(x, liveness.Subject{V: m.v}) || !m.value && k.flow(x.p, x.body).Holding(liveness.Subject{V: m.v}).Stored || k.passes(x, liveness.Subject{V: m.v}) && !m.value && !onlyLength(x, m.v) {
		return nil
	}
	f := &rewrite.Finding{
		Pos: arg.Pos(), End: arg.End(),
		Message: "a Go pointer hidden in an integer: " + m.v.Name() + " may be collected while " + x.What() + " works on it",
	}
	if m.value {
		f.NoFix = m.v.Name() + " may stand on the stack, which moves; pass it as a pointer, or pin it with runtime.Pinner"
		return f
	}
	if fix, why := k.keepFix([]use{{x, resource{v: m.v}}}); fix != nil {
		f.Fixes = []*rewrite.Fix{fix}
	} else {
		f.NoFix = why + "; pass it as a pointer"
	}
	return f
}

// onlyLength reports whether the call's arguments beside the hidden pointer use
// v only for its length, or for another number that it has.
func onlyLength(x *crossing, v *types.Var) bool {
	for _, arg := range x.Call.Args {
		if cgo.UintptrOfPointer(x.p, arg) != nil {
			continue
		}
		a := cgo.Converted(x.p, arg)
		if b, ok := syntax.Under(x.p.Info.TypeOf(a)).(*types.Basic); ok && b.Info()&(types.IsNumeric|types.IsBoolean) != 0 {
			continue
		}
		if syntax.Mentions(x.p, a, v) {
			return false
		}
	}
	return true
}

// inStruct reports a Go pointer that a struct, given to the call by address,
// holds as an integer: the collector does not follow it.
func (k *keeper) inStruct(x *crossing, arg ast.Expr) *rewrite.Finding {
	p := x.p
	ptr := cgo.UintptrOfPointer(p, arg)
	if ptr == nil {
		ptr = arg
	}
	s := addressed(p, ptr)
	if s == nil {
		return nil
	}
	if _, ok := syntax.Under(s.Type()).(*types.Struct); !ok {
		return nil
	}
	for _, val := range fieldValues(x, s) {
		ptr := hiddenPointer(x, val)
		if ptr == nil {
			continue
		}
		m, ok := k.goMemory(x, ptr)
		if !ok {
			m, ok = k.parameter(x, ptr)
		}
		if !ok || k.alive(x, liveness.Subject{V: m.v}) {
			continue
		}
		return &rewrite.Finding{
			Pos: val.Pos(), End: val.End(),
			Message: "a Go pointer hidden in an integer field: " + m.v.Name() + " may be moved or collected while " + x.What() + " works on it",
			NoFix:   "the field's type is part of the interface; declare it as unsafe.Pointer, or pin " + m.v.Name() + " with runtime.Pinner until the call is done",
		}
	}
	return nil
}

// parameter returns the parameter that the pointer is, where it points at a type of
// Go and no caller in sight holds what it is given.
func (k *keeper) parameter(x *crossing, ptr ast.Expr) (m memory, ok bool) {
	id, isVar := cgo.Converted(x.p, ptr).(*ast.Ident)
	if !isVar {
		return m, false
	}
	m.v = syntax.LocalVar(x.p, id)
	if m.v == nil || m.v.Kind() != types.ParamVar {
		return m, false
	}
	if elem := syntax.PointerElem(m.v.Type()); elem == nil || cgo.IsHandle(m.v.Type()) {
		return m, false
	}
	return m, k.owned(x, resource{v: m.v, typ: m.v.Type()})
}

// fieldValues returns what the fields of the struct s are set to before the
// call.
func fieldValues(x *crossing, s *types.Var) []ast.Expr {
	var out []ast.Expr
	for _, val := range syntax.AssignedValues(x.p, x.body, s) {
		lit, ok := val.(*ast.CompositeLit)
		if !ok {
			continue
		}
		for _, elt := range lit.Elts {
			if kv, ok := elt.(*ast.KeyValueExpr); ok {
				elt = kv.Value
			}
			out = append(out, elt)
		}
	}
	ast.Inspect(x.body, func(n ast.Node) bool {
		as, ok := n.(*ast.AssignStmt)
		if !ok || len(as.Lhs) != len(as.Rhs) {
			_, lit := n.(*ast.FuncLit)
			return !lit
		}
		for i, lhs := range as.Lhs {
			if _, ok := ast.Unparen(lhs).(*ast.SelectorExpr); !ok {
				continue
			}
			if root, ok := syntax.FieldChain(x.p, lhs); ok && x.p.Info.Uses[root] == s {
				out = append(out, as.Rhs[i])
			}
		}
		return true
	})
	return slices.DeleteFunc(out, func(val ast.Expr) bool { return val.Pos() > x.at.Pos() })
}
