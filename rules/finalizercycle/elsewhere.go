package finalizercycle

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/finalizercycle/heap"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// elsewhere looks for another function of the object's package that puts objects
// of its type into a cycle: one that gets or finds them, or that calls the one
// which registers.
func (c *cycles) elsewhere(x *finalizer.Finalization) *cyclic {
	key := finalizer.FinalizedKey(x.Elem)
	named, ok := types.Unalias(x.Elem).(*types.Named)
	if !ok || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() != x.Pkg.Path {
		return nil
	}
	maker := x.Pkg.Info.Defs[syntax.EnclosingDecl(x.At).Name]
	for _, f := range x.Pkg.Files {
		if f.Test {
			continue
		}
		for _, d := range f.AST.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Body == nil {
				continue
			}
			calls := syntax.Mentions(x.Pkg, decl.Body, maker)
			if !calls && !stores(decl.Body) {
				continue
			}
			h := c.heap(x.Pkg, decl)
			var objs heap.Set
			for _, o := range h.Symbols {
				if o.Typ != nil && !syntax.IsPointer(o.Typ) && finalizer.FinalizedKey(o.Typ) == key && o.Level == 1 {
					objs = objs.With(o)
				}
			}
			for _, r := range h.Registered {
				if r.Call == x.Call.Call {
					objs = objs.With(r.Objs...)
				}
			}
			for _, o := range objs {
				way := heap.Cycle(o)
				if way == nil || c.undone(x, way) {
					continue
				}
				return &cyclic{Finalization: x, obj: o, heap: h, way: way, partly: true}
			}
		}
	}
	return nil
}

// stores reports whether something is stored in a field, an element or a sync.Map
// below n.
func stores(n ast.Node) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
			return ok && (strings.HasSuffix(sel.Sel.Name, "Store") || strings.HasPrefix(sel.Sel.Name, "Push"))
		}
		a, ok := n.(*ast.AssignStmt)
		return ok && slices.ContainsFunc(a.Lhs, func(l ast.Expr) bool {
			switch ast.Unparen(l).(type) {
			case *ast.SelectorExpr, *ast.IndexExpr:
				return true
			}
			return false
		})
	})
}

// undone reports whether the package takes back one of the stores of way: it
// sets the field to nil, deletes from it, or sets it anew from a part of itself.
// What the finalizer does itself, or comes with clearing it, does not count: that
// is not what happens to an object that is dropped.
func (c *cycles) undone(x *finalizer.Finalization, way []heap.Step) bool {
	fields, kept := make(map[types.Object]bool), false
	for _, s := range way {
		kept = kept || s.Path == "kept"
		if v := fieldAt(s.From.Typ, s.Path); v != nil {
			fields[v] = true
		}
	}
	for _, f := range x.Pkg.Files {
		if f.Test {
			continue
		}
		for _, d := range f.AST.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Body == nil || c.ends(x, decl) {
				continue
			}
			if syntax.ContainsNode(decl.Body, func(n ast.Node) bool { return takesBack(x.Pkg, n, fields) || kept && empties(x.Pkg, n) }) {
				return true
			}
		}
	}
	return false
}

// ends reports whether decl is the finalizer of x's type or one that it calls,
// or clears it.
func (c *cycles) ends(x *finalizer.Finalization, decl *ast.FuncDecl) bool {
	obj := x.Pkg.Info.Defs[decl.Name]
	for _, y := range c.all.Of(x.Elem) {
		if y.Pkg == x.Pkg && syntax.Mentions(y.Pkg, y.Fn, obj) {
			return true
		}
	}
	return slices.ContainsFunc(c.all.Clears(x.Elem), func(y *finalizer.Finalization) bool {
		return decl.Pos() <= y.Call.Call.Pos() && y.Call.Call.End() <= decl.End()
	})
}

// fieldAt returns the last field of a slot's path within t, nil when there is
// none.
func fieldAt(t types.Type, path string) *types.Var {
	var last *types.Var
	for _, name := range strings.Split(path, ".") {
		if t == nil || name == "[]" {
			continue
		}
		st, ok := syntax.Under(t).(*types.Struct)
		if !ok {
			break
		}
		t = nil
		for f := range st.Fields() {
			if f.Name() == name {
				last, t = f.Origin(), f.Type()
			}
		}
	}
	return last
}

// empties reports whether n takes something out of a sync.Map or a list.
func empties(p *rewrite.Package, n ast.Node) bool {
	return p.IsCall(n, "sync", "(*sync.Map).Delete", "(*sync.Map).LoadAndDelete", "(*sync.Map).CompareAndDelete", "(*sync.Map).Clear") ||
		p.IsCall(n, "container/list", "(*container/list.List).Remove", "(*container/list.List).Init")
}

// takesBack reports whether n takes something out of one of the fields.
func takesBack(p *rewrite.Package, n ast.Node, fields map[types.Object]bool) bool {
	named := func(x ast.Expr) bool {
		sel, ok := ast.Unparen(x).(*ast.SelectorExpr)
		if !ok {
			return false
		}
		v, ok := p.Info.Uses[sel.Sel].(*types.Var)
		return ok && fields[v.Origin()]
	}
	switch n := n.(type) {
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			target := ast.Unparen(l)
			if ix, ok := target.(*ast.IndexExpr); ok {
				target = ix.X
			}
			if !named(target) || len(n.Lhs) != len(n.Rhs) {
				continue
			}
			if syntax.IsNil(p, n.Rhs[i]) || syntax.ContainsNode(n.Rhs[i], func(n ast.Node) bool { _, ok := n.(*ast.SliceExpr); return ok }) {
				return true
			}
		}
	case *ast.CallExpr:
		if (syntax.IsBuiltin(p, n, "delete") || syntax.IsBuiltin(p, n, "clear")) && len(n.Args) > 0 {
			return named(n.Args[0])
		}
		if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok && (sel.Sel.Name == "Remove" || sel.Sel.Name == "Delete") {
			return named(sel.X)
		}
	}
	return false
}
