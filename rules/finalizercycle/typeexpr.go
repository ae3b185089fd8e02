package finalizercycle

import (
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// typeExprIn returns t as an expression for new code of file, nil when it cannot
// be written there.
func typeExprIn(file *rewrite.File, t types.Type) dst.Expr {
	if x := syntax.TypeExpr(file, t); x != nil {
		return x
	}
	switch t := types.Unalias(t).(type) {
	case *types.Pointer:
		if elem := typeExprIn(file, t.Elem()); elem != nil {
			return &dst.StarExpr{X: elem}
		}
	case *types.Array:
		return nil
	case *types.Named:
		if t.TypeArgs().Len() == 0 || t.Obj().Pkg() != file.Pkg.Types {
			return nil
		}
		var args []dst.Expr
		for i := range t.TypeArgs().Len() {
			a := typeExprIn(file, t.TypeArgs().At(i))
			if a == nil {
				return nil
			}
			args = append(args, a)
		}
		if len(args) == 1 {
			return &dst.IndexExpr{X: dst.NewIdent(t.Obj().Name()), Index: args[0]}
		}
		return &dst.IndexListExpr{X: dst.NewIdent(t.Obj().Name()), Indices: args}
	}
	return nil
}
