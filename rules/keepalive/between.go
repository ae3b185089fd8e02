package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// changesBetween says what of the value def, which decl declares, may be another
// at the call; "" when nothing is.
func changesBetween(x *crossing, def ast.Expr, decl ast.Stmt) string {
	p, start, end := x.p, decl.End(), x.Call.End()
	between := func(n ast.Node) bool { return n != nil && start <= n.Pos() && n.Pos() < end }
	if syntax.ContainsNode(x.body, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.ForStmt, *ast.LabeledStmt:
			return between(n)
		}
		return false
	}) {
		end = x.body.End() // the call may come again
	}
	changed, shared := "", false
	var at ast.Expr // what the address is taken of
	ast.Inspect(def, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.UnaryExpr:
			at = ast.Unparen(n.X)
		case *ast.StarExpr:
			shared = true
		case *ast.IndexExpr, *ast.SelectorExpr:
			shared = shared || n != ast.Node(at) && !p.Info.Types[n.(ast.Expr)].IsType() && !isUnsafeName(p, n)
		case *ast.Ident:
			w, ok := p.Info.Uses[n].(*types.Var)
			if !ok || w.IsField() {
				return true
			}
			sets := syntax.AssignmentsOf(p, w)
			if !visible(p, w, x.Call.Pos()) || slices.ContainsFunc(sets, func(a syntax.Assignment) bool {
				return a.Kind != syntax.Shared && between(a.Target)
			}) {
				changed = w.Name()
			}
			shared = shared || n != ast.Node(at) && setElsewhere(x, w, sets)
		}
		return true
	})
	switch {
	case changed != "":
		return changed + " changes in between"
	case shared && syntax.ContainsNode(x.body, func(n ast.Node) bool { return between(n) && n != x.Call && changesMemory(p, n) }):
		return syntax.ExprText(cgo.UintptrOfPointer(p, def)) + " may change in between"
	}
	return ""
}

// isUnsafeName reports whether n names a type or function of package unsafe.
func isUnsafeName(p *rewrite.Package, n ast.Node) bool {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	obj := p.Info.Uses[sel.Sel]
	return obj != nil && obj.Pkg() == types.Unsafe
}

// setElsewhere reports whether other functions may set w, which has the sets: a
// closure, whoever has its address, or one of its methods.
func setElsewhere(x *crossing, w *types.Var, sets []syntax.Assignment) bool {
	return !syntax.DeclaredIn(x.body, w) && w.Kind() != types.ParamVar && w.Kind() != types.RecvVar ||
		types.NewMethodSet(types.NewPointer(w.Type())).Len() > 0 ||
		slices.ContainsFunc(sets, func(a syntax.Assignment) bool {
			cur, ok := x.p.Cursor(a.Target)
			if !ok {
				return true
			}
			fn, ok := syntax.EnclosingFunc(cur)
			return a.Kind == syntax.Shared || !ok || fn != x.fn
		})
}

// changesMemory reports whether n may set a field, an element, or what a pointer
// leads to; or wait for somebody who does.
func changesMemory(p *rewrite.Package, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		return slices.ContainsFunc(n.Lhs, isPart)
	case *ast.IncDecStmt:
		return isPart(n.X)
	case *ast.RangeStmt, *ast.SendStmt:
		return true
	case *ast.UnaryExpr:
		return n.Op == token.ARROW
	case *ast.CallExpr:
		tv := p.Info.Types[n]
		return !p.Info.Types[n.Fun].IsType() && tv.Value == nil && !isFd(p, n) && !isUnsafeName(p, ast.Unparen(n.Fun)) &&
			!syntax.IsBuiltin(p, n, "len") && !syntax.IsBuiltin(p, n, "cap")
	}
	return false
}

// isPart reports whether x is more than a variable.
func isPart(x ast.Expr) bool {
	_, ok := ast.Unparen(x).(*ast.Ident)
	return !ok
}
