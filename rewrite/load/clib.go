package load

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/missing"
	"golang.org/x/tools/go/packages"
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
			if prob, ok := complaint(m); ok {
				prob.Message += ": checked without C types"
				out = append(out, prob)
				break
			}
		}
	}
	for _, m := range p.fakedDeps() {
		if prob, ok := complaint(m); ok && !checked[m.PkgPath] {
			prob.Message += ": what imports " + m.PkgPath + " is checked without its C types"
			out = append(out, prob)
		}
	}
	return out
}

// errorLine matches a line of the C compiler's, cgo's or the compiler's output.
var errorLine = regexp.MustCompile(`(?m)^(?:\./)?([^\s:][^:\n]*:\d+(?::\d+)?): (.*)$`)

// complaint returns the first error in the compiler's output for m.
func complaint(m *packages.Package) (prob Problem, ok bool) {
	for _, e := range m.Errors {
		if !strings.HasPrefix(e.Msg, "# ") {
			continue
		}
		found := errorLine.FindAllStringSubmatch(e.Msg, -1)
		if len(found) == 0 {
			continue
		}
		i := max(0, slices.IndexFunc(found, func(line []string) bool { return strings.Contains(line[2], "error: ") }))
		text := strings.TrimPrefix(strings.TrimPrefix(found[i][2], "fatal "), "error: ")
		prob = Problem{Pos: parsePosition(found[i][1]), Package: m.PkgPath, Message: text}
		if m.Dir != "" {
			prob.Pos.Filename = filepath.Join(m.Dir, filepath.Base(prob.Pos.Filename))
		}
		return prob, true
	}
	return prob, false
}
