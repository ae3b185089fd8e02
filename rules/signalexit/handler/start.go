package handler

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// literalStart returns the go statement that starts the literal at fn: where it
// stands, or under the name of a variable that named declares for nothing else.
func (h *Handler) literalStart(fn inspector.Cursor) (g *ast.GoStmt, named ast.Stmt) {
	if call, ok := fn.Parent().Node().(*ast.CallExpr); ok {
		g, _ := fn.Parent().Parent().Node().(*ast.GoStmt)
		if g == nil || g.Call != call || call.Fun != fn.Node() {
			return nil, nil
		}
		return g, nil
	}
	a, ok := fn.Parent().Node().(*ast.AssignStmt)
	if !ok || len(a.Lhs) != 1 || len(a.Rhs) != 1 {
		return nil, nil
	}
	id, ok := a.Lhs[0].(*ast.Ident)
	if !ok {
		return nil, nil
	}
	v, ok := h.P.Info.Defs[id].(*types.Var)
	if !ok {
		return nil, nil
	}
	for _, c := range syntax.MentionsOf(h.P, v) {
		if c.Node() == id {
			continue
		}
		call, isCall := c.Parent().Node().(*ast.CallExpr)
		if !isCall || call.Fun != c.Node() || g != nil {
			return nil, nil
		}
		if g, ok = c.Parent().Parent().Node().(*ast.GoStmt); !ok {
			return nil, nil
		}
	}
	return g, a
}
