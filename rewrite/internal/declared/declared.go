// Package declared answers what a package declares, so that two states of it can be
// compared.
package declared

import (
	"go/types"
	"strings"
)

// By describes what p declares: all, or what other packages can see.
func By(p *types.Package, all bool) string {
	var b strings.Builder
	qualify := func(q *types.Package) string { return q.Path() }
	for _, name := range p.Scope().Names() {
		obj := p.Scope().Lookup(name)
		tn, isType := obj.(*types.TypeName)
		if !all && !obj.Exported() && !isType {
			continue
		}
		b.WriteString(types.ObjectString(obj, qualify) + "\n")
		if named, ok := obj.Type().(*types.Named); isType && ok && !tn.IsAlias() {
			for m := range named.Methods() {
				if all || m.Exported() {
					b.WriteString(types.ObjectString(m, qualify) + "\n")
				}
			}
		}
	}
	return b.String()
}
