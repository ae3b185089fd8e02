package rules

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// useParameter returns the fix that lets the finalizer's function use its
// parameter instead of the object that it captures, or says why there is none.
func (c *cycles) useParameter(y *cyclic) (*rewrite.Fix, string) {
	const advice = "; let it use its parameter, and nothing that leads back to the object"
	p := y.Pkg
	x, ok := y.object.(*ast.Ident)
	if !ok {
		return nil, "the object is no variable" + advice
	}
	v, ok := p.Info.Uses[x].(*types.Var)
	if !ok || !isPointer(v.Type()) {
		return nil, "the object is no pointer variable" + advice
	}
	if later(p, y.At.Node(), enclosingDecl(y.At), v) {
		return nil, v.Name() + " is assigned again" + advice
	}
	if inner := c.embeds(y.elem); inner != "" {
		return nil, "the object embeds " + inner + ", which has or may have a finalizer of its own; see that they do not release the same thing twice, and let the finalizer use its parameter"
	}
	typ := func() dst.Expr { return typeExprIn(y.File, v.Type()) }
	if typ() == nil {
		return nil, "its type cannot be named here" + advice
	}
	const message = "let the finalizer use its parameter; finalizers that never ran begin to run"
	switch fn := y.fn.(type) {
	case *ast.SelectorExpr:
		// A method value: x.finalize.
		recv, ok := ast.Unparen(fn.X).(*ast.Ident)
		sel := p.Info.Selections[fn]
		if !ok || p.Info.Uses[recv] != v || sel == nil || sel.Kind() != types.MethodVal {
			return nil, "the method's receiver leads back to the object" + advice
		}
		return &rewrite.Fix{Message: message, Safety: rewrite.Unsafe, Apply: func(e *rewrite.Edit) error {
			e.Replace(y.fn, &dst.FuncLit{
				Type: &dst.FuncType{Func: true, Params: &dst.FieldList{List: []*dst.Field{{Names: []*dst.Ident{dst.NewIdent(v.Name())}, Type: typ()}}}},
				Body: &dst.BlockStmt{List: []dst.Stmt{&dst.ExprStmt{X: &dst.CallExpr{
					Fun:  &dst.SelectorExpr{X: dst.NewIdent(v.Name()), Sel: dst.NewIdent(fn.Sel.Name)},
					Args: []dst.Expr{dst.NewIdent(v.Name())},
				}}}},
			})
			return nil
		}}, ""
	case *ast.FuncLit:
		return y.renameParameter(fn, v, typ, message)
	}
	return nil, "the function is made elsewhere" + advice
}

// embeds returns the name of an embedded type of t's that has a finalizer
// itself, or of which nothing is known, "" when there is none. Such types mostly
// share what they release.
func (c *cycles) embeds(t types.Type) string {
	st, ok := under(t).(*types.Struct)
	if !ok {
		return ""
	}
	for f := range st.Fields() {
		unknown := isPointer(f.Type()) && pointerElem(f.Type()) == nil || types.Identical(f.Type(), types.Typ[types.Invalid])
		if f.Embedded() && (unknown || c.all.backed(f.Type())) {
			return f.Name()
		}
	}
	return ""
}

// renameParameter gives the parameter the name and type of the captured
// variable; where it is in use already, the captured one takes its name.
func (y *cyclic) renameParameter(lit *ast.FuncLit, v *types.Var, typ func() dst.Expr, message string) (*rewrite.Fix, string) {
	p := y.Pkg
	const advice = "; let it use its parameter, and nothing that leads back to the object"
	var uses []*ast.Ident
	bad := ""
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		if p.Info.Uses[id] == v {
			uses = append(uses, id)
			if cur, ok := p.Inspector.Root().FindNode(id); !ok || written(cur) {
				bad = v.Name() + " is assigned or its address taken in the function"
			}
		}
		return true
	})
	if bad != "" {
		return nil, bad + advice
	}
	if len(uses) == 0 {
		return nil, "another variable that the function captures leads back to the object" + advice
	}
	params := lit.Type.Params.List
	if len(params) != 1 || len(params[0].Names) > 1 {
		return nil, "the function has no parameter of its own" + advice
	}
	param := params[0]
	var name *ast.Ident
	if len(param.Names) == 1 {
		name = param.Names[0]
	}
	obj := types.Object(nil)
	if name != nil {
		obj = p.Info.Defs[name]
	}
	used := obj != nil && containsNode(lit.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && p.Info.Uses[id] == obj
	})
	same := types.Identical(p.Info.TypeOf(param.Type), v.Type())
	if used {
		if !same {
			return nil, "the parameter has another type" + advice
		}
		for _, id := range uses {
			scope := p.Types.Scope().Innermost(id.Pos())
			if scope == nil {
				return nil, "the parameter is hidden by another variable" + advice
			}
			if _, o := scope.LookupParent(name.Name, id.Pos()); o != obj {
				return nil, "the parameter is hidden by another variable" + advice
			}
		}
		return &rewrite.Fix{Message: message, Safety: rewrite.Unsafe, Apply: func(e *rewrite.Edit) error {
			for _, id := range uses {
				e.Replace(id, dst.NewIdent(name.Name))
			}
			return nil
		}}, ""
	}
	return &rewrite.Fix{Message: message, Safety: rewrite.Unsafe, Apply: func(e *rewrite.Edit) error {
		if !same {
			e.Replace(param.Type, typ())
		}
		if name != nil {
			e.Replace(name, dst.NewIdent(v.Name()))
		} else {
			e.Modify(lit.Type.Params, func(n dst.Node) error {
				n.(*dst.FieldList).List[0].Names = []*dst.Ident{dst.NewIdent(v.Name())}
				return nil
			})
		}
		return nil
	}}, ""
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
	return containsNode(decl, func(m ast.Node) bool {
		id, ok := m.(*ast.Ident)
		if !ok || p.Info.Uses[id] != v || id.Pos() < n.Pos() && !(loop.IsValid() && id.Pos() > loop) {
			return false
		}
		cur, ok := p.Inspector.Root().FindNode(id)
		return ok && written(cur)
	})
}

// typeExprIn returns t as an expression for new code of file, nil when it cannot
// be written there.
func typeExprIn(file *rewrite.File, t types.Type) dst.Expr {
	f := &fanout{pkg: file.Pkg, file: file}
	if x := f.typeExpr(t); x != nil {
		return x
	}
	switch t := types.Unalias(t).(type) {
	case *types.Pointer:
		if elem := typeExprIn(file, t.Elem()); elem != nil {
			return &dst.StarExpr{X: elem}
		}
	case *types.Array:
		return nil
	case *types.Named:
		if t.TypeArgs().Len() == 0 || t.Obj().Pkg() != file.Pkg.Types {
			return nil
		}
		var args []dst.Expr
		for i := range t.TypeArgs().Len() {
			a := typeExprIn(file, t.TypeArgs().At(i))
			if a == nil {
				return nil
			}
			args = append(args, a)
		}
		if len(args) == 1 {
			return &dst.IndexExpr{X: dst.NewIdent(t.Obj().Name()), Index: args[0]}
		}
		return &dst.IndexListExpr{X: dst.NewIdent(t.Obj().Name()), Indices: args}
	}
	return nil
}
