package signalexit

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/contexts"
)

// stopClosable closes the receiver of a call that waits in a loop when the
// context is done, and leaves the loop where it looks at the error.
func stopClosable(x *signalFix, sc *scope, w site) (ast.Stmt, string) {
	recv := ast.Unparen(w.Call.Fun).(*ast.SelectorExpr).X
	assign, ok := w.stmt.(*ast.AssignStmt)
	if !ok || len(assign.Rhs) != 1 || assign.Rhs[0] != w.Call {
		return nil, "what is done with the result of " + w.Text + " is not understood"
	}
	errVar, ok := assign.Lhs[len(assign.Lhs)-1].(*ast.Ident)
	if !ok || errVar.Name == "_" {
		return nil, "the error of " + w.Text + " is dropped, and a closed listener returns nothing else"
	}
	if sc.looped {
		return nil, w.Text + " is called for any number of connections"
	}
	outer := outermost(sc, w)
	if outer == nil {
		return nil, w.Text + " is not in a loop"
	}
	if !fixed(sc, recv, outer) {
		return nil, "it is not known what " + syntax.ExprText(recv) + " is when the signal arrives"
	}
	if d := x.fatalClose(sc, recv); d != nil {
		return nil, "a deferred function exits when " + syntax.ExprText(recv) + " is closed already"
	}
	// The branch for the error.
	stmt := ast.Stmt(assign)
	var look *ast.IfStmt
	if inner, ok := w.cur.Parent().Node().(*ast.IfStmt); ok && inner.Init == assign {
		stmt, look = inner, inner
	} else if block, ok := w.cur.Parent().Node().(*ast.BlockStmt); ok {
		look, _ = syntax.NextStmt(block.List, assign).(*ast.IfStmt)
	}
	if look == nil || !namesError(look.Cond, errVar.Name) || look.Init != nil && look.Init != stmt && look != stmt {
		return nil, "nothing looks at the error of " + w.Text + " right behind it"
	}
	x.ends = append(x.ends, endedValue{p: sc.p, x: recv})
	closer := func(e *rewrite.Edit) {
		e.InsertBefore(outer, rewrite.Stmts("go func() {\n<-$ctx.Done()\n$x.Close()\n}()", rewrite.Holes{"ctx": sc.ctx, "x": e.Clone(recv)})...)
	}
	switch op := look.Cond.(*ast.BinaryExpr).Op; {
	case op == token.NEQ && len(look.Body.List) > 0:
		if leavesAlready(sc, look.Body) {
			x.edits = append(x.edits, closer)
			return stmt, ""
		}
		sc.exits++
		x.checked[look.Body.List[0]] = true
		x.edits = append(x.edits, closer, func(e *rewrite.Edit) { e.InsertBefore(look.Body.List[0], sc.check(e)...) })
		return stmt, ""
	case op == token.EQL && look.Else == nil:
		// The next turn leaves.
		x.edits = append(x.edits, closer)
		return nil, ""
	}
	return nil, "nothing looks at the error of " + w.Text + " right behind it"
}

// outermost returns the statement of the scope's function around the outermost
// loop that w is in, nil when it is in none.
func outermost(sc *scope, w site) ast.Stmt {
	if !syntax.InLoop(w.cur) {
		return nil
	}
	s := syntax.StatementOf(sc.body.List, w.Node)
	if s == nil {
		return nil
	}
	return s
}

// namesError reports whether x is err != nil or err == nil.
func namesError(x ast.Expr, name string) bool {
	b, ok := ast.Unparen(x).(*ast.BinaryExpr)
	if !ok || b.Op != token.NEQ && b.Op != token.EQL {
		return false
	}
	l, ok := b.X.(*ast.Ident)
	r, ok2 := b.Y.(*ast.Ident)
	return ok && ok2 && l.Name == name && r.Name == "nil"
}

// leavesAlready reports whether the branch does nothing but what the scope does
// when the context is done.
func leavesAlready(sc *scope, b *ast.BlockStmt) bool {
	if sc.main || len(b.List) != 1 {
		return false
	}
	ret, ok := b.List[0].(*ast.ReturnStmt)
	return ok && len(ret.Results) == 0 && sc.results() == nil
}

// fixed reports whether x, a variable or a field of one, is set before stmt and
// not again.
func fixed(sc *scope, x ast.Expr, stmt ast.Stmt) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		v, ok := sc.p.Info.Uses[x].(*types.Var)
		if !ok {
			return false
		}
		if v.Parent() == sc.p.Types.Scope() {
			return timesSet(sc.p, v) <= 1
		}
		if v.Pos() > stmt.Pos() && v.Pos() < stmt.End() {
			return false
		}
		return !contexts.SetAfter(sc.p, sc.fn, v, stmt.Pos())
	case *ast.SelectorExpr:
		v, ok := sc.p.Info.Uses[x.Sel].(*types.Var)
		if !ok || timesSet(sc.p, v) > 1 {
			return false
		}
		if !v.IsField() {
			return false // a variable of another package
		}
		return fixed(sc, x.X, stmt)
	}
	return false
}

// timesSet counts the assignments to v in the package, composite literals
// included; an address that is taken counts twice.
func timesSet(p *rewrite.Package, v *types.Var) int {
	count := 0
	for _, a := range syntax.AssignmentsOf(p, v) {
		count++
		if a.Kind == syntax.Shared {
			count++
		}
	}
	return count
}

// fatalClose returns a deferred function that closes what recv is and ends the
// process when that fails, as it does the second time.
func (x *signalFix) fatalClose(sc *scope, recv ast.Expr) *ast.DeferStmt {
	for _, d := range x.pending() {
		closes := syntax.ContainsNode(d, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			sel, isSel := (*ast.SelectorExpr)(nil), false
			if ok {
				sel, isSel = ast.Unparen(call.Fun).(*ast.SelectorExpr)
			}
			return isSel && sel.Sel.Name == "Close" && types.Identical(sc.p.Info.TypeOf(sel.X), sc.p.Info.TypeOf(recv))
		})
		if closes && syntax.ContainsNode(d, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			return ok && syntax.NoReturn(sc.p, call)
		}) {
			return d
		}
	}
	return nil
}
