package publicpprof

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

// removal are the statements that put profiles on a router, with what is there for
// them alone.
type removal struct {
	p    *rewrite.Package
	gone []ast.Stmt
}

// removalOf returns the statements of the routes, nil where the program would miss
// more than the profiles without them, or they are not in one list.
func removalOf(routes []route) *removal {
	r := &removal{p: routes[0].Pkg}
	for _, x := range routes {
		stmt := r.registering(x)
		if stmt == nil || !r.plain(stmt.X) {
			return nil
		}
		r.add(stmt)
	}
	for {
		r.hoist()
		more, ok := r.orphans()
		if !ok {
			return nil
		}
		if len(more) == 0 {
			break
		}
		for _, s := range more {
			r.add(s)
		}
	}
	slices.SortFunc(r.gone, func(a, b ast.Stmt) int { return int(a.Pos() - b.Pos()) })
	var list ast.Node
	for _, s := range r.gone {
		at, ok := r.p.Cursor(s)
		if !ok || !syntax.InList(at) || syntax.InLoop(at.Parent()) || list != nil && list != at.Parent().Node() {
			return nil
		}
		list = at.Parent().Node()
	}
	return r
}

func (r *removal) add(s ast.Stmt) {
	if !slices.Contains(r.gone, s) {
		r.gone = append(r.gone, s)
	}
}

// registering returns the statement that registers the route's handler, which may
// be called by a literal that does nothing else.
func (r *removal) registering(x route) *ast.ExprStmt {
	for c := range x.at.Enclosing((*ast.ExprStmt)(nil)) {
		if !syntax.InList(c) {
			return nil
		}
		fn, ok := syntax.EnclosingFunc(c)
		if !ok {
			return nil
		}
		lit, ok := fn.Node().(*ast.FuncLit)
		if !ok || !web.IsHandler(syntax.SignatureOf(r.p, lit)) {
			return c.Node().(*ast.ExprStmt)
		}
		if len(lit.Body.List) != 1 {
			return nil
		}
	}
	return nil
}

// plain reports whether evaluating x does nothing but put handlers on a router: no
// function of the program's own modules is called.
func (r *removal) plain(x ast.Expr) bool {
	ok := true
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			ok = ok && n.Op != token.ARROW
		case *ast.CallExpr:
			if r.p.Info.Types[n.Fun].IsType() {
				break
			}
			fn := r.p.Callee(n)
			if fn == nil || fn.Pkg() == nil || r.own(fn) && !isPath(fn) {
				ok = false
			}
		}
		return ok
	})
	return ok
}

// own reports whether the function is the program's.
func (r *removal) own(fn *types.Func) bool {
	return r.p.Module.Holds(fn.Pkg().Path())
}

// isPath reports whether fn makes a path of one, as a function that adds a prefix
// does.
func isPath(fn *types.Func) bool {
	sig := fn.Signature()
	return sig.Params().Len() == 1 && sig.Results().Len() == 1 && isString(sig.Params().At(0).Type()) && isString(sig.Results().At(0).Type())
}

func isString(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Kind() == types.String
}

// hoist puts a block, a loop or a group of routes in the place of the statements
// where nothing else is in it.
func (r *removal) hoist() {
	for changed := true; changed; {
		changed = false
		for _, s := range r.gone {
			around := r.emptied(s)
			if around == nil {
				continue
			}
			r.gone = slices.DeleteFunc(r.gone, func(s ast.Stmt) bool { return around.Pos() <= s.Pos() && s.End() <= around.End() })
			r.add(around)
			changed = true
			break
		}
	}
}

// emptied returns the statement around the block that s is in, where all of the
// block goes and the statement has no other effect.
func (r *removal) emptied(s ast.Stmt) ast.Stmt {
	at, ok := r.p.Cursor(s)
	if !ok {
		return nil
	}
	block, ok := at.Parent().Node().(*ast.BlockStmt)
	if !ok || slices.ContainsFunc(block.List, func(s ast.Stmt) bool { return !slices.Contains(r.gone, s) }) {
		return nil
	}
	up := at.Parent().Parent()
	switch n := up.Node().(type) {
	case *ast.RangeStmt:
		if syntax.Pure(r.p, n.X) && syntax.InList(up) {
			return n
		}
	case *ast.FuncLit:
		call, ok := up.Parent().Node().(*ast.CallExpr)
		if !ok || !groups(r.p, call, n) {
			return nil
		}
		if stmt, ok := up.Parent().Parent().Node().(*ast.ExprStmt); ok && r.plain(call) {
			return stmt
		}
	default:
		if syntax.InList(at.Parent()) {
			return block
		}
	}
	return nil
}

// orphans returns the definitions of variables that nothing uses but what goes. ok
// is false where such a definition cannot go.
func (r *removal) orphans() (defs []ast.Stmt, ok bool) {
	for _, s := range r.gone {
		for id := range identsIn(s) {
			v, isVar := r.p.Info.Uses[id].(*types.Var)
			if !isVar || v.IsField() || v.Pkg() != r.p.Types || v.Parent() == r.p.Types.Scope() || v.Kind() != types.LocalVar {
				continue
			}
			def, alone := r.orphan(v)
			if !alone {
				continue
			}
			if def == nil {
				return nil, false
			}
			if !slices.Contains(r.gone, def) && !slices.Contains(defs, def) {
				defs = append(defs, def)
			}
		}
	}
	return defs, true
}

// orphan reports whether nothing but what goes uses v, and returns the statement
// that defines it, nil where it has to stay.
func (r *removal) orphan(v *types.Var) (def ast.Stmt, alone bool) {
	for _, c := range syntax.MentionsOf(r.p, v) {
		id := c.Node()
		if slices.ContainsFunc(r.gone, func(s ast.Stmt) bool { return s.Pos() <= id.Pos() && id.End() <= s.End() }) {
			continue
		}
		if r.p.Info.Defs[id.(*ast.Ident)] == nil {
			return nil, false
		}
		if a, ok := c.Parent().Node().(*ast.AssignStmt); ok && len(a.Lhs) == 1 && len(a.Rhs) == 1 && r.plain(a.Rhs[0]) && syntax.InList(c.Parent()) {
			def = a
		}
		alone = true
	}
	return def, alone
}

// identsIn returns the identifiers in n.
func identsIn(n ast.Node) func(yield func(*ast.Ident) bool) {
	return func(yield func(*ast.Ident) bool) {
		ast.Inspect(n, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			return !ok || yield(id)
		})
	}
}
