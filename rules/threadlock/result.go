package threadlock

import (
	"go/ast"
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// soleCall returns the one call with one value among a return's results, nil
// where there is none or where the others are more than constants, nil and
// names: the unlock can stand between such a call and the return.
func (f *lockFunc) soleCall(ret *ast.ReturnStmt) *ast.CallExpr {
	var sole *ast.CallExpr
	for _, r := range ret.Results {
		switch x := ast.Unparen(r).(type) {
		case *ast.CallExpr:
			if sole != nil || !oneValue(f.p.Info.TypeOf(x)) {
				return nil
			}
			sole = x
		case *ast.Ident:
		default:
			if f.p.Info.Types[x].Value == nil {
				return nil
			}
		}
	}
	return sole
}

// oneValue reports whether a type is known and that of a single value.
func oneValue(t types.Type) bool {
	_, tuple := t.(*types.Tuple)
	return t != nil && !tuple && t != types.Typ[types.Invalid]
}

// callFirst makes the call of a return before it, where the thread is still
// locked, and has the return name its value.
func (f *lockFunc) callFirst(e *rewrite.Edit, ret *ast.ReturnStmt) {
	call := f.soleCall(ret)
	names := []string{"result", "out"}
	if syntax.IsError(f.p.Info.TypeOf(call)) {
		names = []string{"err", "result"}
	}
	name := f.p.File(ret).FreeName(f.cur.Node(), names...)
	value := rewrite.Stmts("$name := $call", rewrite.Holes{"name": dst.NewIdent(name), "call": e.Clone(call)})
	e.InsertBefore(ret, value...)
	e.Replace(call, dst.NewIdent(name))
}
