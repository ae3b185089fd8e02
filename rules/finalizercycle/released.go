package finalizercycle

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A callee is a function that is called, of Go or of C.
type callee struct {
	fn *types.Func
	c  string
}

// releases are the functions that the finalizer calls, and the fields that it
// hands them.
type releases struct {
	m      *migration
	by     map[callee]bool
	fields map[*types.Var]bool
}

// released says where the package releases the same resource by hand without
// clearing the finalizer, or hands it to who may: what runs at last would release
// it a second time.
func (m *migration) released() string {
	p := m.y.Pkg
	own := m.releases()
	for _, f := range p.Files {
		for _, d := range f.AST.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Body == nil || slices.Contains(m.bodies, decl.Body) {
				continue
			}
			copies := fieldCopies(p, decl.Body)
			if syntax.ContainsNode(decl.Body, func(n ast.Node) bool { return !m.inFinalizer(n) && own.again(n, copies) }) {
				return decl.Name.Name + " releases the same resource, or hands it out, without clearing the finalizer: it would be released again"
			}
		}
	}
	return ""
}

// releases finds what the finalizer calls, by functions of the package, too.
func (m *migration) releases() *releases {
	p := m.y.Pkg
	r := &releases{m: m, by: make(map[callee]bool), fields: make(map[*types.Var]bool)}
	bodies := slices.Clone(m.bodies)
	for i := 0; i < len(bodies); i++ {
		copies := fieldCopies(p, bodies[i])
		ast.Inspect(bodies[i], func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			c := calleeOf(p, call)
			if c == (callee{}) {
				return true
			}
			r.by[c] = true
			for _, sel := range fieldsIn(p, call, copies) {
				if i < len(m.bodies) || m.owner(sel) != nil {
					r.fields[fieldOf(p, sel)] = true
				}
			}
			if decl := r.declOf(c); decl != nil && !slices.Contains(bodies, decl.Body) {
				bodies = append(bodies, decl.Body)
			}
			return true
		})
	}
	return r
}

// again says where what the finalizer fn of y releases is released by hand, too,
// so that a finalizer that begins to run does it once more, "" when nowhere.
func (c *cycles) again(y *cyclic, fn ast.Expr) string {
	m := &migration{c: c, y: y, clears: c.all.Clears(y.Elem)}
	m.runs(fn)
	const advice = "; clear the finalizer there, and let it use its parameter"
	if why := m.released(); why != "" {
		return why + advice
	}
	for _, fn := range m.funcs {
		if decl := syntax.DeclOf(m.y.Pkg, fn); !m.guarded(decl) && m.byHand(fn) {
			return fn.Name() + " may be called by hand, without clearing the finalizer: it would release the same again" + advice
		}
	}
	return ""
}

// runs adds the bodies that run when fn does: a literal, a method, and what they
// call with the object.
func (m *migration) runs(fn ast.Expr) {
	p := m.y.Pkg
	var body *ast.BlockStmt
	switch fn := fn.(type) {
	case *ast.FuncLit:
		body = fn.Body
	case *ast.SelectorExpr:
		f, ok := p.Info.Uses[fn.Sel].(*types.Func)
		if !ok {
			return
		}
		f = f.Origin()
		decl := syntax.DeclOf(p, f)
		if decl == nil || decl.Body == nil || slices.Contains(m.funcs, f) {
			return
		}
		m.funcs, body = append(m.funcs, f), decl.Body
	}
	m.bodies = append(m.bodies, body)
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		if ok && finalizer.FinalizedKey(p.Info.TypeOf(sel.X)) == finalizer.FinalizedKey(m.y.Elem) {
			m.runs(sel)
		}
		return true
	})
}

// guarded reports whether decl releases nothing of its object, or says so in the
// object: a second call may do nothing.
func (m *migration) guarded(decl *ast.FuncDecl) bool {
	p := m.y.Pkg
	releases := false
	for cur := range cursorOf(p, decl.Body).Preorder((*ast.SelectorExpr)(nil)) {
		sel := cur.Node().(*ast.SelectorExpr)
		if m.owner(sel) == nil || fieldOf(p, sel) == nil {
			continue
		}
		if syntax.Written(cur) || m.implicitAddress(cur) && !m.locks(cur) {
			return true
		}
		for call := range cur.Enclosing((*ast.CallExpr)(nil)) {
			releases = releases || !p.Info.Types[call.Node().(*ast.CallExpr).Fun].IsType() && calleeOf(p, call.Node().(*ast.CallExpr)) != callee{}
		}
	}
	return !releases
}

// byHand reports whether fn is called other than by the finalizer, or may be,
// with the finalizer set.
func (m *migration) byHand(fn *types.Func) bool {
	if m.clearsFirst(syntax.DeclOf(m.y.Pkg, fn)) {
		return false
	}
	return fn.Exported() && m.y.Pkg.Name != "main" || m.inInterface(fn.Name()) || slices.ContainsFunc(m.c.s.Refs(rewrite.ObjectKey(fn)), func(r rewrite.Ref) bool {
		n := r.Cursor().Node()
		if m.inFinalizer(n) || slices.ContainsFunc(m.bodies, func(b *ast.BlockStmt) bool { return syntax.Encloses(b, n) }) {
			return false
		}
		call, ok := r.Call()
		return !ok || !m.clearedCall(call)
	})
}

// again reports whether n releases one of the fields while the finalizer is set,
// or hands it to a function of the package, to a caller or to another object.
func (r *releases) again(n ast.Node, copies map[types.Object]*ast.SelectorExpr) bool {
	var out []ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		return r.calls(n, copies) && !r.m.harmless(n, true, copies)
	case *ast.ReturnStmt:
		out = n.Results
	case *ast.CompositeLit:
		for _, x := range n.Elts {
			if kv, ok := x.(*ast.KeyValueExpr); ok {
				x = kv.Value
			}
			out = append(out, x)
		}
	case *ast.SendStmt:
		out = []ast.Expr{n.Value}
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if _, isIdent := l.(*ast.Ident); !isIdent && len(n.Lhs) == len(n.Rhs) {
				out = append(out, n.Rhs[i])
			}
		}
	}
	return slices.ContainsFunc(out, func(x ast.Expr) bool { return r.is(x, copies) }) && !r.m.harmless(n, false, copies)
}

// calls reports whether the call releases one of the fields, or may: a function
// of the package, or a value, gets it.
func (r *releases) calls(call *ast.CallExpr, copies map[types.Object]*ast.SelectorExpr) bool {
	p := r.m.y.Pkg
	c := calleeOf(p, call)
	gets := slices.ContainsFunc(fieldsIn(p, call, copies), func(sel *ast.SelectorExpr) bool { return r.fields[fieldOf(p, sel)] })
	if gets && (r.by[c] || r.releasedBy(c)) {
		return true
	}
	tv := p.Info.Types[call.Fun]
	value := c == (callee{}) && p.Callee(call) == nil && !tv.IsType() && !tv.IsBuiltin()
	own := c.fn != nil && c.fn.Pkg() == p.Types
	return (value || own || p.IsCall(call, "os", "NewFile")) && slices.ContainsFunc(call.Args, func(x ast.Expr) bool { return r.is(x, copies) })
}

// releasedBy reports whether c is a function of the package that calls what the
// finalizer calls.
func (r *releases) releasedBy(c callee) bool {
	decl := r.declOf(c)
	return decl != nil && syntax.ContainsNode(decl.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && r.by[calleeOf(r.m.y.Pkg, call)]
	})
}

func (r *releases) declOf(c callee) *ast.FuncDecl {
	p := r.m.y.Pkg
	if c.fn == nil || c.fn.Pkg() != p.Types {
		return nil
	}
	if decl := syntax.DeclOf(p, c.fn); decl != nil && decl.Body != nil {
		return decl
	}
	return nil
}

// is reports whether x is one of the fields, converted perhaps, or a variable
// that has its value.
func (r *releases) is(x ast.Expr, copies map[types.Object]*ast.SelectorExpr) bool {
	p := r.m.y.Pkg
	switch x := ast.Unparen(x).(type) {
	case *ast.SelectorExpr:
		return r.fields[fieldOf(p, x)]
	case *ast.Ident:
		sel := copies[p.Info.Uses[x]]
		return sel != nil && r.fields[fieldOf(p, sel)] && types.ConvertibleTo(p.Info.TypeOf(x), p.Info.TypeOf(sel))
	case *ast.CallExpr:
		return p.Info.Types[x.Fun].IsType() && len(x.Args) == 1 && r.is(x.Args[0], copies)
	}
	return false
}

// calleeOf returns the function that is called, the zero value where it releases
// nothing: it prints, or locks; and where it is a value.
func calleeOf(p *rewrite.Package, call *ast.CallExpr) callee {
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		if id, isIdent := sel.X.(*ast.Ident); isIdent && id.Name == "C" {
			return callee{c: sel.Sel.Name}
		}
	}
	fn := p.Callee(call)
	if fn != nil && fn.Pkg() != nil {
		switch fn.Pkg().Path() {
		case "sync", "fmt", "log", "log/slog":
			return callee{}
		}
	}
	return callee{fn: fn}
}

// fieldsIn returns the fields that the call's operands have.
func fieldsIn(p *rewrite.Package, call *ast.CallExpr, copies map[types.Object]*ast.SelectorExpr) (out []*ast.SelectorExpr) {
	operands := slices.Clone(call.Args)
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		operands = append(operands, sel.X)
	}
	for _, a := range operands {
		ast.Inspect(a, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if id, isIdent := n.(*ast.Ident); isIdent {
				sel, ok = copies[p.Info.Uses[id]]
			}
			if ok && fieldOf(p, sel) != nil {
				out = append(out, sel)
			}
			return true
		})
	}
	return out
}

// fieldOf returns the field that sel selects, nil when it selects none.
func fieldOf(p *rewrite.Package, sel *ast.SelectorExpr) *types.Var {
	if s := p.Info.Selections[sel]; s != nil && s.Kind() == types.FieldVal {
		return s.Obj().(*types.Var).Origin()
	}
	return nil
}

// harmless reports whether the objects of the type that n gets something of have
// no finalizer then: n comes with a clearing, or, where early counts, before the
// registration, where a constructor fails, say.
func (m *migration) harmless(n ast.Node, early bool, copies map[types.Object]*ast.SelectorExpr) bool {
	c := cursorOf(m.y.Pkg, n)
	found := false
	for cur := range c.Preorder((*ast.SelectorExpr)(nil), (*ast.Ident)(nil)) {
		sel, ok := cur.Node().(*ast.SelectorExpr)
		if id, isIdent := cur.Node().(*ast.Ident); isIdent {
			sel, ok = copies[m.y.Pkg.Info.Uses[id]]
		}
		if !ok {
			continue
		}
		if owner := m.owner(sel); owner != nil {
			if !(early && m.early(c, owner)) && !m.cleared(c, owner) {
				return false
			}
			found = true
		}
	}
	return found
}

// fieldCopies returns the variables below n that get the value of a field, as v
// does by v := x.f, with the field.
func fieldCopies(p *rewrite.Package, n ast.Node) map[types.Object]*ast.SelectorExpr {
	out := make(map[types.Object]*ast.SelectorExpr)
	ast.Inspect(n, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Lhs) != len(a.Rhs) {
			return true
		}
		for i, l := range a.Lhs {
			id, ok := l.(*ast.Ident)
			if !ok {
				continue
			}
			syntax.ContainsNode(a.Rhs[i], func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok || fieldOf(p, sel) == nil {
					return false
				}
				out[p.Info.ObjectOf(id)] = sel
				return true
			})
		}
		return true
	})
	return out
}
