package web

import (
	"go/ast"
	"go/constant"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// OnByDefault reports whether x is a command line flag that is true where nobody sets
// it, a variable that is bound to one, or a copy of either.
func OnByDefault(p *rewrite.Package, x ast.Expr) bool { return onByDefault(p, x, 0) }

func onByDefault(p *rewrite.Package, x ast.Expr, step int) bool {
	if step > syntax.MaxSteps {
		return false
	}
	var id *ast.Ident
	switch x := ast.Unparen(x).(type) {
	case *ast.StarExpr:
		if id = syntax.LastName(x.X); id == nil {
			return false
		}
		value := soleValue(p, id)
		return value != nil && trueByDefault(p, value, false)
	case *ast.Ident:
		id = x
	case *ast.SelectorExpr:
		id = x.Sel
	default:
		return false
	}
	if call := flagOf(p, id); call != nil {
		return trueByDefault(p, call, true)
	}
	if value := soleValue(p, id); value != nil {
		return onByDefault(p, value, step+1)
	}
	if args := syntax.Arguments(p, id); len(args) == 1 {
		return onByDefault(args[0].Pkg, args[0].Expr, step+1)
	}
	return false
}

// trueByDefault reports whether the call defines a flag that is true by default. bound
// says whether the first argument is the variable that it is bound to.
func trueByDefault(p *rewrite.Package, call ast.Expr, bound bool) bool {
	x := defaultOf(p, call, "Bool", bound)
	if x == nil {
		return false
	}
	if s, ok := syntax.ConstString(p, x); ok {
		return s == "true" // kingpin's
	}
	v := p.Info.Types[x].Value
	return v != nil && v.Kind() == constant.Bool && constant.BoolVal(v)
}
