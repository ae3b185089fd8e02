package rewrite

import (
	"path/filepath"

	"github.com/runtimefix/runtimefix/rewrite/load"
)

// loadTests loads the tests of the packages for which they matter: of those that have
// a finding where part of the tests is known already, and of those in which a fix
// changes more than the bodies of functions, which may have to change the tests, too.
// It reports whether there are any.
func (r *runner) loadTests(opt Options, v *view, found []Finding) bool {
	dirs := make(map[string]bool)
	alone := loneEdits{s: v.snap, base: r.overlay}
	for _, f := range found {
		file := v.snap.File(f.Pos)
		if file == nil {
			continue
		}
		dir := filepath.Dir(file.Path)
		if !dirs[dir] && v.l.HasThin(dir) {
			dirs[dir] = true
		}
		if !opt.Tests || !opt.Fix && !opt.Edits {
			continue
		}
		for _, fix := range f.Fixes {
			if fix.Apply == nil || fix.Safety == Manual {
				continue
			}
			if edits, err := alone.of(f, fix); err == nil {
				v.addDeclaring(dirs, edits)
			}
		}
	}
	if len(dirs) == 0 {
		return false
	}
	v.l.LoadTests(dirs)
	v.snap = v.l.Snapshot(r.overlay, v.snap)
	return true
}

// addDeclaring adds to dirs those of packages without their tests in which edits
// change more than the bodies of functions and imports.
func (v *view) addDeclaring(dirs map[string]bool, edits []TextEdit) {
	for _, e := range edits {
		f := v.snap.FileAt(e.Path)
		if f == nil || f.Pkg.Wide || dirs[f.Pkg.Dir] || bodyAround(f, trimmed(f, e)) != nil || inImports(f, e) {
			continue
		}
		if v.l.LacksTests(f.Pkg.Dir) { // that asks the disk
			dirs[f.Pkg.Dir] = true
		}
	}
}

// trimmed returns e, which covers whole lines, without what is the same before and
// after at its ends: a function on one line is more than its body.
func trimmed(f *load.File, e TextEdit) TextEdit {
	for e.Start < e.End && len(e.New) > 0 && f.Src[e.Start] == e.New[0] {
		e.Start, e.New = e.Start+1, e.New[1:]
	}
	for e.Start < e.End && len(e.New) > 0 && f.Src[e.End-1] == e.New[len(e.New)-1] {
		e.End, e.New = e.End-1, e.New[:len(e.New)-1]
	}
	return e
}

// newTestError returns the first error in the tests of p, a new state of old, where
// they are not loaded with it and it declares something else than before. Tests see
// nothing but declarations.
func newTestError(was *load.Snapshot, old *load.Package, s *load.Snapshot, p *load.Package) string {
	if p.ForTest != "" || p.SameDeclarations(old) {
		return ""
	}
	return firstNew(s.TestErrors(p), count(was.TestErrors(old)))
}
