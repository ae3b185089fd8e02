package signalexit

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/contexts"
	"github.com/runtimefix/runtimefix/rules/signalexit/turns"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
	"golang.org/x/tools/go/ast/inspector"
)

// scope is code that has to end when a context is done: the statement in which
// main waits, a function that main waits in, or a goroutine that it waits for.
type scope struct {
	p      *rewrite.Package
	fn     ast.Node // *ast.FuncDecl or *ast.FuncLit
	body   *ast.BlockStmt
	code   ast.Node // what has to end: the body, or a statement of main
	name   string   // for messages
	ctx    string   // the name of the context in it
	given  *types.Var
	main   bool // it is main itself
	looped bool // it may run any number of times
	// leave returns the statements that end it.
	leave func(e *rewrite.Edit) []dst.Stmt
	exits int // how often leave is put in
}

// mainScope is the statement in which main waits.
func (x *signalFix) mainScope() *scope {
	return &scope{p: x.h.P, fn: x.main, body: x.main.Body, code: x.at, name: "main", ctx: x.ctx, main: true, leave: x.leaveMain}
}

// results returns the fields of the function's results, nil for none.
func (sc *scope) results() *ast.FieldList {
	switch n := sc.fn.(type) {
	case *ast.FuncDecl:
		return n.Type.Results
	case *ast.FuncLit:
		return n.Type.Results
	}
	return nil
}

// free returns the first of names that the function does not use.
func (sc *scope) free(names ...string) string { return sc.p.File(sc.fn).FreeName(sc.fn, names...) }

// last reports whether s is the last statement of the function.
func (sc *scope) last(s ast.Stmt) bool {
	list := sc.body.List
	return len(list) > 0 && list[len(list)-1] == s
}

// isGiven reports whether x is the context that the function takes, or one
// derived from it in the function.
func (sc *scope) isGiven(x ast.Expr) bool {
	if x == nil {
		return false
	}
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok || sc.given == nil {
		return false
	}
	for range 3 {
		v, ok := sc.p.Info.Uses[id].(*types.Var)
		if !ok {
			return false
		}
		if v == sc.given {
			return true
		}
		parent := contexts.DerivedFrom(sc.p, sc.body, v)
		if id, ok = parent.(*ast.Ident); !ok {
			return false
		}
	}
	return false
}

// keepsGiven reports whether the context that the function takes stays one that
// ends with it: what is assigned to it is derived from it.
func (sc *scope) keepsGiven() bool {
	return !syntax.ContainsNode(sc.body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			return syntax.Sets(sc.p, n, sc.given) && !sc.isGiven(contexts.Parent(sc.p, n))
		case *ast.UnaryExpr:
			id, ok := ast.Unparen(n.X).(*ast.Ident)
			return ok && n.Op == token.AND && sc.p.Info.Uses[id] == sc.given
		}
		return false
	})
}

// isDone reports whether x is the Done channel of the context that the function
// takes.
func (sc *scope) isDone(x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok || !contexts.IsDone(sc.p, call) {
		return false
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	return ok && sc.isGiven(sel.X)
}

// site is the place of a wait in a scope.
type site struct {
	waits.Wait
	stmt ast.Stmt // the innermost statement around the wait
	cur  inspector.Cursor
}

// siteOf finds the place of w.
func (sc *scope) siteOf(w waits.Wait) (site, bool) {
	c, ok := sc.p.Cursor(w.Node)
	if !ok {
		return site{}, false
	}
	stmt, cur := syntax.EnclosingStmt(c)
	return site{w, stmt, cur}, stmt != nil
}

// alone reports whether the wait is a statement of a list.
func (s *site) alone() bool {
	x, ok := s.stmt.(*ast.ExprStmt)
	return ok && x.X == s.Node && syntax.InList(s.cur)
}

// turns makes every loop without an end in the scope look at the context in
// each turn: at the ends, where it leaves, or else where the turn begins.
func (x *signalFix) turns(sc *scope, ends map[ast.Stmt]bool) string {
	why := ""
	ast.Inspect(sc.code, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt, *ast.DeferStmt:
			return false
		case *ast.ForStmt:
			if turns.Count(n) || ends[n] || turns.Meet(n.Body.List, ends, false) || n.Cond != nil && !turns.Hold(n, ends) {
				return true
			}
			if len(n.Body.List) == 0 {
				why = "a loop does nothing"
				return false
			}
			sc.exits++
			x.edits = append(x.edits, func(e *rewrite.Edit) {
				e.InsertBefore(n.Body.List[0], sc.check(e)...)
			})
		}
		return why == ""
	})
	return why
}

// check returns the statement that leaves the scope when the context is done.
func (sc *scope) check(e *rewrite.Edit) []dst.Stmt {
	return rewrite.Stmts("if $ctx.Err() != nil {\n$leave\n}", rewrite.Holes{"ctx": sc.ctx, "leave": sc.leave(e)})
}
