package load

import (
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/untyped"
	"golang.org/x/tools/go/packages"
)

// C.x has no type here, nor has what is made of it. Where the compiler knows no
// better, because a C library is missing say, the type checker complains about
// things that it cannot know: constants of C as the keys of a map, conversions of
// C's types. Such a complaint is none of the user's.

// lacksC reports whether p, or something that it imports, is checked without the
// types of C.
func (p *Package) lacksC() bool {
	return slices.ContainsFunc(p.Files, func(f *File) bool { return f.Cgo }) || len(p.fakedDeps()) > 0
}

// fakedDeps returns the packages, among those that p depends on, whose types are
// taken from their sources because the compiler made none of them.
func (p *Package) fakedDeps() []*packages.Package {
	if p.snap.l == nil || p.meta == nil || len(p.snap.l.home(p.ID).faked) == 0 {
		return nil
	}
	home := p.snap.l.home(p.ID)
	var out []*packages.Package
	packages.Visit([]*packages.Package{p.meta}, nil, func(m *packages.Package) {
		if home.faked[m.ID] && m.PkgPath != p.Path {
			out = append(out, home.meta[m.ID])
		}
	})
	return out
}

// stemsFromC reports whether the type checker's complaint e is about an expression
// that something of C, which has no type here, is part of.
func (p *Package) stemsFromC(e Problem) bool {
	i := slices.IndexFunc(p.Files, func(f *File) bool { return f.Path == e.Pos.Filename })
	if i < 0 || p.Files[i].ReadOnly == "it has a syntax error" {
		return false
	}
	if strings.Contains(e.Message, "invalid type") || strings.Contains(e.Message, "invalid operand") {
		return true // the type checker itself holds them back behind the first error
	}
	if strings.HasPrefix(e.Message, "declared and not used") || strings.HasPrefix(e.Message, "undefined: ") {
		return false
	}
	tf := p.snap.Fset.File(p.Files[i].AST.FileStart)
	if e.Pos.Offset > tf.Size() {
		return false
	}
	pos := tf.Pos(e.Pos.Offset)
	c, ok := p.Inspector.Root().FindByPos(pos, pos)
	return ok && untyped.Involves(p.Info, c)
}

// withoutC reports whether there are no types of C for m, or for something that it
// depends on, and notes that what it declares comes from its sources.
func (l *Loader) withoutC(m *packages.Package) bool {
	is, known := l.faked[m.ID]
	if known || m.ExportFile != "" {
		return is
	}
	l.faked[m.ID] = false
	is = l.lacksTypesOfC(m)
	for _, dep := range m.Imports {
		if d := l.meta[dep.ID]; d != nil && l.withoutC(d) {
			is = true
		}
	}
	l.faked[m.ID] = is
	return is
}
