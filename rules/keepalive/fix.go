package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/liveness"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// A keepSite is a place for a KeepAlive.
type keepSite struct {
	stmt     ast.Stmt
	deferred bool // deferred, before stmt; else behind it
	late     bool // of the value that there is in the end: it is set behind the place
}

// keepFix returns the fix that keeps alive what holds the objects over the
// calls, or why there is none. The objects have one holder.
func (k *keeper) keepFix(uses []use) (*rewrite.Fix, string) {
	var sites []keepSite
	defers := 0
	for _, x := range uses {
		site, why := k.site(x)
		if why != "" {
			return nil, why
		}
		if site.deferred {
			defers++
		}
		if len(sites) > 0 && sites[len(sites)-1] == site {
			continue
		}
		sites = append(sites, site)
	}
	if defers > 1 || defers == 1 && len(sites) > 1 {
		// One deferred call serves them all.
		site, ok := common(uses)
		if !ok {
			return nil, "the calls stand in several places"
		}
		sites = []keepSite{site}
	}
	if defers > 0 && jumps(uses[0].body) {
		return nil, "a goto may jump over a deferred call"
	}
	holder := uses[0].of.holder()
	return &rewrite.Fix{
		Message: "keep " + holder.String() + " alive until the call returns", Safety: rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			for _, s := range sites {
				holes := rewrite.Holes{"x": holder.expr()}
				if s.late {
					e.InsertBefore(s.stmt, rewrite.Stmts("defer func() { runtime.KeepAlive($x) }()", holes)...)
				} else if s.deferred {
					e.InsertBefore(s.stmt, rewrite.Stmts("defer runtime.KeepAlive($x)", holes)...)
				} else {
					e.InsertAfter(s.stmt, rewrite.Stmts("runtime.KeepAlive($x)", holes)...)
				}
			}
			return nil
		},
	}, ""
}

// expr returns the expression for o.
func (o resource) expr() dst.Expr {
	var x dst.Expr = dst.NewIdent(o.v.Name())
	for _, f := range o.fields {
		x = &dst.SelectorExpr{X: x, Sel: dst.NewIdent(f.Name())}
	}
	return x
}

// listStmt returns the innermost statement in a list around cur.
func listStmt(cur inspector.Cursor) (inspector.Cursor, ast.Stmt) {
	for c := cur; c.Node() != nil; c = c.Parent() {
		switch n := c.Node().(type) {
		case *ast.FuncLit, *ast.FuncDecl, *ast.File:
			return c, nil
		case *ast.CaseClause, *ast.CommClause:
			// It stands in a list of its own kind.
		case ast.Stmt:
			if syntax.InList(c) {
				return c, n
			}
		}
	}
	return cur, nil
}

// site returns the place for the KeepAlive of one call.
//
// Behind the header of a loop or branch it need not be on every path: whether
// the flow gets there is known only once the call has returned, so the object
// lives that long in any case.
func (k *keeper) site(x use) (keepSite, string) {
	c, stmt := listStmt(x.cur)
	if stmt == nil {
		return keepSite{}, "nothing can be put behind the call"
	}
	inner := stmt
	for {
		l, ok := inner.(*ast.LabeledStmt)
		if !ok {
			break
		}
		inner = l.Stmt
	}
	v := x.of.v
	l := k.flow(x.p, x.body)
	loop := syntax.InsideLoop(c.Parent(), x.fn)
	before := false
	switch s := inner.(type) {
	case *ast.ExprStmt:
		if before = noReturn(x.p, s); before {
			loop = false // no turn follows
		}
	case *ast.IncDecStmt, *ast.SendStmt, *ast.DeclStmt:
	case *ast.AssignStmt:
		before = l.Effect(&ast.AssignStmt{Lhs: s.Lhs, Tok: s.Tok}, v) == liveness.Overwritten
	case *ast.ReturnStmt:
		before, loop = true, false // no turn follows
	case *ast.GoStmt:
		return keepSite{}, "the call runs in a goroutine of its own"
	case *ast.ForStmt, *ast.RangeStmt:
		before = !l.LeavesWith(v, x.at, inner)
	case *ast.IfStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt:
		before = !loop || !l.LeavesWith(v, x.at, inner)
	case *ast.SelectStmt, *ast.DeferStmt:
		before = true
	default:
		return keepSite{}, "nothing can be put behind the call"
	}
	if yieldsPart(x.crossing, inner) {
		before = true
	}
	if before && loop {
		if site, ok := common([]use{x}); ok {
			return site, ""
		}
		return keepSite{}, "a deferred call would pile up in the loop"
	}
	pos := stmt.End()
	if before {
		pos = stmt.Pos()
	}
	if !visibleIn(x.p.Info.Scopes[c.Parent().Node()], x.p, v, pos) {
		return keepSite{}, v.Name() + " means something else, or nothing, around the statement"
	}
	return keepSite{stmt, before, before && setLater(stmt, []use{x})}, ""
}

// noReturn reports whether control never goes on behind the statement.
func noReturn(p *rewrite.Package, s *ast.ExprStmt) bool {
	call, ok := ast.Unparen(s.X).(*ast.CallExpr)
	return ok && syntax.NoReturn(p, call)
}

// jumps reports whether a goto in the body may jump over what is put there.
func jumps(body *ast.BlockStmt) bool {
	return syntax.ContainsNode(body, func(n ast.Node) bool {
		b, ok := n.(*ast.BranchStmt)
		return ok && b.Tok == token.GOTO
	})
}

// setLater reports whether what holds the object may be set between the begin of
// s and one of the uses, as in "if f, err = os.Open(name); err != nil".
func setLater(s ast.Stmt, uses []use) bool {
	return slices.ContainsFunc(uses, func(x use) bool {
		end := x.at.Pos()
		for c := range x.cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
			if s.Pos() <= c.Node().Pos() {
				end = c.Node().End() // and used in the next turn
			}
		}
		set := func(v types.Object) bool {
			return slices.ContainsFunc(syntax.AssignmentsOf(x.p, v), func(a syntax.Assignment) bool {
				at := a.Target.Pos()
				return s.Pos() <= at && at < end && (end != x.at.Pos() || a.Value == nil || !syntax.Encloses(a.Value, x.at))
			})
		}
		return set(x.of.v) || slices.ContainsFunc(x.of.holder().fields, func(f *types.Var) bool { return set(f) })
	})
}

// common returns the place for one deferred KeepAlive for all uses: before the
// statement of the function's body that holds the first.
func common(uses []use) (keepSite, bool) {
	x := uses[0]
	s := syntax.StatementOf(x.body.List, x.at)
	if s == nil || !visible(x.p, x.of.v, s.Pos()) {
		return keepSite{}, false
	}
	return keepSite{s, true, setLater(s, uses)}, true
}

// visible reports whether v's name means v at pos.
func visible(p *rewrite.Package, v *types.Var, pos token.Pos) bool {
	return visibleIn(nil, p, v, pos)
}

// visibleIn does so for a place in the scope. (The end of a clause's last
// statement is in the clause no more, as its scope goes.)
func visibleIn(inner *types.Scope, p *rewrite.Package, v *types.Var, pos token.Pos) bool {
	if v.Name() == "_" || v.Name() == "" || p.Types == nil {
		return false
	}
	if inner == nil {
		inner = p.Types.Scope().Innermost(pos)
	}
	if inner == nil {
		return false
	}
	_, obj := inner.LookupParent(v.Name(), pos)
	return obj == v
}

// yieldsPart reports whether the call's result, or a pointer that it sets, may
// point at a part of the object and be used as a pointer in or behind the
// statement.
func yieldsPart(x *crossing, stmt ast.Stmt) bool {
	if slices.ContainsFunc(x.operands, func(arg ast.Expr) bool { return x.C && readsFromC(x, addressed(x.p, arg)) }) {
		return true
	}
	switch s := stmt.(type) {
	case *ast.RangeStmt:
		return x.C && syntax.Encloses(s.X, x.at) && !isCopy(x.p, s.X)
	case *ast.ForStmt:
		stmt = s.Init
	case *ast.IfStmt:
		stmt = s.Init
	case *ast.SwitchStmt:
		stmt = s.Init
	case *ast.TypeSwitchStmt:
		stmt = s.Init
	}
	if stmt == nil || !syntax.Encloses(stmt, x.at) {
		return false
	}
	d := derived(x, stmt)
	return d != nil && pointsIntoObject(x, d)
}

// addressed returns the local variable whose address x is, nil when it is none.
func addressed(p *rewrite.Package, x ast.Expr) *types.Var {
	addr, ok := cgo.Converted(p, x).(*ast.UnaryExpr)
	if !ok || addr.Op != token.AND {
		return nil
	}
	id, ok := ast.Unparen(addr.X).(*ast.Ident)
	if !ok {
		return nil
	}
	return syntax.LocalVar(p, id)
}

// readsFromC reports whether the function copies what d points at into Go's
// memory, and does not free it: it belongs to something else.
func readsFromC(x *crossing, d *types.Var) bool {
	if d == nil {
		return false
	}
	copied, freed := false, false
	ast.Inspect(x.body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !slices.ContainsFunc(call.Args, func(arg ast.Expr) bool {
			id, ok := cgo.Converted(x.p, arg).(*ast.Ident)
			return ok && x.p.Info.Uses[id] == d || cgo.CName(x.p, call.Fun) != "" && addressed(x.p, arg) == d
		}) {
			return true
		}
		name := cgo.CName(x.p, call.Fun)
		copied = copied || cgo.CopiesFromC[name]
		freed = freed || knowledge.CFrees(name)
		return true
	})
	return copied && !freed
}

// isCopy reports whether x is a number or a copy of C memory. The types of C are
// not known: a conversion tells.
func isCopy(p *rewrite.Package, x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return false
	}
	basic, ok := syntax.Under(p.Info.TypeOf(call.Fun)).(*types.Basic)
	return ok && basic.Info()&types.IsInteger != 0 && basic.Kind() != types.Uintptr || cgo.CopiesFromC[cgo.CName(p, call.Fun)]
}

// derived returns the variable that the call's result is assigned to.
func derived(x *crossing, stmt ast.Stmt) *types.Var {
	var lhs ast.Expr
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		lhs = s.Lhs[0]
		for i, r := range s.Rhs {
			if len(s.Lhs) == len(s.Rhs) && syntax.Encloses(r, x.at) {
				lhs = s.Lhs[i]
			}
		}
	case *ast.DeclStmt:
		if d, ok := s.Decl.(*ast.GenDecl); ok {
			for _, spec := range d.Specs {
				if vs, ok := spec.(*ast.ValueSpec); ok && syntax.Encloses(vs, x.at) {
					lhs = vs.Names[0]
				}
			}
		}
	}
	id, ok := lhs.(*ast.Ident)
	if !ok {
		return nil
	}
	if v, ok := x.p.Info.Defs[id].(*types.Var); ok {
		return v
	}
	return syntax.LocalVar(x.p, id)
}

// pointsIntoObject reports whether d, the result of a C function, is used as a
// pointer: what it points at may be part of the object.
func pointsIntoObject(x *crossing, d *types.Var) bool {
	is := func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return false
		}
		id, ok := ast.Unparen(e).(*ast.Ident)
		return ok && x.p.Info.Uses[id] == d
	}
	number := syntax.ContainsNode(x.body, func(n ast.Node) bool {
		cmp, ok := n.(*ast.BinaryExpr)
		if !ok {
			return false
		}
		_, left := ast.Unparen(cmp.X).(*ast.BasicLit)
		_, right := ast.Unparen(cmp.Y).(*ast.BasicLit)
		return right && is(cmp.X) || left && is(cmp.Y)
	})
	return x.C && !number && syntax.ContainsNode(x.body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr:
			return is(n.X)
		case *ast.SelectorExpr:
			return is(n.X)
		case *ast.IndexExpr:
			return is(n.X)
		case *ast.CallExpr:
			b := cgo.BoundaryOf(x.p, n)
			basic, _ := syntax.Under(x.p.Info.TypeOf(n.Fun)).(*types.Basic)
			pointer := x.p.Info.Types[n.Fun].IsType() && basic != nil && basic.Kind() == types.UnsafePointer
			for i, a := range n.Args {
				if is(cgo.Converted(x.p, a)) && (b != nil || pointer || takesPointer(x.p, n, i)) {
					return true
				}
			}
		}
		return false
	})
}

// takesPointer reports whether the i-th parameter of the called function is
// declared as a pointer. C types are not known, so its spelling tells.
func takesPointer(p *rewrite.Package, call *ast.CallExpr, i int) bool {
	fn := p.Callee(call)
	if fn == nil {
		return false
	}
	decl := syntax.DeclOf(p, fn)
	if decl == nil {
		return false
	}
	for _, field := range decl.Type.Params.List {
		n := max(1, len(field.Names))
		if i < n {
			_, star := field.Type.(*ast.StarExpr)
			basic, _ := syntax.Under(p.Info.TypeOf(field.Type)).(*types.Basic)
			return star || basic != nil && basic.Kind() == types.UnsafePointer
		}
		i -= n
	}
	return false
}
