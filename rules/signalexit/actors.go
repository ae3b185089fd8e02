package signalexit

import (
	"go/ast"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// actors plans one more actor for the group of github.com/oklog/run that main
// runs: when the signal arrives it returns, and the group interrupts all others
// (run.Group, Run: "when the first actor returns, all others are interrupted").
// They are taken to end; the process does in any case.
func (x *signalFix) actors(w waits.Wait) string {
	switch x.formInMain(w.Call) {
	case result.Plain, result.If, result.Assign, result.Dropped, result.Return:
	default:
		return "main does something with the result of " + syntax.ExprText(w.Call.Fun)
	}
	sel, ok := ast.Unparen(w.Call.Fun).(*ast.SelectorExpr)
	at := syntax.StatementOf(x.main.Body.List, w.Call)
	if !ok || !syntax.Pure(x.h.P, sel.X) || at == nil {
		return "the group that main runs has no name"
	}
	x.guard, x.limit = true, true
	quit := x.file.FreeName(x.main, "quit", "quitSignal")
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		e.InsertBefore(at, rewrite.Stmts(`$quit := make(chan struct{})
$g.Add(func() error {
select {
case <-$ctx.Done():
case <-$quit:
}
return nil
}, func(error) {
close($quit)
})`, rewrite.Holes{"quit": quit, "g": e.Clone(sel.X), "ctx": x.ctx})...)
	})
	return ""
}
