package rules

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// A keepSite is a place for a KeepAlive.
type keepSite struct {
	stmt     ast.Stmt
	deferred bool // deferred, before stmt; else behind it
}

// keepFix returns the fix that keeps v's object alive over the calls, or why
// there is none.
func (k *keeper) keepFix(v *types.Var, calls []*crossing) (*rewrite.Fix, string) {
	var sites []keepSite
	defers := 0
	for _, x := range calls {
		site, why := k.site(x, v)
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
		site, ok := k.common(calls[0], v)
		if !ok {
			return nil, "the calls stand in several places"
		}
		sites = []keepSite{site}
	}
	message := "keep " + v.Name() + " alive until the call returns"
	return &rewrite.Fix{
		Message: message, Safety: rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			for _, s := range sites {
				holes := rewrite.Holes{"x": v.Name()}
				if s.deferred {
					e.InsertBefore(s.stmt, rewrite.Stmts("defer runtime.KeepAlive($x)", holes)...)
				} else {
					e.InsertAfter(s.stmt, rewrite.Stmts("runtime.KeepAlive($x)", holes)...)
				}
			}
			return nil
		},
	}, ""
}

// listStmt returns the innermost statement in a list around cur.
func listStmt(cur inspector.Cursor) (inspector.Cursor, ast.Stmt) {
	for c := cur; c.Node() != nil; c = c.Parent() {
		switch c.Node().(type) {
		case *ast.FuncLit, *ast.FuncDecl, *ast.File:
			return c, nil
		}
		if s, ok := c.Node().(ast.Stmt); ok && inList(c) {
			return c, s
		}
	}
	return cur, nil
}

// site returns the place for the KeepAlive of one call.
func (k *keeper) site(x *crossing, v *types.Var) (keepSite, string) {
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
	loop := insideLoop(c, x.fn)
	before := false
	switch s := inner.(type) {
	case *ast.ExprStmt, *ast.IncDecStmt, *ast.SendStmt, *ast.DeclStmt:
	case *ast.AssignStmt:
		before = k.flow(x.p, x.body).effect(&ast.AssignStmt{Lhs: s.Lhs, Tok: s.Tok}, v) == overwritten
	case *ast.ReturnStmt:
		before, loop = true, false // no turn follows
	case *ast.GoStmt:
		return keepSite{}, "the call runs in a goroutine of its own"
	case *ast.ForStmt, *ast.RangeStmt, *ast.IfStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt, *ast.DeferStmt:
		before = true
	default:
		return keepSite{}, "nothing can be put behind the call"
	}
	if d := derived(x, inner); d != nil && pointsIntoObject(x, d) {
		before = true
	}
	if before && loop {
		return keepSite{}, "a deferred call would pile up in the loop"
	}
	pos := stmt.End()
	if before {
		pos = stmt.Pos()
	}
	if !visible(x.p, v, pos) {
		return keepSite{}, v.Name() + " means something else, or nothing, around the statement"
	}
	return keepSite{stmt, before}, ""
}

// common returns the place for one deferred KeepAlive for all calls from x on:
// before the statement of the function's body that holds x.
func (k *keeper) common(x *crossing, v *types.Var) (keepSite, bool) {
	for _, s := range x.body.List {
		if s.Pos() <= x.call.Pos() && x.call.End() <= s.End() {
			return keepSite{s, true}, visible(x.p, v, s.Pos()) && len(assignedValues(x.p, x.body, v)) <= 1
		}
	}
	return keepSite{}, false
}

// visible reports whether v's name means v at pos.
func visible(p *rewrite.Package, v *types.Var, pos token.Pos) bool {
	if v.Name() == "_" || v.Name() == "" || p.Types == nil {
		return false
	}
	inner := p.Types.Scope().Innermost(pos)
	if inner == nil {
		return false
	}
	_, obj := inner.LookupParent(v.Name(), pos)
	return obj == v
}

// derived returns the variable that the call's result is assigned to.
func derived(x *crossing, stmt ast.Stmt) *types.Var {
	var lhs ast.Expr
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		lhs = s.Lhs[0]
		for i, r := range s.Rhs {
			if len(s.Lhs) == len(s.Rhs) && encloses(r, x.call) {
				lhs = s.Lhs[i]
			}
		}
	case *ast.DeclStmt:
		if d, ok := s.Decl.(*ast.GenDecl); ok {
			for _, spec := range d.Specs {
				if vs, ok := spec.(*ast.ValueSpec); ok && encloses(vs, x.call) {
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
	return localVar(x.p, id)
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
	return x.c && containsNode(x.body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr:
			return is(n.X)
		case *ast.SelectorExpr:
			return is(n.X)
		case *ast.IndexExpr:
			return is(n.X)
		case *ast.CallExpr:
			b := boundaryOf(x.p, n)
			basic, _ := under(x.p.Info.TypeOf(n.Fun)).(*types.Basic)
			pointer := x.p.Info.Types[n.Fun].IsType() && basic != nil && basic.Kind() == types.UnsafePointer
			for i, a := range n.Args {
				if is(converted(x.p, a)) && (b != nil || pointer || takesPointer(x.p, n, i)) {
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
	decl := declOf(p, fn)
	if decl == nil {
		return false
	}
	for _, field := range decl.Type.Params.List {
		n := max(1, len(field.Names))
		if i < n {
			_, star := field.Type.(*ast.StarExpr)
			basic, _ := under(p.Info.TypeOf(field.Type)).(*types.Basic)
			return star || basic != nil && basic.Kind() == types.UnsafePointer
		}
		i -= n
	}
	return false
}
