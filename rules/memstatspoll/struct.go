package memstatspoll

import (
	"go/ast"
	"go/types"
	"regexp"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

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
	if r.v.Exported() || r.v.Embedded() || syntax.Mentioned(r.pkg, r.v.Name()) {
		return "other code may use the field"
	}
	if r.pointer {
		return elsewhere
	}
	for d := range syntax.StructDecls(r.pkg) {
		for _, f := range d.Fields().List {
			if len(f.Names) != 1 || r.pkg.Info.Defs[f.Names[0]] != r.v {
				continue
			}
			switch {
			case d.Listed():
				return "values of " + d.Spec.Name.Name + " are listed without the names of the fields"
			case f.Tag != nil, commentElsewhere(f.Doc), commentElsewhere(f.Comment):
				return "the field is there for more than the readings"
			}
			r.holder, r.field, r.typ = d, f, f.Type
		}
	}
	if r.typ == nil || !syntax.IsType(r.pkg.Info.TypeOf(r.typ), "runtime", "MemStats") {
		return elsewhere
	}
	return ""
}

// commentElsewhere reports whether a comment is about something else than the
// statistics, so that it must stay.
func commentElsewhere(c *ast.CommentGroup) bool {
	return c != nil && !memWord.MatchString(c.Text())
}
