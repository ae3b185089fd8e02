package syntax

import (
	"go/ast"
	"go/token"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
)

// Said reports whether a comment beside the statement, or right above it, matches.
func Said(f *rewrite.File, stmt ast.Stmt, re *regexp.Regexp) bool {
	line := func(pos token.Pos) int { return f.Pkg.Snapshot().Position(pos).Line }
	at := line(stmt.Pos())
	for _, g := range f.AST.Comments {
		above, beside := line(g.End()) == at-1, line(g.Pos()) == at && g.Pos() > stmt.Pos()
		if (above || beside) && re.MatchString(g.Text()) {
			return true
		}
	}
	return false
}
