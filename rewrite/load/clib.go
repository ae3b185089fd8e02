package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/complaint"
	"github.com/runtimefix/runtimefix/rewrite/internal/missing"
)

// libraryOf returns the C library for want of which p, or what it imports, has no
// types of C, "" when none is missing.
func (p *Package) libraryOf() string {
	for _, m := range append(p.fakedDeps(), p.metas()...) {
		for _, e := range m.Errors {
			if lib := missing.Library(e.Msg); lib != "" {
				return lib
			}
		}
	}
	for _, e := range p.Errors {
		if lib := missing.Library(e.Message); lib != "" {
			return lib
		}
	}
	return ""
}

// Reported returns what could not be checked in packages, in their order. A C
// library that is not installed is one problem, however many packages miss it.
// without names the rules but for which packages would not be loaded.
func Reported(list []*Package, without func([]*Package) []string) []Problem {
	const most = 3
	var out []Problem
	lacking := make(map[string][]*Package) // by library
	checked := make(map[string]bool)       // their errors are reported themselves
	for _, p := range list {
		checked[p.Path] = true
	}
	for _, p := range list {
		lib := p.libraryOf()
		errs := p.reported()
		if lib != "" {
			lacking[lib] = append(lacking[lib], p)
			errs = slices.DeleteFunc(slices.Clone(errs), func(e Problem) bool { return missing.Library(e.Message) != "" })
		} else if len(errs) == 0 {
			errs = p.uncompiled(checked)
		}
		if len(errs) > most+1 {
			more := Problem{Pos: errs[most].Pos, Package: errs[most].Package, Message: fmt.Sprintf("%s (and %d more errors in package %s)", errs[most].Message, len(errs)-most-1, p.Path)}
			errs = append(slices.Clone(errs[:most]), more)
		}
		out = append(out, errs...)
	}
	for _, lib := range slices.Sorted(maps.Keys(lacking)) {
		packages := "1 package"
		if n := len(lacking[lib]); n > 1 {
			packages = fmt.Sprintf("%d packages", n)
		}
		hint := missing.Install(lib)
		if rules := without(lacking[lib]); len(rules) > 0 {
			hint += ", or --skip " + strings.Join(rules, ",")
		}
		out = append(out, Problem{Message: lib + " not found: " + packages + " checked without C types; " + hint})
	}
	return out
}

// uncompiled returns a problem for p, and for each package that it depends on and
// that is not checked itself, that is without types of C since the compiler, or cgo,
// refuses it.
func (p *Package) uncompiled(checked map[string]bool) []Problem {
	var out []Problem
	if p.meta == nil || p.snap.l == nil {
		return nil
	}
	if !p.compiled() && slices.ContainsFunc(p.Files, func(f *File) bool { return f.Cgo }) {
		for _, m := range p.metas() {
			if prob, ok := complaint.Compiler(m); ok {
				prob.Message += ": checked without C types"
				out = append(out, prob)
				break
			}
		}
	}
	for _, m := range p.fakedDeps() {
		if prob, ok := complaint.Compiler(m); ok && !checked[m.PkgPath] {
			prob.Message += ": what imports " + m.PkgPath + " is checked without its C types"
			out = append(out, prob)
		}
	}
	return out
}
