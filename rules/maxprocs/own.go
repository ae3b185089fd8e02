package maxprocs

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// hasOwn reports whether the number of CPUs at c is one of several numbers that
// the program may take: the default of a flag, one value of a variable that has
// others, what a minimum of its own raises, one of the two in a clamp.
func hasOwn(p *rewrite.Package, c inspector.Cursor) bool {
	whole := arithmetic(p, c)
	for up := c; up != whole; up = up.Parent() {
		if call, ok := up.Parent().Node().(*ast.CallExpr); ok && syntax.IsBuiltin(p, call, "max") && !atMostOne(p, call) {
			return true
		}
	}
	switch n := whole.Parent().Node().(type) {
	case *ast.CallExpr:
		return flagOfPool(p, n)
	case *ast.AssignStmt:
		for i, r := range n.Rhs {
			if r == whole.Node() && len(n.Lhs) == len(n.Rhs) {
				return otherValues(p, n.Lhs[i], r) || clamps(p, whole)
			}
		}
	case *ast.ValueSpec:
		for i, v := range n.Values {
			if v == whole.Node() && len(n.Names) == len(n.Values) {
				return otherValues(p, n.Names[i], v)
			}
		}
	}
	return false
}

// atMostOne reports whether the other arguments of max are numbers up to one: they
// guard against zero, as NumCPU()-1 needs it.
func atMostOne(p *rewrite.Package, call *ast.CallExpr) bool {
	for _, a := range call.Args {
		if tv := p.Info.Types[a]; tv.Value != nil && tv.Value.ExactString() != "1" && tv.Value.ExactString() != "0" {
			return false
		}
	}
	return true
}

// otherValues reports whether the variable at l gets other values than value, or
// its address is taken: a flag or the environment may set it.
func otherValues(p *rewrite.Package, l, value ast.Expr) bool {
	id, ok := ast.Unparen(l).(*ast.Ident)
	if !ok {
		return false
	}
	v, ok := p.Info.ObjectOf(id).(*types.Var)
	if !ok {
		return false
	}
	for _, a := range syntax.AssignmentsOf(p, v) {
		lit, isLit := a.Value.(*ast.BasicLit)
		switch {
		case a.Value == value || a.Kind == syntax.Updated:
		case isLit && lit.Kind == token.INT && (lit.Value == "1" || lit.Value == "0"): // not below one
		default:
			return true
		}
	}
	return false
}

// clamps reports whether the condition around c asks for the number of CPUs, too.
func clamps(p *rewrite.Package, c inspector.Cursor) bool {
	for up := range c.Enclosing((*ast.IfStmt)(nil)) {
		return syntax.ContainsNode(up.Node().(*ast.IfStmt).Cond, func(n ast.Node) bool {
			x, ok := n.(ast.Expr)
			return ok && p.IsCall(x, "runtime", "NumCPU")
		})
	}
	return false
}
