package web

import (
	"go/ast"
	"go/constant"
	"go/types"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// Routed reports whether the handler at fn is handed to a call with a constant
// that matches, as its route does.
func Routed(p *rewrite.Package, fn inspector.Cursor, re *regexp.Regexp) bool {
	n, ok := fn.Node().(*ast.FuncDecl)
	if !ok {
		return routes(p, fn.Parent(), re)
	}
	for _, r := range p.Snapshot().Refs(rewrite.ObjectKey(p.Info.Defs[n.Name].(*types.Func))) {
		if routes(r.Pkg, r.Expr().Parent(), re) {
			return true
		}
	}
	return false
}

// routes reports whether the call at c, or the one that a conversion there is an
// argument of, has a constant that matches.
func routes(p *rewrite.Package, c inspector.Cursor, re *regexp.Regexp) bool {
	call, ok := c.Node().(*ast.CallExpr)
	if ok && p.Info.Types[call.Fun].IsType() {
		call, ok = c.Parent().Node().(*ast.CallExpr) // http.HandlerFunc(f)
	}
	if !ok {
		return false
	}
	for _, arg := range call.Args {
		if v := p.Info.Types[arg].Value; v != nil && v.Kind() == constant.String && re.MatchString(constant.StringVal(v)) {
			return true
		}
	}
	return false
}
