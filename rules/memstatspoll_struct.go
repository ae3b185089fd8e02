package rules

import (
	"go/ast"
	"go/types"
	"regexp"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// memStructField is the declaration of a MemStats as a field of a struct.
type memStructField struct {
	list  *ast.FieldList
	field *ast.Field
}

// fieldOf returns the field that x selects and the variable it is selected
// from, nil for both when x is something else.
func (r *memReading) fieldOf(x *ast.SelectorExpr) (*types.Var, types.Object) {
	id, ok := ast.Unparen(x.X).(*ast.Ident)
	if !ok {
		return nil, nil
	}
	if _, ok := r.pkg.Info.Uses[id].(*types.PkgName); ok {
		v, _ := r.pkg.Info.Uses[x.Sel].(*types.Var)
		return v, nil // a variable of another package
	}
	sel := r.pkg.Info.Selections[x]
	if sel == nil || sel.Kind() != types.FieldVal || len(sel.Index()) != 1 {
		return nil, nil
	}
	return sel.Obj().(*types.Var), r.pkg.Info.Uses[id]
}

// memWord matches what a comment says that is about the statistics.
var memWord = regexp.MustCompile(`(?i)mem|stat|heap|alloc|garbage|\bgc\b`)

// findField looks for the struct whose field v is, and says why the field must
// stay in it.
func (r *memReading) findField() string {
	const elsewhere = "the struct comes from elsewhere"
	if r.v.Exported() || r.v.Embedded() || mentioned(r.pkg, r.v.Name()) {
		return "other code may use the field"
	}
	if r.pointer {
		return elsewhere
	}
	for c := range r.pkg.Inspector.Root().Preorder((*ast.StructType)(nil)) {
		spec, ok := c.Parent().Node().(*ast.TypeSpec)
		if !ok {
			continue
		}
		list := c.Node().(*ast.StructType).Fields
		for _, f := range list.List {
			if len(f.Names) != 1 || r.pkg.Info.Defs[f.Names[0]] != r.v {
				continue
			}
			switch {
			case r.listed(spec):
				return "values of " + spec.Name.Name + " are listed without the names of the fields"
			case f.Tag != nil, commentElsewhere(f.Doc), commentElsewhere(f.Comment):
				return "the field is there for more than the readings"
			}
			r.field, r.typ = &memStructField{list: list, field: f}, f.Type
		}
	}
	if r.typ == nil || !isType(r.pkg.Info.TypeOf(r.typ), "runtime", "MemStats") {
		return elsewhere
	}
	return ""
}

// commentElsewhere reports whether a comment is about something else than the
// statistics, so that it must stay.
func commentElsewhere(c *ast.CommentGroup) bool {
	return c != nil && !memWord.MatchString(c.Text())
}

// listed reports whether the package makes a value of the struct without
// naming its fields.
func (r *memReading) listed(spec *ast.TypeSpec) bool {
	obj := r.pkg.Info.Defs[spec.Name]
	if obj == nil {
		return true
	}
	for c := range r.pkg.Inspector.Root().Preorder((*ast.CompositeLit)(nil)) {
		lit := c.Node().(*ast.CompositeLit)
		if len(lit.Elts) == 0 {
			continue
		}
		if _, keyed := lit.Elts[0].(*ast.KeyValueExpr); keyed {
			continue
		}
		t := r.pkg.Info.TypeOf(lit)
		if ptr, ok := t.(*types.Pointer); ok {
			t = ptr.Elem()
		}
		if t != nil && types.Identical(t, obj.Type()) {
			return true
		}
	}
	return false
}

// dropField removes the field from its struct.
func (r *memReading) dropField(e *rewrite.Edit) {
	i := slices.Index(r.field.list.List, r.field.field)
	e.Modify(r.field.list, func(n dst.Node) error {
		list := n.(*dst.FieldList)
		list.List = slices.Delete(list.List, i, i+1)
		if i == 0 && len(list.List) > 0 {
			list.List[0].Decs.Before = dst.NewLine
		}
		return nil
	})
}

// asExpr returns n when it is an expression, nil otherwise.
func asExpr(n ast.Node) ast.Expr {
	x, _ := n.(ast.Expr)
	return x
}
