package finalizer

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A registration is a call of runtime.SetFinalizer or runtime.AddCleanup.
type registration struct {
	rewrite.Call
	indirect bool // through a variable or field that has the function
}

// registrations returns the calls in s, those through variables behind the
// others, and the names of exported variables whose uses are to be loaded.
func registrations(s *rewrite.Snapshot) (out []registration, names []string) {
	seen := make(map[types.Object]bool)
	for _, r := range s.Refs("runtime.SetFinalizer", "runtime.AddCleanup") {
		c, ok := r.Call()
		if ok {
			out = append(out, registration{Call: rewrite.Call{Ref: r, Call: c.Node().(*ast.CallExpr), At: c}})
			continue
		}
		v := receiverOf(r)
		if v == nil || seen[v] {
			continue
		}
		seen[v] = true
		if v.Exported() && !v.IsField() {
			names = append(names, v.Name())
		}
		for _, call := range callsThrough(s, r.Pkg, v) {
			call.Obj = r.Obj
			out = append(out, registration{call, true})
		}
	}
	return out, names
}

// receiverOf returns the variable or field that the function at r is assigned
// to, nil when it goes elsewhere.
func receiverOf(r rewrite.Ref) *types.Var {
	x := r.Expr()
	var target ast.Expr
	switch n := x.Parent().Node().(type) {
	case *ast.AssignStmt:
		for i, v := range n.Rhs {
			if v == x.Node() && len(n.Lhs) == len(n.Rhs) {
				target = n.Lhs[i]
			}
		}
	case *ast.ValueSpec:
		for i, v := range n.Values {
			if v == x.Node() && len(n.Names) == len(n.Values) {
				target = n.Names[i]
			}
		}
	case *ast.KeyValueExpr:
		if n.Value == x.Node() {
			target = n.Key
		}
	}
	if target == nil {
		return nil
	}
	id := syntax.LastName(target)
	if id == nil {
		return nil
	}
	v, _ := r.Pkg.Info.ObjectOf(id).(*types.Var)
	return v
}

// callsThrough returns the calls of the function that v has: of a package's
// variable wherever it is used, of others in their package.
func callsThrough(s *rewrite.Snapshot, p *rewrite.Package, v *types.Var) []rewrite.Call {
	var out []rewrite.Call
	if v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
		for _, r := range s.Refs(rewrite.ObjectKey(v)) {
			if c, ok := r.Call(); ok {
				out = append(out, rewrite.Call{Ref: r, Call: c.Node().(*ast.CallExpr), At: c})
			}
		}
		return out
	}
	for c := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
		call := c.Node().(*ast.CallExpr)
		id := syntax.LastName(call.Fun)
		if id == nil {
			continue
		}
		if w, ok := p.Info.Uses[id].(*types.Var); ok && w.Origin() == v.Origin() {
			out = append(out, rewrite.Call{Ref: rewrite.Ref{Pkg: p, File: p.File(call), Ident: id, Obj: v}, Call: call, At: c})
		}
	}
	return out
}
