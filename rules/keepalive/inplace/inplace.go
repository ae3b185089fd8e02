// Package inplace answers where a value of C stands: in memory of Go, as a field that
// holds a struct of C does, or in C's, where a pointer leads.
package inplace

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// IsAddressInGo reports whether x is the address of memory of Go: of a variable,
// of a field, or of a part of the C struct or array that stands there. As any
// pointer it keeps the object that it points into alive, where the handle in a
// field does not.
func IsAddressInGo(p *rewrite.Package, x ast.Expr) bool {
	addr, ok := x.(*ast.UnaryExpr)
	return ok && addr.Op == token.AND && standsInGo(p, addr.X)
}

// standsInGo reports whether x, which can be addressed, is a part of Go memory.
func standsInGo(p *rewrite.Package, x ast.Expr) bool {
	switch n := ast.Unparen(x).(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		if sel := p.Info.Selections[n]; sel != nil {
			return sel.Kind() == types.FieldVal
		}
		return ReadsC(p, n) && HoldsValue(p, n.X)
	case *ast.IndexExpr:
		if _, ok := syntax.Under(p.Info.TypeOf(n.X)).(*types.Array); ok {
			return standsInGo(p, n.X)
		}
		return HoldsValue(p, n.X)
	}
	return false
}

// HoldsValue reports whether x is a field that has a struct or array of C in it,
// not a pointer to one.
func HoldsValue(p *rewrite.Package, x ast.Expr) bool {
	sel, ok := ast.Unparen(x).(*ast.SelectorExpr)
	if !ok || p.Info.Selections[sel] == nil || p.Info.Selections[sel].Kind() != types.FieldVal {
		return false
	}
	field, ok := p.Info.Selections[sel].Obj().(*types.Var)
	return ok && hasCType(field) && !pointerFields(p)[field] && !ofMissing(p, sel)
}

// hasCType reports whether v has a type of C that is not written as a pointer:
// what it is does not show.
func hasCType(v *types.Var) bool {
	b, ok := syntax.Under(v.Type()).(*types.Basic)
	return ok && b.Kind() == types.Invalid
}

// pointerFields returns the fields of p with C types that may be pointers: their
// value is set, compared or handed on as a whole. Of a struct or an array of C
// that C's own functions set up the package only takes the address or a part.
func pointerFields(p *rewrite.Package) map[*types.Var]bool {
	type key struct{ p *rewrite.Package }
	return rewrite.Memo(p.Snapshot(), key{p}, func() map[*types.Var]bool {
		out, structs := make(map[*types.Var]bool), make(map[types.Object]bool)
		for c := range p.Inspector.Root().Preorder((*ast.SelectorExpr)(nil), (*ast.KeyValueExpr)(nil), (*ast.CompositeLit)(nil), (*ast.Field)(nil)) {
			switch n := c.Node().(type) {
			case *ast.Field:
				if name := cgo.CName(p, n.Type); strings.HasPrefix(name, "struct_") || strings.HasPrefix(name, "union_") {
					for _, id := range n.Names {
						structs[p.Info.Defs[id]] = true
					}
				}
			case *ast.SelectorExpr:
				if sel := p.Info.Selections[n]; sel != nil && usedWhole(c) {
					if v, ok := sel.Obj().(*types.Var); ok {
						out[v] = true
					}
				}
			case *ast.KeyValueExpr:
				if id, ok := n.Key.(*ast.Ident); ok && !isStructValue(n.Value) {
					if v, ok := p.Info.Uses[id].(*types.Var); ok && v.IsField() {
						out[v] = true
					}
				}
			case *ast.CompositeLit:
				if st, ok := syntax.Under(p.Info.TypeOf(n)).(*types.Struct); ok && len(n.Elts) == st.NumFields() {
					for i, elt := range n.Elts {
						if _, keyed := elt.(*ast.KeyValueExpr); !keyed && !isStructValue(elt) {
							out[st.Field(i)] = true
						}
					}
				}
			}
		}
		for v := range out {
			if structs[v] {
				delete(out, v)
			}
		}
		return out
	})
}

// usedWhole reports whether the value at c is used as one: it is neither a part
// that is taken of it nor its address, and no struct is put there.
func usedWhole(c inspector.Cursor) bool {
	parent := c.Parent()
	for {
		if _, ok := parent.Node().(*ast.ParenExpr); !ok {
			break
		}
		c, parent = parent, parent.Parent()
	}
	switch n := parent.Node().(type) {
	case *ast.SelectorExpr:
		return false
	case *ast.IndexExpr:
		return n.X != c.Node()
	case *ast.UnaryExpr:
		return n.Op != token.AND
	case *ast.AssignStmt:
		for i, lhs := range n.Lhs {
			if lhs == c.Node() {
				return len(n.Lhs) != len(n.Rhs) || !isStructValue(n.Rhs[i])
			}
		}
	}
	return true
}

// isStructValue reports whether x is a struct or array as a whole: a literal, or
// what a pointer leads to.
func isStructValue(x ast.Expr) bool {
	switch ast.Unparen(x).(type) {
	case *ast.CompositeLit, *ast.StarExpr:
		return true
	}
	return false
}

// LeadsToGo reports whether x is a field with a pointer to a C struct that stands
// in Go memory: the package sets the field to nothing but addresses of variables.
// Whatever the finalizer frees, the struct itself is there while the pointer is.
func LeadsToGo(p *rewrite.Package, x ast.Expr) bool {
	sel, ok := ast.Unparen(x).(*ast.SelectorExpr)
	if !ok || p.Info.Selections[sel] == nil {
		return false
	}
	type key struct{ p *rewrite.Package }
	given := rewrite.Memo(p.Snapshot(), key{p}, func() map[types.Object]bool { return goPointers(p) })
	return given[p.Info.Selections[sel].Obj()]
}

// goPointers returns the fields that are set, and to addresses of variables alone.
func goPointers(p *rewrite.Package) map[types.Object]bool {
	out, others := make(map[types.Object]bool), make(map[types.Object]bool)
	set := func(field types.Object, val ast.Expr) {
		addr, ok := ast.Unparen(val).(*ast.UnaryExpr)
		if ok && addr.Op == token.AND && isVariable(p, addr.X) {
			out[field] = true
		} else if !p.Info.Types[val].IsNil() {
			others[field] = true
		}
	}
	for c := range p.Inspector.Root().Preorder((*ast.CompositeLit)(nil), (*ast.AssignStmt)(nil), (*ast.UnaryExpr)(nil)) {
		switch n := c.Node().(type) {
		case *ast.CompositeLit:
			st, ok := syntax.Under(p.Info.TypeOf(n)).(*types.Struct)
			for i, elt := range n.Elts {
				if kv, keyed := elt.(*ast.KeyValueExpr); keyed {
					if id, isID := kv.Key.(*ast.Ident); isID {
						set(p.Info.Uses[id], kv.Value)
					}
				} else if ok && i < st.NumFields() {
					set(st.Field(i), elt)
				}
			}
		case *ast.AssignStmt:
			for i, lhs := range n.Lhs {
				sel, ok := ast.Unparen(lhs).(*ast.SelectorExpr)
				if !ok || p.Info.Selections[sel] == nil {
					continue
				}
				if len(n.Lhs) == len(n.Rhs) {
					set(p.Info.Selections[sel].Obj(), n.Rhs[i])
				} else {
					others[p.Info.Selections[sel].Obj()] = true
				}
			}
		case *ast.UnaryExpr:
			// C may set the pointer.
			if sel, ok := ast.Unparen(n.X).(*ast.SelectorExpr); ok && n.Op == token.AND && p.Info.Selections[sel] != nil {
				others[p.Info.Selections[sel].Obj()] = true
			}
		}
	}
	for field := range others {
		delete(out, field)
	}
	return out
}

// isVariable reports whether x is a variable.
func isVariable(p *rewrite.Package, x ast.Expr) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok {
		return false
	}
	_, ok = p.Info.ObjectOf(id).(*types.Var)
	return ok
}

// ReadsC reports whether x is a part of C memory that a pointer leads to: x.f or
// *x where x has a type of C.
func ReadsC(p *rewrite.Package, x ast.Expr) bool {
	switch n := x.(type) {
	case *ast.SelectorExpr:
		if p.Info.Selections[n] != nil || cgo.CName(p, n) != "" {
			return false
		}
		return IsCValue(p, n.X)
	case *ast.StarExpr:
		return cgo.CName(p, n.X) == "" && IsCValue(p, n.X)
	}
	return false
}

// IsCValue reports whether x is a value of a C type, as far as that shows: a
// variable, field, element or result.
func IsCValue(p *rewrite.Package, x ast.Expr) bool {
	x = ast.Unparen(x)
	if star, ok := x.(*ast.StarExpr); ok && cgo.CName(p, star.X) != "" {
		return false // a type
	}
	inner := cgo.Converted(p, x)
	if ofMissing(p, inner) {
		return false
	}
	t := p.Info.TypeOf(inner)
	if t == nil {
		sel, ok := inner.(*ast.SelectorExpr)
		return ok && ReadsC(p, sel)
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		_, chain := x.(*ast.SelectorExpr)
		return u.Kind() == types.Invalid && (!chain || p.Info.Selections[x.(*ast.SelectorExpr)] != nil || ReadsC(p, x))
	case *types.Pointer:
		b, ok := u.Elem().Underlying().(*types.Basic)
		return ok && b.Kind() == types.Invalid
	}
	return false
}
