package heat

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// LastTurn reports whether the loop around cur is left behind it, so that the
// place is reached once however many turns the loop has.
func LastTurn(cur inspector.Cursor) bool {
	inSwitch := false
	for c := cur; ; c = c.Parent() {
		switch n := c.Parent().Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt, *ast.FuncLit, *ast.FuncDecl, *ast.File, nil:
			return false
		case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
			inSwitch = true
		case *ast.BlockStmt:
			if len(n.List) > 0 && !syntax.IsFuncBody(c.Parent()) && insideOwnLoop(c) && syntax.LeavesLoop(n.List[len(n.List)-1], inSwitch) {
				return true
			}
		case *ast.CaseClause:
			if len(n.Body) > 0 && insideOwnLoop(c) && syntax.LeavesLoop(n.Body[len(n.Body)-1], true) {
				return true
			}
		case *ast.CommClause:
			if len(n.Body) > 0 && insideOwnLoop(c) && syntax.LeavesLoop(n.Body[len(n.Body)-1], true) {
				return true
			}
		}
	}
}

// insideOwnLoop reports whether a loop of the same function is around cur.
func insideOwnLoop(cur inspector.Cursor) bool {
	for c := range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch c.Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return true
		}
		return false
	}
	return false
}

// leavesBy says by what statement the list leaves the loop or function behind
// child: RETURN, BREAK, GOTO, or ILLEGAL when it does not.
func leavesBy(list []ast.Stmt, child ast.Node) token.Token {
	if len(list) == 0 {
		return token.ILLEGAL
	}
	last := list[len(list)-1]
	if last == child {
		return token.ILLEGAL
	}
	switch s := last.(type) {
	case *ast.ReturnStmt:
		return token.RETURN
	case *ast.BranchStmt:
		if s.Tok == token.BREAK || s.Tok == token.GOTO {
			return s.Tok
		}
	}
	return token.ILLEGAL
}

// A handful of turns or of fixed phases is no loop that matters.
const (
	maxTurns  = 5
	maxPhases = 12
)

// fewTurns reports whether the loop's trip count is a constant of at most most.
func fewTurns(p *rewrite.Package, n *ast.ForStmt, most int64) bool {
	cond, ok := n.Cond.(*ast.BinaryExpr)
	if !ok || n.Init == nil || n.Post == nil {
		return false
	}
	init, ok := n.Init.(*ast.AssignStmt)
	if !ok || len(init.Rhs) != 1 {
		return false
	}
	from, ok1 := syntax.ConstInt(p, init.Rhs[0])
	to, ok2 := syntax.ConstInt(p, cond.Y)
	if _, isInc := n.Post.(*ast.IncDecStmt); !ok1 || !ok2 || !isInc {
		return false
	}
	turns := to - from
	if turns < 0 {
		turns = -turns
	}
	if cond.Op == token.LEQ || cond.Op == token.GEQ {
		turns++
	}
	return turns <= most
}

// writtenOut reports whether the list x is written out, with a handful of elements:
// here, or by whoever sets the variable, the parameter or the field that it is.
func writtenOut(p *rewrite.Package, x ast.Expr, depth int) bool {
	if lit, ok := ast.Unparen(x).(*ast.CompositeLit); ok {
		return len(lit.Elts) <= maxPhases
	}
	id := syntax.LastName(x)
	if id == nil || depth == 0 {
		return false
	}
	if d := syntax.Definition(p, id); d != nil && d.Value != nil {
		return writtenOut(p, d.Value, depth-1)
	}
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || v.Kind() != types.ParamVar || !ofFunctions(v.Type()) {
		return false // of data there may be more another time
	}
	args := syntax.ArgumentsFor(p, v)
	return len(args) > 0 && !slices.ContainsFunc(args, func(a syntax.Arg) bool { return !writtenOut(a.Pkg, a.Expr, depth-1) })
}

// ofFunctions reports whether t is a list of functions, or of structs that have one.
func ofFunctions(t types.Type) bool {
	list, ok := t.Underlying().(*types.Slice)
	if !ok {
		return false
	}
	elem := list.Elem().Underlying()
	if ptr, ok := elem.(*types.Pointer); ok {
		elem = ptr.Elem().Underlying()
	}
	switch elem := elem.(type) {
	case *types.Signature:
		return true
	case *types.Struct:
		for f := range elem.Fields() {
			if _, ok := f.Type().Underlying().(*types.Signature); ok {
				return true
			}
		}
	}
	return false
}

// fewElements reports whether a range over x has but a handful of turns for
// sure: a constant of at most most, or a list that is written out.
func fewElements(p *rewrite.Package, x ast.Expr, most int64) bool {
	if n, ok := syntax.ConstInt(p, x); ok {
		return n <= most
	}
	if writtenOut(p, x, 2) {
		return true
	}
	if t := p.Info.TypeOf(x); t != nil {
		if arr, ok := t.Underlying().(*types.Array); ok {
			return arr.Len() <= maxPhases
		}
	}
	return false
}

// isPhases reports whether the loop n has but a fixed handful of turns, as many as
// the phases of a program that is run once.
func isPhases(p *rewrite.Package, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ForStmt:
		return fewTurns(p, n, maxPhases)
	case *ast.RangeStmt:
		return fewElements(p, n.X, maxPhases)
	}
	return false
}

// loads matches names of functions that make something ready for use.
var loads = regexp.MustCompile(`^(?i:re)?(?i:load|build|compile|create|import|init|open|prepare|restore|setup|warm)`)

// isFinite reports whether a range over x ends with the elements that x has.
func isFinite(p *rewrite.Package, x ast.Expr) bool {
	t := p.Info.TypeOf(x)
	if t == nil {
		return false
	}
	switch t.Underlying().(type) {
	case *types.Slice, *types.Array, *types.Map, *types.Pointer:
		return true
	}
	return false
}
