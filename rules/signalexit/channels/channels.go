// Package channels tells what is done with a channel.
package channels

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Fed reports whether the channel x may have a sender: it comes from elsewhere,
// or the package sends to it.
func Fed(p *rewrite.Package, x ast.Expr) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok {
		return true
	}
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok {
		return true
	}
	for _, f := range p.Files {
		if syntax.ContainsNode(f.AST, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SendStmt:
				id, ok := ast.Unparen(n.Chan).(*ast.Ident)
				return ok && p.Info.Uses[id] == v
			case *ast.CallExpr:
				for _, a := range n.Args {
					if id, ok := ast.Unparen(a).(*ast.Ident); ok && p.Info.Uses[id] == v && !syntax.IsBuiltin(p, n, "close") {
						return true
					}
				}
			case *ast.AssignStmt:
				// From a call that gives a channel.
				if !syntax.Sets(p, n, v) {
					return false
				}
				call, ok := ast.Unparen(n.Rhs[0]).(*ast.CallExpr)
				return !ok || !syntax.IsBuiltin(p, call, "make")
			case *ast.Field:
				for _, id := range n.Names {
					if p.Info.Defs[id] == v {
						return true // a parameter
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
