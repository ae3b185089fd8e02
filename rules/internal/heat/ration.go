package heat

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// rationed reports whether an if before child in its list leaves in most turns,
// so that only some come by child: it asks the clock, counts turns, or lets one
// caller at a time pass.
func rationed(p *rewrite.Package, list []ast.Stmt, child ast.Node) bool {
	for _, stmt := range list {
		if stmt == child {
			return false
		}
		n, ok := stmt.(*ast.IfStmt)
		if ok && n.Else == nil && syntax.Leaves(n.Body) && (rations(p, n.Cond) || n.Init != nil && rations(p, n.Init)) {
			return true
		}
	}
	return false
}

// rations reports whether n compares times, takes a counter by a modulus, or asks
// a lock or a limiter for leave.
func rations(p *rewrite.Package, n ast.Node) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			switch n.Op {
			case token.REM:
				return p.Info.Types[n].Value == nil
			case token.LSS, token.LEQ, token.GTR, token.GEQ:
				return syntax.ContainsNode(n, func(n ast.Node) bool {
					x, ok := n.(ast.Expr)
					return ok && isTime(p.Info.TypeOf(x))
				})
			}
		case *ast.CallExpr:
			fn := p.Callee(n)
			if fn == nil || fn.Signature().Recv() == nil && !p.IsCall(n, "sync/atomic", fn.Name()) {
				return false
			}
			switch fn.Name() {
			case "CompareAndSwap", "CompareAndSwapInt32", "CompareAndSwapInt64", "CompareAndSwapUint32", "CompareAndSwapUint64", "TryLock", "TryAcquire", "Allow":
				return true
			case "Before", "After":
				return syntax.IsType(fn.Signature().Recv().Type(), "time", "Time")
			}
		}
		return false
	})
}

// isTime reports whether t is a time or a duration.
func isTime(t types.Type) bool {
	return t != nil && (syntax.IsType(t, "time", "Duration") || syntax.IsType(t, "time", "Time"))
}

// swapsOnce reports whether x is an atomic compare-and-swap of a field or of a
// variable of the package, to which nothing else is stored: it succeeds once.
func swapsOnce(p *rewrite.Package, x ast.Expr) bool {
	flag, swap := swapped(p, x)
	if flag == nil || !flag.IsField() && flag.Parent() != p.Types.Scope() || !strings.HasPrefix(swap, "CompareAndSwap") {
		return false
	}
	stores := 0
	for _, f := range p.Files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if other, how := swapped(p, call); other == flag && !strings.HasPrefix(how, "Load") {
					stores++
				}
			}
			return true
		})
	}
	return stores == 1
}

// swapped returns the variable on which x, a call of package sync/atomic, works,
// and the function's name; nil for other expressions.
func swapped(p *rewrite.Package, x ast.Expr) (*types.Var, string) {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return nil, ""
	}
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "sync/atomic" {
		return nil, ""
	}
	var of ast.Expr
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && fn.Signature().Recv() != nil {
		of = sel.X
	} else if len(call.Args) > 0 {
		of = call.Args[0]
	}
	if addr, ok := ast.Unparen(of).(*ast.UnaryExpr); ok {
		of = addr.X
	}
	v, _ := syntax.BaseVar(p, of).(*types.Var)
	return v, fn.Name()
}
