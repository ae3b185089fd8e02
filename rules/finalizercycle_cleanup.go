package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"slices"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// A migration turns a finalizer into a cleanup that takes the fields it needs by
// value, when it is registered.
type migration struct {
	c    *cycles
	y    *cyclic
	stmt *ast.ExprStmt // the registration
	why  string        // why it cannot be done, "" when it can

	typ    *ast.FuncType // of the finalizer's function
	body   *ast.BlockStmt
	param  *types.Var // nil when it has no name
	uses   []fieldUse
	fields []fieldPath // what the function needs, in order of declaration
	clears []*finalization
	spec   *ast.StructType // of the object's type, where it gets a field
	// others are the type's other registrations: where a finalizer is cleared
	// all of them become cleanups, or none.
	others []*migration
}

// fieldUse is one expression p.f or p.f.g in the finalizer's function.
type fieldUse struct {
	expr *ast.SelectorExpr
	path fieldPath
}

// fieldPath leads from an object to a part of it, without an indirection.
type fieldPath []*types.Var

func (f fieldPath) leaf() *types.Var { return f[len(f)-1] }

// plan finds out how y's finalizer becomes a cleanup.
func (c *cycles) plan(y *cyclic) *migration {
	m := &migration{c: c, y: y}
	m.why = m.obstacle()
	if m.why != "" && !strings.Contains(m.why, byHand) {
		m.why += "; " + byHand
	}
	return m
}

func (m *migration) obstacle() string {
	y := m.y
	if version.Compare(y.File.Version(), "go1.24") < 0 {
		return "runtime.AddCleanup needs go 1.24 in go.mod"
	}
	m.stmt, _ = y.At.Parent().Node().(*ast.ExprStmt)
	if m.stmt == nil {
		return "the registration is no statement of its own"
	}
	named, _ := types.Unalias(y.elem).(*types.Named)
	if named == nil || pointerElem(y.Pkg.Info.TypeOf(y.object)) == nil || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() != y.Pkg.Path {
		return "the object is of no struct type of this package"
	}
	if _, isStruct := named.Underlying().(*types.Struct); !isStruct {
		return "the object is no struct"
	}
	if m.base() == nil {
		return "the object is the result of an expression"
	}
	for _, check := range []func() string{m.function, m.reads, m.fixed, m.released, m.clearing} {
		if why := check(); why != "" {
			return why
		}
	}
	return ""
}

// base returns the expression whose fields are the object's: x, or v for &v.
func (m *migration) base() ast.Expr {
	x := m.y.object
	if u, ok := x.(*ast.UnaryExpr); ok && u.Op == token.AND {
		x = ast.Unparen(u.X)
	}
	if !plainOperand(x) {
		return nil
	}
	return x
}

// plainOperand reports whether x is a variable or a chain of its fields.
func plainOperand(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		return plainOperand(x.X)
	}
	return false
}

// function finds the finalizer's function and its parameter.
func (m *migration) function() string {
	p := m.y.Pkg
	switch fn := m.y.fn.(type) {
	case *ast.FuncLit:
		m.typ, m.body = fn.Type, fn.Body
		for v := range freeVars(p, fn) {
			if !m.closed(v.Type(), nil) {
				return "the finalizer captures " + v.Name() + ", which may lead back to the object"
			}
		}
	case *ast.Ident:
		obj, ok := p.Info.Uses[fn].(*types.Func)
		if !ok {
			return "the finalizer is a function value"
		}
		decl := declOf(p, obj)
		if decl == nil || decl.Recv != nil || obj.Exported() || len(m.c.s.Refs(rewrite.ObjectKey(obj))) != 1 || namedElsewhere(p, obj.Name()) {
			return "the finalizer's function is used elsewhere, too"
		}
		if p.File(decl) != m.y.File || decl.Type.TypeParams != nil || decl.Body == nil {
			return "the finalizer's function is out of reach"
		}
		m.typ, m.body = decl.Type, decl.Body
	default:
		return "the finalizer is a method and needs the whole object"
	}
	if m.typ.Results != nil && len(m.typ.Results.List) > 0 {
		return "the finalizer returns something"
	}
	list := m.typ.Params.List
	if len(list) != 1 || len(list[0].Names) > 1 {
		return "the finalizer has no single parameter"
	}
	if len(list[0].Names) == 1 {
		m.param, _ = p.Info.Defs[list[0].Names[0]].(*types.Var)
	}
	return ""
}

// freeVars returns the local variables of surrounding functions that lit uses.
func freeVars(p *rewrite.Package, lit *ast.FuncLit) map[*types.Var]bool {
	out := make(map[*types.Var]bool)
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			v, ok := p.Info.Uses[id].(*types.Var)
			if ok && !v.IsField() && v.Pkg() != nil && v.Parent() != v.Pkg().Scope() && (v.Pos() < lit.Pos() || lit.End() <= v.Pos()) {
				out[v] = true
			}
		}
		return true
	})
	return out
}

// namedElsewhere reports whether a file of the package that is not loaded names name.
func namedElsewhere(p *rewrite.Package, name string) bool {
	for _, f := range p.OtherFiles() {
		if containsNode(f, func(n ast.Node) bool { id, ok := n.(*ast.Ident); return ok && id.Name == name }) {
			return true
		}
	}
	return false
}

// reads collects what the function reads of its parameter. Anything else that
// it does with it stands in the way.
func (m *migration) reads() string {
	if m.param == nil {
		return ""
	}
	p := m.y.Pkg
	body, ok := p.Inspector.Root().FindNode(m.body)
	if !ok {
		return "the finalizer's function is out of reach"
	}
	for cur := range body.Preorder((*ast.Ident)(nil)) {
		if p.Info.Uses[cur.Node().(*ast.Ident)] != m.param {
			continue
		}
		use, why := m.chain(cur)
		if why != "" {
			return why
		}
		m.uses = append(m.uses, use)
		if !slices.ContainsFunc(m.fields, func(f fieldPath) bool { return slices.Equal(f, use.path) }) {
			m.fields = append(m.fields, use.path)
		}
	}
	slices.SortFunc(m.fields, func(a, b fieldPath) int { return int(a[0].Pos()) - int(b[0].Pos()) })
	for i, f := range m.fields {
		if slices.ContainsFunc(m.fields[:i], func(g fieldPath) bool { return g.leaf().Name() == f.leaf().Name() }) {
			return "two fields that the finalizer needs are called " + f.leaf().Name()
		}
		if !m.isC(f.leaf()) && !m.closed(f.leaf().Type(), nil) {
			return "the field " + f.leaf().Name() + " may lead back to the object"
		}
		if m.typeOf(f.leaf()) == nil {
			return "the type of the field " + f.leaf().Name() + " cannot be written here"
		}
	}
	return ""
}

// chain follows the selector expressions around the use of the parameter at cur
// as far as they stay within the object.
func (m *migration) chain(cur inspector.Cursor) (fieldUse, string) {
	p := m.y.Pkg
	const whole = "the finalizer needs the whole object"
	var use fieldUse
	for {
		parent := cur.Parent()
		sel, ok := parent.Node().(*ast.SelectorExpr)
		if !ok || sel.X != cur.Node() {
			break
		}
		s := p.Info.Selections[sel]
		if s == nil || s.Kind() != types.FieldVal {
			break
		}
		// Only the first selection may follow a pointer, the parameter itself.
		if len(use.path) > 0 && isPointer(p.Info.TypeOf(sel.X)) {
			break
		}
		path, direct := selected(p.Info.TypeOf(sel.X), s.Index())
		if !direct {
			return use, "the finalizer reads a field through an embedded pointer"
		}
		use.expr, use.path = sel, append(slices.Clone(use.path), path...)
		cur = parent
		if _, isStruct := under(s.Type()).(*types.Struct); !isStruct {
			break
		}
	}
	if use.expr == nil {
		return use, whole
	}
	c := cur
	for {
		if _, isParen := c.Parent().Node().(*ast.ParenExpr); isParen {
			c = c.Parent()
			continue
		}
		break
	}
	if written(c) || m.implicitAddress(c) {
		return use, "the finalizer changes the object or takes an address in it"
	}
	return use, ""
}

// selected returns the fields that a selection's index leads through; direct is
// false when one before the last is a pointer.
func selected(t types.Type, index []int) (path []*types.Var, direct bool) {
	if elem := pointerElem(t); elem != nil {
		t = elem
	}
	for i, k := range index {
		st, ok := under(t).(*types.Struct)
		if !ok {
			return nil, false
		}
		f := st.Field(k)
		path = append(path, f.Origin())
		t = f.Type()
		if i < len(index)-1 && isPointer(t) {
			return nil, false
		}
	}
	return path, true
}

// implicitAddress reports whether the operand at c has its address taken without
// a sign: by a method with a pointer receiver, or by slicing an array.
func (m *migration) implicitAddress(c inspector.Cursor) bool {
	p := m.y.Pkg
	switch n := c.Parent().Node().(type) {
	case *ast.SelectorExpr:
		s := p.Info.Selections[n]
		if n.X != c.Node() || s == nil || s.Kind() == types.FieldVal {
			return false
		}
		fn, ok := s.Obj().(*types.Func)
		return ok && fn.Signature().Recv() != nil && isPointer(fn.Signature().Recv().Type()) && !isPointer(p.Info.TypeOf(n.X))
	case *ast.SliceExpr:
		_, isArray := under(p.Info.TypeOf(n.X)).(*types.Array)
		return n.X == c.Node() && isArray
	}
	return false
}

// closed reports whether nothing of type t can lead to the object: its type
// graph has no interface, function or unsafe pointer, nothing with a finalizer,
// and not the object's type.
func (m *migration) closed(t types.Type, seen []types.Type) bool {
	if slices.Contains(seen, t) {
		return true
	}
	seen = append(seen, t)
	if named, ok := types.Unalias(t).(*types.Named); ok {
		k := finalizedKey(named)
		if k == finalizedKey(m.y.elem) || len(m.c.all.set[k]) > 0 {
			return false
		}
	}
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Kind() != types.UnsafePointer && t.Kind() != types.Invalid
	case *types.Pointer:
		return m.closed(t.Elem(), seen)
	case *types.Slice:
		return m.closed(t.Elem(), seen)
	case *types.Array:
		return m.closed(t.Elem(), seen)
	case *types.Chan:
		return m.closed(t.Elem(), seen)
	case *types.Map:
		return m.closed(t.Key(), seen) && m.closed(t.Elem(), seen)
	case *types.Struct:
		for f := range t.Fields() {
			if !m.closed(f.Type(), seen) {
				return false
			}
		}
		return true
	}
	return false
}

// isC reports whether the field is declared with a type of C, or a pointer to
// one, which is no Go memory.
func (m *migration) isC(v *types.Var) bool { return cType(m.declared(v)) != "" }

// cType returns the name in C.name or *C.name, "" for other types.
func cType(x ast.Expr) string {
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if sel, ok := x.(*ast.SelectorExpr); ok {
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == "C" {
			return sel.Sel.Name
		}
	}
	return ""
}

// declared returns the type expression of a field's declaration.
func (m *migration) declared(v *types.Var) ast.Expr {
	var out ast.Expr
	for _, f := range m.y.Pkg.Files {
		if v.Pos() < f.AST.FileStart || f.AST.FileEnd < v.Pos() {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok {
				for _, name := range field.Names {
					if name.Pos() == v.Pos() {
						out = field.Type
					}
				}
			}
			return out == nil
		})
	}
	return out
}

// typeOf returns the field's type as an expression, nil when it cannot be
// written in the file of the registration.
func (m *migration) typeOf(v *types.Var) dst.Expr {
	decl := m.declared(v)
	if name := cType(decl); name != "" {
		if !m.y.File.Cgo {
			return nil
		}
		var x dst.Expr = &dst.SelectorExpr{X: dst.NewIdent("C"), Sel: dst.NewIdent(name)}
		if _, isPtr := decl.(*ast.StarExpr); isPtr {
			x = &dst.StarExpr{X: x}
		}
		return x
	}
	return typeExprIn(m.y.File, v.Type())
}

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
	}
	for cur := range p.Inspector.Root().Preorder((*ast.SelectorExpr)(nil), (*ast.AssignStmt)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE || len(needed) == 0 {
				continue
			}
			for _, l := range n.Lhs {
				if t := p.Info.TypeOf(l); t != nil && !isPointer(t) && finalizedKey(t) == finalizedKey(m.y.elem) {
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
					if _, isArray := under(p.Info.TypeOf(n.X)).(*types.Array); isArray && n.X == c.Node() {
						c = c.Parent()
						continue
					}
				}
				break
			}
			if m.implicitAddress(c) {
				return "the address of the field " + v.Name() + " is taken"
			}
			if !written(c) {
				continue
			}
			if u, ok := c.Parent().Node().(*ast.UnaryExpr); ok && u.Op == token.AND {
				return "the address of the field " + v.Name() + " is taken"
			}
			if !m.early(c) && !m.afterClear(c) {
				return "the field " + v.Name() + " is set after the registration, or may be; a cleanup gets the value that it has then"
			}
		}
	}
	for _, f := range p.OtherFiles() {
		for v := range needed {
			if containsNode(f, func(n ast.Node) bool { return writesField(n, v.Name()) }) {
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

// early reports whether the write at c is one to the object's own variable
// before the registration, in the function that registers.
func (m *migration) early(c inspector.Cursor) bool {
	p := m.y.Pkg
	decl, lit := enclosingDecl(c), false
	for range c.Enclosing((*ast.FuncLit)(nil)) {
		lit = true
	}
	if lit || decl == nil || decl != enclosingDecl(m.y.At) || c.Node().Pos() > m.y.Call.Call.Pos() || insideLoop(m.y.At, cursorOf(p, decl)) {
		return false
	}
	root := rootIdent(c.Node().(ast.Expr))
	own := rootIdent(m.base())
	return root != nil && own != nil && p.Info.Uses[root] != nil && p.Info.Uses[root] == p.Info.Uses[own]
}

func cursorOf(p *rewrite.Package, n ast.Node) inspector.Cursor {
	c, _ := p.Inspector.Root().FindNode(n)
	return c
}

func rootIdent(x ast.Expr) *ast.Ident {
	for {
		switch n := ast.Unparen(x).(type) {
		case *ast.Ident:
			return n
		case *ast.SelectorExpr:
			x = n.X
		case *ast.IndexExpr:
			x = n.X
		case *ast.StarExpr:
			x = n.X
		default:
			return nil
		}
	}
}

// afterClear reports whether the write at c follows a statement that clears the
// finalizer of the same object.
func (m *migration) afterClear(c inspector.Cursor) bool {
	p := m.y.Pkg
	root := rootIdent(c.Node().(ast.Expr))
	if root == nil {
		return false
	}
	for _, x := range m.c.all.clears(m.y.elem) {
		stmt, ok := x.At.Parent().Node().(*ast.ExprStmt)
		own := rootIdent(x.object)
		if !ok || x.Pkg != p || own == nil || p.Info.Uses[own] != p.Info.Uses[root] || stmt.End() > c.Node().Pos() {
			continue
		}
		block := x.At.Parent().Parent().Node()
		if _, isBlock := block.(*ast.BlockStmt); isBlock && block.Pos() <= c.Node().Pos() && c.Node().End() <= block.End() {
			return true
		}
	}
	return false
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
			if t := p.Info.TypeOf(a); t != nil && isPointer(t) && finalizedKey(t) == finalizedKey(m.y.elem) {
				return true
			}
		}
	}
	return false
}

// released says where the package releases the same resource by hand without
// clearing the finalizer: the cleanup, which runs at last, would release it a
// second time.
func (m *migration) released() string {
	p := m.y.Pkg
	type release struct {
		fn    *types.Func
		field *types.Var
		c     string // name of a function of C
	}
	callOf := func(call *ast.CallExpr) (out []release) {
		fn := p.Callee(call)
		c := ""
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			if id, isIdent := sel.X.(*ast.Ident); isIdent && id.Name == "C" {
				c = sel.Sel.Name
			}
		}
		if fn == nil && c == "" {
			return nil
		}
		operands := slices.Clone(call.Args)
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && c == "" {
			operands = append(operands, sel.X)
		}
		for _, a := range operands {
			ast.Inspect(a, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					if s := p.Info.Selections[sel]; s != nil && s.Kind() == types.FieldVal {
						out = append(out, release{fn, s.Obj().(*types.Var).Origin(), c})
					}
				}
				return true
			})
		}
		return out
	}
	own := make(map[release]bool)
	ast.Inspect(m.body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			for _, r := range callOf(call) {
				own[r] = true
			}
		}
		return true
	})
	for _, f := range p.Files {
		for _, d := range f.AST.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Body == nil || decl.Body == m.body || m.clearsIn(decl) {
				continue
			}
			twice := containsNode(decl.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || m.body.Pos() <= n.Pos() && n.End() <= m.body.End() {
					return false
				}
				if m.inFinalizer(n) {
					return false
				}
				return slices.ContainsFunc(callOf(call), func(r release) bool { return own[r] })
			})
			if twice {
				return decl.Name.Name + " releases the same resource without clearing the finalizer, and a cleanup would release it again"
			}
		}
	}
	return ""
}

// inFinalizer reports whether n is in the function of another registration for
// the type.
func (m *migration) inFinalizer(n ast.Node) bool {
	for _, x := range m.c.all.of(m.y.elem) {
		if x.fn.Pos() <= n.Pos() && n.End() <= x.fn.End() {
			return true
		}
	}
	return false
}

func (m *migration) clearsIn(decl *ast.FuncDecl) bool {
	return slices.ContainsFunc(m.c.all.clears(m.y.elem), func(x *finalization) bool {
		return decl.Pos() <= x.Call.Call.Pos() && x.Call.Call.End() <= decl.End()
	})
}

// clearing finds the calls that clear the finalizer: they are to stop the
// cleanup, which the object gets a field for.
func (m *migration) clearing() string {
	p := m.y.Pkg
	m.clears = m.c.all.clears(m.y.elem)
	for _, x := range m.c.all.all {
		if x.clears && x.elem == nil && x.Pkg.Path == p.Path {
			return "a finalizer of an object of unknown type is cleared in the package"
		}
	}
	for _, f := range p.OtherFiles() {
		if containsNode(f, func(n ast.Node) bool {
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
		_, isStmt := x.At.Parent().Node().(*ast.ExprStmt)
		if !isStmt || !inList(x.At.Parent()) || x.Pkg != p || x.File.Test || x.File.Generated || x.wrapper != nil || !plainOperand(x.object) {
			return "the finalizer is cleared where the cleanup cannot be stopped (a test, another package, or a deferred call)"
		}
	}
	if u, ok := m.y.object.(*ast.UnaryExpr); ok && u.Op == token.AND {
		return "the object is a variable by value"
	}
	return m.growable()
}

// growable finds the struct that gets a field for the cleanup, or says why it
// must not get one.
func (m *migration) growable() string {
	p := m.y.Pkg
	named := types.Unalias(m.y.elem).(*types.Named)
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
	key := finalizedKey(named)
	for cur := range p.Inspector.Root().Preorder((*ast.Ident)(nil), (*ast.SelectorExpr)(nil), (*ast.StarExpr)(nil), (*ast.IndexExpr)(nil), (*ast.CallExpr)(nil), (*ast.CompositeLit)(nil), (*ast.MapType)(nil)) {
		if mt, ok := cur.Node().(*ast.MapType); ok {
			if t := p.Info.TypeOf(mt.Key); t != nil && !isPointer(t) && finalizedKey(t) == key {
				return "objects of the type are keys of a map"
			}
			continue
		}
		x := cur.Node().(ast.Expr)
		tv, ok := p.Info.Types[x]
		if !ok || !tv.IsValue() || isPointer(tv.Type) || finalizedKey(tv.Type) != key {
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
	for _, x := range m.c.all.of(m.y.elem) {
		if x == m.y.finalization {
			continue
		}
		i := slices.IndexFunc(found, func(y *cyclic) bool { return y.finalization == x })
		if i < 0 || plans[found[i]] == nil || plans[found[i]].why != "" || x.File.Test {
			return "a finalizer of the type is cleared, and another registration for it stays; " + byHand
		}
		m.others = append(m.others, plans[found[i]])
	}
	return ""
}

const cleanupMessage = "register a cleanup, which a cycle does not keep from running; the fields are read at the registration, and finalizers that never ran begin to run"

func (m *migration) fix() *rewrite.Fix {
	fix := &rewrite.Fix{Message: cleanupMessage, Safety: rewrite.Unsafe, Apply: m.apply}
	if len(m.clears) > 0 {
		fix.Message += "; where the finalizer was cleared the cleanup is stopped"
	}
	return fix
}

func (m *migration) apply(e *rewrite.Edit) error {
	for _, x := range append([]*migration{m}, m.others...) {
		if err := x.register(e); err != nil {
			return err
		}
	}
	if len(m.clears) > 0 {
		m.stop(e)
	}
	return nil
}

// register rewrites one registration and its function.
func (m *migration) register(e *rewrite.Edit) error {
	call := m.y.Call.Call
	base := m.base()
	operand := func(f fieldPath) dst.Expr {
		x := e.Clone(base)
		for _, v := range f {
			x = &dst.SelectorExpr{X: x, Sel: dst.NewIdent(v.Name())}
		}
		return x
	}
	var arg dst.Expr
	param := m.typ.Params.List[0]
	switch len(m.fields) {
	case 0:
		empty := func() dst.Expr { return &dst.StructType{Fields: &dst.FieldList{Opening: true, Closing: true}} }
		e.Replace(param.Type, empty())
		arg = &dst.CompositeLit{Type: empty()}
	case 1:
		name := m.freeName(m.fields[0].leaf().Name(), "v")
		for _, u := range m.uses {
			e.Replace(u.expr, dst.NewIdent(name))
		}
		e.Replace(param.Names[0], dst.NewIdent(name))
		e.Replace(param.Type, m.typeOf(m.fields[0].leaf()))
		arg = operand(m.fields[0])
	default:
		lit := &dst.CompositeLit{Type: m.structType()}
		for _, f := range m.fields {
			lit.Elts = append(lit.Elts, operand(f))
		}
		for _, u := range m.uses {
			if len(u.path) > 1 {
				e.Replace(u.expr, &dst.SelectorExpr{X: dst.NewIdent(m.param.Name()), Sel: dst.NewIdent(u.path.leaf().Name())})
			}
		}
		e.Replace(param.Type, m.structType())
		arg = lit
	}
	e.Replace(call.Fun, rewrite.Use("runtime", "AddCleanup"))
	e.Modify(call, func(n dst.Node) error {
		c := n.(*dst.CallExpr)
		c.Args = append(c.Args, arg)
		return nil
	})
	if len(m.clears) == 0 {
		return nil
	}
	// The object keeps its cleanup, so that it can be stopped.
	name := m.fieldName()
	twin, err := rewrite.Twin[*dst.ExprStmt](e, m.stmt)
	if err != nil {
		return err
	}
	e.ReplaceStmt(m.stmt, &dst.AssignStmt{
		Lhs: []dst.Expr{&dst.SelectorExpr{X: e.Clone(base), Sel: dst.NewIdent(name)}}, Tok: token.ASSIGN, Rhs: []dst.Expr{twin.X},
	})
	return nil
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
		stmt := x.At.Parent().Node().(*ast.ExprStmt)
		stop := rewrite.Stmts("$x.$f.Stop()", rewrite.Holes{"x": e.Clone(x.object), "f": name})
		if !usedAfter(x.Pkg, x.At.Parent(), rootIdent(x.object)) {
			stop = append(stop, rewrite.Stmts("runtime.KeepAlive($x)", rewrite.Holes{"x": e.Clone(x.object)})...)
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
		return containsNode(n, func(n ast.Node) bool {
			x, ok := n.(*ast.Ident)
			return ok && p.Info.Uses[x] == p.Info.Uses[id]
		})
	})
}

// structType returns a struct of the fields that the function needs.
func (m *migration) structType() dst.Expr {
	st := &dst.StructType{Fields: &dst.FieldList{Opening: true, Closing: true}}
	for _, f := range m.fields {
		x := &dst.Field{Names: []*dst.Ident{dst.NewIdent(f.leaf().Name())}, Type: m.typeOf(f.leaf())}
		x.Decs.Before, x.Decs.After = dst.NewLine, dst.NewLine
		st.Fields.List = append(st.Fields.List, x)
	}
	return st
}

// freeName returns the first of names that the function does not use for
// something else.
func (m *migration) freeName(names ...string) string {
	used := make(map[string]bool)
	ast.Inspect(m.body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			ast.Inspect(n.X, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && m.y.Pkg.Info.Selections[selectorOf(n)] == nil {
					used[id.Name] = used[id.Name] || m.y.Pkg.Info.Uses[id] != m.param && !isField(m.y.Pkg, id)
				}
				return true
			})
			return false
		case *ast.Ident:
			used[n.Name] = true
		}
		return true
	})
	for _, n := range names {
		if n != "_" && !used[n] && !token.IsKeyword(n) && types.Universe.Lookup(n) == nil {
			return n
		}
	}
	return names[len(names)-1] + "0"
}

func selectorOf(n ast.Node) *ast.SelectorExpr {
	sel, _ := n.(*ast.SelectorExpr)
	return sel
}

func isField(p *rewrite.Package, id *ast.Ident) bool {
	v, ok := p.Info.Uses[id].(*types.Var)
	return ok && v.IsField()
}

// fieldName returns a name for the field that holds the cleanup.
func (m *migration) fieldName() string {
	for _, n := range []string{"cleanup", "runtimeCleanup", "releaseCleanup"} {
		obj, _, _ := types.LookupFieldOrMethod(types.NewPointer(m.y.elem), true, m.y.Pkg.Types, n)
		if obj == nil {
			return n
		}
	}
	return "finalizerCleanup"
}
