package maxprocs

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// partner returns a call of runtime.NumCPU whose number has to be that of c: as many
// results are waited for, or the work is divided by it. nil for none. Of two pools each
// may have its own.
func (q *quotas) partner(c rewrite.Call) *ast.CallExpr {
	var out *ast.CallExpr
	with := syntax.EnclosingDecl(c.At)
	for o := range q.s.Calls("runtime", "NumCPU") {
		if o.Call == c.Call || o.File.Test || !(agreement{o.Pkg}).needed(o.At, 2) {
			continue
		}
		if with != nil && syntax.Encloses(with, o.Call) {
			return o.Call // the nearest to understand
		}
		if out == nil && (o.Pkg == c.Pkg && (agreement{c.Pkg}).related(c, o) || names(c, o.Pkg) || names(o, c.Pkg)) {
			out = o.Call
		}
	}
	return out
}

// names reports whether the function around c names something of the package q.
func names(c rewrite.Call, q *rewrite.Package) bool {
	decl := syntax.EnclosingDecl(c.At)
	return decl != nil && c.Pkg != q && syntax.InDecl(decl, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return false
		}
		obj := c.Pkg.Info.Uses[id]
		return obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == q.Path
	})
}

// related reports whether the functions around c and o work on something together: a
// channel, a group or a number in a variable of the package or a field, or one that both
// are called with, or one calls the other.
func (a agreement) related(c, o rewrite.Call) bool {
	both := [2]*ast.FuncDecl{syntax.EnclosingDecl(c.At), syntax.EnclosingDecl(o.At)}
	var uses [2]map[types.Object]bool
	for i, at := range []inspector.Cursor{c.At, o.At} {
		var n ast.Node = both[i]
		if both[i] == nil {
			for spec := range at.Enclosing((*ast.ValueSpec)(nil)) {
				n = spec.Node()
			}
		}
		uses[i] = a.uses(n)
	}
	for obj := range uses[0] {
		if uses[1][obj] {
			return true
		}
	}
	if both[0] == nil || both[1] == nil {
		return false
	}
	fns := [2]types.Object{a.p.Info.Defs[both[0].Name], a.p.Info.Defs[both[1].Name]}
	return uses[0][fns[1]] || uses[1][fns[0]] || a.calledWith(fns)
}

// uses returns the functions of the package that are named in n, and the variables of it
// and the fields that n defines or uses, of those kinds by which goroutines are counted.
func (a agreement) uses(n ast.Node) map[types.Object]bool {
	out := make(map[types.Object]bool)
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		switch obj := a.p.Info.ObjectOf(id).(type) {
		case *types.Func:
			out[obj] = obj.Pkg() == a.p.Types
		case *types.Var:
			out[obj] = (obj.IsField() || obj.Parent() == a.p.Types.Scope()) && counts(obj.Type())
		}
		return true
	})
	return out
}

// counts reports whether something of type t may tell how many goroutines there are.
func counts(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Signature, *types.Interface:
		return false
	case *types.Basic:
		return u.Info()&types.IsInteger != 0
	}
	return true
}

// calledWith reports whether some function calls both with one variable that counts.
func (a agreement) calledWith(fns [2]types.Object) bool {
	var args [2]map[types.Object]bool
	for i, fn := range fns {
		args[i] = make(map[types.Object]bool)
		for _, c := range syntax.MentionsOf(a.p, fn) {
			for call := range c.Enclosing((*ast.CallExpr)(nil)) {
				for _, x := range call.Node().(*ast.CallExpr).Args {
					if ref, ok := x.(*ast.UnaryExpr); ok && ref.Op == token.AND {
						x = ref.X
					}
					if v := syntax.BaseVar(a.p, x); v != nil && counts(v.Type()) {
						args[i][v] = true
					}
				}
				break
			}
		}
	}
	for v := range args[0] {
		if args[1][v] {
			return true
		}
	}
	return false
}

// agreement looks for uses of a number that has to agree with that of a pool.
type agreement struct{ p *rewrite.Package }

// needed reports whether the number at c has to agree with others of its kind. It is
// followed through as many variables as depth.
func (a agreement) needed(c inspector.Cursor, depth int) bool {
	whole := arithmetic(a.p, c)
	for up := c; up != whole; up = up.Parent() {
		if n, ok := up.Parent().Node().(*ast.BinaryExpr); ok && n.Op == token.QUO && n.Y == up.Node() {
			return true // the share of each
		}
	}
	if limits(a.p, whole) {
		return false
	}
	if to := setBy(whole); to != nil {
		id := syntax.LastName(to)
		return id == nil || a.neededOf(a.p.Info.ObjectOf(id), depth)
	}
	switch n := whole.Parent().Node().(type) {
	case *ast.BinaryExpr:
		if n.Op == token.REM {
			return true // whose turn it is
		}
		loop, ok := whole.Parent().Parent().Node().(*ast.ForStmt)
		return ok && loop.Cond == n
	case *ast.RangeStmt, *ast.IndexExpr, *ast.SliceExpr, *ast.SendStmt:
		return true
	case *ast.ReturnStmt:
		decl := syntax.EnclosingDecl(whole)
		return decl == nil || !poolName.MatchString(decl.Name.Name)
	case *ast.CallExpr:
		return a.neededBy(n, whole)
	}
	return false
}

// neededOf reports whether the number in v has to agree.
func (a agreement) neededOf(v types.Object, depth int) bool {
	if v == nil || depth == 0 {
		return false
	}
	for _, c := range syntax.MentionsOf(a.p, v) {
		if c.ParentEdgeKind() == edge.SelectorExpr_Sel {
			c = c.Parent() // of a field
		}
		if a.p.Info.Defs[syntax.LastName(c.Node().(ast.Expr))] == nil && a.needed(c, depth-1) {
			return true
		}
	}
	return false
}

// neededBy reports whether the call takes the number at arg as one that has to agree:
// what is made for so many, counts them, or cannot be told.
func (a agreement) neededBy(call *ast.CallExpr, arg inspector.Cursor) bool {
	if a.p.Info.Types[call.Fun].IsBuiltin() {
		return syntax.IsBuiltin(a.p, call, "make")
	}
	if call.Fun == arg.Node() || flagOfPool(a.p, call) || takesPool(a.p, call, arg.Node(), 2) {
		return false
	}
	id := syntax.LastName(call.Fun)
	fn := a.p.Callee(call)
	aside := fn != nil && fn.Pkg() != nil && slices.Contains([]string{"fmt", "runtime", "strconv"}, fn.Pkg().Path())
	return id != nil && !knowledge.Tells(id.Name) && !aside
}
