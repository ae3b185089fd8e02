package handler

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// Meant reports whether the goroutine ends the process at once on purpose: on SIGQUIT
// alone, which asks for that by custom, or because it says so.
func (h *Handler) Meant() bool {
	exits := h.Exits
	if s, ok := h.Last.(*ast.ExprStmt); ok && len(exits) == 0 {
		exits = []*ast.ExprStmt{s}
	}
	return len(exits) > 0 && !slices.ContainsFunc(exits, func(s *ast.ExprStmt) bool {
		c, ok := h.P.Cursor(s)
		return !ok || !onlyQuits(c) && !h.saysAtOnce(c)
	})
}

// onlyQuits reports whether the statement at c is in a branch for SIGQUIT or SIGABRT
// and no other signal.
func onlyQuits(c inspector.Cursor) bool {
	for ; c.Node() != nil; c = c.Parent() {
		switch n := c.Parent().Node().(type) {
		case *ast.CaseClause:
			if len(n.List) > 0 && !slices.ContainsFunc(n.List, func(x ast.Expr) bool { return !isQuit(x) }) {
				return true
			}
		case *ast.IfStmt:
			if is, ok := ast.Unparen(n.Cond).(*ast.BinaryExpr); ok && c.ParentEdgeKind() == edge.IfStmt_Body && is.Op == token.EQL && (isQuit(is.X) || isQuit(is.Y)) {
				return true
			}
		case *ast.FuncDecl, *ast.FuncLit, nil:
			return false
		}
	}
	return false
}

func isQuit(x ast.Expr) bool {
	id := syntax.LastName(x)
	return id != nil && (id.Name == "SIGQUIT" || id.Name == "SIGABRT")
}

// atOnce matches what a program says that is to end at once.
var (
	atOnce     = regexp.MustCompile(`(?i)\b(immediate(ly)?|forc(e|ed|ing|ibly|eful|efully)|abruptly|hard (exit|stop|quit|kill)|without (clean|wait|flush)\w*)\b`)
	atOnceName = regexp.MustCompile(`(?i)^force|Forced?([A-Z_]|$)|immediate`)
)

// saysAtOnce reports whether the exit at c has a code of such a name, or a statement in
// front of it writes such a message.
func (h *Handler) saysAtOnce(c inspector.Cursor) bool {
	exit := c.Node().(*ast.ExprStmt)
	if call, ok := exit.X.(*ast.CallExpr); ok && slices.ContainsFunc(call.Args, func(x ast.Expr) bool {
		id := syntax.LastName(x)
		return id != nil && atOnceName.MatchString(id.Name) || saysIn(x)
	}) {
		return true
	}
	for s, ok := c.PrevSibling(); ok; s, ok = s.PrevSibling() {
		if e, ok := s.Node().(*ast.ExprStmt); ok && saysIn(e) {
			return true
		}
	}
	return false
}

func saysIn(n ast.Node) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		return ok && lit.Kind == token.STRING && atOnce.MatchString(lit.Value)
	})
}
