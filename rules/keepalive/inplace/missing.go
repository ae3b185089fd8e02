package inplace

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// ofMissing reports whether x has a type of a Go package that could not be loaded.
// Such a type looks like one of C: nothing is known of either.
func ofMissing(p *rewrite.Package, x ast.Expr) bool {
	type key struct{ p *rewrite.Package }
	return rewrite.Memo(p.Snapshot(), key{p}, func() missing { return missingIn(p) }).has(p, x)
}

// missing holds the variables, fields, functions and types that are declared with
// what a missing package has.
type missing map[types.Object]bool

// has reports whether the value or type x is one of them, or a part of one.
func (m missing) has(p *rewrite.Package, x ast.Expr) bool {
	for {
		switch n := ast.Unparen(x).(type) {
		case *ast.Ident:
			return m[p.Info.ObjectOf(n)]
		case *ast.SelectorExpr:
			if id, ok := n.X.(*ast.Ident); ok && isMissing(p.Info.Uses[id]) {
				return true
			}
			if sel := p.Info.Selections[n]; sel != nil {
				return m[sel.Obj()]
			}
			x = n.X
		case *ast.CallExpr:
			x = n.Fun
		case *ast.IndexExpr:
			x = n.X
		case *ast.StarExpr:
			x = n.X
		case *ast.CompositeLit:
			if n.Type == nil {
				return false
			}
			x = n.Type
		default:
			return false
		}
	}
}

// mentions reports whether the type expression x names one of them.
func (m missing) mentions(p *rewrite.Package, x ast.Expr) bool {
	return syntax.ContainsNode(x, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && (isMissing(p.Info.Uses[id]) || m[p.Info.Uses[id]])
	})
}

// isMissing reports whether obj stands for a package that could not be loaded.
func isMissing(obj types.Object) bool {
	name, ok := obj.(*types.PkgName)
	return ok && name != nil && name.Imported().Path() != "C" && name.Imported() != types.Unsafe && !name.Imported().Complete()
}

func missingIn(p *rewrite.Package) missing {
	m := make(missing)
	if !slices.ContainsFunc(p.Files, func(f *rewrite.File) bool {
		return slices.ContainsFunc(f.AST.Imports, func(spec *ast.ImportSpec) bool { return isMissing(p.Info.PkgNameOf(spec)) })
	}) {
		return m
	}
	note := func(is bool, names ...*ast.Ident) {
		for _, id := range names {
			if obj := p.Info.ObjectOf(id); is && obj != nil {
				m[obj] = true
			}
		}
	}
	for c := range p.Inspector.Root().Preorder((*ast.TypeSpec)(nil), (*ast.Field)(nil)) {
		switch n := c.Node().(type) {
		case *ast.TypeSpec:
			switch n.Type.(type) {
			case *ast.StructType, *ast.InterfaceType, *ast.FuncType:
			default:
				note(m.mentions(p, n.Type), n.Name)
			}
		case *ast.Field:
			note(m.mentions(p, n.Type), n.Names...)
		}
	}
	for c := range p.Inspector.Root().Preorder((*ast.FuncDecl)(nil), (*ast.ValueSpec)(nil), (*ast.AssignStmt)(nil)) {
		switch n := c.Node().(type) {
		case *ast.FuncDecl:
			if r := n.Type.Results; r != nil && len(r.List) > 0 {
				note(m.mentions(p, r.List[0].Type), n.Name)
			}
		case *ast.ValueSpec:
			note(n.Type != nil && m.mentions(p, n.Type) || n.Type == nil && len(n.Values) > 0 && m.has(p, n.Values[0]), n.Names...)
		case *ast.AssignStmt:
			if id, ok := n.Lhs[0].(*ast.Ident); ok {
				note(m.has(p, n.Rhs[0]), id)
			}
		}
	}
	return m
}
