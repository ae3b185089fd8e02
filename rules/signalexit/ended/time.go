package ended

import (
	"go/ast"
	"go/token"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// quickName matches what only puts a message together.
var quickName = regexp.MustCompile(`^(Err|Error|String|Sprint|Sprintf|Sprintln|Errorf|Since|Now|Wrap|Wrapf|Cause|Base|Name)$`)

// TakesTime reports whether the operand waits for something, or calls what may.
func TakesTime(p *rewrite.Package, x ast.Expr) bool {
	return syntax.ContainsNode(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.UnaryExpr:
			return n.Op == token.ARROW
		case *ast.CallExpr:
			id := syntax.LastName(n.Fun)
			return !p.Info.Types[n.Fun].IsType() && !p.Info.Types[n.Fun].IsBuiltin() && (id == nil || !quickName.MatchString(id.Name))
		}
		return false
	})
}
