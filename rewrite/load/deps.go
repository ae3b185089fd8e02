package load

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
	"github.com/runtimefix/runtimefix/rewrite/internal/outline"
	"golang.org/x/tools/go/packages"
)

// visitDeps calls f for every package that p's own build, without tests,
// depends on, directly or not. p itself is left out.
func (p *Package) visitDeps(f func(*packages.Package)) {
	if p.snap.outside() {
		return
	}
	root := p.meta
	if l := p.snap.l; l != nil && l.home(p.ID).meta[p.Path] != nil {
		root = l.home(p.ID).meta[p.Path] // not the test variant, which imports more
	}
	packages.Visit([]*packages.Package{root}, nil, func(m *packages.Package) {
		if m != root {
			f(m)
		}
	})
}

// Deps returns the import paths of all packages that p's own build, without
// tests, depends on, directly or not, in order. What edits added or removed
// is not reflected.
func (p *Package) Deps() []string {
	var out []string
	if p.snap.outside() {
		return typedDeps(p.Types)
	}
	p.visitDeps(func(m *packages.Package) { out = append(out, m.PkgPath) })
	slices.Sort(out)
	return slices.Compact(out)
}

// DepUse is a package that uses something by name.
type DepUse struct {
	Path string // import path of the using package
	// Main reports whether it belongs to a main module.
	Main bool
}

// DepsUsing returns, in order of import path, the packages outside of the
// standard library that p depends on and whose sources name pkgPath.name for
// one of names. They are read by name only, so a package in which a local
// variable is called like the import is among them too.
func (p *Package) DepsUsing(pkgPath string, names ...string) []DepUse {
	// Packages have most of their dependencies in common.
	type key struct{ path, names string }
	known := Memo(p.snap, key{pkgPath, strings.Join(names, " ")}, func() *sync.Map { return new(sync.Map) })
	uses := func(m *packages.Package) bool {
		if v, ok := known.Load(m.ID + " " + m.Dir); ok {
			return v.(bool)
		}
		v := slices.ContainsFunc(m.GoFiles, func(path string) bool {
			src, err := p.snap.Read(path)
			return err == nil && outline.Uses(src, pkgPath, names)
		})
		known.Store(m.ID+" "+m.Dir, v)
		return v
	}
	var out []DepUse
	p.visitDeps(func(m *packages.Package) {
		if m.Module != nil && m.Imports[pkgPath] != nil && uses(m) {
			out = append(out, DepUse{Path: m.PkgPath, Main: m.Module.Main})
		}
	})
	slices.SortFunc(out, func(a, b DepUse) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// DepsImporting returns, in order of import path, the packages outside of the
// standard library among p's dependencies that import pkgPath themselves.
func (p *Package) DepsImporting(pkgPath string) []DepUse {
	var out []DepUse
	p.visitDeps(func(m *packages.Package) {
		if m.Module != nil && m.Imports[pkgPath] != nil {
			out = append(out, DepUse{Path: m.PkgPath, Main: m.Module.Main})
		}
	})
	slices.SortFunc(out, func(a, b DepUse) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// GoFilesWith returns the paths, in order, of the .go files of module m that
// contain text, whatever their build tags; tests count, vendored files and
// those that the go command ignores (testdata, names beginning with . or _) do
// not. The present edits are taken into account.
func (s *Snapshot) GoFilesWith(m *Module, text string) ([]string, error) {
	if s.outside() {
		return nil, errOutside
	}
	// The whole module is read for the answer, which each package of each part may ask for.
	got := inputs.Once(s.l.Disk, filesKey{m.Dir, text}, func() filesGot { return s.goFilesWith(m, text) })
	var out []string
	for i, path := range got.files {
		if data, edited := s.overlay[path]; edited && bytes.Contains(data, []byte(text)) || !edited && got.with[i] {
			out = append(out, path)
		}
	}
	return out, got.err
}

type filesKey struct{ dir, text string }

// filesGot has the files that were looked at, and whether the text is in them on disk.
type filesGot struct {
	files []string
	with  []bool
	err   error
}

func (s *Snapshot) goFilesWith(m *Module, text string) (got filesGot) {
	got.err = s.l.Inputs.WalkDir(m.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		hidden := strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
		if d.IsDir() {
			if path == m.Dir {
				return nil
			}
			if hidden || name == "testdata" || name == "vendor" {
				return filepath.SkipDir
			}
			if _, err := s.inputs().Read(filepath.Join(path, "go.mod")); err == nil {
				return filepath.SkipDir // another module
			}
			return nil
		}
		if hidden || !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := s.inputs().Read(path)
		got.files, got.with = append(got.files, path), append(got.with, bytes.Contains(src, []byte(text)))
		return err
	})
	return got
}

// FilesUsing returns the paths, in order, of the files that GoFilesWith looks
// at and that name pkgPath.name for one of names, judged by spelling.
func (s *Snapshot) FilesUsing(m *Module, pkgPath string, names ...string) ([]string, error) {
	if s.outside() {
		return nil, errOutside
	}
	got := Memo(s, usingKey{filesKey{m.Dir, pkgPath}, strings.Join(names, " ")}, func() filesGot {
		files, err := s.GoFilesWith(m, strconv.Quote(pkgPath))
		return filesGot{files: slices.DeleteFunc(files, func(path string) bool {
			src, err := s.Read(path)
			return err == nil && !outline.Uses(src, pkgPath, names)
		}), err: err}
	})
	return slices.Clone(got.files), got.err
}

type usingKey struct {
	filesKey
	names string
}
