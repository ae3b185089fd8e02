package params

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/contexts"
)

// OnlyLooks reports whether decl does nothing with the context v but look whether
// it is done, and has nothing to do when it returns because of that.
func OnlyLooks(p *rewrite.Package, decl *ast.FuncDecl, v *types.Var) bool {
	looks, uses := 0, 0
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			if p.Info.Uses[n] == v {
				uses++
			}
		case *ast.CallExpr:
			sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if id, ok := ast.Unparen(sel.X).(*ast.Ident); ok && p.Info.Uses[id] == v && (contexts.IsDone(p, n) || sel.Sel.Name == "Err") {
				looks++
			}
		}
		return true
	})
	deferred := syntax.ContainsNode(decl.Body, func(n ast.Node) bool { _, ok := n.(*ast.DeferStmt); return ok })
	return uses == looks && (uses == 0 || !deferred)
}

// InInterface reports whether an interface of the package has a method of that
// name.
func InInterface(p *rewrite.Package, name string) bool {
	for _, f := range p.Files {
		if syntax.ContainsNode(f.AST, func(n ast.Node) bool {
			it, ok := n.(*ast.InterfaceType)
			if !ok {
				return false
			}
			for _, m := range it.Methods.List {
				for _, id := range m.Names {
					if id.Name == name {
						return true
					}
				}
			}
			return false
		}) {
			return true
		}
	}
	return false
}

// DeclaredElsewhere reports whether a file that is not built here declares the
// function, too, for another platform say.
func DeclaredElsewhere(p *rewrite.Package, decl *ast.FuncDecl) bool {
	for _, f := range p.OtherFiles() {
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Name.Name == decl.Name.Name && (d.Recv == nil) == (decl.Recv == nil) {
				return true
			}
		}
	}
	return false
}
