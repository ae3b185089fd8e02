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

// needsC reports whether the package m, or one that it depends on, has files that
// import "C" outside of the standard library, which needs no C compiler.
func (l *Loader) needsC(m *packages.Package) bool {
	found := false
	packages.Visit([]*packages.Package{m}, func(m *packages.Package) bool {
		found = found || m.Module != nil && l.usesCgo(m)
		return !found
	}, nil)
	return found
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

// withoutC returns the package that dep stands for where it has no export data for
// want of C, and notes that what it declares comes from its sources; else nil.
func (l *Loader) withoutC(dep *packages.Package) *packages.Package {
	if dep == nil || l.meta[dep.ID] == nil {
		return nil
	}
	m := l.meta[dep.ID]
	if len(m.GoFiles) == 0 || !l.needsC(m) {
		return nil
	}
	l.faked[m.ID] = true
	return m
}
