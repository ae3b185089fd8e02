package handler

import (
	"go/ast"
	"strings"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// ExitCode returns the code with which the call ends the process, when it is
// known.
func (h *Handler) ExitCode(call *ast.CallExpr) (code int64, ok bool) {
	if !h.IsFatal(call) {
		return syntax.ConstInt(h.P, call.Args[0])
	}
	// log.Fatal "is equivalent to Print() followed by a call to os.Exit(1)";
	// logrus and zap end so, too.
	return 1, true
}

// IsFatal reports whether the call says something before it ends the process.
func (h *Handler) IsFatal(call *ast.CallExpr) bool {
	return !h.P.IsCall(call, "os", "Exit") && !h.P.IsCall(call, "syscall", "Exit")
}

// SayName returns the name of the function that says the same as the call of a
// Fatal function and returns; "" when there is none.
func (h *Handler) SayName(call *ast.CallExpr) string {
	fn := h.P.Callee(call)
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
