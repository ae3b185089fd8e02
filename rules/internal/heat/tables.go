package heat

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// fromTable returns the heat of a function, at c, that is a value of a map by
// strings from which the package takes what it calls: commands by their names.
func (f *heatFinder) fromTable(p *rewrite.Package, c inspector.Cursor, depth int) (best Heat) {
	table := tableOf(p, c)
	if table == nil || depth == 0 {
		return Heat{}
	}
	for _, id := range syntax.MentionsOf(p, table) {
		at := id
		if sel, ok := at.Parent().Node().(*ast.SelectorExpr); ok && sel.Sel == id.Node() {
			at = at.Parent()
		}
		index, ok := at.Parent().Node().(*ast.IndexExpr)
		if !ok || index.X != at.Node() {
			continue
		}
		for _, call := range callsOf(p, at.Parent()) {
			if h := f.at(p, call, depth-1); h.Kind == Recurring && best.Kind != Recurring {
				h.Conditional = true // whoever names it
				h.Path = append([]Place{{p, call}}, h.Path...)
				best = h
			}
		}
	}
	return best
}

// tableOf returns the variable or field for the map that the function value at c is
// put into.
func tableOf(p *rewrite.Package, c inspector.Cursor) types.Object {
	var target ast.Expr
	switch n := c.Parent().Node().(type) {
	case *ast.KeyValueExpr:
		if n.Value != c.Node() {
			return nil
		}
		target = assignedFrom(c.Parent().Parent())
	case *ast.AssignStmt:
		if index, ok := ast.Unparen(assignedFrom(c)).(*ast.IndexExpr); ok {
			target = index.X
		}
	}
	if target == nil {
		return nil
	}
	id := syntax.LastName(target)
	if id == nil {
		return nil
	}
	v, ok := p.Info.ObjectOf(id).(*types.Var)
	if !ok {
		return nil
	}
	m, ok := v.Type().Underlying().(*types.Map)
	if !ok {
		return nil
	}
	key, ok := m.Key().Underlying().(*types.Basic)
	if !ok || key.Info()&types.IsString == 0 {
		return nil
	}
	return v
}

// assignedFrom returns what the literal at c is assigned to.
func assignedFrom(c inspector.Cursor) ast.Expr {
	switch n := c.Parent().Node().(type) {
	case *ast.AssignStmt:
		for i, rhs := range n.Rhs {
			if rhs == c.Node() && len(n.Lhs) == len(n.Rhs) {
				return n.Lhs[i]
			}
		}
	case *ast.ValueSpec:
		for i, rhs := range n.Values {
			if rhs == c.Node() && len(n.Names) == len(n.Values) {
				return n.Names[i]
			}
		}
	case *ast.KeyValueExpr:
		if n.Value == c.Node() {
			return n.Key
		}
	}
	return nil
}

// callsOf returns the calls of the element at c: in place, or by the variable that
// is set to it.
func callsOf(p *rewrite.Package, c inspector.Cursor) (out []inspector.Cursor) {
	switch n := c.Parent().Node().(type) {
	case *ast.CallExpr:
		if n.Fun == c.Node() {
			out = append(out, c.Parent())
		}
	case *ast.AssignStmt:
		if len(n.Rhs) != 1 {
			return nil
		}
		id, ok := ast.Unparen(n.Lhs[0]).(*ast.Ident)
		if !ok || p.Info.ObjectOf(id) == nil {
			return nil
		}
		for _, use := range syntax.MentionsOf(p, p.Info.ObjectOf(id)) {
			if call, ok := use.Parent().Node().(*ast.CallExpr); ok && call.Fun == use.Node() {
				out = append(out, use.Parent())
			}
		}
	}
	return out
}
