package crashoutput

import (
	"go/ast"
	"go/token"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// closing returns the edit that closes the file on every path, nil when there
// is no place for it.
func (f *crashFile) closing() func(*rewrite.Edit) error {
	stmt, cur := f.statement()
	if stmt == nil {
		return nil
	}
	name := f.v.Name()
	after := f.throughCheck(stmt, cur)
	from := f.opening.End()
	if f.check != nil && !within(f.check, f.call.Call) {
		from = f.check.End()
	}
	leaves := f.returnsBetween(from, after.End())
	if syntax.EffectStmt(f.call.At) != nil && f.handling().ret != nil {
		leaves = true // once the error is returned
	}
	if !leaves {
		return func(e *rewrite.Edit) error {
			e.InsertAfter(after, rewrite.Stmts("_ = $f.Close() // the runtime writes to its own duplicate", rewrite.Holes{"f": name})...)
			return nil
		}
	}
	if syntax.InsideLoop(cur, f.fn) || f.forever() {
		return nil // a deferred close would come too late
	}
	def := func() []dst.Stmt { return rewrite.Stmts("defer func() { _ = $f.Close() }()", rewrite.Holes{"f": name}) }
	opening, ok := f.p.Cursor(f.opening)
	switch {
	case !ok:
		return nil
	case f.check != nil && within(f.check.Body, f.call.Call):
		return func(e *rewrite.Edit) error { e.Prepend(f.check.Body, def()...); return nil }
	case f.check != nil && within(f.check, f.call.Call):
		els, isBlock := f.check.Else.(*ast.BlockStmt)
		if !isBlock || !within(els, f.call.Call) {
			return nil
		}
		return func(e *rewrite.Edit) error { e.Prepend(els, def()...); return nil }
	case f.check != nil:
		return func(e *rewrite.Edit) error { e.InsertAfter(f.check, def()...); return nil }
	case syntax.InList(opening):
		return func(e *rewrite.Edit) error { e.InsertAfter(f.opening, def()...); return nil }
	}
	return nil
}

// refused returns the block that returns when SetCrashOutput failed, nil where there
// is none.
func (f *crashFile) refused() *ast.BlockStmt {
	stmt, cur := f.statement()
	if stmt == nil {
		return nil
	}
	check, ok := f.throughCheck(stmt, cur).(*ast.IfStmt)
	if !ok || len(check.Body.List) == 0 || within(check.Body, f.call.Call) {
		return nil
	}
	cond, ok := ast.Unparen(check.Cond).(*ast.BinaryExpr)
	_, returns := check.Body.List[len(check.Body.List)-1].(*ast.ReturnStmt)
	if !ok || !returns || cond.Op != token.NEQ || !f.p.Info.Types[cond.Y].IsNil() {
		return nil
	}
	return check.Body
}

// closes reports whether the block closes the file.
func (f *crashFile) closes(block *ast.BlockStmt) bool {
	return block != nil && syntax.ContainsNode(block, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		return ok && sel.Sel.Name == "Close" && syntax.Mentions(f.p, sel.X, f.v)
	})
}

// forever reports whether the function is main: what it defers is not reached
// before the program ends.
func (f *crashFile) forever() bool {
	decl, ok := f.fn.Node().(*ast.FuncDecl)
	return ok && decl.Recv == nil && decl.Name.Name == "main" && f.p.Name == "main"
}

func within(outer, inner ast.Node) bool {
	return outer.Pos() <= inner.Pos() && inner.End() <= outer.End()
}

// statement returns the innermost statement of a list that holds the call.
func (f *crashFile) statement() (ast.Stmt, inspector.Cursor) {
	for c := f.call.At; c.Node() != f.fn.Node(); c = c.Parent() {
		if s, ok := c.Node().(ast.Stmt); ok && syntax.InList(c) {
			return s, c
		}
	}
	return nil, inspector.Cursor{}
}

// throughCheck returns the if statement behind stmt that looks at the error
// that stmt assigns, else stmt itself.
func (f *crashFile) throughCheck(stmt ast.Stmt, cur inspector.Cursor) ast.Stmt {
	a, ok := stmt.(*ast.AssignStmt)
	if !ok || len(a.Lhs) != 1 {
		return stmt
	}
	id, ok := a.Lhs[0].(*ast.Ident)
	if !ok || id.Name == "_" {
		return stmt
	}
	next, ok := cur.NextSibling()
	if !ok {
		return stmt
	}
	if check, ok := next.Node().(*ast.IfStmt); ok {
		if _, compares := comparesToNil(f.p, check.Cond, f.p.Info.ObjectOf(id)); compares {
			return check
		}
	}
	return stmt
}

// returnsBetween reports whether the function returns or jumps between two
// positions.
func (f *crashFile) returnsBetween(from, to token.Pos) bool {
	var body *ast.BlockStmt
	switch n := f.fn.Node().(type) {
	case *ast.FuncDecl:
		body = n.Body
	case *ast.FuncLit:
		body = n.Body
	}
	found := false
	refused := f.refused()
	if !f.closes(refused) {
		refused = nil
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.BlockStmt:
			if n == refused {
				return false // it closes the file by itself
			}
		case *ast.ReturnStmt:
			// What runs when opening failed has no file to close.
			found = found || from <= n.Pos() && n.Pos() < to && !(f.failed != nil && within(f.failed, n))
		case *ast.BranchStmt:
			found = found || from <= n.Pos() && n.Pos() < to && slices.Contains([]token.Token{token.GOTO, token.CONTINUE, token.BREAK}, n.Tok)
		}
		return !found
	})
	return found
}
