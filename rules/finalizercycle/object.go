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

// declaredFunc finds a method or function that is the finalizer, and what it
// needs: runtime.SetFinalizer(x, (*T).free) becomes
//
//	runtime.AddCleanup(x, (*T).free, &T{fd: x.fd})
//
// The function and its other callers stay as they are.
func (m *migration) declaredFunc() string {
	p := m.y.Pkg
	var fn *types.Func
	switch x := m.y.Fn.(type) {
	case *ast.Ident:
		fn, _ = p.Info.Uses[x].(*types.Func)
	case *ast.SelectorExpr:
		if sel := p.Info.Selections[x]; sel != nil && sel.Kind() == types.MethodExpr && len(sel.Index()) == 1 {
			fn, _ = sel.Obj().(*types.Func)
		}
	}
	if fn == nil {
		return "the finalizer is a function value"
	}
	decl := syntax.DeclOf(p, fn)
	if decl == nil || decl.Body == nil || p.File(decl).Test {
		return "the finalizer's function is out of reach"
	}
	list := decl.Type.Params.List
	if decl.Recv != nil {
		if len(list) > 0 {
			return "the finalizer has more than one parameter"
		}
		list = decl.Recv.List
	}
	if len(list) != 1 || len(list[0].Names) > 1 {
		return "the finalizer has no single parameter"
	}
	if !syntax.IsPointer(p.Info.TypeOf(list[0].Type)) {
		return "the finalizer gets the object as an interface, or a copy of it"
	}
	m.returns = decl.Type.Results != nil && len(decl.Type.Results.List) > 0
	m.funcs, m.bodies = append(m.funcs, fn), append(m.bodies, decl.Body)
	var param *types.Var
	if len(list[0].Names) == 1 {
		param, _ = p.Info.Defs[list[0].Names[0]].(*types.Var)
	}
	if why := m.objectOf(decl.Body, param); why != "" {
		return why
	}
	return m.newObject()
}

// newObject says what stands in the way of giving the function an object of its
// own, "" when nothing does.
func (m *migration) newObject() string {
	m.object = true
	p := m.y.Pkg
	named := types.Unalias(m.y.Elem).(*types.Named)
	if named.TypeArgs().Len() > 0 || named.TypeParams().Len() > 0 {
		return "the object's type has type parameters, and the finalizer needs the whole object"
	}
	if !refersAt(p, m.y.Call.Call, named.Obj().Name(), named.Obj()) {
		return "the object's type cannot be named here"
	}
	for _, f := range m.fields {
		if hasLock(f.leaf().Type()) {
			return "the field " + f.leaf().Name() + " must not be copied"
		}
	}
	return m.open()
}

// objectOf collects the fields that body, and the methods that it calls on the
// object v, read and set.
func (m *migration) objectOf(body *ast.BlockStmt, v *types.Var) string {
	if v == nil {
		return ""
	}
	m.fields = nil
	return m.objectUses(body, v)
}

func (m *migration) objectUses(body *ast.BlockStmt, v *types.Var) string {
	p := m.y.Pkg
	for cur := range cursorOf(p, body).Preorder((*ast.Ident)(nil)) {
		if p.Info.Uses[cur.Node().(*ast.Ident)] != v {
			continue
		}
		if syntax.Written(cur) {
			return "the finalizer assigns its parameter"
		}
		if m.clearedBy(cur) {
			continue
		}
		if why, ok := m.methodCall(cur); ok {
			if why != "" {
				return why
			}
			continue
		}
		use, end := m.chain(cur)
		if use.expr == nil {
			return "the finalizer needs the whole object"
		}
		if m.locks(end) {
			continue
		}
		if u, ok := end.Parent().Node().(*ast.UnaryExpr); ok && u.Op == token.AND || m.implicitAddress(end) {
			return "the finalizer takes an address in the object"
		}
		if a, ok := end.Parent().Node().(*ast.AssignStmt); ok && syntax.Written(end) && a.Tok == token.ASSIGN {
			continue // it is set only
		}
		m.need(use.path[:1])
	}
	return ""
}

// clearedBy reports whether the use of the object at c is the argument of a call
// that clears its finalizer.
func (m *migration) clearedBy(c inspector.Cursor) bool {
	return slices.ContainsFunc(m.clears, func(x *finalizer.Finalization) bool { return x.Object == c.Node() })
}

// methodCall collects what a method of the object needs that is called on it
// at c; ok is false when none is.
func (m *migration) methodCall(c inspector.Cursor) (why string, ok bool) {
	p := m.y.Pkg
	sel, isSel := c.Parent().Node().(*ast.SelectorExpr)
	if !isSel || sel.X != c.Node() {
		return "", false
	}
	s := p.Info.Selections[sel]
	if s == nil || s.Kind() != types.MethodVal {
		return "", false
	}
	const whole = "the finalizer needs the whole object"
	call, isCall := c.Parent().Parent().Node().(*ast.CallExpr)
	fn, _ := s.Obj().(*types.Func)
	if !isCall || call.Fun != sel || fn == nil || len(s.Index()) != 1 {
		return whole, true
	}
	if slices.Contains(m.funcs, fn) {
		return "", true
	}
	decl := syntax.DeclOf(p, fn)
	if decl == nil || decl.Body == nil || decl.Recv == nil || p.File(decl).Test {
		return whole, true
	}
	m.funcs, m.bodies = append(m.funcs, fn), append(m.bodies, decl.Body)
	if names := decl.Recv.List[0].Names; len(names) == 1 {
		if v, ok := p.Info.Defs[names[0]].(*types.Var); ok {
			return m.objectUses(decl.Body, v), true
		}
	}
	return "", true
}

// locks reports whether the field at c is a mutex that is locked or unlocked
// there. An object of which nobody else knows needs no lock, but may take it.
func (m *migration) locks(c inspector.Cursor) bool {
	sel, ok := c.Parent().Node().(*ast.SelectorExpr)
	if !ok || sel.X != c.Node() {
		return false
	}
	fn, ok := m.y.Pkg.Info.Uses[sel.Sel].(*types.Func)
	if !ok {
		return false
	}
	switch rewrite.ObjectKey(fn) {
	case "(*sync.Mutex).Lock", "(*sync.Mutex).Unlock", "(*sync.RWMutex).Lock", "(*sync.RWMutex).Unlock",
		"(*sync.RWMutex).RLock", "(*sync.RWMutex).RUnlock":
		return true
	}
	return false
}

// hasLock reports whether values of type t must not be copied.
func hasLock(t types.Type) bool {
	if _, ok := types.Unalias(t).(*types.Pointer); ok {
		return false
	}
	if obj, _, _ := types.LookupFieldOrMethod(types.NewPointer(t), true, nil, "Lock"); obj != nil {
		return true
	}
	switch t := syntax.Under(t).(type) {
	case *types.Struct:
		for f := range t.Fields() {
			if hasLock(f.Type()) {
				return true
			}
		}
	case *types.Array:
		return hasLock(t.Elem())
	}
	return false
}

// called says where the finalizer's function, or a method that it calls, runs
// with the finalizer still set: the cleanup, which knows nothing of it, would
// release everything once more.
func (m *migration) called() string {
	p := m.y.Pkg
	for _, fn := range m.funcs {
		if m.clearsFirst(syntax.DeclOf(p, fn)) {
			continue
		}
		if fn.Exported() || syntax.Mentioned(p, fn.Name()) || m.inInterface(fn.Name()) {
			return fn.Name() + " leaves the finalizer set and may be called from elsewhere: a cleanup would release everything again"
		}
		for _, r := range m.c.s.Refs(rewrite.ObjectKey(fn)) {
			n := r.Cursor().Node()
			if m.own(n) || m.inFinalizer(n) {
				continue
			}
			call, ok := r.Call()
			if !ok || !m.clearedCall(call) {
				return fn.Name() + " is called where the finalizer is set, too: a cleanup would release everything again"
			}
		}
	}
	return ""
}

// clearedCall reports whether the call at c is one of the object's methods, or
// with the object as its argument, that comes with a clearing of its finalizer,
// or comes before it is registered.
func (m *migration) clearedCall(c inspector.Cursor) bool {
	call := c.Node().(*ast.CallExpr)
	operand := ast.Unparen(call.Fun)
	if sel, ok := operand.(*ast.SelectorExpr); ok && m.y.Pkg.Info.Selections[sel] != nil {
		operand = sel.X
	} else if len(call.Args) == 1 {
		operand = call.Args[0]
	}
	operand = ast.Unparen(operand)
	return m.early(c, operand) || m.cleared(c, operand)
}

// clearsFirst reports whether decl clears its object's finalizer wherever it
// sets a field that the cleanup needs, or calls something with one.
func (m *migration) clearsFirst(decl *ast.FuncDecl) bool {
	p := m.y.Pkg
	list := decl.Type.Params.List
	if decl.Recv != nil {
		list = decl.Recv.List
	}
	if len(list) != 1 || len(list[0].Names) != 1 || !m.clearsIn(decl) {
		return false
	}
	v := p.Info.Defs[list[0].Names[0]]
	for cur := range cursorOf(p, decl.Body).Preorder((*ast.Ident)(nil)) {
		if p.Info.Uses[cur.Node().(*ast.Ident)] != v || m.clearedBy(cur) || m.cleared(cur, cur.Node().(ast.Expr)) {
			continue
		}
		use, end := m.chain(cur)
		if use.expr == nil {
			return false
		}
		if syntax.Written(end) || m.implicitAddress(end) && !m.locks(end) {
			return false
		}
		if !m.locks(end) && !isTested(end) {
			return false
		}
	}
	return true
}

// isTested reports whether the operand at c is in the condition of an if, and in
// no call.
func isTested(c inspector.Cursor) bool {
	for p := range c.Enclosing((*ast.IfStmt)(nil), (*ast.CallExpr)(nil), (*ast.BlockStmt)(nil), (*ast.AssignStmt)(nil)) {
		stmt, ok := p.Node().(*ast.IfStmt)
		return ok && stmt.Cond.Pos() <= c.Node().Pos() && c.Node().End() <= stmt.Cond.End()
	}
	return false
}

// inInterface reports whether the object implements an interface of the package
// with a method of that name.
func (m *migration) inInterface(name string) bool {
	p := m.y.Pkg
	for cur := range p.Inspector.Root().Preorder((*ast.InterfaceType)(nil)) {
		iface, _ := syntax.Under(p.Info.TypeOf(cur.Node().(ast.Expr))).(*types.Interface)
		if iface == nil || !types.Implements(types.NewPointer(m.y.Elem), iface) {
			continue
		}
		if obj, _, _ := types.LookupFieldOrMethod(iface, false, p.Types, name); obj != nil {
			return true
		}
	}
	return false
}

// registerObject rewrites a registration whose function gets an object of its
// own.
func (m *migration) registerObject(e *rewrite.Edit) error {
	typ := types.Unalias(m.y.Elem).(*types.Named).Obj().Name()
	lit := &dst.CompositeLit{Type: dst.NewIdent(typ)}
	for _, f := range m.fields {
		name := f[0].Name()
		lit.Elts = append(lit.Elts, &dst.KeyValueExpr{
			Key:   dst.NewIdent(name),
			Value: &dst.SelectorExpr{X: e.Clone(m.base()), Sel: dst.NewIdent(name)},
		})
	}
	if m.returns {
		name := "x"
		call := &dst.CallExpr{Fun: e.Clone(m.y.Fn), Args: []dst.Expr{dst.NewIdent(name)}}
		if sel, ok := m.y.Fn.(*ast.SelectorExpr); ok {
			call = &dst.CallExpr{Fun: &dst.SelectorExpr{X: dst.NewIdent(name), Sel: dst.NewIdent(sel.Sel.Name)}}
		}
		e.Replace(m.y.Fn, &dst.FuncLit{
			Type: &dst.FuncType{Func: true, Params: &dst.FieldList{List: []*dst.Field{{
				Names: []*dst.Ident{dst.NewIdent(name)}, Type: &dst.StarExpr{X: dst.NewIdent(typ)},
			}}}},
			Body: &dst.BlockStmt{List: []dst.Stmt{&dst.ExprStmt{X: call}}},
		})
	}
	return m.addCleanup(e, &dst.UnaryExpr{Op: token.AND, X: lit})
}
