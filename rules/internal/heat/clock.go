package heat

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// pacedBody reports whether every turn of a loop waits for a clock: a sleep, a
// receive from a timer or ticker, or a select with such a case, in the body
// itself and not in a function literal or deeper loop.
func pacedBody(p *rewrite.Package, body *ast.BlockStmt) bool {
	for _, stmt := range body.List {
		if WaitsForClock(p, stmt) {
			return true
		}
		if sel, ok := stmt.(*ast.SelectStmt); ok {
			for _, c := range sel.Body.List {
				if comm := c.(*ast.CommClause).Comm; comm != nil && WaitsForClock(p, comm) {
					return true
				}
			}
		}
	}
	return false
}

// awaitsSignal reports whether every turn of a loop waits for a signal of the
// system, as a loop that reloads on SIGHUP does: in the body itself, or in a
// loop in it.
func awaitsSignal(p *rewrite.Package, body *ast.BlockStmt) bool {
	type key struct{ body *ast.BlockStmt }
	return rewrite.Memo(p.Snapshot(), key{body}, func() bool { return bodyAwaitsSignal(p, body) })
}

func bodyAwaitsSignal(p *rewrite.Package, body *ast.BlockStmt) bool {
	for _, stmt := range body.List {
		if waitsForSignal(p, stmt) {
			return true
		}
		if inner, ok := stmt.(*ast.ForStmt); ok && inner.Cond == nil && awaitsSignal(p, inner.Body) {
			return true
		}
		if inner, ok := stmt.(*ast.RangeStmt); ok && isSignals(p, inner.X) {
			return true
		}
	}
	return false
}

// waitsForSignal reports whether stmt itself receives from a channel of
// signals.
func waitsForSignal(p *rewrite.Package, stmt ast.Node) bool {
	switch stmt.(type) {
	case *ast.ExprStmt, *ast.AssignStmt, *ast.DeclStmt, *ast.IfStmt, *ast.SwitchStmt:
	default:
		return false
	}
	found := false
	ast.Inspect(stmt, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt, *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && isSignals(p, n.X) {
				found = true
			}
		}
		return !found
	})
	return found
}

// isSignals reports whether x is a channel of signals.
func isSignals(p *rewrite.Package, x ast.Expr) bool {
	t := p.Info.TypeOf(x)
	if t == nil {
		return false
	}
	ch, ok := t.Underlying().(*types.Chan)
	return ok && syntax.IsType(ch.Elem(), "os", "Signal")
}

// WaitsForClock reports whether stmt itself sleeps or receives from a clock.
func WaitsForClock(p *rewrite.Package, stmt ast.Node) bool {
	var x ast.Expr
	switch s := stmt.(type) {
	case *ast.ExprStmt:
		x = s.X
	case *ast.AssignStmt:
		if len(s.Rhs) == 1 {
			x = s.Rhs[0]
		}
	}
	if x == nil {
		return false
	}
	if call, ok := ast.Unparen(x).(*ast.CallExpr); ok && isSleep(call) {
		return true
	}
	u, ok := ast.Unparen(x).(*ast.UnaryExpr)
	return ok && u.Op == token.ARROW && syntax.IsClock(p, u.X)
}

// isSleep reports whether call is to time.Sleep or to something else by that
// name, which some packages have with a context or a clock of their own.
func isSleep(call *ast.CallExpr) bool {
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		return strings.EqualFold(fun.Name, "sleep")
	case *ast.SelectorExpr:
		return strings.EqualFold(fun.Sel.Name, "sleep")
	}
	return false
}
