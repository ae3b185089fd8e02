package finalizercycle

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// clearing finds the calls that clear the finalizer: they are to stop the
// cleanup, which the object gets a field for.
func (m *migration) clearing() string {
	p := m.y.Pkg
	for _, x := range m.c.all.All {
		if x.Clears && x.Elem == nil && x.Pkg.Path == p.Path {
			return "a finalizer of an object of unknown type is cleared in the package"
		}
	}
	for _, f := range p.OtherFiles() {
		if syntax.ContainsNode(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			return ok && sel.Sel.Name == "SetFinalizer"
		}) {
			return "a file for another platform sets finalizers, too"
		}
	}
	if len(m.clears) == 0 {
		return ""
	}
	for _, x := range m.clears {
		stmt, ok := x.At.Parent().Node().(ast.Stmt)
		if !ok || !syntax.InList(x.At.Parent()) || x.Pkg != p || x.File.Test || x.File.Generated || x.Wrapper != nil || !plainOperand(x.Object) {
			return "the finalizer is cleared where the cleanup cannot be stopped, in a test or another package, say"
		}
		switch stmt.(type) {
		case *ast.ExprStmt:
		case *ast.DeferStmt:
			v, ok := p.Info.Uses[syntax.VariableOf(x.Object)].(*types.Var)
			if _, alone := x.Object.(*ast.Ident); !ok || !alone || later(p, stmt, syntax.EnclosingDecl(x.At), v) {
				return "the finalizer is cleared by a deferred call, of an object that may be another one by then"
			}
		default:
			return "the finalizer is cleared in a goroutine"
		}
	}
	if u, ok := m.y.Object.(*ast.UnaryExpr); ok && u.Op == token.AND {
		return "the object is a variable by value"
	}
	return m.growable()
}

// growable finds the struct that gets a field for the cleanup, or says why it
// must not get one.
func (m *migration) growable() string {
	p := m.y.Pkg
	named := types.Unalias(m.y.Elem).(*types.Named)
	obj := named.Origin().Obj()
	for _, f := range p.Files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && p.Info.Defs[spec.Name] == obj && !f.Generated && !f.Test {
				m.spec, _ = spec.Type.(*ast.StructType)
			}
			return m.spec == nil
		})
	}
	if m.spec == nil {
		return "the object's type is declared out of reach"
	}
	st := named.Underlying().(*types.Struct)
	private := false
	for f := range st.Fields() {
		private = private || !f.Exported()
	}
	if !private && obj.Exported() && p.Name != "main" {
		return "other packages may make objects of the type without field names"
	}
	key := finalizer.FinalizedKey(named)
	for cur := range p.Inspector.Root().Preorder((*ast.Ident)(nil), (*ast.SelectorExpr)(nil), (*ast.StarExpr)(nil), (*ast.IndexExpr)(nil), (*ast.CallExpr)(nil), (*ast.CompositeLit)(nil), (*ast.MapType)(nil)) {
		if mt, ok := cur.Node().(*ast.MapType); ok {
			if t := p.Info.TypeOf(mt.Key); t != nil && !syntax.IsPointer(t) && finalizer.FinalizedKey(t) == key {
				return "objects of the type are keys of a map"
			}
			continue
		}
		x := cur.Node().(ast.Expr)
		tv, ok := p.Info.Types[x]
		if !ok || !tv.IsValue() || syntax.IsPointer(tv.Type) || finalizer.FinalizedKey(tv.Type) != key {
			continue
		}
		parent := cur.Parent().Node()
		if lit, isLit := x.(*ast.CompositeLit); isLit {
			if len(lit.Elts) > 0 {
				if _, keyed := lit.Elts[0].(*ast.KeyValueExpr); !keyed {
					return "objects of the type are made without field names"
				}
			}
			switch n := parent.(type) {
			case *ast.UnaryExpr:
				continue
			case *ast.ValueSpec:
				continue
			case *ast.AssignStmt:
				if n.Tok == token.DEFINE {
					continue
				}
			}
			return "objects of the type are copied by value"
		}
		switch n := parent.(type) {
		case *ast.SelectorExpr:
			if n.X == x || n.Sel == x {
				continue
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				continue
			}
		}
		if id, isIdent := x.(*ast.Ident); isIdent && p.Info.Defs[id] != nil {
			continue
		}
		return "objects of the type are copied or compared by value"
	}
	return ""
}

// join finds the plans for the type's other registrations, where all have to be
// rewritten together.
func (m *migration) join(found []*cyclic, plans map[*cyclic]*migration) (why string) {
	if len(m.clears) == 0 {
		return ""
	}
	for _, x := range m.c.all.Of(m.y.Elem) {
		if x == m.y.Finalization {
			continue
		}
		i := slices.IndexFunc(found, func(y *cyclic) bool { return y.Finalization == x })
		if i < 0 || plans[found[i]] == nil || plans[found[i]].why != "" || x.File.Test {
			return "a finalizer of the type is cleared, and another registration for it stays; " + byHand
		}
		m.others = append(m.others, plans[found[i]])
	}
	return ""
}

// stop gives the object's type a field for the cleanup, and stops it where the
// finalizer was cleared.
func (m *migration) stop(e *rewrite.Edit) {
	name := m.fieldName()
	e.Modify(m.spec, func(n dst.Node) error {
		st := n.(*dst.StructType)
		for _, f := range st.Fields.List {
			if f.Decs.Before == dst.None {
				f.Decs.Before = dst.NewLine
			}
		}
		f := &dst.Field{Names: []*dst.Ident{dst.NewIdent(name)}, Type: rewrite.Use("runtime", "Cleanup")}
		f.Decs.Before, f.Decs.After = dst.EmptyLine, dst.NewLine
		st.Fields.List = append(st.Fields.List, f)
		return nil
	})
	for _, x := range m.clears {
		if d, ok := x.At.Parent().Node().(*ast.DeferStmt); ok {
			e.ReplaceStmt(d, rewrite.Stmts("defer func() {\n$x.$f.Stop()\nruntime.KeepAlive($y)\n}()",
				rewrite.Holes{"x": e.Clone(x.Object), "y": e.Clone(x.Object), "f": name})...)
			continue
		}
		stmt := x.At.Parent().Node().(*ast.ExprStmt)
		stop := rewrite.Stmts("$x.$f.Stop()", rewrite.Holes{"x": e.Clone(x.Object), "f": name})
		if !usedAfter(x.Pkg, x.At.Parent(), syntax.VariableOf(x.Object)) {
			stop = append(stop, rewrite.Stmts("runtime.KeepAlive($x)", rewrite.Holes{"x": e.Clone(x.Object)})...)
		}
		e.ReplaceStmt(stmt, stop...)
	}
}

// usedAfter reports whether the statement that follows the one at cur certainly
// uses id's variable: it keeps the object reachable while the cleanup is being
// stopped, as Cleanup.Stop demands.
func usedAfter(p *rewrite.Package, cur inspector.Cursor, id *ast.Ident) bool {
	next, ok := cur.NextSibling()
	if !ok {
		return false
	}
	var parts []ast.Node
	switch n := next.Node().(type) {
	case *ast.AssignStmt, *ast.ExprStmt, *ast.ReturnStmt:
		parts = []ast.Node{n}
	case *ast.IfStmt:
		if n.Init != nil {
			parts = []ast.Node{n.Init}
		} else {
			parts = []ast.Node{n.Cond}
		}
	}
	return slices.ContainsFunc(parts, func(n ast.Node) bool {
		return syntax.ContainsNode(n, func(n ast.Node) bool {
			x, ok := n.(*ast.Ident)
			return ok && p.Info.Uses[x] == p.Info.Uses[id]
		})
	})
}

// fieldName returns a name for the field that holds the cleanup.
func (m *migration) fieldName() string {
	for _, n := range []string{"cleanup", "runtimeCleanup", "releaseCleanup"} {
		obj, _, _ := types.LookupFieldOrMethod(types.NewPointer(m.y.Elem), true, m.y.Pkg.Types, n)
		if obj == nil {
			return n
		}
	}
	return "finalizerCleanup"
}
