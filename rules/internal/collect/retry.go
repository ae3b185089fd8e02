package collect

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// retries reports whether the loop around cur tries something until it succeeds,
// and the turn comes by cur only where it did not: files that nobody closed,
// buffers of a library, entries of weak maps are given back by a collection, and
// the next turn finds room.
func retries(p *rewrite.Package, cur inspector.Cursor) bool {
	for c := range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		loop, ok := c.Node().(*ast.ForStmt)
		if !ok {
			return false
		}
		if loop.Cond != nil && failed(p, loop.Cond) {
			return true
		}
		for i := range c.Preorder((*ast.IfStmt)(nil)) {
			n := i.Node().(*ast.IfStmt)
			if n.Pos() < cur.Node().Pos() && insideSame(i, c) && syntax.Leaves(n.Body) && succeeded(p, n.Cond) {
				return true
			}
		}
		// if err != nil { collect; continue }; return
		last := len(loop.Body.List) - 1
		return last >= 0 && syntax.LeavesLoop(loop.Body.List[last], false) && onFailure(p, cur, loop)
	}
	return false
}

// triesAgain reports whether cur stands under the failure of a call that is made
// once more behind it: if err != nil { collect; f, err = os.Open(name) }.
func triesAgain(p *rewrite.Package, cur inspector.Cursor) bool {
	stmt, ok := syntax.Listed(cur)
	if !ok {
		return false
	}
	called := make(map[string]bool)
	for next, more := stmt.NextSibling(); more; next, more = next.NextSibling() {
		for c := range next.Preorder((*ast.CallExpr)(nil)) {
			called[types.ExprString(c.Node().(*ast.CallExpr).Fun)] = true
		}
	}
	block := stmt.Parent()
	n, ok := block.Parent().Node().(*ast.IfStmt)
	if !ok || n.Body != block.Node() || !failed(p, n.Cond) && !isMissing(p, n.Cond) {
		return false
	}
	before := func(n ast.Node) bool {
		return n != nil && syntax.ContainsNode(n, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			return ok && called[types.ExprString(call.Fun)]
		})
	}
	if n.Init != nil && before(n.Init) {
		return true
	}
	prev, ok := block.Parent().PrevSibling()
	return ok && before(prev.Node())
}

// isMissing reports whether x says that something is nil.
func isMissing(p *rewrite.Package, x ast.Expr) bool {
	b, ok := ast.Unparen(x).(*ast.BinaryExpr)
	return ok && b.Op == token.EQL && p.Info.Types[b.Y].IsNil()
}

// insideSame reports whether no function or loop stands between c and loop.
func insideSame(c, loop inspector.Cursor) bool {
	for e := range c.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil)) {
		return e == loop
	}
	return false
}

// onFailure reports whether cur stands under the failure of something within loop.
func onFailure(p *rewrite.Package, cur inspector.Cursor, loop *ast.ForStmt) bool {
	for c := range cur.Enclosing((*ast.IfStmt)(nil), (*ast.ForStmt)(nil)) {
		n, ok := c.Node().(*ast.IfStmt)
		if !ok {
			return false
		}
		if n.Body.Pos() < cur.Node().Pos() && cur.Node().End() < n.Body.End() && failed(p, n.Cond) {
			return true
		}
	}
	return false
}

// succeeded reports whether x says that there was no error, or that a call's
// second result is true.
func succeeded(p *rewrite.Package, x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.BinaryExpr:
		return x.Op == token.EQL && syntax.IsError(p.Info.TypeOf(x.X)) && p.Info.Types[x.Y].IsNil()
	case *ast.UnaryExpr:
		return x.Op == token.NOT && failed(p, x.X)
	}
	return saysOK(p, x)
}

// failed is the opposite.
func failed(p *rewrite.Package, x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.BinaryExpr:
		if x.Op == token.LAND || x.Op == token.LOR {
			return failed(p, x.X) || failed(p, x.Y)
		}
		return x.Op == token.NEQ && syntax.IsError(p.Info.TypeOf(x.X)) && p.Info.Types[x.Y].IsNil()
	case *ast.UnaryExpr:
		return x.Op == token.NOT && saysOK(p, x.X)
	case *ast.CallExpr: // errors.Is(err, ...), os.IsExist(err)
		for _, arg := range x.Args {
			if syntax.IsError(p.Info.TypeOf(arg)) {
				return true
			}
		}
	}
	return false
}

// saysOK reports whether x is a variable that holds what a call returned beside
// its result: "b, ok := f()". What a channel, map or assertion says is something
// else.
func saysOK(p *rewrite.Package, x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	if !ok {
		return false
	}
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || v.IsField() || !types.Identical(v.Type(), types.Typ[types.Bool]) {
		return false
	}
	for _, a := range syntax.AssignmentsOf(p, v) {
		if _, ok := a.Call.(*ast.CallExpr); ok {
			return true
		}
	}
	return false
}
