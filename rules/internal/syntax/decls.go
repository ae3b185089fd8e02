package syntax

import (
	"go/ast"
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// Mentioned reports whether a file of the package that is not loaded has an
// identifier called name.
func Mentioned(p *rewrite.Package, name string) bool {
	found := false
	for _, f := range p.OtherFiles() {
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == name {
				found = true
			}
			return !found
		})
	}
	return found
}

// DeclsOf returns the package's functions and methods by their keys.
func DeclsOf(p *rewrite.Package) map[string]*ast.FuncDecl {
	type key struct{ p *rewrite.Package }
	return rewrite.Memo(p.Snapshot(), key{p}, func() map[string]*ast.FuncDecl {
		out := make(map[string]*ast.FuncDecl)
		for _, f := range p.Files {
			for _, d := range f.AST.Decls {
				if decl, ok := d.(*ast.FuncDecl); ok {
					if fn, ok := p.Info.Defs[decl.Name].(*types.Func); ok {
						out[rewrite.ObjectKey(fn)] = decl
					}
				}
			}
		}
		return out
	})
}

// TakeTurn returns the declaration around cur, in which the fix is to declare a
// name, and makes other fixes that do so wait for a later round.
func TakeTurn(e *rewrite.Edit, file *rewrite.File, cur inspector.Cursor) ast.Node {
	within, name := ast.Node(file.AST), file.AST.Name
	for d := range cur.Enclosing((*ast.FuncDecl)(nil)) {
		within, name = d.Node(), d.Node().(*ast.FuncDecl).Name
	}
	e.Modify(name, func(dst.Node) error { return nil })
	return within
}

// DeclarationOf returns the declaration of fn in the loaded packages.
func DeclarationOf(s *rewrite.Snapshot, fn *types.Func) (*ast.FuncDecl, *rewrite.Package) {
	type declared struct {
		decl *ast.FuncDecl
		pkg  *rewrite.Package
	}
	all := rewrite.Memo(s, "declared functions", func() map[string]declared {
		m := make(map[string]declared)
		for _, p := range s.Packages {
			for _, f := range p.Files {
				for _, d := range f.AST.Decls {
					if fd, ok := d.(*ast.FuncDecl); ok {
						if obj, ok := p.Info.Defs[fd.Name].(*types.Func); ok {
							m[rewrite.ObjectKey(obj)] = declared{fd, p}
						}
					}
				}
			}
		}
		return m
	})
	d := all[rewrite.ObjectKey(fn)]
	return d.decl, d.pkg
}

// DeclOf returns the declaration of fn in p, nil when it is not there.
func DeclOf(p *rewrite.Package, fn *types.Func) *ast.FuncDecl {
	return DeclsOf(p)[rewrite.ObjectKey(fn)]
}

// Source returns the declaration of fn, which p uses, with a body, and its
// package; nil when it is not loaded.
func Source(s *rewrite.Snapshot, p *rewrite.Package, fn *types.Func) (*rewrite.Package, *ast.FuncDecl) {
	if fn.Pkg() == nil {
		return nil, nil
	}
	if fn.Pkg().Path() != p.Path {
		if p = s.Package(fn.Pkg().Path()); p == nil {
			return nil, nil
		}
	}
	if decl := DeclOf(p, fn); decl != nil && decl.Body != nil {
		return p, decl
	}
	return nil, nil
}
