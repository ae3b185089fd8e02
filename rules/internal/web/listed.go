package web

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
)

// Listed returns the servers of the list of which x is an element in each turn of a
// loop, or the parameter for that; nil where that is not so, or not all of them are
// in sight.
func Listed(p *rewrite.Package, x ast.Expr) (out []Server) {
	over := rangedOver(p, x, syntax.MaxSteps)
	if id, ok := over.(*ast.Ident); ok {
		def := syntax.Definition(p, id)
		if def == nil || setsField(p, p.Info.Uses[id]) {
			return nil
		}
		over = ast.Unparen(def.Value)
	}
	list, ok := over.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	for _, x := range list.Elts {
		lit, isLit := ast.Unparen(x).(*ast.CompositeLit)
		srv, ok := Server{}, false
		if isLit && syntax.IsPointerTo(p.Info.TypeOf(lit), "net/http", "Server") {
			srv, ok = fromLit(lit) // {Addr: ":80"} in a list of pointers
		} else {
			srv, ok = ServerOf(p, x)
		}
		if !ok || srv.Lit == nil {
			return nil
		}
		out = append(out, srv)
	}
	return out
}

// rangedOver returns the operand of the loop that gives x its value, nil for none.
func rangedOver(p *rewrite.Package, x ast.Expr, steps int) ast.Expr {
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok || steps == 0 {
		return nil
	}
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || setsField(p, v) {
		return nil
	}
	if args := syntax.ArgumentsFor(p, v); len(args) == 1 && args[0].Pkg == p {
		return rangedOver(p, args[0].Expr, steps-1)
	}
	if all := syntax.AssignmentsOf(p, v); len(all) != 1 || all[0].Kind != syntax.Ranged {
		return nil
	}
	for c := range p.Inspector.Root().Preorder((*ast.RangeStmt)(nil)) {
		n := c.Node().(*ast.RangeStmt)
		if value, ok := n.Value.(*ast.Ident); ok && p.Info.Defs[value] == v {
			return ast.Unparen(n.X)
		}
	}
	return nil
}

// setsField reports whether the package sets a field of the server in v, or of one
// in the list v.
func setsField(p *rewrite.Package, v types.Object) bool {
	for _, c := range syntax.MentionsOf(p, v) {
		at := c
		for k := at.ParentEdgeKind(); k == edge.SelectorExpr_X || k == edge.IndexExpr_X || k == edge.ParenExpr_X; k = at.ParentEdgeKind() {
			at = at.Parent()
		}
		if at != c && at.ParentEdgeKind() == edge.AssignStmt_Lhs {
			return true
		}
	}
	return false
}
