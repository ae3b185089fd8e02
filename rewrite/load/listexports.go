package load

import (
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// listExports asks the go command, once, for the export data of what the added
// roots import. The roots themselves are read from source and need not be
// compiled for each other, but where a package in between imports one, or where a
// root has cgo files, whose types only the compiler knows.
func (l *Loader) listExports(dir string, patterns []string, tests bool, added []string) error {
	between := make(map[string]bool) // IDs of the packages that packages in between depend on
	var mark func(m *packages.Package)
	mark = func(m *packages.Package) {
		for _, dep := range m.Imports {
			if !between[dep.ID] {
				between[dep.ID] = true
				mark(dep)
			}
		}
	}
	for _, m := range l.meta {
		if !l.isRoot(m) && !strings.HasSuffix(m.ID, ".test") {
			mark(m)
		}
	}
	for id, m := range l.meta {
		if l.isRoot(m) && !between[id] && !l.usesCgo(m) && len(m.GoFiles) > 0 {
			if _, known := l.exported[id]; !known {
				l.sourced[id] = m
			}
		}
	}
	paths := make(map[string]bool)
	for _, path := range l.cfg.Emits {
		if m := l.std[path]; m != nil && l.exported[m.ID] == "" {
			paths[path] = true
		}
	}
	for _, id := range added {
		m := l.root[id]
		if m == nil {
			continue
		}
		if l.usesCgo(m) && l.exported[m.PkgPath] == "" && (m.ForTest == "" || m.ForTest == m.PkgPath) {
			paths[m.PkgPath] = true // what it declares, and whether it builds
		}
		for _, dep := range m.Imports {
			d := l.meta[dep.ID]
			switch {
			case d == nil || dep.PkgPath == "unsafe" || l.sourced[dep.ID] != nil || l.exported[dep.ID] != "":
			case strings.Contains(dep.ID, " "):
				// Compiled once more for a test: only the tests' patterns tell.
				pkgs, err := l.list(dir, patterns, question{tests: tests, mode: exportMode})
				if err != nil {
					return err
				}
				return l.compileC(dir, pkgs)
			default:
				paths[dep.PkgPath] = true
			}
		}
	}
	if len(paths) == 0 {
		return nil
	}
	return l.askExports(dir, slices.Sorted(maps.Keys(paths)))
}

// isRoot reports whether the package is read from source, or is the part without
// tests of one that is.
func (l *Loader) isRoot(m *packages.Package) bool {
	root := l.root[m.ID]
	if root == nil && m.ForTest == "" {
		root = l.root[m.PkgPath+" ["+m.PkgPath+".test]"]
	}
	return root != nil && root.Dir == m.Dir
}

func (l *Loader) usesCgo(m *packages.Package) bool {
	return m.Imports["C"] != nil || slices.ContainsFunc(m.GoFiles, func(path string) bool { return l.isCgoFile(m, path) })
}

// isCgoFile reports whether the file of m imports "C", of which go/packages does not
// tell. Each file is looked at once.
func (l *Loader) isCgoFile(m *packages.Package, path string) bool {
	is, known := l.cgo[path]
	if !known {
		if src, err := l.sourceOf(m, path); err == nil && strings.Contains(string(src), `"C"`) {
			f, _ := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
			is = f != nil && importsC(f)
		}
		l.cgo[path] = is
	}
	return is
}

// sourcedAs returns the root whose types are taken from source where dep is
// imported, nil when they come from export data.
func (l *Loader) sourcedAs(dep *packages.Package) *packages.Package {
	if dep == nil {
		return nil
	}
	return l.sourced[dep.ID]
}
