package timerfanout

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Timers that a loop sets one by one while it waits in between, for a clock, a
// limiter or the network, do not expire together.

// paced reports whether a turn of the loop's body waits for something beside the
// timer.
func paced(p *rewrite.Package, body *ast.BlockStmt, timer *ast.CallExpr) bool {
	return newWaiting(p, timer).paces(body, p, maxCallees)
}

// paces reports whether the code at n of p waits.
func (w *waiting) paces(n ast.Node, p *rewrite.Package, depth int) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt, *ast.DeferStmt:
			return false
		case *ast.SelectStmt:
			found = true
		case *ast.UnaryExpr:
			found = found || n.Op == token.ARROW
		case *ast.RangeStmt:
			_, isChan := syntax.Under(p.Info.TypeOf(n.X)).(*types.Chan)
			found = found || isChan
		case *ast.CallExpr:
			if n == w.timer {
				return false
			}
			found = found || w.calledPaces(n, p, depth)
		}
		return !found
	})
	return found
}

var (
	pauseName = regexp.MustCompile(`(?i)^(?:sleep|pause|wait)`)
	// remote matches functions of the standard library that wait for another
	// program.
	remote = regexp.MustCompile(`^\(?\*?(?:net|net/http|os/exec|database/sql)\.(?:(?:\w*Conn|Dialer|Resolver|Client|Transport|RoundTripper|Cmd|DB|Tx|Stmt)\)\.)?` +
		`(?:Do|Get|Head|Post|RoundTrip|Dial|Lookup|Read|Write|Run|Output|CombinedOutput|Query|Exec|Ping|Begin|Commit)\w*$`)
)

// calledPaces reports whether the call waits: by its name, in its body, or, where
// that is not in sight, because it is handed a context.
func (w *waiting) calledPaces(call *ast.CallExpr, p *rewrite.Package, depth int) bool {
	if id := syntax.LastName(call.Fun); id != nil && pauseName.MatchString(id.Name) {
		return true
	}
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil || knowledge.Quick(fn) {
		return false
	}
	if remote.MatchString(fn.FullName()) {
		return true
	}
	decl, q := w.source(fn)
	if decl == nil {
		if p.Module.Holds(fn.Pkg().Path()) && !syntax.IsAbstract(fn) {
			return true // who looks at one package alone does not see it
		}
		return slices.ContainsFunc(call.Args, func(x ast.Expr) bool { return syntax.IsType(p.Info.TypeOf(x), "context", "Context") })
	}
	if depth == 0 || w.seen[decl] {
		return false
	}
	w.seen[decl] = true
	return w.paces(decl.Body, q, depth-1)
}
