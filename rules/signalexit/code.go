package signalexit

import (
	"go/ast"
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// farewell returns what says what the call of a Fatal function says.
func (x *signalFix) farewell(e *rewrite.Edit, call *ast.CallExpr) []dst.Stmt {
	if !x.h.IsFatal(call) {
		return nil
	}
	c := e.Clone(call).(*dst.CallExpr)
	switch fun := c.Fun.(type) {
	case *dst.Ident:
		fun.Name = x.h.SayName(call)
	case *dst.SelectorExpr:
		fun.Sel.Name = x.h.SayName(call)
	}
	s := &dst.ExprStmt{X: c}
	s.Decs.Before, s.Decs.After = dst.NewLine, dst.NewLine
	return []dst.Stmt{s}
}

// exitCodes plans how the process gets the exit code that the goroutine gave
// it.
func (x *signalFix) exitCodes() string {
	h := x.h
	first, known := h.ExitCode(h.Exit)
	for _, s := range x.exits() {
		call := h.ExitCall(s)
		if h.ExitsInside(call) {
			return "the goroutine exits inside of " + syntax.ExprText(call.Fun)
		}
		if h.IsFatal(call) && h.SayName(call) == "" {
			return "the goroutine ends with " + syntax.ExprText(call.Fun) + ", which says something, too"
		}
		n, ok := h.ExitCode(call)
		known = known && ok && n == first
		if !ok {
			if t, isBasic := h.P.Info.TypeOf(call.Args[0]).(*types.Basic); !isBasic || t.Kind() != types.Int {
				return "the exit code is computed"
			}
		}
	}
	if known && first == 0 {
		return ""
	}
	x.code, x.ownCode = x.file.FreeName(x.main, "exitCode", "signalExitCode"), true
	if !known {
		x.keep, x.codes = true, true
		if len(x.links) > 0 {
			return "the exit code is computed outside of main"
		}
	}
	return ""
}

// codeOf returns the exit code of the call.
func (x *signalFix) codeOf(e *rewrite.Edit, call *ast.CallExpr) dst.Expr {
	if x.h.IsFatal(call) {
		return rewrite.Expr("1", nil)
	}
	return e.Clone(call.Args[0])
}

// forcedCode returns the exit code of a process that does not end in time: the one
// that it has today.
func (x *signalFix) forcedCode(e *rewrite.Edit) dst.Expr {
	switch {
	case x.codes:
		return dst.NewIdent(x.code)
	case x.ownCode:
		return x.codeOf(e, x.h.Exit)
	}
	return rewrite.Expr("0", nil)
}

// explicitExit reports whether main may end with os.Exit itself: nothing that
// matters is deferred in it.
func (x *signalFix) explicitExit() bool {
	if x.code == "" || x.codes {
		return false
	}
	for _, l := range x.lost {
		if x.main.Body.Pos() <= l.Stmt.Pos() && l.Stmt.Pos() < x.main.Body.End() {
			return false
		}
	}
	return true
}

// exitStmts returns what gives the process its exit code.
func (x *signalFix) exitStmts(e *rewrite.Edit) []dst.Stmt {
	switch {
	case x.code == "" || x.codes:
		return nil
	case !x.explicitExit():
		return rewrite.Stmts("$code = $n", rewrite.Holes{"code": x.code, "n": x.codeOf(e, x.h.Exit)})
	case x.keep:
		return rewrite.Stmts("os.Exit($n)", rewrite.Holes{"n": x.codeOf(e, x.h.Exit)})
	}
	return x.moved(e, x.h.Last)
}
