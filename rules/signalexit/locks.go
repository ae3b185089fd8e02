package signalexit

import (
	"go/ast"
	"slices"

	"github.com/runtimefix/runtimefix/rules/signalexit/locked"
)

// locks says which lock the goroutine still holds when it exits. The end of the
// process does not need it; what runs now may.
func (x *signalFix) locks() string {
	if lock := locked.AtEnd(x.h.P, slices.Concat([]ast.Stmt{}, x.h.Pre, x.h.Tail)...); lock != "" {
		return "the goroutine holds " + lock + " when it exits, and what main does then may need it"
	}
	return ""
}
