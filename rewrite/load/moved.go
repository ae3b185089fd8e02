package load

import (
	"slices"

	"github.com/runtimefix/runtimefix/rewrite/internal/declared"
	"golang.org/x/tools/go/packages"
)

// Packages are checked against the export data of what they import, which
// describes the files on disk. Where an edit changes what a package exports, the
// packages of the snapshot that depend on it are checked against the edited one.

// follow checks the packages of s again that depend on one whose API an edit
// changed.
func (l *Loader) follow(s *Snapshot) {
	moved := make(map[string]*Package) // by import path
	for _, p := range s.Packages {
		if p.edited() && p.ForTest == "" || p.edited() && p.ForTest == p.Path {
			if was := l.first[p.ID]; was != nil && declared.By(was, false) != declared.By(p.Types, false) {
				moved[p.Path] = p
			}
		}
	}
	if len(moved) == 0 {
		return
	}
	// Have: APIs that differ from the export data.
	seen := make(map[*packages.Package]bool) // whether it depends on one of them
	order := slices.Clone(s.Packages)
	slices.SortStableFunc(order, func(a, b *Package) int { return depth(a, moved) - depth(b, moved) })
	imps := make(map[*scope]*exports)
	for _, in := range l.scopes {
		imps[in] = in.imp.without(func(path string) bool {
			m := in.std[path]
			return moved[path] != nil || m != nil && dependsOn(m, moved, seen)
		})
	}
	for _, p := range order {
		if dependsOn(p.meta, moved, seen) {
			q := l.checkWith(s, p.meta, imps[l.home(p.ID)])
			q.moved = true
			s.Packages[slices.Index(s.Packages, p)] = q
			p = q
		}
		if moved[p.Path] != nil && moved[p.Path].ID == p.ID {
			for in, imp := range imps {
				if m := in.meta[p.Path]; m != nil && m.Dir == p.Dir {
					imp.of("")[p.Path] = p.Types
				}
			}
		}
	}
}

// depth returns how many of the moved packages p depends on: fewer than those
// that depend on p do, where p is one of them.
func depth(p *Package, moved map[string]*Package) int {
	n := 0
	packages.Visit([]*packages.Package{p.meta}, nil, func(m *packages.Package) {
		if m != p.meta && moved[m.PkgPath] != nil {
			n++
		}
	})
	return n
}

// dependsOn reports whether m imports one of the moved packages, directly or
// not. seen holds what is known.
func dependsOn(m *packages.Package, moved map[string]*Package, seen map[*packages.Package]bool) bool {
	known, ok := seen[m]
	if ok {
		return known
	}
	seen[m] = false
	for _, dep := range m.Imports {
		at := moved[dep.PkgPath]
		if at != nil && dep.PkgPath != m.PkgPath && (dep.Dir == "" || dep.Dir == at.Dir) || dependsOn(dep, moved, seen) {
			seen[m] = true
			break
		}
	}
	return seen[m]
}

// without returns exports that know what x knows, apart from the packages that
// gone reports.
func (x *exports) without(gone func(path string) bool) *exports {
	out := newExports(x.fset)
	for suffix, u := range x.universes {
		to := out.of(suffix)
		for path, pkg := range u {
			if !gone(path) {
				to[path] = pkg
			}
		}
	}
	return out
}

// edited reports whether a file of p is not what is on disk.
func (p *Package) edited() bool {
	return slices.ContainsFunc(p.Files, func(f *File) bool { _, ok := p.snap.overlay[f.Path]; return ok })
}
