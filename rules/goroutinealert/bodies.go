package goroutinealert

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A name says little: reportOverload may be what has work refused. Where the body
// of the function is in sight, it is looked into for what it leaves behind.

// maxCallees bounds through how many functions calls are followed.
const maxCallees = 3

// bodies follows calls into the functions of the module.
type bodies struct{ seen map[ast.Node]bool }

// changes reports whether what call runs is known to change how the program goes
// on: it stores state, sends, cancels, or ends the process.
func (b *bodies) changes(p *rewrite.Package, call *ast.CallExpr, depth int) bool {
	fn := p.Callee(call)
	switch {
	case depth == 0:
		return false
	case fn == nil:
		id := syntax.LastName(call.Fun)
		if id == nil {
			return false
		}
		return slices.ContainsFunc(slices.Collect(syntax.ValuesOf(p, p.Info.Uses[id])), func(x ast.Expr) bool {
			lit, ok := ast.Unparen(x).(*ast.FuncLit)
			return ok && b.changesIn(p, lit, depth)
		})
	case fn.Pkg() == nil || !p.Module.Holds(fn.Pkg().Path()) || knowledge.LogPackage(fn.Pkg().Path()):
		return false
	}
	s := p.Snapshot()
	decl, q := syntax.DeclarationOf(s, fn)
	if decl == nil {
		s.WidenTo(fn.Pkg().Path())
		decl, q = syntax.DeclarationOf(s, fn)
	}
	if decl == nil {
		// An interface's method; or a function that is not seen by who looks at
		// one package alone.
		return !syntax.IsAbstract(fn)
	}
	return decl.Body != nil && b.changesIn(q, decl, depth)
}

// changesIn is changes, of the function fn.
func (b *bodies) changesIn(p *rewrite.Package, fn ast.Node, depth int) bool {
	if b.seen[fn] {
		return false
	}
	b.seen[fn] = true
	return syntax.ContainsNode(syntax.BodyOf(fn), func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SendStmt:
			return true
		case *ast.IncDecStmt:
			return isState(p, n.X, fn) && !toldName.MatchString(types.ExprString(n.X)) // a count of alerts is none
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if isState(p, l, fn) && (len(n.Rhs) != len(n.Lhs) || !isRemembered(p, l, n.Rhs[i])) {
					return true
				}
			}
		case *ast.CallExpr:
			return isChange(p, n) || b.changes(p, n, depth-1)
		}
		return false
	})
}

// isState reports whether x, which is assigned to in fn, outlives the function: a
// variable from outside of it, or a part of what was not made in its body.
func isState(p *rewrite.Package, x ast.Expr, fn ast.Node) bool {
	id := syntax.VariableOf(x)
	if id == nil {
		return true
	}
	v, ok := p.Info.ObjectOf(id).(*types.Var)
	if !ok {
		return id != x // a variable of another package, or _
	}
	if id == x {
		return !syntax.DeclaredIn(fn, v)
	}
	return !syntax.DeclaredIn(syntax.BodyOf(fn), v) || slices.ContainsFunc(syntax.AssignmentsOf(p, v), func(a syntax.Assignment) bool { return !isNew(a) })
}

// isNew reports whether the assignment sets a variable to what was made for it.
func isNew(a syntax.Assignment) bool {
	if a.Kind == syntax.Shared {
		return true
	}
	x := a.Value
	if a.Call != nil {
		x = a.Call
	}
	if u, ok := x.(*ast.UnaryExpr); ok && u.Op == token.AND {
		x = u.X
	}
	switch x := x.(type) {
	case *ast.CompositeLit, *ast.BasicLit:
		return true
	case *ast.CallExpr:
		id := syntax.LastName(x.Fun)
		return id != nil && newName.MatchString(id.Name)
	}
	return false
}

var (
	newName = regexp.MustCompile(`(?i)^(?:new|make|append)`)
	// setName matches setters of what decides about work in libraries.
	setName = regexp.MustCompile(`(?i)^set\w*(?:status|state|limit|burst|ready|health|healthy)$`)
)

// isChange reports whether the call itself changes how the program goes on.
func isChange(p *rewrite.Package, call *ast.CallExpr) bool {
	if syntax.IsBuiltin(p, call, "close") || syntax.IsBuiltin(p, call, "delete") || syntax.NoReturn(p, call) || syntax.IsContextFunc(p.Info.TypeOf(call.Fun)) {
		return true
	}
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	switch key := rewrite.ObjectKey(fn); {
	case fn.Pkg().Path() == "sync/atomic":
		return !strings.HasPrefix(fn.Name(), "Load")
	case strings.HasPrefix(key, "(*sync.Map)."):
		return fn.Name() != "Load" && fn.Name() != "Range"
	}
	return setName.MatchString(fn.Name())
}
