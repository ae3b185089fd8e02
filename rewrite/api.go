package rewrite

import (
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite/load"
)

// apiChange returns the name of an exported object of package old that is gone
// or has another type in package new, "" when there is none. Importers were
// checked against the old package's export data, so such a change is never let
// through. New unexported struct fields are no change.
func apiChange(old, new *load.Package) string {
	if old.Name == "main" || old.Types == nil || new.Types == nil {
		return ""
	}
	q := func(p *types.Package) string { return p.Path() }
	for _, name := range old.Types.Scope().Names() {
		a := old.Types.Scope().Lookup(name)
		if !a.Exported() {
			continue
		}
		if f := old.Snapshot().File(a.Pos()); f != nil && f.Test {
			continue
		}
		b := new.Types.Scope().Lookup(name)
		if b == nil {
			return name
		}
		ta, isType := a.(*types.TypeName)
		if !isType {
			if types.ObjectString(a, q) != types.ObjectString(b, q) {
				return name
			}
			continue
		}
		tb, isType := b.(*types.TypeName)
		if !isType {
			return name
		}
		if m := methodChange(ta.Type(), tb.Type(), q); m != "" {
			return name + "." + m
		}
	}
	return ""
}

// methodChange returns the name of an exported method that a has and b has not,
// or not with the same signature.
func methodChange(a, b types.Type, q types.Qualifier) string {
	sa, sb := types.NewMethodSet(types.NewPointer(a)), types.NewMethodSet(types.NewPointer(b))
	for i := range sa.Len() {
		m := sa.At(i).Obj()
		if !m.Exported() {
			continue
		}
		n := sb.Lookup(m.Pkg(), m.Name())
		if n == nil {
			return m.Name()
		}
		if types.TypeString(m.Type(), q) != types.TypeString(n.Obj().Type(), q) {
			return m.Name()
		}
	}
	return ""
}
