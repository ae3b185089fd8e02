package load

import (
	"go/ast"
	"go/parser"
	"go/types"
	"maps"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/guard"
	"golang.org/x/tools/go/packages"
)

// exportMode asks the go command for export data, which it compiles where the
// build cache has none.
const exportMode = packages.NeedName | packages.NeedExportFile | packages.NeedForTest

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
		if m := l.std[path]; m != nil && m.ExportFile == "" {
			paths[path] = true
		}
	}
	for _, id := range added {
		m := l.root[id]
		if m == nil {
			continue
		}
		if l.usesCgo(m) && (m.ForTest == "" || m.ForTest == m.PkgPath) {
			paths[m.PkgPath] = true // what it declares, and whether it builds
		}
		for _, dep := range m.Imports {
			d := l.meta[dep.ID]
			switch {
			case d == nil || dep.PkgPath == "unsafe" || d.ExportFile != "" || l.sourced[dep.ID] != nil || l.exported[dep.ID]:
			case strings.Contains(dep.ID, " "):
				// Compiled once more for a test: only the tests' patterns tell.
				_, err := l.list(dir, patterns, tests, metadataMode|packages.NeedExportFile)
				return err
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
	return m.Imports["C"] != nil || slices.ContainsFunc(m.GoFiles, l.isCgoFile)
}

// isCgoFile reports whether the file imports "C": go list tells of the import by
// the packages that the generated code needs only. Each file is looked at once.
func (l *Loader) isCgoFile(path string) bool {
	is, known := l.cgo[path]
	if !known {
		src, err := l.Inputs.Read(path)
		is = err == nil && strings.Contains(string(src), `"C"`)
		l.cgo[path] = is
	}
	return is
}

// askExports asks for the export data of the packages with the import paths.
func (l *Loader) askExports(dir string, paths []string) error {
	pkgs, err := l.list(dir, paths, false, exportMode)
	if err != nil {
		return err
	}
	for _, p := range pkgs {
		l.exported[p.ID] = true
	}
	return nil
}

// sourcedAs returns the root whose types are taken from source where dep is
// imported, nil when they come from export data.
func (l *Loader) sourcedAs(dep *packages.Package) *packages.Package {
	if dep == nil {
		return nil
	}
	return l.sourced[dep.ID]
}

// declare type-checks the declarations of m, without the bodies of its functions,
// as other packages see them, on disk, and puts them into the universe u.
func (l *Loader) declare(x *exports, u map[string]*types.Package, m *packages.Package) *types.Package {
	var files []*ast.File
	for _, path := range m.GoFiles {
		src, err := l.source(path)
		if err != nil {
			continue
		}
		if f, _ := parser.ParseFile(l.fset, path, src, parser.SkipObjectResolution); f != nil {
			files = append(files, f)
		}
	}
	conf := types.Config{
		Importer: x.importer(l, m), FakeImportC: true, IgnoreFuncBodies: true, Sizes: types.SizesFor("gc", goarch(l.cfg.Env)),
		Error: func(error) {}, // they are reported where the package itself is checked
	}
	if mod := l.module(m); mod != nil {
		conf.GoVersion = "go" + mod.GoVersion
	}
	pkg, err := guard.Call(func() *types.Package {
		p, _ := conf.Check(m.PkgPath, l.fset, files, nil)
		return p
	})
	if err != nil || pkg == nil {
		pkg = types.NewPackage(m.PkgPath, m.Name)
	}
	pkg.MarkComplete()
	u[m.PkgPath] = pkg
	return pkg
}
