package threadlock

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// outcome says what a way out tells of the work that was done: the more, the
// surer it is that it failed.
type outcome int

const (
	succeeds outcome = iota // returns a nil error or true
	unclear
	perhapsFails // behind !ok, x == nil, n < 0
	fails        // returns an error or false, or stands behind err != nil
)

// outcome returns what the way out tells.
func (f *lockFunc) outcome(x exit) outcome {
	if ret, ok := x.stmt.(*ast.ReturnStmt); ok && len(ret.Results) > 0 {
		if known, ok := f.told(ret); ok {
			return known
		}
	}
	switch x.stmt.(type) {
	case nil:
		return unclear
	case *ast.ExprStmt: // a panic
		return fails
	}
	return f.branch(x.stmt)
}

// told returns what a return statement says by its last operand.
func (f *lockFunc) told(ret *ast.ReturnStmt) (outcome, bool) {
	last := ast.Unparen(ret.Results[len(ret.Results)-1])
	tv := f.p.Info.Types[last]
	if tv.Value != nil && tv.Value.Kind() == constant.Bool {
		if constant.BoolVal(tv.Value) {
			return succeeds, true
		}
		return fails, true
	}
	if !f.endsInError() {
		if tv.IsNil() {
			return max(perhapsFails, f.branch(ret)), true
		}
		return 0, false
	}
	switch x := last.(type) {
	case *ast.Ident:
		if tv.IsNil() {
			return succeeds, true
		}
		if v, ok := f.p.Info.Uses[x].(*types.Var); ok && v.Parent() == v.Pkg().Scope() {
			return fails, true // return ErrClosed
		}
	case *ast.SelectorExpr, *ast.CompositeLit, *ast.UnaryExpr:
		return fails, true
	case *ast.CallExpr:
		if fn := f.p.Callee(x); fn != nil && fn.Pkg() != nil && (fn.Name() == "Err" || fn.Pkg().Path() == "errors" || fn.Pkg().Path() == "fmt") {
			return fails, true
		}
	}
	return 0, false
}

// endsInError reports whether the last result of the function is an error.
func (f *lockFunc) endsInError() bool {
	if f.typ.Results == nil {
		return false
	}
	list := f.typ.Results.List
	return syntax.IsError(f.p.Info.TypeOf(list[len(list)-1].Type))
}

// branch returns what the conditions around n, behind the lock, tell.
func (f *lockFunc) branch(n ast.Node) outcome {
	out := unclear
	for c, cond := range f.conditions(n) {
		switch {
		case cond != nil:
			// That something does not hold tells of a failure only where it is
			// an error that is compared.
			if told := f.failure(cond.x, cond.holds); cond.holds || told == fails {
				out = max(out, told)
			}
		case isDone(c.Node()):
			out = fails
		}
	}
	return out
}

// condition is an expression that holds, or does not, where a statement is
// reached.
type condition struct {
	x     ast.Expr
	holds bool
	stmt  ast.Stmt // the if or switch statement
}

// conditions yields the conditions behind the lock under which n is reached,
// innermost first, each with the cursor of the clause or statement that it
// belongs to; nil for the clauses of a select.
func (f *lockFunc) conditions(n ast.Node) func(yield func(inspector.Cursor, *condition) bool) {
	return func(yield func(inspector.Cursor, *condition) bool) {
		c, ok := f.p.Cursor(n)
		for ; ok && c.Node() != f.cur.Node() && c.Node() != f.body; c = c.Parent() {
			for prev := range f.leftBefore(c) {
				if !yield(c, prev) {
					return
				}
			}
			if c.Node().Pos() < f.call.Call.Pos() {
				return
			}
			switch p := c.Parent().Node().(type) {
			case *ast.IfStmt:
				kind := c.ParentEdgeKind()
				if kind != edge.IfStmt_Body && kind != edge.IfStmt_Else || p.Pos() < f.call.Call.Pos() {
					continue
				}
				if !yield(c, &condition{p.Cond, kind == edge.IfStmt_Body, p}) {
					return
				}
			case *ast.CaseClause:
				sw, ok := c.Parent().Parent().Parent().Node().(*ast.SwitchStmt)
				if !ok || sw.Tag != nil || len(p.List) != 1 || p.Pos() < f.call.Call.Pos() {
					continue
				}
				if !yield(c, &condition{p.List[0], true, sw}) {
					return
				}
			case *ast.CommClause:
				if p.Comm != nil && p.Comm != c.Node() && p.Pos() > f.call.Call.Pos() {
					if comm, ok := f.p.Cursor(p.Comm); ok && !yield(comm, nil) {
						return
					}
				}
			}
		}
	}
}

// leftBefore yields the conditions of if statements before the statement at c
// that leave when they hold: if err == nil { return }.
func (f *lockFunc) leftBefore(c inspector.Cursor) func(yield func(*condition) bool) {
	return func(yield func(*condition) bool) {
		for prev, ok := c.PrevSibling(); ok && prev.Node().Pos() > f.call.Call.Pos(); prev, ok = prev.PrevSibling() {
			s, isIf := prev.Node().(*ast.IfStmt)
			if isIf && s.Else == nil && leavesList(s.Body) && !yield(&condition{s.Cond, false, s}) {
				return
			}
		}
	}
}

// failure returns what it tells that the condition x holds, or does not.
func (f *lockFunc) failure(x ast.Expr, holds bool) outcome {
	switch x := ast.Unparen(x).(type) {
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			if holds {
				return max(perhapsFails, f.failure(x.X, false))
			}
			return f.failure(x.X, true)
		}
	case *ast.BinaryExpr:
		switch x.Op {
		case token.LAND, token.LOR:
			return max(f.failure(x.X, holds), f.failure(x.Y, holds))
		case token.NEQ, token.EQL, token.LSS, token.GTR:
			return f.compared(x, holds)
		}
	case *ast.CallExpr:
		if holds && f.p.IsCall(x, "errors", "Is", "As", "AsType") {
			return fails
		}
	default:
		if !holds {
			return perhapsFails
		}
	}
	return unclear
}

// compared returns what it tells that two values are equal, or are not.
func (f *lockFunc) compared(x *ast.BinaryExpr, holds bool) outcome {
	differ := (x.Op == token.NEQ) == holds
	tv := f.p.Info.Types[x.Y]
	switch {
	case tv.IsNil() && syntax.IsError(f.p.Info.TypeOf(x.X)):
		if differ {
			return fails
		}
	case syntax.IsError(f.p.Info.TypeOf(x.X)):
		if !differ {
			return fails
		}
	case tv.IsNil():
		if !differ {
			return perhapsFails
		}
	case tv.Value != nil && holds:
		if call := callIn(x.X); call != nil || x.Op == token.LSS || differ {
			return perhapsFails
		}
	}
	return unclear
}

// isDone reports whether the statement waits for a context's end.
func isDone(n ast.Node) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		return ok && sel.Sel.Name == "Done"
	})
}

// callIn returns the first call in x, nil when there is none.
func callIn(x ast.Node) *ast.CallExpr {
	var found *ast.CallExpr
	ast.Inspect(x, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && found == nil {
			found = call
		}
		return found == nil
	})
	return found
}

// handedOver reports whether the ways out look like those of a function that
// locks on behalf of its caller: it unlocks where it fails, if at all.
func (l exits) handedOver() bool {
	kept := slices.ContainsFunc(l, func(x exit) bool { return x.leaks() && x.end < fails })
	return kept && !slices.ContainsFunc(l, func(x exit) bool { return x.freed() && x.end < perhapsFails })
}
