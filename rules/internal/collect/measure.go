package collect

import (
	"go/ast"
	"go/types"
	"strconv"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// guardsMemory reports whether an if around cur decides by memory statistics
// whether to collect: by a field of MemStats, a function that reads them, or a
// variable that one of these was assigned to.
func guardsMemory(p *rewrite.Package, cur inspector.Cursor) bool {
	decl := syntax.EnclosingDecl(cur)
	readsMemory := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			t := p.Info.TypeOf(n.X)
			return t != nil && syntax.TypeKey(t) == "runtime.MemStats"
		case *ast.CallExpr:
			fn := p.Callee(n)
			if fn == nil || fn.Signature().Results().Len() == 0 {
				return false
			}
			callee := syntax.DeclOf(p, fn)
			return callee != nil && callee.Body != nil && heat.Measures(p, callee)
		}
		return false
	}
	for c := range cur.Enclosing((*ast.IfStmt)(nil)) {
		if syntax.ContainsNode(c.Node().(*ast.IfStmt).Cond, func(n ast.Node) bool {
			if readsMemory(n) {
				return true
			}
			id, ok := n.(*ast.Ident)
			if !ok {
				return false
			}
			v, ok := p.Info.Uses[id].(*types.Var)
			return ok && syntax.ContainsNode(decl, func(n ast.Node) bool {
				as, ok := n.(*ast.AssignStmt)
				if !ok || len(as.Lhs) != len(as.Rhs) {
					return false
				}
				for i, lhs := range as.Lhs {
					if to, ok := lhs.(*ast.Ident); ok && p.Info.ObjectOf(to) == v && syntax.ContainsNode(as.Rhs[i], readsMemory) {
						return true
					}
				}
				return false
			})
		}) {
			return true
		}
	}
	return false
}

// profiles reports whether the function writes a heap profile, which a
// collection makes current.
func profiles(p *rewrite.Package, decl *ast.FuncDecl) bool {
	return syntax.InDecl(decl, func(n ast.Node) bool {
		if p.IsCall(n, "runtime/pprof", "WriteHeapProfile", "(*runtime/pprof.Profile).WriteTo") || p.IsCall(n, "runtime/debug", "WriteHeapDump") {
			return true
		}
		if !p.IsCall(n, "runtime/pprof", "Lookup") && !p.IsCall(n, "net/http/pprof", "Handler") {
			return false
		}
		call := n.(*ast.CallExpr)
		if len(call.Args) == 0 {
			return false
		}
		name, err := strconv.Unquote(types.ExprString(call.Args[0]))
		return err != nil || name == "heap" || name == "allocs"
	})
}

// isTimed reports whether the statement before stmt reads the clock and one
// behind it in the list what has passed: how long a collection takes is asked for.
func isTimed(p *rewrite.Package, stmt inspector.Cursor) bool {
	prev, ok := stmt.PrevSibling()
	if !ok {
		return false
	}
	start, ok := prev.Node().(*ast.AssignStmt)
	if !ok || len(start.Lhs) != 1 || len(start.Rhs) != 1 || !p.IsCall(start.Rhs[0], "time", "Now") {
		return false
	}
	id, ok := start.Lhs[0].(*ast.Ident)
	if !ok {
		return false
	}
	next, ok := stmt.NextSibling()
	return ok && syntax.ContainsNode(next.Node(), func(n ast.Node) bool {
		use, isIdent := n.(*ast.Ident)
		return isIdent && p.Info.ObjectOf(use) != nil && p.Info.ObjectOf(use) == p.Info.ObjectOf(id)
	})
}

// isWatched reports whether the statement behind stmt calls a function of the
// package that reads memory statistics: they are to be those of a clean heap.
func isWatched(p *rewrite.Package, stmt inspector.Cursor) bool {
	next, ok := stmt.NextSibling()
	if !ok {
		return false
	}
	return syntax.ContainsNode(next.Node(), func(n ast.Node) bool {
		call, isCall := n.(*ast.CallExpr)
		if !isCall {
			return false
		}
		fn := p.Callee(call)
		if fn == nil {
			return false
		}
		decl := syntax.DeclOf(p, fn)
		return decl != nil && decl.Body != nil && heat.Measures(p, decl)
	})
}
