package finalizercycle

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A capture is a finalizer's function literal that uses the object by a variable
// of the function around it.
type capture struct {
	y *cyclic
	p *rewrite.Package
	// object is what stands for the object there, a variable or a chain of fields,
	// and typ its type.
	object ast.Expr
	typ    types.Type
	// same are the variables that hold the object under other names, too.
	same map[types.Object]bool
	lit  *ast.FuncLit
	// uses are the places in the literal that use the object.
	uses []ast.Expr
	// copies are statements that nothing needs once the literal uses its
	// parameter.
	copies []ast.Stmt
}

const (
	captureAdvice  = "; let it use its parameter, and nothing that leads back to the object"
	captureMessage = "let the finalizer use its parameter; finalizers that never ran begin to run"
)

// useParameter returns the fix that lets the finalizer's function use its
// parameter instead of the object that it captures, or says why there is none.
func (c *cycles) useParameter(y *cyclic) (*rewrite.Fix, string) {
	x := &capture{y: y, p: y.Pkg, object: y.Object, typ: y.Pkg.Info.TypeOf(y.Object)}
	if sel, ok := y.Fn.(*ast.SelectorExpr); ok {
		if why := c.again(y, sel); why != "" {
			return nil, why
		}
		return x.bindLate(sel)
	}
	if why := x.stable(); why != "" {
		return nil, why + captureAdvice
	}
	if inner := c.embeds(y.Elem); inner != "" {
		return nil, "the object embeds " + inner + ", which has or may have a finalizer of its own; see that they do not release the same thing twice, and let the finalizer use its parameter"
	}
	if x.lit = x.literal(); x.lit == nil {
		return nil, "the function is made elsewhere" + captureAdvice
	}
	if why := x.collect(); why != "" {
		return nil, why + captureAdvice
	}
	if why := c.again(y, x.lit); why != "" {
		return nil, why
	}
	fix, why := x.rename()
	if fix == nil {
		return nil, why + captureAdvice
	}
	return fix, ""
}

// embeds returns the name of a type that t embeds a pointer to and that has a
// finalizer itself, or of which nothing is known, "" when there is none. Such
// types mostly share what they release.
func (c *cycles) embeds(t types.Type) string {
	st, ok := syntax.Under(t).(*types.Struct)
	if !ok {
		return ""
	}
	for f := range st.Fields() {
		unknown := syntax.IsPointer(f.Type()) && syntax.PointerElem(f.Type()) == nil || types.Identical(f.Type(), types.Typ[types.Invalid])
		if f.Embedded() && (unknown || syntax.IsPointer(f.Type()) && c.all.Backed(f.Type())) {
			return f.Name()
		}
	}
	return ""
}

// bindLate returns the fix for a method value, whose receiver is bound when it
// is registered: x.finalize becomes a literal that calls it on the parameter. A
// method without a parameter cannot be a finalizer like that: x.Close becomes
// (*T).Close.
func (x *capture) bindLate(fn *ast.SelectorExpr) (*rewrite.Fix, string) {
	sel := x.p.Info.Selections[fn]
	recv, isIdent := ast.Unparen(fn.X).(*ast.Ident)
	object, ok := x.object.(*ast.Ident)
	if sel == nil || sel.Kind() != types.MethodVal || !isIdent || !ok || x.p.Info.Uses[recv] == nil || x.p.Info.Uses[recv] != x.p.Info.Uses[object] {
		return nil, "the method's receiver leads back to the object" + captureAdvice
	}
	if y := x.y; y.dies() {
		recv := typeExprIn(y.File, types.Unalias(x.typ))
		if recv == nil || len(sel.Index()) != 1 {
			return nil, "pass a function that takes the object"
		}
		return &rewrite.Fix{Message: "pass the method of the type, which takes the object", Safety: rewrite.Unsafe, Apply: func(e *rewrite.Edit) error {
			e.Replace(fn.X, &dst.ParenExpr{X: typeExprIn(y.File, types.Unalias(x.typ))})
			return nil
		}}, ""
	}
	name := recv.Name
	if typeExprIn(x.y.File, x.typ) == nil {
		return nil, "its type cannot be named here" + captureAdvice
	}
	return &rewrite.Fix{Message: captureMessage, Safety: rewrite.Unsafe, Apply: func(e *rewrite.Edit) error {
		e.Replace(x.y.Fn, &dst.FuncLit{
			Type: &dst.FuncType{Func: true, Params: &dst.FieldList{List: []*dst.Field{{Names: []*dst.Ident{dst.NewIdent(name)}, Type: typeExprIn(x.y.File, x.typ)}}}},
			Body: &dst.BlockStmt{List: []dst.Stmt{&dst.ExprStmt{X: &dst.CallExpr{
				Fun:  &dst.SelectorExpr{X: dst.NewIdent(name), Sel: dst.NewIdent(fn.Sel.Name)},
				Args: []dst.Expr{dst.NewIdent(name)},
			}}}},
		})
		return nil
	}}, ""
}

// stable says why the object's expression may mean another object when the
// finalizer runs, "" when it cannot. It finds the other names of the object.
func (x *capture) stable() string {
	if !syntax.IsPointer(x.typ) && !types.IsInterface(x.typ) {
		return "the object is no pointer"
	}
	decl := syntax.EnclosingDecl(x.y.At)
	switch object := x.object.(type) {
	case *ast.Ident:
		v, ok := x.p.Info.Uses[object].(*types.Var)
		if !ok {
			return "the object is no variable"
		}
		if later(x.p, x.y.At.Node(), decl, v) {
			return v.Name() + " is assigned again"
		}
		x.same = copiesOf(x.p, decl, v)
		return ""
	case *ast.SelectorExpr:
		root := syntax.VariableOf(object)
		if !plainOperand(object) || root == nil {
			break
		}
		v, ok := x.p.Info.Uses[root].(*types.Var)
		if !ok || later(x.p, x.y.At.Node(), decl, v) || x.setLater(decl, object) {
			return "another object may take its place"
		}
		return ""
	}
	return "the object is no variable"
}

// setLater reports whether a field of the chain is assigned in decl after the
// registration.
func (x *capture) setLater(decl *ast.FuncDecl, chain *ast.SelectorExpr) bool {
	fields := make(map[types.Object]bool)
	for n := ast.Expr(chain); ; {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			break
		}
		fields[x.p.Info.Uses[sel.Sel]] = true
		n = sel.X
	}
	return syntax.ContainsNode(decl, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || sel.Pos() < x.y.Call.Call.Pos() || !fields[x.p.Info.Uses[sel.Sel]] {
			return false
		}
		cur, ok := x.p.Cursor(sel)
		return ok && syntax.Written(cur)
	})
}

// literal returns the finalizer's literal, which may stand in a variable that
// only the registration uses.
func (x *capture) literal() *ast.FuncLit {
	switch fn := x.y.Fn.(type) {
	case *ast.FuncLit:
		return fn
	case *ast.Ident:
		v, ok := x.p.Info.Uses[fn].(*types.Var)
		if !ok {
			return nil
		}
		var lit *ast.FuncLit
		uses := 0
		ast.Inspect(syntax.EnclosingDecl(x.y.At), func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if w, value := defines(x.p, n); w == v {
					lit, _ = ast.Unparen(value).(*ast.FuncLit)
				}
			case *ast.Ident:
				if x.p.Info.Uses[n] == v {
					uses++
				}
			}
			return true
		})
		if uses == 1 {
			return lit
		}
	}
	return nil
}

// collect finds the uses of the object in the literal, or says what stands in
// the way.
func (x *capture) collect() string {
	p := x.p
	var root types.Object
	if id := syntax.VariableOf(x.object); id != nil {
		root = p.Info.Uses[id]
	}
	why := ""
	ast.Inspect(x.lit.Body, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok || why != "" {
			return why == ""
		}
		id, isIdent := e.(*ast.Ident)
		switch {
		case isIdent && x.same[p.Info.Uses[id]], !isIdent && sameChain(p, e, x.object):
			x.uses = append(x.uses, e)
			if cur, ok := p.Cursor(e); !ok || syntax.Written(cur) {
				why = "the object's variable is assigned or its address taken in the function"
			}
			return false
		case isIdent && p.Info.Uses[id] != nil && p.Info.Uses[id] == root:
			why = "it uses more of " + id.Name
		}
		return true
	})
	if why != "" {
		return why
	}
	if len(x.uses) == 0 {
		return "another variable that the function captures leads back to the object"
	}
	for v := range freeVars(p, x.lit) {
		if v != root && !x.same[v] && x.y.heap.Leads(v, x.y.obj) {
			return v.Name() + ", which the function captures, too, leads back to the object"
		}
	}
	return x.left()
}

// left finds the copies of the object that nothing uses besides the literal.
func (x *capture) left() string {
	p, decl := x.p, syntax.EnclosingDecl(x.y.At)
	for _, u := range x.uses {
		id, ok := u.(*ast.Ident)
		if !ok {
			continue
		}
		v := p.Info.Uses[id]
		if syntax.ContainsNode(decl, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			return ok && p.Info.Uses[id] == v && (id.Pos() < x.lit.Pos() || x.lit.End() <= id.Pos())
		}) {
			continue
		}
		var stmt *ast.AssignStmt
		ast.Inspect(decl, func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok {
				if w, _ := defines(p, a); w == v {
					stmt = a
				}
			}
			return true
		})
		if stmt == nil || !syntax.InList(cursorOf(p, stmt)) {
			return v.Name() + " would be unused"
		}
		if !slices.Contains(x.copies, ast.Stmt(stmt)) {
			x.copies = append(x.copies, stmt)
		}
	}
	return ""
}

// rename gives the parameter the name and type of the captured variable; where
// the parameter is in use already, the captured one takes its name.
func (x *capture) rename() (*rewrite.Fix, string) {
	p := x.p
	params := x.lit.Type.Params.List
	if len(params) != 1 || len(params[0].Names) > 1 {
		return nil, "the function has no parameter of its own"
	}
	param := params[0]
	var old *ast.Ident
	var obj types.Object
	if len(param.Names) == 1 {
		old = param.Names[0]
		obj = p.Info.Defs[old]
	}
	used := false
	for cur := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		if id := cur.Node().(*ast.Ident); obj != nil && p.Info.Uses[id] == obj {
			used = true
			if syntax.Written(cur) {
				return nil, "the parameter is assigned in the function"
			}
		}
	}
	same := types.Identical(p.Info.TypeOf(param.Type), x.typ)
	newName := ""
	switch {
	case used && !same:
		return nil, "the parameter has another type"
	case used:
		newName = old.Name
		for _, u := range x.uses {
			if !refersAt(p, u, newName, obj) {
				return nil, "the parameter is hidden by another variable"
			}
		}
	default:
		newName = x.newName(old)
		if newName == "" {
			return nil, "a name of the object means something else in the function"
		}
		if !same && typeExprIn(x.y.File, x.typ) == nil {
			return nil, "its type cannot be named here"
		}
	}
	return &rewrite.Fix{Message: captureMessage, Safety: rewrite.Unsafe, Apply: func(e *rewrite.Edit) error {
		for _, u := range x.uses {
			if id, ok := u.(*ast.Ident); !ok || id.Name != newName {
				e.Replace(u, dst.NewIdent(newName))
			}
		}
		for _, s := range x.copies {
			e.Delete(s, about.Removed())
		}
		if used {
			return nil
		}
		if !same {
			e.Replace(param.Type, typeExprIn(x.y.File, x.typ))
		}
		if old != nil {
			if old.Name != newName {
				e.Replace(old, dst.NewIdent(newName))
			}
			return nil
		}
		e.Modify(x.lit.Type.Params, func(n dst.Node) error {
			n.(*dst.FieldList).List[0].Names = []*dst.Ident{dst.NewIdent(newName)}
			return nil
		})
		return nil
	}}, ""
}

// newName returns a name for the parameter, which has the name old or none, ""
// when there is none that means nothing else where the object is used.
func (x *capture) newName(old *ast.Ident) string {
	first, ok := x.uses[0].(*ast.Ident)
	if ok {
		for _, u := range x.uses {
			if !refersAt(x.p, u, first.Name, x.p.Info.Uses[first]) {
				return ""
			}
		}
		return first.Name
	}
	if old != nil && old.Name != "_" {
		return old.Name
	}
	name := x.object.(*ast.SelectorExpr).Sel.Name
	taken := syntax.ContainsNode(x.lit.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && id.Name == name && !isField(x.p, id)
	})
	if taken {
		return ""
	}
	return name
}

// refersAt reports whether name means obj where n stands.
func refersAt(p *rewrite.Package, n ast.Node, name string, obj types.Object) bool {
	scope := p.Types.Scope().Innermost(n.Pos())
	if scope == nil {
		return false
	}
	_, o := scope.LookupParent(name, n.Pos())
	return o == obj
}

// defines returns the variable that stmt declares and its value, where it is one
// alone.
func defines(p *rewrite.Package, stmt *ast.AssignStmt) (*types.Var, ast.Expr) {
	if stmt.Tok != token.DEFINE || len(stmt.Lhs) != 1 || len(stmt.Rhs) != 1 {
		return nil, nil
	}
	id, _ := stmt.Lhs[0].(*ast.Ident)
	v, _ := p.Info.Defs[id].(*types.Var)
	return v, stmt.Rhs[0]
}

// copiesOf returns v and the variables of decl that hold the same value all the
// time, as w does after w := v.
func copiesOf(p *rewrite.Package, decl *ast.FuncDecl, v *types.Var) map[types.Object]bool {
	changed := make(map[types.Object]bool)
	for cur := range cursorOf(p, decl).Preorder((*ast.Ident)(nil)) {
		if syntax.Written(cur) {
			changed[p.Info.Uses[cur.Node().(*ast.Ident)]] = true
		}
	}
	out := map[types.Object]bool{v: true}
	if changed[v] {
		return out
	}
	for again := true; again; {
		again = false
		ast.Inspect(decl, func(n ast.Node) bool {
			a, ok := n.(*ast.AssignStmt)
			if !ok {
				return true
			}
			w, value := defines(p, a)
			id, ok := ast.Unparen(value).(*ast.Ident)
			if w == nil || !ok {
				return true
			}
			from := p.Info.Uses[id]
			if out[w] != out[from] && from != nil && !changed[w] && !changed[from] && types.Identical(w.Type(), from.Type()) {
				out[w], out[from] = true, true
				again = true
			}
			return true
		})
	}
	return out
}

// sameChain reports whether x and y are the same chain of fields of one
// variable.
func sameChain(p *rewrite.Package, x, y ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		y, ok := y.(*ast.Ident)
		return ok && p.Info.Uses[x] != nil && p.Info.Uses[x] == p.Info.Uses[y]
	case *ast.SelectorExpr:
		y, ok := y.(*ast.SelectorExpr)
		return ok && p.Info.Uses[x.Sel] != nil && p.Info.Uses[x.Sel] == p.Info.Uses[y.Sel] && sameChain(p, x.X, y.X)
	}
	return false
}

// later reports whether v is assigned after the node in decl, or in a loop
// around it that does not declare it.
func later(p *rewrite.Package, n ast.Node, decl *ast.FuncDecl, v *types.Var) bool {
	loop := token.NoPos
	ast.Inspect(decl, func(m ast.Node) bool {
		switch m.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			if m.Pos() <= n.Pos() && n.End() <= m.End() && v.Pos() < m.Pos() && !loop.IsValid() {
				loop = m.Pos()
			}
		}
		return true
	})
	return syntax.ContainsNode(decl, func(m ast.Node) bool {
		id, ok := m.(*ast.Ident)
		if !ok || p.Info.Uses[id] != v || id.Pos() < n.Pos() && !(loop.IsValid() && id.Pos() > loop) {
			return false
		}
		cur, ok := p.Cursor(id)
		return ok && syntax.Written(cur)
	})
}
