package rules

import (
	"go/ast"
	"go/types"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// exitCode returns the code with which the call ends the process, when it is
// known.
func (h *signalHandler) exitCode(call *ast.CallExpr) (code int64, ok bool) {
	if !h.isFatal(call) {
		return constInt(h.p, call.Args[0])
	}
	// log.Fatal "is equivalent to Print() followed by a call to os.Exit(1)";
	// logrus and zap end so, too.
	return 1, true
}

// isFatal reports whether the call says something before it ends the process.
func (h *signalHandler) isFatal(call *ast.CallExpr) bool {
	return !h.p.IsCall(call, "os", "Exit") && !h.p.IsCall(call, "syscall", "Exit")
}

// sayName returns the name of the function that says the same as the call of a
// Fatal function and returns; "" when there is none.
func (h *signalHandler) sayName(call *ast.CallExpr) string {
	fn := h.p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return ""
	}
	form, ok := strings.CutPrefix(fn.Name(), "Fatal")
	if !ok {
		return ""
	}
	switch fn.Pkg().Path() {
	case "log":
		return "Print" + form
	case "github.com/sirupsen/logrus", "go.uber.org/zap":
		return "Error" + form
	}
	return ""
}

// farewell returns what says what the call of a Fatal function says.
func (x *signalFix) farewell(e *rewrite.Edit, call *ast.CallExpr) []dst.Stmt {
	if !x.h.isFatal(call) {
		return nil
	}
	c := e.Clone(call).(*dst.CallExpr)
	switch fun := c.Fun.(type) {
	case *dst.Ident:
		fun.Name = x.h.sayName(call)
	case *dst.SelectorExpr:
		fun.Sel.Name = x.h.sayName(call)
	}
	s := &dst.ExprStmt{X: c}
	s.Decs.Before, s.Decs.After = dst.NewLine, dst.NewLine
	return []dst.Stmt{s}
}

// exitCodes plans how the process gets the exit code that the goroutine gave
// it.
func (x *signalFix) exitCodes() string {
	h := x.h
	first, known := h.exitCode(h.exit)
	for _, s := range h.exits {
		call := h.exitCall(s)
		if h.exitsInside(call) {
			return "the goroutine exits inside of " + exprText(call.Fun)
		}
		if h.isFatal(call) && h.sayName(call) == "" {
			return "the goroutine ends with " + exprText(call.Fun) + ", which says something, too"
		}
		n, ok := h.exitCode(call)
		known = known && ok && n == first
		if !ok {
			if t, isBasic := h.p.Info.TypeOf(call.Args[0]).(*types.Basic); !isBasic || t.Kind() != types.Int {
				return "the exit code is computed"
			}
		}
	}
	if known && first == 0 {
		return ""
	}
	x.code = x.file.FreeName(x.main, "exitCode", "signalExitCode")
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
	if x.h.isFatal(call) {
		return rewrite.Expr("1", nil)
	}
	return e.Clone(call.Args[0])
}

// explicitExit reports whether main may end with os.Exit itself: nothing that
// matters is deferred in it.
func (x *signalFix) explicitExit() bool {
	if x.code == "" || x.codes {
		return false
	}
	for _, l := range x.lost {
		if x.main.Body.Pos() <= l.stmt.Pos() && l.stmt.Pos() < x.main.Body.End() {
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
		return rewrite.Stmts("$code = $n", rewrite.Holes{"code": x.code, "n": x.codeOf(e, x.h.exit)})
	case x.keep:
		return rewrite.Stmts("os.Exit($n)", rewrite.Holes{"n": x.codeOf(e, x.h.exit)})
	}
	return x.moved(e, x.h.last)
}
