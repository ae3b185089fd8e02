// Package syntax answers what a piece of Go code is: what stands around it, what
// a name means there, where a variable is set, whether control goes on.
package syntax

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// InDecl reports whether match holds for a node of decl.
func InDecl(decl *ast.FuncDecl, match func(ast.Node) bool) bool {
	found := false
	ast.Inspect(decl, func(n ast.Node) bool {
		if n != nil && match(n) {
			found = true
		}
		return !found
	})
	return found
}

// IsNil reports whether x is there and is nil.
func IsNil(p *rewrite.Package, x ast.Expr) bool {
	return x != nil && p.Info.Types[ast.Unparen(x)].IsNil()
}

// IsConversion reports whether the node at cur converts its operand, or is a
// pair of parentheses.
func IsConversion(p *rewrite.Package, cur inspector.Cursor) bool {
	switch n := cur.Node().(type) {
	case *ast.ParenExpr:
		return true
	case *ast.CallExpr:
		return len(n.Args) == 1 && p.Info.Types[n.Fun].IsType()
	}
	return false
}

// Pure reports whether x calls nothing.
func Pure(p *rewrite.Package, x ast.Expr) bool {
	ok := true
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			ok = ok && p.Info.Types[n.Fun].IsType()
		case *ast.UnaryExpr:
			ok = ok && n.Op != token.ARROW
		}
		return ok
	})
	return ok
}

// LastName returns the identifier that names what is called.
func LastName(fun ast.Expr) *ast.Ident {
	switch f := ast.Unparen(fun).(type) {
	case *ast.Ident:
		return f
	case *ast.SelectorExpr:
		return f.Sel
	}
	return nil
}

// Encloses reports whether n is at or has it inside.
func Encloses(n, at ast.Node) bool { return ContainsNode(n, func(x ast.Node) bool { return x == at }) }

// IsBuiltin reports whether the call is of the built-in function.
func IsBuiltin(p *rewrite.Package, call *ast.CallExpr, name string) bool {
	id, ok := ast.Unparen(call.Fun).(*ast.Ident)
	if !ok {
		return false
	}
	b, ok := p.Info.Uses[id].(*types.Builtin)
	return ok && b.Name() == name
}

// AsExpr returns n when it is an expression, nil otherwise.
func AsExpr(n ast.Node) ast.Expr {
	x, _ := n.(ast.Expr)
	return x
}

// ExprText returns x as it is written, shortened.
func ExprText(x ast.Expr) string { return types.ExprString(x) }

// ContainsNode reports whether n, or a node in it, matches.
func ContainsNode(n ast.Node, match func(ast.Node) bool) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if n != nil && match(n) {
			found = true
		}
		return !found
	})
	return found
}

// Mentions reports whether n refers to obj.
func Mentions(p *rewrite.Package, n ast.Node, obj types.Object) bool {
	return ContainsNode(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && obj != nil && p.Info.Uses[id] == obj
	})
}
