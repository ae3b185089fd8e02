package syntax

import (
	"go/ast"
	"go/types"
	"iter"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// StructDecl is a struct type that a package declares.
type StructDecl struct {
	pkg  *rewrite.Package
	Spec *ast.TypeSpec
}

// StructDecls yields the struct types that p declares, local ones included.
func StructDecls(p *rewrite.Package) iter.Seq[*StructDecl] {
	return func(yield func(*StructDecl) bool) {
		for c := range p.Inspector.Root().Preorder((*ast.TypeSpec)(nil)) {
			spec := c.Node().(*ast.TypeSpec)
			if _, ok := spec.Type.(*ast.StructType); ok && !yield(&StructDecl{p, spec}) {
				return
			}
		}
	}
}

// ReceiverStruct returns the struct behind the named pointer receiver of a
// method, nil when fields cannot be added to it.
func ReceiverStruct(p *rewrite.Package, method *ast.FuncDecl) *StructDecl {
	recv := method.Recv.List[0]
	if len(recv.Names) != 1 || recv.Names[0].Name == "_" {
		return nil
	}
	ptr, ok := p.Info.TypeOf(recv.Type).(*types.Pointer)
	if !ok {
		return nil
	}
	named, ok := ptr.Elem().(*types.Named)
	if !ok || named.TypeArgs().Len() > 0 || named.TypeParams().Len() > 0 {
		return nil
	}
	for d := range StructDecls(p) {
		if p.Info.Defs[d.Spec.Name] == named.Obj() && !d.Listed() {
			return d
		}
	}
	return nil
}

func (d *StructDecl) Fields() *ast.FieldList { return d.Spec.Type.(*ast.StructType).Fields }

func (d *StructDecl) typ() types.Type {
	if obj := d.pkg.Info.Defs[d.Spec.Name]; obj != nil {
		return obj.Type()
	}
	return nil
}

// Listed reports whether the package makes a value of the struct without
// naming its fields.
func (d *StructDecl) Listed() bool {
	typ := d.typ()
	if typ == nil {
		return true
	}
	for c := range d.pkg.Inspector.Root().Preorder((*ast.CompositeLit)(nil)) {
		lit := c.Node().(*ast.CompositeLit)
		if len(lit.Elts) == 0 {
			continue
		}
		if _, keyed := lit.Elts[0].(*ast.KeyValueExpr); keyed {
			continue
		}
		t := d.pkg.Info.TypeOf(lit)
		if ptr, ok := t.(*types.Pointer); ok {
			t = ptr.Elem()
		}
		if t != nil && types.Identical(t, typ) {
			return true
		}
	}
	return false
}

// FreeField returns the first of the names that no field or method of the
// struct has.
func (d *StructDecl) FreeField(names ...string) string {
	for _, name := range names {
		if obj, _, _ := types.LookupFieldOrMethod(d.typ(), true, d.pkg.Types, name); obj == nil {
			return name
		}
	}
	return names[len(names)-1] + "2"
}

// AddField adds a field of a type of the package at the end of the struct.
func (d *StructDecl) AddField(e *rewrite.Edit, name, typ string) {
	e.Modify(d.Fields(), func(n dst.Node) error {
		field := &dst.Field{Names: []*dst.Ident{dst.NewIdent(name)}, Type: dst.NewIdent(typ)}
		field.Decs.Before, field.Decs.After = dst.NewLine, dst.NewLine
		list := n.(*dst.FieldList)
		list.List = append(list.List, field)
		return nil
	})
}

// DropField removes a field of the struct.
func (d *StructDecl) DropField(e *rewrite.Edit, f *ast.Field) {
	i := slices.Index(d.Fields().List, f)
	e.Drops(f.Doc, f.Comment)
	e.Modify(d.Fields(), func(n dst.Node) error {
		list := n.(*dst.FieldList)
		list.List = slices.Delete(list.List, i, i+1)
		if i == 0 && len(list.List) > 0 {
			list.List[0].Decs.Before = dst.NewLine
		}
		return nil
	})
}

// FieldValue returns the value that the literal gives the field, nil when it
// gives none.
func FieldValue(p *rewrite.Package, lit *ast.CompositeLit, field *types.Var) ast.Expr {
	st, ok := Under(p.Info.TypeOf(lit)).(*types.Struct)
	if !ok {
		return nil
	}
	for i, elt := range lit.Elts {
		if kv, ok := elt.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id.Name == field.Name() {
				return kv.Value
			}
		} else if i < st.NumFields() && st.Field(i).Name() == field.Name() {
			return elt
		}
	}
	return nil
}
