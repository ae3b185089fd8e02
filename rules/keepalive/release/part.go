package release

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// A keptOwner is a field that keeps the owner of what another one leads to, and
// the owner's type.
type keptOwner struct {
	field *types.Var
	typ   types.Type
}

// OwnerField returns the field of what t points at that keeps the owner of what
// the named field leads to, and the owner's type: all literals give the two a part
// of C's memory and the object whose finalizer frees the whole, as &item{p:
// list.h.first, of: list} does. nil when there is no such field.
func (rs *Releases) OwnerField(t types.Type, name string) (*types.Var, types.Type) {
	key := finalizer.FinalizedKey(t) + "." + name
	if f, ok := rs.parts[key]; ok {
		return f.field, f.typ
	}
	rs.parts[key] = keptOwner{}
	home := rs.homeOf(t)
	if home == nil || !rs.Registers() {
		return nil, nil
	}
	for _, f := range rs.owners(t) {
		if typ := rs.alwaysPart(home, t, name, f); typ != nil {
			rs.parts[key] = keptOwner{f, typ}
			return f, typ
		}
	}
	return nil, nil
}

// owners returns the fields of what t points at that may be pointers to objects
// with finalizers.
func (rs *Releases) owners(t types.Type) []*types.Var {
	if elem := syntax.PointerElem(t); elem != nil {
		t = elem
	}
	st, ok := syntax.Under(t).(*types.Struct)
	if !ok {
		return nil
	}
	var out []*types.Var
	for f := range st.Fields() {
		if types.IsInterface(f.Type()) || syntax.PointerElem(f.Type()) != nil && !finalizer.IsFile(f.Type()) && rs.Backed(f.Type()) {
			out = append(out, f)
		}
	}
	return out
}

// alwaysPart returns the owner's type where every literal of t's type that gives
// the named field a value gives it a part of what the owner has, nil else.
func (rs *Releases) alwaysPart(home *rewrite.Package, t types.Type, name string, owner *types.Var) (typ types.Type) {
	for _, c := range literalsOf(home)[finalizer.FinalizedKey(t)] {
		lit := c.Node().(*ast.CompositeLit)
		part, of := named(home, lit, name), syntax.FieldValue(home, lit, owner)
		if part == nil || home.Info.Types[part].IsNil() {
			continue
		}
		fn, ok := syntax.EnclosingFunc(c)
		if !ok || of == nil {
			return nil
		}
		root, has := syntax.VariableOf(of), home.Info.TypeOf(of)
		if root == nil && makesOwner(home, of, part) && rs.Backed(has) && (typ == nil || types.Identical(typ, has)) {
			typ = has
			continue
		}
		if root == nil || typ != nil && !types.Identical(typ, has) || syntax.PointerElem(has) == nil || finalizer.IsFile(has) || !rs.Backed(has) {
			return nil
		}
		d := derivation{rs, home, syntax.BodyOf(fn.Node()), t, name, has, home.Info.ObjectOf(root)}
		if !d.of(part, aliasDepth) {
			return nil
		}
		typ = has
	}
	return typ
}

// literalsOf returns the composite literals of the package by the keys of their types.
func literalsOf(p *rewrite.Package) map[string][]inspector.Cursor {
	type key struct{ p *rewrite.Package }
	return rewrite.Memo(p.Snapshot(), key{p}, func() map[string][]inspector.Cursor {
		out := make(map[string][]inspector.Cursor)
		for c := range p.Inspector.Root().Preorder((*ast.CompositeLit)(nil)) {
			of := finalizer.FinalizedKey(p.Info.TypeOf(c.Node().(ast.Expr)))
			out[of] = append(out[of], c)
		}
		return out
	})
}

// makesOwner reports whether the owner is made for the handle, both in one literal:
// T{h: h, guard: newGuard(unsafe.Pointer(h))}.
func makesOwner(p *rewrite.Package, owner, handle ast.Expr) bool {
	call, ok := ast.Unparen(owner).(*ast.CallExpr)
	id, isVar := cgo.Converted(p, handle).(*ast.Ident)
	return ok && isVar && slices.ContainsFunc(call.Args, func(arg ast.Expr) bool {
		other, ok := cgo.Converted(p, arg).(*ast.Ident)
		return ok && p.Info.Uses[other] != nil && p.Info.Uses[other] == p.Info.Uses[id]
	})
}

// named returns the value that the literal gives the field.
func named(p *rewrite.Package, lit *ast.CompositeLit, field string) ast.Expr {
	st, ok := syntax.Under(p.Info.TypeOf(lit)).(*types.Struct)
	if !ok {
		return nil
	}
	for f := range st.Fields() {
		if f.Name() == field {
			return syntax.FieldValue(p, lit, f)
		}
	}
	return nil
}

// A derivation asks whether a value is a part of what an owner's finalizer frees.
type derivation struct {
	rs    *Releases
	p     *rewrite.Package
	body  *ast.BlockStmt
	typ   types.Type // of the part,
	field string     // and its field that leads to the memory
	owner types.Type
	root  types.Object // the variable of the owner, or of another part of it
}

// of reports whether x leads to the owner's memory: over C's fields, elements,
// arithmetic and conversions, or by a function of C that does not make anything
// new.
func (d derivation) of(x ast.Expr, depth int) bool {
	x = cgo.Converted(d.p, x)
	switch n := x.(type) {
	case *ast.Ident:
		v := syntax.LocalVar(d.p, n)
		if v == nil || depth == 0 {
			return false
		}
		for _, val := range syntax.AssignedValues(d.p, d.body, v) {
			if val != nil && d.of(val, depth-1) {
				return true
			}
		}
	case *ast.SelectorExpr:
		if id, ok := ast.Unparen(n.X).(*ast.Ident); ok && d.root != nil && d.p.Info.Uses[id] == d.root {
			return d.owns(d.root.Type(), n.Sel.Name)
		}
		return d.of(n.X, depth)
	case *ast.StarExpr:
		return d.of(n.X, depth)
	case *ast.UnaryExpr:
		return n.Op == token.AND && d.of(n.X, depth)
	case *ast.IndexExpr:
		return d.of(n.X, depth)
	case *ast.SliceExpr:
		return d.of(n.X, depth)
	case *ast.BinaryExpr:
		return n.Op == token.ADD && (d.of(n.X, depth) || d.of(n.Y, depth))
	case *ast.CallExpr:
		if cgo.IsUnsafe(d.p, n, "Add") || cgo.IsUnsafe(d.p, n, "Slice") {
			return d.of(n.Args[0], depth)
		}
		name := cgo.CName(d.p, n.Fun)
		return name != "" && !knowledge.CMakes(name) && len(n.Args) > 0 && d.of(n.Args[0], depth)
	}
	return false
}

// owns reports whether the field of what t points at leads to the owner's memory.
func (d derivation) owns(t types.Type, field string) bool {
	switch finalizer.FinalizedKey(t) {
	case finalizer.FinalizedKey(d.owner):
		return d.rs.Frees(d.owner, field) || d.rs.Views(d.owner)[field]
	case finalizer.FinalizedKey(d.typ):
		return field == d.field
	}
	return false
}
