package signalexit

import (
	"go/ast"
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/ended"
	"github.com/runtimefix/runtimefix/rules/signalexit/handler"
)

// Everything that is pending runs now, and ends what other goroutines use. One
// of them that ends the process because of it would do so with another exit code,
// and before all deferred calls have run.

// endedValue is something that the fix ends.
type endedValue struct {
	p *rewrite.Package
	x ast.Expr   // nil for a variable
	v *types.Var // nil for an expression
}

// guardOthers plans that goroutines which would end the process return in its
// stead when the signal was the cause, or says which cannot be made to.
func (x *signalFix) guardOthers() string {
	e := ended.New(x.h.P)
	for _, d := range x.pending() {
		e.Calls(x.h.S.File(d.Pos()).Pkg, d.Call)
	}
	var own []ast.Node
	for _, h := range append([]*handler.Handler{x.h}, x.more...) {
		if own = append(own, h.Gostmt); h.Lit != nil {
			own = append(own, h.Lit)
		}
		for _, s := range h.Tail {
			e.Calls(h.P, s)
		}
	}
	for _, v := range x.ends {
		if v.v != nil {
			e.Var(v.v)
		} else {
			e.Value(v.p, v.x)
		}
	}
	e.Spread()
	for _, h := range e.Hazards(own...) {
		if why := x.guardOne(e, h); why != "" {
			return why
		}
	}
	return ""
}

// guardOne plans that h does not happen once the context is done.
func (x *signalFix) guardOne(e *ended.Set, h ended.Hazard) string {
	cur, ok := h.Pkg.Inspector.Root().FindNode(h.Stmt)
	if !ok {
		return "a statement is not found"
	}
	if block, ok := cur.Parent().Node().(*ast.BlockStmt); ok && (x.checked[h.Stmt] || x.checked[block.List[0]]) {
		return ""
	}
	fn, _ := syntax.EnclosingFunc(cur)
	why := "a goroutine in " + syntax.FuncName(cur) + " " + h.Text + " when main has ended what it uses"
	exit, isStmt := h.Stmt.(*ast.ExprStmt)
	if h.Call == nil || !isStmt || exit.X != h.Call || !syntax.InList(cur) {
		return why
	}
	ctx, leave := x.ctx, func(*rewrite.Edit) []dst.Stmt { return rewrite.Stmts("return", nil) }
	if sc := x.scopeOf(fn.Node()); sc != nil {
		ctx, leave = sc.ctx, sc.leave
	} else {
		if d, ok := fn.Node().(*ast.FuncDecl); ok && h.Pkg == x.h.P {
			if ctx, ok = x.tellGoroutine(e, d); !ok {
				return why
			}
		} else if h.Lit == nil || h.Pkg != x.h.P || !syntax.Encloses(x.main.Body, h.Lit) || h.Lit.Type.Results != nil {
			return why
		} else if w := x.before(h.Lit); w != "" {
			return w
		}
	}
	at := -1
	for i, a := range h.Call.Args {
		if ended.TakesTime(h.Pkg, a) {
			if _, isConv := ast.Unparen(a).(*ast.BinaryExpr); at >= 0 || isConv {
				return why
			}
			at = i
		}
	}
	x.guarded = true
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		holes := rewrite.Holes{"ctx": ctx, "leave": leave(e)}
		if at < 0 {
			e.InsertBefore(h.Stmt, rewrite.Stmts("if $ctx.Err() != nil {\n$leave\n}", holes)...)
			return
		}
		// The call whose result is passed to what ends the process comes first.
		list := e.CloneStmts(h.Stmt)
		if list == nil {
			return
		}
		names := []string{"err", "endErr"}
		if t := h.Pkg.Info.TypeOf(h.Call.Args[at]); t != nil && !syntax.IsError(t) {
			names = []string{"got", "result"}
		}
		err := h.Pkg.File(h.Stmt).FreeName(fn.Node(), names...)
		list[0].(*dst.ExprStmt).X.(*dst.CallExpr).Args[at] = dst.NewIdent(err)
		decs := list[0].Decorations()
		decs.Start, decs.End, decs.Before, decs.After = nil, nil, dst.NewLine, dst.NewLine
		holes["err"], holes["call"], holes["exit"] = err, e.Clone(h.Call.Args[at]), list
		e.ReplaceStmt(h.Stmt, rewrite.Stmts("if $err := $call; $ctx.Err() == nil {\n$exit\n}", holes)...)
	})
	return ""
}

// scopeOf returns the planned scope that is the function fn, nil for none.
func (x *signalFix) scopeOf(fn ast.Node) *scope {
	for _, sc := range x.scopes {
		if sc.fn == fn && !sc.main {
			return sc
		}
	}
	return nil
}

// before sees to it that the context is there when the goroutine at n starts.
func (x *signalFix) before(n ast.Node) string {
	s := syntax.StatementOf(x.main.Body.List, n)
	if s == nil || s.Pos() >= x.asks() {
		return ""
	}
	if x.parent != nil {
		if v := x.h.P.Info.Uses[x.parent]; v == nil || v.Pos() > s.Pos() {
			return "a goroutine that has to look at the context starts before main makes its own"
		}
	}
	x.first = s
	return x.stay()
}

// stay makes the signal's goroutine stay, and cancel the context in the place of
// the exit.
func (x *signalFix) stay() string {
	if x.keep {
		return ""
	}
	x.keep = true
	return x.cancelName()
}
