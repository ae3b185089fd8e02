package finalizercycle

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// closed reports whether nothing of type t can lead to the object: its type
// graph has no interface, function or unsafe pointer, nothing with a finalizer,
// and not the object's type.
func (m *migration) closed(t types.Type, seen []types.Type) bool {
	if slices.Contains(seen, t) {
		return true
	}
	seen = append(seen, t)
	if named, ok := types.Unalias(t).(*types.Named); ok {
		k := finalizer.FinalizedKey(named)
		if k == finalizer.FinalizedKey(m.y.Elem) || len(m.c.all.Set[k]) > 0 {
			return false
		}
	}
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Kind() != types.UnsafePointer && t.Kind() != types.Invalid
	case *types.Pointer:
		return m.closed(t.Elem(), seen)
	case *types.Slice:
		return m.closed(t.Elem(), seen)
	case *types.Array:
		return m.closed(t.Elem(), seen)
	case *types.Chan:
		return m.closed(t.Elem(), seen)
	case *types.Map:
		return m.closed(t.Key(), seen) && m.closed(t.Elem(), seen)
	case *types.Struct:
		for f := range t.Fields() {
			if !m.closed(f.Type(), seen) {
				return false
			}
		}
		return true
	}
	return false
}

// isC reports whether the field is declared with a type of C, or a pointer to
// one, which is no Go memory.
func (m *migration) isC(v *types.Var) bool { return cType(m.declared(v)) != "" }

// onlyC reports whether the field is an unsafe.Pointer in which the package keeps
// nothing but what functions of C return.
func (m *migration) onlyC(v *types.Var) bool {
	p := m.y.Pkg
	if b, ok := v.Type().(*types.Basic); !ok || b.Kind() != types.UnsafePointer {
		return false
	}
	stores := 0
	fits := true
	is := func(x ast.Expr) bool {
		id, ok := x.(*ast.Ident)
		if sel, isSel := ast.Unparen(x).(*ast.SelectorExpr); isSel {
			id, ok = sel.Sel, true
		}
		if !ok {
			return false
		}
		w, ok := p.Info.Uses[id].(*types.Var)
		return ok && w.Origin() == v
	}
	for _, f := range p.Files {
		for _, d := range f.AST.Decls {
			store := func(x ast.Expr) {
				stores++
				fits = fits && x != nil && madeByC(p, d, x, 2)
			}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.KeyValueExpr:
					if is(n.Key) {
						store(n.Value)
					}
				case *ast.CompositeLit:
					if t := p.Info.TypeOf(n); len(n.Elts) > 0 && finalizer.FinalizedKey(t) == finalizer.FinalizedKey(m.y.Elem) {
						_, keyed := n.Elts[0].(*ast.KeyValueExpr)
						fits = fits && keyed
					}
				case *ast.AssignStmt:
					for i, l := range n.Lhs {
						if is(l) && len(n.Lhs) == len(n.Rhs) {
							store(n.Rhs[i])
						} else if is(l) {
							store(nil)
						}
					}
				}
				return true
			})
		}
	}
	return fits && stores > 0
}

// madeByC reports whether x is nil or the result of a function of C, or a
// variable of d that holds nothing else.
func madeByC(p *rewrite.Package, d ast.Decl, x ast.Expr, depth int) bool {
	x = ast.Unparen(x)
	switch n := x.(type) {
	case *ast.CallExpr:
		if name := cgo.CName(p, n.Fun); name != "" {
			return !cgo.IsCType(p, name)
		}
		return len(n.Args) == 1 && p.Info.Types[n.Fun].IsType() && madeByC(p, d, n.Args[0], depth)
	case *ast.Ident:
		decl, ok := d.(*ast.FuncDecl)
		v, isVar := p.Info.Uses[n].(*types.Var)
		if !ok || !isVar || depth == 0 || v.Pos() < decl.Body.Pos() || decl.Body.End() <= v.Pos() {
			return syntax.IsNil(p, x)
		}
		values := syntax.AssignedValues(p, decl.Body, v)
		return len(values) > 0 && !slices.ContainsFunc(values, func(x ast.Expr) bool { return x == nil || !madeByC(p, d, x, depth-1) })
	}
	return false
}

// cType returns the name in C.name or *C.name, "" for other types.
func cType(x ast.Expr) string {
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if sel, ok := x.(*ast.SelectorExpr); ok {
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == "C" {
			return sel.Sel.Name
		}
	}
	return ""
}

// declared returns the type expression of a field's declaration.
func (m *migration) declared(v *types.Var) ast.Expr {
	var out ast.Expr
	for _, f := range m.y.Pkg.Files {
		if v.Pos() < f.AST.FileStart || f.AST.FileEnd < v.Pos() {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok {
				for _, name := range field.Names {
					if name.Pos() == v.Pos() {
						out = field.Type
					}
				}
			}
			return out == nil
		})
	}
	return out
}

// typeOf returns the field's type as an expression, nil when it cannot be
// written in the file of the registration.
func (m *migration) typeOf(v *types.Var) dst.Expr {
	decl := m.declared(v)
	if name := cType(decl); name != "" {
		if !m.y.File.Cgo {
			return nil
		}
		var x dst.Expr = &dst.SelectorExpr{X: dst.NewIdent("C"), Sel: dst.NewIdent(name)}
		if _, isPtr := decl.(*ast.StarExpr); isPtr {
			x = &dst.StarExpr{X: x}
		}
		return x
	}
	if b, ok := v.Type().(*types.Basic); ok && b.Kind() == types.UnsafePointer {
		return rewrite.Use("unsafe", "Pointer")
	}
	return typeExprIn(m.y.File, v.Type())
}
