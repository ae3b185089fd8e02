package maxprocs

import (
	"go/ast"
	"go/token"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

var processors = regexp.MustCompile(`(?i)\bcpus?\b|\bcores?\b|max_?procs|\bprocs\b|\bprocessors?\b`)

// told reports whether the statement before stmt, which sets GOMAXPROCS, or behind it
// is a call with a text about processors: it says what stmt does, and would stay.
func told(p *rewrite.Package, stmt ast.Stmt) bool {
	cur, ok := p.Cursor(stmt)
	if !ok || !syntax.InList(cur) {
		return false
	}
	says := func(n ast.Node) bool {
		x, ok := n.(*ast.ExprStmt)
		return ok && syntax.ContainsNode(x, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			return ok && lit.Kind == token.STRING && processors.MatchString(lit.Value)
		})
	}
	if prev, ok := cur.PrevSibling(); ok && says(prev.Node()) {
		return true
	}
	next, ok := cur.NextSibling()
	return ok && says(next.Node())
}
