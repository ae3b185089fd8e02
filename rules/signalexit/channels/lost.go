package channels

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// Taken reports whether the value that the statement at c sends, in a function with
// the body given, may have been taken from somewhere in the same turn: it is lost
// when it is not sent. Constants are not, nor are variables that are set before the
// outermost loop around the send, or count its turns.
func Taken(p *rewrite.Package, c inspector.Cursor, body *ast.BlockStmt) bool {
	value := c.Node().(*ast.SendStmt).Value
	var loop ast.Node
	for ; c.Node() != body; c = c.Parent() {
		switch c.Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			loop = c.Node()
		}
	}
	return takes(p, value, loop)
}

// takes reports whether x is made of more than constants and variables that no turn
// of the loop sets.
func takes(p *rewrite.Package, x ast.Expr, loop ast.Node) bool {
	x = ast.Unparen(x)
	if t := p.Info.Types[x]; t.Value != nil || t.IsNil() {
		return false
	}
	switch x := x.(type) {
	case *ast.Ident:
		v, ok := p.Info.Uses[x].(*types.Var)
		return !ok || loop == nil || sets(p, loop, v)
	case *ast.UnaryExpr:
		return x.Op == token.ARROW || takes(p, x.X, loop)
	case *ast.BinaryExpr:
		return takes(p, x.X, loop) || takes(p, x.Y, loop)
	case *ast.CompositeLit:
		for _, e := range x.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				e = kv.Value
			}
			if takes(p, e, loop) {
				return true
			}
		}
		return false
	}
	return true // a call, or what one may have changed
}

// sets reports whether a turn of the loop sets v, or a part of it, other than by
// counting.
func sets(p *rewrite.Package, loop ast.Node, v *types.Var) bool {
	counter := false
	switch n := loop.(type) {
	case *ast.RangeStmt:
		t := syntax.Under(p.Info.TypeOf(n.X))
		_, isChan := t.(*types.Chan)
		_, isFunc := t.(*types.Signature)
		counter = !isChan && !isFunc && syntax.Pure(p, n.X) && n.Pos() <= v.Pos() && v.Pos() < n.Body.Pos()
	case *ast.ForStmt:
		post, ok := n.Post.(*ast.IncDecStmt)
		counter = ok && rooted(p, post.X, v)
	}
	return syntax.DeclaredIn(loop, v) && !counter || syntax.ContainsNode(loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				if n.Tok != token.DEFINE && rooted(p, l, v) {
					return true
				}
			}
		case *ast.RangeStmt:
			return n.Tok == token.ASSIGN && (rooted(p, n.Key, v) || rooted(p, n.Value, v))
		case *ast.UnaryExpr:
			return n.Op == token.AND && rooted(p, n.X, v)
		case *ast.SelectorExpr:
			// A method may change what it is called for.
			_, isField := p.Info.Uses[n.Sel].(*types.Var)
			return !isField && rooted(p, n.X, v)
		}
		return false
	})
}

// rooted reports whether x is v, or a part of what it holds.
func rooted(p *rewrite.Package, x ast.Expr, v *types.Var) bool {
	id := syntax.VariableOf(x)
	return id != nil && p.Info.ObjectOf(id) == v
}
