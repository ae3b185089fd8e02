package finalizercycle

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"slices"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/finalizercycle/heap"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// A migration turns a finalizer into a cleanup that takes the fields it needs by
// value, when it is registered. Where the finalizer is a literal that only reads
// fields, the cleanup gets these. Any other function gets a new object instead
// that has these fields alone.
type migration struct {
	c    *cycles
	y    *cyclic
	stmt *ast.ExprStmt // the registration
	why  string        // why it cannot be done, "" when it can

	lit   *ast.FuncLit // the finalizer, nil when it is a declared function
	param *types.Var   // the object in it, nil when it has no name
	uses  []fieldUse
	// fields are what the function needs, in order of declaration.
	fields []fieldPath
	// bodies are those of the function and, where it gets an object, of the
	// methods that it calls on it; funcs are those that are declared.
	bodies []*ast.BlockStmt
	funcs  []*types.Func
	// object reports whether the cleanup gets an object, returns whether the
	// function has a result.
	object, returns bool

	clears []*finalizer.Finalization
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
	if y.Wrapper != nil {
		return "another function registers it"
	}
	if y.Indirect {
		return "a variable has the function that registers"
	}
	m.stmt, _ = y.At.Parent().Node().(*ast.ExprStmt)
	if m.stmt == nil {
		return "the registration is no statement of its own"
	}
	named, _ := types.Unalias(y.Elem).(*types.Named)
	if named == nil || syntax.PointerElem(y.Pkg.Info.TypeOf(y.Object)) == nil || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() != y.Pkg.Path {
		return "the object is of no struct type of this package"
	}
	if _, isStruct := named.Underlying().(*types.Struct); !isStruct {
		return "the object is no struct"
	}
	if m.base() == nil {
		return "the object is the result of an expression"
	}
	m.clears = m.c.all.Clears(m.y.Elem)
	for _, check := range []func() string{m.function, m.fixed, m.released, m.called, m.clearing} {
		if why := check(); why != "" {
			return why
		}
	}
	return ""
}

// base returns the expression whose fields are the object's: x, or v for &v.
func (m *migration) base() ast.Expr {
	x := m.y.Object
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

// function finds the finalizer's function and what it needs of the object.
func (m *migration) function() string {
	if fn, ok := m.y.Fn.(*ast.FuncLit); ok {
		return m.literal(fn)
	}
	return m.declaredFunc()
}

// literal finds what a function literal needs.
func (m *migration) literal(lit *ast.FuncLit) string {
	p := m.y.Pkg
	for v := range freeVars(p, lit) {
		if !m.closed(v.Type(), nil) {
			return "the finalizer captures " + v.Name() + ", which may lead back to the object"
		}
	}
	list := lit.Type.Params.List
	if len(list) != 1 || len(list[0].Names) > 1 {
		return "the finalizer has no single parameter"
	}
	if len(list[0].Names) == 1 {
		m.param, _ = p.Info.Defs[list[0].Names[0]].(*types.Var)
	}
	m.lit, m.bodies = lit, []*ast.BlockStmt{lit.Body}
	if lit.Type.Results != nil && len(lit.Type.Results.List) > 0 {
		return "the finalizer returns something"
	}
	why := m.reads()
	if why != "" && m.objectOf(lit.Body, m.param) == "" {
		return m.newObject()
	}
	return why
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

// reads collects what the literal reads of its parameter. Anything else that it
// does with it stands in the way.
func (m *migration) reads() string {
	if m.param == nil {
		return ""
	}
	p := m.y.Pkg
	for cur := range cursorOf(p, m.lit.Body).Preorder((*ast.Ident)(nil)) {
		if p.Info.Uses[cur.Node().(*ast.Ident)] != m.param {
			continue
		}
		use, end := m.chain(cur)
		if use.expr == nil {
			return "the finalizer needs the whole object"
		}
		if syntax.Written(end) || m.implicitAddress(end) {
			return "the finalizer changes the object or takes an address in it"
		}
		m.uses = append(m.uses, use)
		m.need(use.path)
	}
	for i, f := range m.fields {
		if slices.ContainsFunc(m.fields[:i], func(g fieldPath) bool { return g.leaf().Name() == f.leaf().Name() }) {
			return "two fields that the finalizer needs are called " + f.leaf().Name()
		}
		if m.typeOf(f.leaf()) == nil {
			return "the type of the field " + f.leaf().Name() + " cannot be written here"
		}
	}
	return m.open()
}

// need adds a field, in order of declaration.
func (m *migration) need(f fieldPath) {
	if slices.ContainsFunc(m.fields, func(g fieldPath) bool { return slices.Equal(f, g) }) {
		return
	}
	m.fields = append(m.fields, f)
	slices.SortStableFunc(m.fields, func(a, b fieldPath) int { return cmp.Compare(a[0].Pos(), b[0].Pos()) })
}

// open says which field may lead back to the object, "" when none does.
func (m *migration) open() string {
	for _, f := range m.fields {
		// A timer's type does not show that its function leads on.
		if !m.isC(f.leaf()) && !m.closed(f.leaf().Type(), nil) && !m.onlyC(f.leaf()) || heap.Through(m.y.obj, f.leaf().Name()) {
			return "the field " + f.leaf().Name() + " may lead back to the object"
		}
	}
	return ""
}

// chain follows the selector expressions around the use of the object at cur as
// far as they stay within it. It returns the last one, without an expression
// when there is none, and where it ends.
func (m *migration) chain(cur inspector.Cursor) (use fieldUse, end inspector.Cursor) {
	p := m.y.Pkg
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
		// Only the first selection may follow a pointer, the variable itself.
		if len(use.path) > 0 && syntax.IsPointer(p.Info.TypeOf(sel.X)) {
			break
		}
		path, direct := selected(p.Info.TypeOf(sel.X), s.Index())
		if !direct {
			break
		}
		use.expr, use.path = sel, append(slices.Clone(use.path), path...)
		cur = parent
		if _, isStruct := syntax.Under(s.Type()).(*types.Struct); !isStruct {
			break
		}
	}
	for end = cur; ; end = end.Parent() {
		if _, isParen := end.Parent().Node().(*ast.ParenExpr); !isParen {
			return use, end
		}
	}
}

// selected returns the fields that a selection's index leads through; direct is
// false when one before the last is a pointer.
func selected(t types.Type, index []int) (path []*types.Var, direct bool) {
	if elem := syntax.PointerElem(t); elem != nil {
		t = elem
	}
	for i, k := range index {
		st, ok := syntax.Under(t).(*types.Struct)
		if !ok {
			return nil, false
		}
		f := st.Field(k)
		path = append(path, f.Origin())
		t = f.Type()
		if i < len(index)-1 && syntax.IsPointer(t) {
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
		return ok && fn.Signature().Recv() != nil && syntax.IsPointer(fn.Signature().Recv().Type()) && !syntax.IsPointer(p.Info.TypeOf(n.X))
	case *ast.SliceExpr:
		_, isArray := syntax.Under(p.Info.TypeOf(n.X)).(*types.Array)
		return n.X == c.Node() && isArray
	}
	return false
}

func cursorOf(p *rewrite.Package, n ast.Node) inspector.Cursor {
	c, _ := p.Cursor(n)
	return c
}

const (
	cleanupMessage       = "register a cleanup, which a cycle does not keep from running; the fields are read at the registration, and finalizers that never ran begin to run"
	cleanupObjectMessage = "register a cleanup, which a cycle does not keep from running; its function gets a new object with the fields that it reads, as they are at the registration, and finalizers that never ran begin to run"
	plainMessage         = "register a cleanup; it gets the fields that the finalizer reads, as they are at the registration"
)

func (m *migration) fix() *rewrite.Fix {
	fix := &rewrite.Fix{Message: cleanupMessage, Safety: rewrite.Unsafe, Apply: m.apply}
	if m.object {
		fix.Message = cleanupObjectMessage
	}
	if m.y.plain {
		fix.Message = plainMessage
	}
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
	if m.object {
		return m.registerObject(e)
	}
	base := m.base()
	operand := func(f fieldPath) dst.Expr {
		x := e.Clone(base)
		for _, v := range f {
			x = &dst.SelectorExpr{X: x, Sel: dst.NewIdent(v.Name())}
		}
		return x
	}
	var arg dst.Expr
	param := m.lit.Type.Params.List[0]
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
	return m.addCleanup(e, arg)
}

// addCleanup turns the call into one of AddCleanup with the argument for the
// function.
func (m *migration) addCleanup(e *rewrite.Edit, arg dst.Expr) error {
	call := m.y.Call.Call
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
	twin, err := rewrite.Twin[*dst.ExprStmt](e, m.stmt)
	if err != nil {
		return err
	}
	e.ReplaceStmt(m.stmt, &dst.AssignStmt{
		Lhs: []dst.Expr{&dst.SelectorExpr{X: e.Clone(m.base()), Sel: dst.NewIdent(m.fieldName())}}, Tok: token.ASSIGN, Rhs: []dst.Expr{twin.X},
	})
	return nil
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
	ast.Inspect(m.lit.Body, func(n ast.Node) bool {
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
