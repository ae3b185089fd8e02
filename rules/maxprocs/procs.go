package maxprocs

import (
	"go/ast"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// setsProcs reports whether the number at c is put into a field that is called
// like GOMAXPROCS, or is one of several values of a variable that GOMAXPROCS is
// set to, the default of a flag say.
func setsProcs(p *rewrite.Package, c inspector.Cursor) bool {
	switch n := c.Parent().Node().(type) {
	case *ast.KeyValueExpr:
		key, ok := n.Key.(*ast.Ident)
		return ok && n.Value == c.Node() && procsName.MatchString(key.Name)
	case *ast.AssignStmt:
		if len(n.Lhs) != 1 || len(n.Rhs) != 1 || n.Rhs[0] != c.Node() {
			return false
		}
		switch l := n.Lhs[0].(type) {
		case *ast.SelectorExpr:
			return procsName.MatchString(l.Sel.Name)
		case *ast.StarExpr:
			id, ok := ast.Unparen(l.X).(*ast.Ident)
			return ok && becomesProcs(p, id)
		case *ast.Ident:
			return becomesProcs(p, l)
		}
	case *ast.CallExpr:
		if !p.IsCall(n, "flag", "Int", "IntVar") {
			return false
		}
		id := flagVariable(c.Parent())
		return id != nil && becomesProcs(p, id)
	}
	return false
}

// flagVariable returns the variable that the call at c, which makes a flag, gives
// its value or a pointer to it; nil for none.
func flagVariable(c inspector.Cursor) *ast.Ident {
	call := c.Node().(*ast.CallExpr)
	if u, ok := ast.Unparen(call.Args[0]).(*ast.UnaryExpr); ok {
		id, _ := ast.Unparen(u.X).(*ast.Ident) // IntVar(&n, ...)
		return id
	}
	switch n := c.Parent().Node().(type) {
	case *ast.AssignStmt:
		if len(n.Lhs) == 1 {
			id, _ := n.Lhs[0].(*ast.Ident)
			return id
		}
	case *ast.ValueSpec:
		if len(n.Names) == 1 {
			return n.Names[0]
		}
	}
	return nil
}

// becomesProcs reports whether GOMAXPROCS is set to the variable at id, or to what
// it points to, and it has other values, too.
func becomesProcs(p *rewrite.Package, id *ast.Ident) bool {
	v := p.Info.ObjectOf(id)
	for c := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
		call := c.Node().(*ast.CallExpr)
		if v == nil || !p.IsCall(call, "runtime", "GOMAXPROCS") || len(call.Args) != 1 {
			continue
		}
		x := ast.Unparen(call.Args[0])
		star, points := x.(*ast.StarExpr)
		if points {
			x = ast.Unparen(star.X)
		}
		arg, ok := x.(*ast.Ident)
		if !ok || p.Info.Uses[arg] != v {
			continue
		}
		_, only := cpuCount(p, arg)
		return points || !only
	}
	return false
}

// few reports whether the number at c is kept at four or below: so many goroutines
// do no harm where fewer can run.
func few(p *rewrite.Package, c inspector.Cursor) bool {
	whole := arithmetic(p, c)
	for up := c; up != whole; up = up.Parent() {
		call, ok := up.Parent().Node().(*ast.CallExpr)
		if !ok || !syntax.IsBuiltin(p, call, "min") {
			continue
		}
		for _, a := range call.Args {
			if n, ok := syntax.ConstInt(p, a); ok && n <= 4 {
				return true
			}
		}
	}
	return false
}
