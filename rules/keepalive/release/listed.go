package release

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Listed reports whether each object that t points at is put into a variable of
// the package, or into what one has, where its finalizer is registered: it lives
// until it is taken out there, whatever else refers to it.
func (rs *Releases) Listed(t types.Type) bool {
	if finalizer.IsFile(t) {
		return false
	}
	key := finalizer.FinalizedKey(t)
	if out, ok := rs.global[key]; ok {
		return out
	}
	all := rs.registered().Of(t)
	out := len(all) > 0 && !slices.ContainsFunc(all, func(x *finalizer.Finalization) bool { return !rs.putsAway(x) })
	rs.global[key] = out
	return out
}

// putsAway reports whether the function that registers x puts the object into a
// package's variable in the same list of statements.
func (rs *Releases) putsAway(x *finalizer.Finalization) bool {
	id, ok := x.Object.(*ast.Ident)
	if !ok {
		return false
	}
	v := syntax.LocalVar(x.Pkg, id)
	stmt, cur := syntax.EnclosingStmt(x.At)
	if v == nil || stmt == nil {
		return false
	}
	return slices.ContainsFunc(syntax.StmtsOf(cur.Parent().Node()), func(s ast.Stmt) bool { return rs.puts(x.Pkg, s, v, 2) })
}

// puts reports whether the statement puts v into a package's variable: it
// assigns it, stores it in a sync.Map, or calls a function that does so.
func (rs *Releases) puts(p *rewrite.Package, s ast.Stmt, v *types.Var, depth int) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		for i, lhs := range s.Lhs {
			if len(s.Lhs) == len(s.Rhs) && isNewHandle(p, s.Rhs[i], v) {
				return true
			}
			if len(s.Lhs) == len(s.Rhs) && isGlobal(p, lhs) && (has(p, s.Rhs[i], v) || isKey(p, lhs, v)) {
				return true
			}
		}
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && p.IsCall(call, "sync", "(*sync.Map).Store") {
			return isGlobal(p, sel.X) && slices.ContainsFunc(call.Args, func(arg ast.Expr) bool { return has(p, arg, v) })
		}
		return depth > 0 && rs.putsArgument(p, call, v, depth)
	}
	return false
}

// isNewHandle reports whether x is a handle for v, which runtime/cgo keeps.
func isNewHandle(p *rewrite.Package, x ast.Expr, v *types.Var) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	return ok && p.IsCall(call, "runtime/cgo", "NewHandle") && has(p, call.Args[0], v)
}

// isKey reports whether x is the element of a map for the key v.
func isKey(p *rewrite.Package, x ast.Expr, v *types.Var) bool {
	index, ok := ast.Unparen(x).(*ast.IndexExpr)
	return ok && has(p, index.Index, v)
}

// putsArgument reports whether the called function puts its argument v, or its
// receiver, into a package's variable.
func (rs *Releases) putsArgument(p *rewrite.Package, call *ast.CallExpr, v *types.Var, depth int) bool {
	fn := p.Callee(call)
	if fn == nil {
		return false
	}
	home, decl := syntax.Source(rs.s, p, fn)
	if decl == nil {
		return false
	}
	params := syntax.ParamObjects(home, decl.Type)
	for i, arg := range call.Args {
		id, ok := ast.Unparen(arg).(*ast.Ident)
		if !ok || p.Info.Uses[id] != v || i >= len(params) {
			continue
		}
		param, _ := params[i].(*types.Var)
		if param != nil && slices.ContainsFunc(decl.Body.List, func(s ast.Stmt) bool { return rs.puts(home, s, param, depth-1) }) {
			return true
		}
	}
	return false
}

// isGlobal reports whether x is a package's variable or a part of one.
func isGlobal(p *rewrite.Package, x ast.Expr) bool {
	id := syntax.VariableOf(x)
	if id == nil {
		return false
	}
	v, ok := p.Info.Uses[id].(*types.Var)
	return ok && !v.IsField() && v.Pkg() != nil && v.Parent() == v.Pkg().Scope()
}

// has reports whether x is v, or a list or literal that has it.
func has(p *rewrite.Package, x ast.Expr, v *types.Var) bool {
	switch n := ast.Unparen(x).(type) {
	case *ast.Ident:
		return p.Info.Uses[n] == v
	case *ast.UnaryExpr:
		return has(p, n.X, v)
	case *ast.CompositeLit:
		return slices.ContainsFunc(n.Elts, func(elt ast.Expr) bool {
			if kv, ok := elt.(*ast.KeyValueExpr); ok {
				elt = kv.Value
			}
			return has(p, elt, v)
		})
	case *ast.CallExpr:
		return syntax.IsBuiltin(p, n, "append") && slices.ContainsFunc(n.Args[1:], func(arg ast.Expr) bool { return has(p, arg, v) })
	}
	return false
}
