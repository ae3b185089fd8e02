package syntax

import (
	"go/ast"
	"go/constant"

	"github.com/runtimefix/runtimefix/rewrite"
)

func ConstInt(p *rewrite.Package, x ast.Expr) (int64, bool) {
	tv, ok := p.Info.Types[x]
	if !ok || tv.Value == nil {
		return 0, false
	}
	return constant.Int64Val(constant.ToInt(tv.Value))
}

// ConstString returns the value of a constant string.
func ConstString(p *rewrite.Package, x ast.Expr) (string, bool) {
	v := p.Info.Types[x].Value
	if v == nil || v.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(v), true
}
