// Package counted tells how goroutines are counted in a sync.WaitGroup.
package counted

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// Var reports whether s declares one variable.
func Var(s ast.Stmt) bool {
	d, ok := s.(*ast.DeclStmt)
	if !ok {
		return false
	}
	g, ok := d.Decl.(*ast.GenDecl)
	if !ok || len(g.Specs) != 1 {
		return false
	}
	spec, ok := g.Specs[0].(*ast.ValueSpec)
	return ok && len(spec.Names) == 1
}

// Paired reports whether wg.Add(1) stands right before the go statement
// at c.
func Paired(p *rewrite.Package, c inspector.Cursor, v *types.Var) bool {
	block, ok := c.Parent().Node().(*ast.BlockStmt)
	if !ok {
		return false
	}
	i := syntax.IndexOf(block.List, c.Node().(ast.Stmt))
	if i < 1 {
		return false
	}
	x, ok := block.List[i-1].(*ast.ExprStmt)
	if !ok || !p.IsCall(x.X, "sync", "(*sync.WaitGroup).Add") || !syntax.Mentions(p, x, v) {
		return false
	}
	k, isConst := syntax.ConstInt(p, x.X.(*ast.CallExpr).Args[0])
	return isConst && k == 1
}

// Defers reports whether the body defers a call of a method called name.
func Defers(body *ast.BlockStmt, name string) bool {
	for _, s := range body.List {
		if d, ok := s.(*ast.DeferStmt); ok {
			if id := syntax.LastName(d.Call.Fun); id != nil && id.Name == name {
				return true
			}
		}
	}
	return false
}
