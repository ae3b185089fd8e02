package keepalive

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// lostFile reports the descriptor of a file that the function opens and lets go
// of, when the descriptor is returned or stored: it outlives its file, whose
// finalizer closes it.
func (k *keeper) lostFile(p *rewrite.Package, f *rewrite.File, c inspector.Cursor) *rewrite.Finding {
	call := c.Node().(*ast.CallExpr)
	if !isFd(p, call) {
		return nil
	}
	fn, ok := syntax.EnclosingFunc(c)
	if !ok {
		return nil
	}
	id, ok := ast.Unparen(ast.Unparen(call.Fun).(*ast.SelectorExpr).X).(*ast.Ident)
	if !ok {
		return nil
	}
	v := syntax.LocalVar(p, id)
	body := syntax.BodyOf(fn.Node())
	if v == nil || !syntax.DeclaredIn(body, v) {
		return nil
	}
	what := outlives(p, body, c)
	if what == "" {
		return nil
	}
	x := callAt(p, f, c, nil)
	o := resource{v: v, typ: v.Type()}
	if w := assertedFrom(p, body, v); w != nil {
		// The same file, by another name.
		whole := resource{v: w, typ: w.Type()}
		if !syntax.DeclaredIn(body, w) || k.alive(x, whole.subject()) || k.flow(p, body).Holding(whole.subject()).Stored {
			return nil
		}
	}
	if k.alive(x, o.subject()) || !k.owned(x, o) {
		return nil
	}
	// Have: nothing holds the file any more when the function returns.
	return &rewrite.Finding{
		Pos: call.Pos(), End: call.End(),
		Message: "the descriptor is " + what + " but its file is not: when " + v.Name() + " is collected, its finalizer closes the descriptor",
		NoFix:   "what uses the descriptor must hold " + v.Name() + ", or own a duplicate (syscall.Dup) of the descriptor",
	}
}

// assertedFrom returns the interface variable whose value v is, by a type assertion;
// nil where v comes from elsewhere.
func assertedFrom(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) *types.Var {
	val := syntax.OnlyValue(p, body, v)
	if val == nil {
		return nil
	}
	assert, ok := ast.Unparen(val).(*ast.TypeAssertExpr)
	if !ok {
		return nil
	}
	id, ok := ast.Unparen(assert.X).(*ast.Ident)
	if !ok {
		return nil
	}
	return syntax.LocalVar(p, id)
}

// outlives says how the value of the expression at c outlives the function with
// the body, "" when it does not as far as one can see.
func outlives(p *rewrite.Package, body *ast.BlockStmt, c inspector.Cursor) string {
	for {
		parent := c.Parent()
		call, ok := parent.Node().(*ast.CallExpr)
		if _, paren := parent.Node().(*ast.ParenExpr); !paren && !(ok && cgo.Converted(p, call) != ast.Expr(call)) {
			break
		}
		c = parent
	}
	value := c.Node().(ast.Expr)
	switch n := c.Parent().Node().(type) {
	case *ast.ReturnStmt:
		return "returned"
	case *ast.KeyValueExpr, *ast.CompositeLit:
		return "stored"
	case *ast.AssignStmt:
		for i, rhs := range n.Rhs {
			if rhs != value || len(n.Lhs) != len(n.Rhs) {
				continue
			}
			id, ok := ast.Unparen(n.Lhs[i]).(*ast.Ident)
			if !ok {
				return "stored"
			}
			if v, _ := p.Info.Defs[id].(*types.Var); v != nil {
				return copyOutlives(p, body, v)
			}
			if v := syntax.LocalVar(p, id); v != nil {
				return copyOutlives(p, body, v)
			} else if id.Name != "_" {
				return "stored"
			}
		}
	case *ast.ValueSpec:
		for i, val := range n.Values {
			if val == value && len(n.Names) == len(n.Values) {
				if v, _ := p.Info.Defs[n.Names[i]].(*types.Var); v != nil {
					return copyOutlives(p, body, v)
				}
			}
		}
	}
	return ""
}

// copyOutlives is outlives for a variable that has the value.
func copyOutlives(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) (how string) {
	is := func(x ast.Expr) bool {
		id, ok := cgo.Converted(p, x).(*ast.Ident)
		return ok && p.Info.Uses[id] == v
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			for _, r := range n.Results {
				if is(r) {
					how = "returned"
				}
			}
		case *ast.KeyValueExpr:
			if is(n.Value) {
				how = "stored"
			}
		case *ast.AssignStmt:
			for i, rhs := range n.Rhs {
				if _, field := ast.Unparen(n.Lhs[min(i, len(n.Lhs)-1)]).(*ast.SelectorExpr); field && is(rhs) {
					how = "stored"
				}
			}
		}
		return how == ""
	})
	return how
}
