package load

import (
	"slices"

	"github.com/runtimefix/runtimefix/rewrite/internal/complaint"
	"golang.org/x/tools/go/packages"
)

// reported returns the errors of p that say something about p. Where the compiler
// made export data of the package, its files have no errors but those of tests; else
// those that stem from C.x, which has no type here, are none.
func (p *Package) reported() []Problem {
	if p.meta == nil || !p.lacksC() {
		return p.Errors
	}
	compiled := p.compiled() && (p.ForTest == "" || p.ForTest == p.Path)
	return slices.DeleteFunc(slices.Clone(p.Errors), func(e Problem) bool {
		i := slices.IndexFunc(p.Files, func(f *File) bool { return f.Path == e.Pos.Filename })
		return i >= 0 && compiled && !p.Files[i].Test || p.stemsFromC(e)
	})
}

// compiled reports whether the compiler made export data of p, or of p without
// its tests.
func (p *Package) compiled() bool {
	return slices.ContainsFunc(p.metas(), func(m *packages.Package) bool { return m.ExportFile != "" })
}

// metas returns what the go command said of p, and of p without its tests.
func (p *Package) metas() []*packages.Package {
	if p.meta == nil || p.snap.l == nil {
		return nil
	}
	out := []*packages.Package{p.meta}
	if plain := p.snap.l.home(p.ID).meta[p.Path]; plain != nil && plain != p.meta {
		out = append(out, plain)
	}
	return out
}

// Problem is complaint.Problem.
type Problem = complaint.Problem

// Dedupe is complaint.Dedupe.
func Dedupe(list []Problem) []Problem { return complaint.Dedupe(list) }

// Reason is complaint.Reason.
func Reason(err error) string { return complaint.Reason(err) }
