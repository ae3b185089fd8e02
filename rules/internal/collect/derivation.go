package collect

import (
	"go/ast"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// derivesKey reports whether the function around c makes a key of a password by one of
// the functions that take much time and memory on purpose: a second next to which a
// collection is nothing, and up to gigabytes that are wanted again.
func derivesKey(p *rewrite.Package, c inspector.Cursor) bool {
	fn, ok := syntax.EnclosingFunc(c)
	return ok && syntax.ContainsNode(syntax.BodyOf(fn.Node()), func(n ast.Node) bool {
		call, isCall := n.(*ast.CallExpr)
		if !isCall {
			return false
		}
		callee := p.Callee(call)
		return callee != nil && callee.Pkg() != nil && (strings.HasSuffix(callee.Pkg().Path(), "/scrypt") || strings.HasSuffix(callee.Pkg().Path(), "/argon2"))
	})
}
