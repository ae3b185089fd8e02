package release

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Embedder returns a pointer to the type whose finalizer frees the field of what t
// points at, a struct that stands by value in objects with finalizers and nowhere
// else: a pointer to such a part keeps the whole alive. It is nil where there is
// none.
func (rs *Releases) Embedder(t types.Type, field string) types.Type {
	named, ok := types.Unalias(syntax.PointerElem(t)).(*types.Named)
	if !ok || named.Obj().Pkg() == nil || rs.Backed(t) {
		return nil
	}
	p := rs.s.Package(named.Obj().Pkg().Path())
	if p == nil || !types.Identical(named.Origin(), objectType(p, named)) {
		return nil
	}
	key := finalizer.FinalizedKey(t)
	whole, known := rs.wholes[key]
	if !known {
		whole = rs.wholeOf(p, named.Origin())
		rs.wholes[key] = whole
	}
	if whole == nil || !rs.Frees(whole, field) {
		return nil
	}
	return whole
}

// objectType returns the type that p declares under the name of named.
func objectType(p *rewrite.Package, named *types.Named) types.Type {
	if p.Types == nil {
		return nil
	}
	if obj := p.Types.Scope().Lookup(named.Obj().Name()); obj != nil {
		return obj.Type()
	}
	return types.Typ[types.Invalid]
}

// wholeOf returns a pointer to a type of p that embeds part by value, if all that
// do have finalizers and p makes no part by itself.
func (rs *Releases) wholeOf(p *rewrite.Package, part *types.Named) types.Type {
	var whole types.Type
	scope := p.Types.Scope()
	for _, name := range scope.Names() {
		tn, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || tn.IsAlias() {
			continue
		}
		st, ok := tn.Type().Underlying().(*types.Struct)
		if !ok {
			continue
		}
		for f := range st.Fields() {
			if !f.Embedded() || !types.Identical(f.Type(), part) {
				continue
			}
			ptr := types.NewPointer(tn.Type())
			if !rs.Backed(ptr) {
				return nil
			}
			whole = ptr
		}
	}
	if whole == nil {
		return nil
	}
	for c := range p.Inspector.Root().Preorder((*ast.CompositeLit)(nil), (*ast.CallExpr)(nil), (*ast.ValueSpec)(nil)) {
		switch n := c.Node().(type) {
		case *ast.CompositeLit:
			if _, inside := c.Parent().Node().(*ast.KeyValueExpr); !inside && isPart(p, n, part) {
				if _, inside = c.Parent().Node().(*ast.CompositeLit); !inside {
					return nil
				}
			}
		case *ast.CallExpr:
			if syntax.IsBuiltin(p, n, "new") && isPart(p, n.Args[0], part) {
				return nil
			}
		case *ast.ValueSpec:
			if n.Type != nil && isPart(p, n.Type, part) {
				return nil
			}
		}
	}
	return whole
}

func isPart(p *rewrite.Package, x ast.Expr, part *types.Named) bool {
	t := p.Info.TypeOf(x)
	return t != nil && types.Identical(t, part)
}
