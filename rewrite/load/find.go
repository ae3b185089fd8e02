package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/gocommand"
	"github.com/runtimefix/runtimefix/rewrite/internal/basis"
	"github.com/runtimefix/runtimefix/rewrite/internal/outline"
	"golang.org/x/tools/go/packages"
)

// The go command's work on a package is to load all that it depends on, to hash
// it, and to compile it. None of that is needed for the candidates, which are read
// from source here: go list -find tells their files alone, and a second list asks
// for the packages that they import, whose export data the build cache has after a
// build or a vet.

// foundPackage is a package as go list -find tells it.
type foundPackage struct {
	Dir, ImportPath, Name             string
	Module                            *packages.Module
	GoFiles, CgoFiles, IgnoredGoFiles []string
	TestGoFiles, XTestGoFiles         []string
	CFiles, CXXFiles, HFiles, SFiles  []string
	EmbedFiles, TestEmbedFiles        []string
	XTestEmbedFiles                   []string
	Error                             *struct{ Err string }
}

const foundFields = "Dir,ImportPath,Name,Module,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles,CFiles,CXXFiles,HFiles,SFiles,EmbedFiles,TestEmbedFiles,XTestEmbedFiles,Error"

// errList says that only a full list tells about the packages.
var errList = errors.New("to be listed whole")

// hopeless reports whether the go command could not answer any other question either:
// the run was interrupted, or a pipe keeps it.
func hopeless(err error) bool {
	return errors.Is(err, context.Canceled) || errors.As(err, new(gocommand.Blocked))
}

// find returns the packages that match patterns, with their tests as go list -test
// has them, and asks for what they import. It returns errList where a full list is
// needed: the overlay may choose other files, something is wrong with a package, or
// tests have a package of theirs compiled once more.
func (l *Loader) find(dir string, patterns []string, tests bool) ([]*packages.Package, error) {
	env := l.environ(dir)
	if !l.sameFiles() || basis.Getenv(env, "GOPACKAGESDRIVER", "off") != "off" || slices.ContainsFunc(patterns, func(p string) bool { return strings.HasSuffix(p, ".go") }) {
		return nil, errList
	}
	list, asked := l.listedFiles(dir, patterns, tests)
	if len(asked) > 0 {
		more, put := l.knownFiles(dir, asked)
		if more == nil {
			var err error
			if more, err = l.findFiles(dir, asked, env); err != nil {
				return nil, err
			}
			put(more)
		}
		list = append(list, more...)
	}
	roots := make(map[string]*packages.Package)
	imports := make(map[*packages.Package][]string)
	for _, f := range list {
		if err := l.variants(&f, tests && l.hasTested(f.Dir), roots, imports); err != nil {
			return nil, err
		}
	}
	if err := l.findImports(dir, roots, imports); err != nil {
		return nil, err
	}
	for id, p := range roots {
		if l.meta[id] != nil {
			// A package in between depends on it, or it was listed before.
			if old := l.meta[id]; len(old.GoFiles) == len(p.GoFiles) {
				p.ExportFile = old.ExportFile
			}
		}
		l.meta[id] = p
		if p.ForTest == "" {
			l.std[p.PkgPath] = p
		}
	}
	out := make([]*packages.Package, 0, len(roots))
	for _, id := range slices.Sorted(maps.Keys(roots)) {
		out = append(out, roots[id])
	}
	return out, nil
}

// listedFiles returns the packages that match patterns and of which the go command told
// when it was asked for what others import, and the patterns of the rest. It did not
// tell of tests.
func (l *Loader) listedFiles(dir string, patterns []string, tests bool) (list []foundPackage, rest []string) {
	at := make(map[string]*packages.Package) // main modules' packages by directory
	for _, m := range l.meta {
		if m.ForTest == "" && m.Module != nil && m.Module.Main && len(m.Errors) == 0 && len(m.GoFiles) > 0 && !strings.HasSuffix(m.ID, ".test") {
			at[m.Dir] = m
		}
	}
	for _, p := range patterns {
		m := at[filepath.Join(dir, filepath.FromSlash(p))]
		if m == nil || tests || !strings.HasPrefix(p, "./") {
			rest = append(rest, p)
			continue
		}
		list = append(list, foundPackage{
			Dir: m.Dir, ImportPath: m.PkgPath, Name: m.Name, Module: m.Module,
			GoFiles: m.GoFiles, IgnoredGoFiles: m.IgnoredFiles, HFiles: m.OtherFiles, EmbedFiles: m.EmbedFiles,
		})
	}
	return list, rest
}

// findFiles asks the go command for the files of the packages.
func (l *Loader) findFiles(dir string, patterns, env []string) ([]foundPackage, error) {
	args := []string{"list", "-e", "-find", "-json=" + foundFields}
	if len(l.cfg.Tags) > 0 {
		args = append(args, "-tags="+strings.Join(l.cfg.Tags, ","))
	}
	switch {
	case l.modFile[dir] != "":
		args = append(args, "-mod=mod", "-modfile="+l.modFile[dir])
	case l.noVendor[dir]:
		args = append(args, "-mod=readonly")
	}
	l.listed[dir] = true
	out, err := gocommand.Output(l.ctx, dir, append(spare(env), "PWD="+dir), append(append(args, "--"), patterns...)...)
	switch {
	case hopeless(err):
		return nil, listing(dir, err)
	case err != nil:
		return nil, errList // the full list says what is wrong
	}
	var list []foundPackage
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var f foundPackage
		if d.Decode(&f) != nil || f.Error != nil || f.ImportPath == "" || f.Module == nil {
			return nil, errList
		}
		list = append(list, f)
	}
	if len(list) == 0 {
		return nil, errList
	}
	return list, nil
}

// variants adds the package, and the variants that its tests make, to roots, with the
// import paths of each. It returns errList where a file cannot be read as Go.
func (l *Loader) variants(f *foundPackage, tests bool, roots map[string]*packages.Package, imports map[*packages.Package][]string) error {
	make := func(id, path, name, forTest string, files ...string) error {
		p := &packages.Package{
			ID: id, PkgPath: path, Name: name, Dir: f.Dir, Module: f.Module, ForTest: forTest, GoFiles: f.abs(files),
			IgnoredFiles: f.abs(f.IgnoredGoFiles), OtherFiles: f.abs(slices.Concat(f.CFiles, f.CXXFiles, f.HFiles, f.SFiles)),
			EmbedFiles: f.abs(slices.Concat(f.EmbedFiles, f.TestEmbedFiles, f.XTestEmbedFiles)),
		}
		roots[id] = p
		var err error
		imports[p], err = l.importsOf(p.GoFiles)
		return err
	}
	if err := make(f.ImportPath, f.ImportPath, f.Name, "", slices.Concat(f.GoFiles, f.CgoFiles)...); err != nil || !tests {
		return err
	}
	l.thinTests(f)
	variant := " [" + f.ImportPath + ".test]"
	if len(f.TestGoFiles) > 0 {
		if err := make(f.ImportPath+variant, f.ImportPath, f.Name, f.ImportPath, slices.Concat(f.GoFiles, f.TestGoFiles, f.CgoFiles)...); err != nil {
			return err
		}
	}
	if len(f.XTestGoFiles) > 0 {
		return make(f.ImportPath+"_test"+variant, f.ImportPath+"_test", f.Name+"_test", f.ImportPath, f.XTestGoFiles...)
	}
	return nil
}

func (f *foundPackage) abs(names []string) []string {
	var out []string
	for _, n := range names {
		if !filepath.IsAbs(n) {
			n = filepath.Join(f.Dir, n)
		}
		out = append(out, n)
	}
	return out
}

// importsOf returns the import paths in the files.
func (l *Loader) importsOf(files []string) ([]string, error) {
	seen := make(map[string]bool)
	for _, path := range files {
		src, err := l.source(path)
		if err != nil {
			return nil, errList
		}
		mode := parser.ImportsOnly
		if thin := l.thin[path]; thin != nil {
			src, mode = thin, parser.SkipObjectResolution
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, mode)
		if err != nil {
			return nil, errList
		}
		l.cgo[path] = importsC(f)
		if l.thin[path] != nil {
			outline.DropUnused(f)
		}
		for _, spec := range f.Imports {
			if p, err := strconv.Unquote(spec.Path.Value); err == nil && p != "C" {
				seen[p] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

// findImports asks for the packages that the roots import, and links them.
func (l *Loader) findImports(dir string, roots map[string]*packages.Package, imports map[*packages.Package][]string) error {
	ask := make(map[string]bool)
	for _, p := range roots {
		for _, path := range imports[p] {
			if m := l.std[path]; roots[path] == nil && (m == nil || l.exported[m.ID] == "" && l.sourced[m.ID] == nil) && path != "unsafe" {
				ask[path] = true
			}
		}
		if p.ForTest == "" && l.usesCgo(p) {
			ask[p.PkgPath] = true
		}
	}
	for _, path := range l.cfg.Emits {
		if m := l.std[path]; m == nil || l.exported[m.ID] == "" {
			ask[path] = true
		}
	}
	if len(ask) > 0 {
		pkgs, err := l.list(dir, slices.Sorted(maps.Keys(ask)), question{mode: exportMode})
		switch {
		case hopeless(err):
			return err
		case err != nil:
			return errList
		}
		switch err := l.compileC(dir, pkgs); {
		case hopeless(err):
			return err
		case err != nil || slices.ContainsFunc(pkgs, l.complained):
			return errList
		}
	}
	for _, p := range roots {
		p.Imports = make(map[string]*packages.Package)
		for _, path := range imports[p] {
			dep := roots[path]
			if v := roots[path+" ["+path+".test]"]; v != nil && p.ForTest == path {
				dep = v
			}
			if dep == nil {
				dep = l.std[path]
			}
			switch {
			case path == "unsafe":
				dep = &packages.Package{ID: "unsafe", PkgPath: "unsafe", Name: "unsafe"}
			case dep == nil:
				return errList
			}
			p.Imports[path] = dep
		}
	}
	for _, p := range roots {
		// What depends on the package under test is compiled once more for the test.
		if p.ForTest != "" && slices.ContainsFunc(slices.Collect(maps.Values(p.Imports)), func(dep *packages.Package) bool {
			return dep.PkgPath != p.ForTest && reaches(dep, p.ForTest, make(map[*packages.Package]bool))
		}) {
			return errList
		}
	}
	return nil
}

// reaches reports whether p depends on the package with the import path.
func reaches(p *packages.Package, path string, seen map[*packages.Package]bool) bool {
	if p.PkgPath == path {
		return true
	}
	if seen[p] {
		return false
	}
	seen[p] = true
	for _, dep := range p.Imports {
		if reaches(dep, path, seen) {
			return true
		}
	}
	return false
}

// complained reports whether the go command complained about p or what it depends on.
func (l *Loader) complained(p *packages.Package) bool {
	found := false
	packages.Visit([]*packages.Package{p}, nil, func(p *packages.Package) {
		m := l.meta[p.ID]
		found = found || m != nil && len(m.Errors) > 0
	})
	return found
}
