package syntax

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// ValuesOf yields what the package assigns to v. Where that is not one
// expression, as with x++ or a range clause, it yields v's own identifier.
func ValuesOf(p *rewrite.Package, v types.Object) func(yield func(ast.Expr) bool) {
	return func(yield func(ast.Expr) bool) {
		is := func(x ast.Expr) bool {
			switch x := ast.Unparen(x).(type) {
			case *ast.Ident:
				return p.Info.ObjectOf(x) == v
			case *ast.SelectorExpr:
				return p.Info.ObjectOf(x.Sel) == v
			}
			return false
		}
		nodes := []ast.Node{(*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil), (*ast.IncDecStmt)(nil), (*ast.RangeStmt)(nil), (*ast.UnaryExpr)(nil), (*ast.KeyValueExpr)(nil)}
		for c := range p.Inspector.Root().Preorder(nodes...) {
			switch n := c.Node().(type) {
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					if !is(l) {
						continue
					}
					if len(n.Lhs) == len(n.Rhs) {
						if !yield(n.Rhs[i]) {
							return
						}
						if n.Tok == token.ASSIGN || n.Tok == token.DEFINE {
							continue
						}
					}
					if !yield(l) {
						return
					}
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if p.Info.Defs[name] == v && i < len(n.Values) && !yield(n.Values[i]) {
						return
					}
				}
			case *ast.IncDecStmt:
				if is(n.X) && !yield(n.X) {
					return
				}
			case *ast.RangeStmt:
				for _, x := range []ast.Expr{n.Key, n.Value} {
					if x != nil && is(x) && !yield(x) {
						return
					}
				}
			case *ast.UnaryExpr:
				if n.Op == token.AND && is(n.X) && !yield(n.X) {
					return
				}
			case *ast.KeyValueExpr:
				if id, ok := n.Key.(*ast.Ident); ok && p.Info.Uses[id] == v && !yield(n.Value) {
					return
				}
			}
		}
	}
}

// LocalVar returns the local variable, parameter or receiver that id uses.
func LocalVar(p *rewrite.Package, id *ast.Ident) *types.Var {
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || v.IsField() || v.Pkg() == nil || v.Parent() == v.Pkg().Scope() {
		return nil
	}
	return v
}

// OnlyValue returns the one value that v is set to in body, nil when there are
// several or none.
func OnlyValue(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) ast.Expr {
	all := AssignedValues(p, body, v)
	if len(all) != 1 {
		return nil
	}
	return all[0]
}

// AssignedValues returns what v is set to in body, with nil for what is no
// expression of its own: the result of a call with several, an element.
func AssignedValues(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) []ast.Expr {
	is := func(x ast.Expr) bool {
		id, ok := ast.Unparen(x).(*ast.Ident)
		return ok && (p.Info.Defs[id] == v || p.Info.Uses[id] == v)
	}
	var out []ast.Expr
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				switch {
				case !is(l):
				case n.Tok != token.ASSIGN && n.Tok != token.DEFINE:
					out = append(out, nil)
				case len(n.Lhs) == len(n.Rhs):
					out = append(out, n.Rhs[i])
				case i == 0:
					out = append(out, n.Rhs[0]) // x, err := f()
				default:
					out = append(out, nil)
				}
			}
		case *ast.ValueSpec:
			for i, l := range n.Names {
				if p.Info.Defs[l] != v || len(n.Values) == 0 {
					continue
				}
				switch {
				case len(n.Names) == len(n.Values):
					out = append(out, n.Values[i])
				case i == 0:
					out = append(out, n.Values[0])
				default:
					out = append(out, nil)
				}
			}
		case *ast.RangeStmt:
			if n.Key != nil && is(n.Key) || n.Value != nil && is(n.Value) {
				out = append(out, nil)
			}
		case *ast.IncDecStmt:
			if is(n.X) {
				out = append(out, nil)
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND && is(n.X) {
				out = append(out, nil)
			}
		}
		return true
	})
	return out
}

// VariableOf returns the variable that x is a part of, nil when x is behind a
// call.
func VariableOf(x ast.Expr) *ast.Ident {
	for {
		switch n := ast.Unparen(x).(type) {
		case *ast.Ident:
			return n
		case *ast.SelectorExpr:
			x = n.X
		case *ast.IndexExpr:
			x = n.X
		case *ast.SliceExpr:
			x = n.X
		case *ast.StarExpr:
			x = n.X
		default:
			return nil
		}
	}
}

// Written reports whether the variable at c is assigned to or its address taken.
func Written(c inspector.Cursor) bool {
	switch p := c.Parent().Node().(type) {
	case *ast.AssignStmt:
		for _, l := range p.Lhs {
			if l == c.Node() {
				return true
			}
		}
	case *ast.IncDecStmt:
		return true
	case *ast.UnaryExpr:
		return p.Op == token.AND
	case *ast.RangeStmt:
		return p.Key == c.Node() || p.Value == c.Node()
	}
	return false
}

// BaseVar returns the variable or field that x denotes.
func BaseVar(p *rewrite.Package, x ast.Expr) types.Object {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return p.Info.Uses[x]
	case *ast.SelectorExpr:
		return p.Info.Uses[x.Sel]
	case *ast.StarExpr:
		return BaseVar(p, x.X)
	}
	return nil
}

// AssignedTo reports whether the variable or field at c gets a value there; the
// value is nil where it stands alone in a declaration.
func AssignedTo(c inspector.Cursor) (value ast.Expr, ok bool) {
	at := c
	if sel, isSel := c.Parent().Node().(*ast.SelectorExpr); isSel && sel.Sel == c.Node() {
		at = c.Parent()
	}
	switch n := at.Parent().Node().(type) {
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if l == at.Node() {
				if len(n.Lhs) == len(n.Rhs) {
					return n.Rhs[i], true
				}
				return n.Rhs[0], true
			}
		}
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if name == at.Node() {
				if i < len(n.Values) {
					return n.Values[i], true
				}
				return nil, true
			}
		}
	case *ast.KeyValueExpr:
		if n.Key == at.Node() {
			return n.Value, true
		}
	}
	return nil, false
}

// Sets reports whether a assigns to v.
func Sets(p *rewrite.Package, a *ast.AssignStmt, v *types.Var) bool {
	for _, l := range a.Lhs {
		if id, ok := ast.Unparen(l).(*ast.Ident); ok && p.Info.ObjectOf(id) == v {
			return true
		}
	}
	return false
}
