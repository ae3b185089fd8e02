package maxprocs

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"

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
	if call, ok := whole.Parent().Node().(*ast.CallExpr); ok {
		return flagOfPool(p, call)
	}
	to := setBy(whole)
	_, assigned := whole.Parent().Node().(*ast.AssignStmt)
	return to != nil && (otherValues(p, whole, to) || assigned && clamps(p, whole))
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

// mayBeNone reports whether the number computed from that of CPUs at c is none where
// that is small: a part of it, or what it exceeds another number by, without one that it
// is at least. A quota makes GOMAXPROCS two on a machine with many CPUs (runtime,
// Go 1.25), the environment one.
func mayBeNone(p *rewrite.Package, c inspector.Cursor) bool {
	less := false
	whole := arithmetic(p, c)
	for up := c; up != whole; up = up.Parent() {
		switch n := up.Parent().Node().(type) {
		case *ast.BinaryExpr:
			other := n.Y
			if other == up.Node() {
				other = n.X
			}
			value := p.Info.Types[other].Value
			switch n.Op {
			case token.QUO, token.SHR, token.SUB:
				less = less || other == n.Y
			case token.MUL:
				less = less || value != nil && constant.Compare(value, token.LSS, constant.MakeInt64(1))
			case token.ADD:
				less = less && (value == nil || constant.Sign(value) <= 0)
			}
		case *ast.CallExpr:
			if syntax.IsBuiltin(p, n, "max") && slices.ContainsFunc(n.Args, func(a ast.Expr) bool {
				value := p.Info.Types[a].Value
				return value != nil && constant.Sign(value) > 0
			}) {
				less = false
			}
		}
	}
	return less && !raised(p, whole)
}

// raised reports whether the variable that the value at c is set to gets another value,
// as where it is too small.
func raised(p *rewrite.Package, c inspector.Cursor) bool {
	id := syntax.LastName(setBy(c))
	if _, isField := c.Parent().Node().(*ast.KeyValueExpr); id == nil || isField {
		return false
	}
	return slices.ContainsFunc(syntax.AssignmentsOf(p, p.Info.ObjectOf(id)), func(a syntax.Assignment) bool {
		return a.Value != c.Node() && (a.Value != nil || a.Kind == syntax.Updated)
	})
}

// otherValues reports whether the variable at l, which is set to the value at c, gets
// other values, or its address is taken: a flag or the environment may set it. Of a
// field only what the same function does with it counts.
func otherValues(p *rewrite.Package, c inspector.Cursor, l ast.Expr) bool {
	id := syntax.LastName(l)
	if id == nil {
		return false
	}
	v, ok := p.Info.ObjectOf(id).(*types.Var)
	if !ok {
		return false
	}
	within := syntax.EnclosingDecl(c)
	for _, a := range syntax.AssignmentsOf(p, v) {
		lit, isLit := a.Value.(*ast.BasicLit)
		switch {
		case a.Value == c.Node() || a.Kind == syntax.Updated:
		case v.IsField() && (within == nil || !syntax.Encloses(within, a.Target) || a.Value != nil && asksCPUs(p, a.Value)):
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
		return asksCPUs(p, up.Node().(*ast.IfStmt).Cond)
	}
	return false
}

// asksCPUs reports whether the number of CPUs is part of x.
func asksCPUs(p *rewrite.Package, x ast.Expr) bool {
	return syntax.ContainsNode(x, func(n ast.Node) bool {
		call, ok := n.(ast.Expr)
		return ok && p.IsCall(call, "runtime", "NumCPU")
	})
}
