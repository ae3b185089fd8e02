package goroutinealert

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// alertsOf returns the alerts that the reading at call is for.
func alertsOf(call rewrite.Call) []*levelAlert {
	p := call.Pkg
	cur := call.At
	for syntax.IsConversion(p, cur.Parent()) {
		cur = cur.Parent()
	}
	var out []*levelAlert
	add := func(a *levelAlert) {
		if a.rungs != nil || onlyTells(p, a.stmt.Body) {
			out = append(out, a)
		}
	}
	switch n := cur.Parent().Node().(type) {
	case *ast.BinaryExpr:
		a := &levelAlert{pkg: p, file: call.File, count: cur.Node().(ast.Expr), called: call.Call}
		if a.compared(cur) {
			add(a)
		}
	case *ast.AssignStmt:
		v := assignedVar(p, n)
		if v == nil || !onlyReadings(p, v) {
			return nil
		}
		// Have: a variable that holds nothing but readings.
		for c := range cur.Parent().Parent().Preorder((*ast.IfStmt)(nil)) {
			a := &levelAlert{pkg: p, file: call.File}
			if a.decides(c, v) {
				add(a)
			}
		}
		for c := range cur.Parent().Parent().Preorder((*ast.SwitchStmt)(nil)) {
			a := &levelAlert{pkg: p, file: call.File}
			if a.chooses(c, v) {
				add(a)
			}
		}
	}
	return out
}

// assignedVar returns the variable that the assignment of one value sets.
func assignedVar(p *rewrite.Package, n *ast.AssignStmt) *types.Var {
	if len(n.Lhs) != 1 || len(n.Rhs) != 1 || n.Tok != token.DEFINE && n.Tok != token.ASSIGN {
		return nil
	}
	id, ok := n.Lhs[0].(*ast.Ident)
	if !ok {
		return nil
	}
	v, _ := p.Info.ObjectOf(id).(*types.Var)
	if v == nil || v.IsField() || v.Parent() == p.Types.Scope() {
		return nil
	}
	return v
}

// onlyReadings reports whether the local variable v is set from NumGoroutine
// and from nothing else.
func onlyReadings(p *rewrite.Package, v *types.Var) bool {
	ok := true
	for rhs := range syntax.ValuesOf(p, v) {
		rhs = ast.Unparen(rhs)
		for {
			c, isCall := rhs.(*ast.CallExpr)
			if !isCall || len(c.Args) != 1 || !p.Info.Types[c.Fun].IsType() {
				break
			}
			rhs = ast.Unparen(c.Args[0])
		}
		if !p.IsCall(rhs, "runtime", "NumGoroutine") {
			ok = false
		}
	}
	return ok
}

// decides notes the if statement at c when its condition compares v with a
// limit, and reports whether it does.
func (a *levelAlert) decides(c inspector.Cursor, v *types.Var) bool {
	return a.compares(c.ChildAt(edge.IfStmt_Cond, -1), v) && a.stmt == c.Node()
}

// compares reports whether the condition at c compares v with a limit.
func (a *levelAlert) compares(c inspector.Cursor, v *types.Var) bool {
	for x := range c.Preorder((*ast.Ident)(nil)) {
		if a.pkg.Info.Uses[x.Node().(*ast.Ident)] != v {
			continue
		}
		for syntax.IsConversion(a.pkg, x.Parent()) {
			x = x.Parent()
		}
		a.count = x.Node().(ast.Expr)
		if a.compared(x) {
			return true
		}
	}
	return false
}

// compared reports whether the reading at cur is compared with a limit that is
// no reading itself, as the first condition of an if statement or as one of a
// switch; it notes that statement.
func (a *levelAlert) compared(cur inspector.Cursor) bool {
	p := a.pkg
	cmp, ok := cur.Parent().Node().(*ast.BinaryExpr)
	if !ok {
		return false
	}
	limit := cmp.Y
	switch {
	case (cmp.Op == token.GTR || cmp.Op == token.GEQ) && cmp.X == cur.Node():
	case (cmp.Op == token.LSS || cmp.Op == token.LEQ) && cmp.Y == cur.Node():
		limit = cmp.X
	default:
		return false
	}
	if isReading(p, limit, make(map[types.Object]bool)) {
		return false
	}
	c := cur.Parent()
	for {
		parent := c.Parent()
		if _, ok := parent.Node().(*ast.ParenExpr); ok {
			c = parent
			continue
		}
		and, ok := parent.Node().(*ast.BinaryExpr)
		if !ok {
			break
		}
		if and.Op != token.LAND || isReading(p, other(and, c.Node()), make(map[types.Object]bool)) {
			return false
		}
		if and.Y == c.Node() && !syntax.Pure(p, and.X) {
			return false
		}
		c = parent
	}
	if c.ParentEdgeKind() == edge.CaseClause_List {
		return a.climbs(c)
	}
	n, ok := c.Parent().Node().(*ast.IfStmt)
	if !ok || n.Cond != c.Node() || c.Parent().ParentEdgeKind() == edge.IfStmt_Else {
		return false
	}
	a.stmt, a.cond = n, n.Cond
	return a.elseTells(n.Else)
}

// elseTells reports whether the else branches only tell, too, or forget what was
// told.
func (a *levelAlert) elseTells(s ast.Stmt) bool {
	switch s := s.(type) {
	case nil:
		return true
	case *ast.BlockStmt:
		return onlyTells(a.pkg, s) || onlyRemembers(a.pkg, s)
	case *ast.IfStmt:
		return s.Init == nil && syntax.Pure(a.pkg, s.Cond) && (onlyTells(a.pkg, s.Body) || onlyRemembers(a.pkg, s.Body)) && a.elseTells(s.Else)
	}
	return false
}

func other(b *ast.BinaryExpr, x ast.Node) ast.Expr {
	if b.X == x {
		return b.Y
	}
	return b.X
}

// isReading reports whether x derives from NumGoroutine: calls it, or mentions
// something that is set from it.
func isReading(p *rewrite.Package, x ast.Expr, seen map[types.Object]bool) bool {
	found := false
	ast.Inspect(x, func(n ast.Node) bool {
		if found || p.IsCall(n, "runtime", "NumGoroutine") {
			found = true
			return false
		}
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		v, ok := p.Info.Uses[id].(*types.Var)
		if !ok || seen[v] {
			return true
		}
		seen[v] = true
		if basic, ok := v.Type().Underlying().(*types.Basic); !ok || basic.Info()&types.IsNumeric == 0 {
			return true
		}
		for rhs := range syntax.ValuesOf(p, v) {
			if isReading(p, rhs, seen) {
				found = true
				break
			}
		}
		return true
	})
	return found
}
