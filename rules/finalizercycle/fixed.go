package finalizercycle

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// fixed says which field that the finalizer needs may change after the
// registration, "" when none does: a cleanup would see the old value.
func (m *migration) fixed() string {
	p := m.y.Pkg
	needed := make(map[*types.Var]bool)
	for _, f := range m.fields {
		for _, v := range f {
			if v.Exported() && p.Name != "main" {
				return "the field " + v.Name() + " is exported: other packages may set it after the registration"
			}
			needed[v] = true
		}
		if m.object {
			if f.leaf().Embedded() && p.Name != "main" && promotes(f.leaf().Type()) {
				return "other packages may set fields of " + f.leaf().Name() + " after the registration"
			}
			addParts(needed, f.leaf().Type())
		}
	}
	for cur := range p.Inspector.Root().Preorder((*ast.SelectorExpr)(nil), (*ast.AssignStmt)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE || len(needed) == 0 {
				continue
			}
			for _, l := range n.Lhs {
				if t := p.Info.TypeOf(l); t != nil && !syntax.IsPointer(t) && finalizer.FinalizedKey(t) == finalizer.FinalizedKey(m.y.Elem) {
					return "the object is overwritten as a whole elsewhere"
				}
			}
		case *ast.SelectorExpr:
			s := p.Info.Selections[n]
			if s == nil || s.Kind() != types.FieldVal {
				continue
			}
			v, ok := s.Obj().(*types.Var)
			if !ok || !needed[v.Origin()] {
				continue
			}
			c := cur
			for {
				switch n := c.Parent().Node().(type) {
				case *ast.ParenExpr:
					c = c.Parent()
					continue
				case *ast.SelectorExpr:
					if s := p.Info.Selections[n]; n.X == c.Node() && s != nil && s.Kind() == types.FieldVal && !s.Indirect() {
						c = c.Parent()
						continue
					}
				case *ast.IndexExpr:
					if _, isArray := syntax.Under(p.Info.TypeOf(n.X)).(*types.Array); isArray && n.X == c.Node() {
						c = c.Parent()
						continue
					}
				}
				break
			}
			if m.implicitAddress(c) {
				return "the address of the field " + v.Name() + " is taken"
			}
			if !syntax.Written(c) {
				continue
			}
			if u, ok := c.Parent().Node().(*ast.UnaryExpr); ok && u.Op == token.AND {
				return "the address of the field " + v.Name() + " is taken"
			}
			if owner := m.owner(n); !m.own(n) && (owner == nil || !m.early(c, owner) && !m.cleared(c, owner)) {
				return "the field " + v.Name() + " is set after the registration, or may be; a cleanup gets the value that it has then"
			}
		}
	}
	for _, f := range p.OtherFiles() {
		for v := range needed {
			if syntax.ContainsNode(f, func(n ast.Node) bool { return writesField(n, v.Name()) }) {
				return "a file for another platform or a test sets a field " + v.Name()
			}
		}
	}
	if p.Name == "main" && slices.ContainsFunc(m.fields, func(f fieldPath) bool { return f.leaf().Exported() }) && m.handedOut() {
		return "the object is handed to another package that may set its exported fields"
	}
	return ""
}

func writesField(n ast.Node, name string) bool {
	named := func(x ast.Expr) bool {
		sel, ok := ast.Unparen(x).(*ast.SelectorExpr)
		return ok && sel.Sel.Name == name
	}
	switch n := n.(type) {
	case *ast.AssignStmt:
		return slices.ContainsFunc(n.Lhs, named)
	case *ast.IncDecStmt:
		return named(n.X)
	case *ast.UnaryExpr:
		return n.Op == token.AND && named(n.X)
	}
	return false
}

// owner returns the object that a field which is selected by n belongs to, nil
// when that is not plain to see.
func (m *migration) owner(n *ast.SelectorExpr) ast.Expr {
	p := m.y.Pkg
	key := finalizer.FinalizedKey(m.y.Elem)
	for x := ast.Unparen(n.X); ; {
		t := p.Info.TypeOf(x)
		if finalizer.FinalizedKey(t) == key {
			if star, ok := x.(*ast.StarExpr); ok {
				return ast.Unparen(star.X)
			}
			return x
		}
		sel, ok := x.(*ast.SelectorExpr)
		if !ok || syntax.IsPointer(t) {
			return nil
		}
		x = ast.Unparen(sel.X)
	}
}

// early reports whether the write at c is one to the registered object, before
// the registration, in the function that registers.
func (m *migration) early(c inspector.Cursor, owner ast.Expr) bool {
	decl, lit := syntax.EnclosingDecl(c), false
	for range c.Enclosing((*ast.FuncLit)(nil)) {
		lit = true
	}
	return !lit && decl != nil && decl == syntax.EnclosingDecl(m.y.At) && c.Node().Pos() < m.y.Call.Call.Pos() &&
		!syntax.InsideLoop(m.y.At, cursorOf(m.y.Pkg, decl)) && sameChain(m.y.Pkg, owner, m.base())
}

// promotes reports whether a struct that embeds t by value has exported fields
// of t's.
func promotes(t types.Type) bool {
	st, ok := syntax.Under(t).(*types.Struct)
	if !ok {
		return false
	}
	for f := range st.Fields() {
		if f.Exported() || f.Embedded() && promotes(f.Type()) {
			return true
		}
	}
	return false
}

// addParts adds the fields of a struct's parts by value.
func addParts(fields map[*types.Var]bool, t types.Type) {
	if st, ok := syntax.Under(t).(*types.Struct); ok {
		for f := range st.Fields() {
			fields[f.Origin()] = true
			addParts(fields, f.Type())
		}
	}
}

// own reports whether n is in the functions that get the cleanup's object.
// Where they are called otherwise, called sees to it that the finalizer has been
// cleared.
func (m *migration) own(n ast.Node) bool {
	return m.object && slices.ContainsFunc(m.bodies, func(b *ast.BlockStmt) bool { return b.Pos() <= n.Pos() && n.End() <= b.End() })
}

// cleared reports whether what happens at c to the object comes with a statement
// that clears the object's finalizer: one before it, one that certainly follows,
// or a deferred one.
func (m *migration) cleared(c inspector.Cursor, object ast.Expr) bool {
	p := m.y.Pkg
	for _, x := range m.clears {
		root := syntax.VariableOf(x.Object)
		if x.Pkg != p || root == nil || !sameChain(p, object, x.Object) {
			continue
		}
		v, ok := p.Info.Uses[root].(*types.Var)
		if !ok {
			continue
		}
		stmt := x.At.Parent()
		block := stmt.Parent()
		_, isBlock := block.Node().(*ast.BlockStmt)
		if !isBlock || !block.Contains(c) || later(p, stmt.Node(), syntax.EnclosingDecl(stmt), v) {
			continue
		}
		_, deferred := stmt.Node().(*ast.DeferStmt)
		if stmt.Node().End() <= c.Node().Pos() {
			return true
		}
		if !deferred && c.Node().End() <= stmt.Node().Pos() && !mayLeave(block.Node(), c.Node().End(), stmt.Node().Pos()) {
			return true
		}
	}
	return false
}

// mayLeave reports whether a statement between the positions, or around the first,
// may leave the list of statements, or skip some.
func mayLeave(n ast.Node, from, to token.Pos) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt, *ast.BranchStmt, *ast.LabeledStmt:
			found = found || from <= n.End() && n.Pos() < to
		}
		return true
	})
	return found
}

// handedOut reports whether a pointer to an object of the type is an argument
// for an interface in another package, other than of those that print.
func (m *migration) handedOut() bool {
	p := m.y.Pkg
	for cur := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		fn := p.Callee(call)
		if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() == p.Path {
			continue
		}
		switch fn.Pkg().Path() {
		case "runtime", "fmt", "log", "log/slog":
			continue
		}
		for _, a := range call.Args {
			if t := p.Info.TypeOf(a); t != nil && syntax.IsPointer(t) && finalizer.FinalizedKey(t) == finalizer.FinalizedKey(m.y.Elem) {
				return true
			}
		}
	}
	return false
}

// inFinalizer reports whether n is in the function of another registration for
// the type.
func (m *migration) inFinalizer(n ast.Node) bool {
	for _, x := range m.c.all.Of(m.y.Elem) {
		if slices.ContainsFunc(x.Runs, func(run finalizer.Func) bool { return run.X.Pos() <= n.Pos() && n.End() <= run.X.End() }) {
			return true
		}
	}
	return false
}

func (m *migration) clearsIn(decl *ast.FuncDecl) bool {
	return slices.ContainsFunc(m.c.all.Clears(m.y.Elem), func(x *finalizer.Finalization) bool {
		return decl.Pos() <= x.Call.Call.Pos() && x.Call.Call.End() <= decl.End()
	})
}
