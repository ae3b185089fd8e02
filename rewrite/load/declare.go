package load

import (
	"cmp"
	"errors"
	"go/ast"
	"go/parser"
	"go/types"
	"maps"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/basis"
	"github.com/runtimefix/runtimefix/rewrite/internal/guard"
	"github.com/runtimefix/runtimefix/rewrite/internal/missing"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"golang.org/x/tools/go/packages"
)

// To compile what the candidates import costs a hundred times what it costs to read
// what it declares. So the go command is asked for the export data that its build
// cache has, and compiles nothing; packages without are type-checked from source,
// without the bodies of their functions. Only the types of C are not to be had so.

// exportMode asks the go command for export data, too.
const exportMode = metadataMode | packages.NeedExportFile

// askExports asks for the export data of the packages with the import paths, and of
// what they depend on.
func (l *Loader) askExports(dir string, paths []string) error {
	pkgs, err := l.list(dir, paths, question{mode: exportMode})
	if err != nil {
		return err
	}
	return l.compileC(dir, pkgs)
}

// compileC has the go command compile those packages, among pkgs and what they depend
// on, that use C and have no export data. In the standard library, what is declared
// has no types of C.
func (l *Loader) compileC(dir string, pkgs []*packages.Package) error {
	paths := make(map[string]bool)
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		if m := l.meta[p.ID]; m != nil && m.ForTest == "" && l.lacksTypesOfC(m) && !l.compiled[m.ID] {
			paths[m.PkgPath] = true
		}
	})
	if len(paths) == 0 {
		return nil
	}
	return l.compile(dir, slices.Sorted(maps.Keys(paths)))
}

// compile has the go command compile the packages with the import paths, and tells
// the export data that there is then.
func (l *Loader) compile(dir string, paths []string) error {
	pkgs, err := l.list(dir, paths, question{mode: exportMode, compile: true})
	for _, p := range pkgs {
		l.compiled[p.ID] = true
	}
	return err
}

// lacksTypesOfC reports whether m uses C, outside of the standard library, and the
// compiler's word on it is not at hand.
func (l *Loader) lacksTypesOfC(m *packages.Package) bool {
	return m.Module != nil && m.ExportFile == "" && len(m.GoFiles) > 0 && l.usesCgo(m)
}

// fromSource returns the types of m, which has no export data. Its error is the first
// thing that is wrong with what it declares.
func (l *Loader) fromSource(x *exports, u map[string]*types.Package, m *packages.Package) (*types.Package, error) {
	switch {
	case l.withoutC(m):
		l.Inputs.Doubt("no types of C of " + m.ID)
		return l.declare(x, u, m, func(error) {}), nil
	case slices.ContainsFunc(m.Errors, func(e packages.Error) bool { return !aboutEmbedding(e) }):
		l.Inputs.Doubt("no types of " + m.ID)
		return nil, errors.New(missing.Module(strings.ReplaceAll(m.Errors[0].Msg, "\n\t", " ")))
	}
	var first error
	pkg := l.declare(x, u, m, func(err error) {
		if first == nil {
			first = err
		}
	})
	if first == nil {
		return pkg, nil
	}
	delete(u, m.PkgPath)
	for _, path := range slices.Sorted(maps.Keys(m.Imports)) {
		if err := x.wrong[l.meta[m.Imports[path].ID]]; err != nil {
			return nil, err // the cause
		}
	}
	if l.isFixed(m) && !l.compiled[m.ID] {
		// Others build it: its language is newer than this program.
		if err := l.compile(l.exported[m.ID], []string{m.PkgPath}); err == nil && m.ExportFile != "" {
			return x.read(u, m.PkgPath, m.ExportFile)
		}
	}
	l.Inputs.Doubt("no types of " + m.ID)
	return nil, first
}

// aboutEmbedding reports whether the go command misses files that a package embeds, as
// in a fresh clone: what it declares does not depend on them.
func aboutEmbedding(e packages.Error) bool { return strings.HasPrefix(e.Msg, "pattern ") }

// isFixed reports whether nobody works on the package: it is of the standard library
// or the module cache.
func (l *Loader) isFixed(m *packages.Package) bool {
	if l.goroot == "" {
		l.goroot = basis.RootOf(slices.Collect(maps.Values(l.meta)))
	}
	return basis.IsFixed(m, l.goroot)
}

// sourceOf returns the content of a file of m.
func (l *Loader) sourceOf(m *packages.Package, path string) ([]byte, error) {
	if _, ok := l.overlay[path]; !ok && l.isFixed(m) {
		return safefile.Read(path, safefile.Source) // no input: it does not change
	}
	return l.source(path)
}

// declare type-checks the declarations of m, without the bodies of its functions,
// as other packages see them, on disk, and puts them into the universe u.
func (l *Loader) declare(x *exports, u map[string]*types.Package, m *packages.Package, wrong func(error)) *types.Package {
	var files []*ast.File
	for _, path := range m.GoFiles {
		src, err := l.sourceOf(m, path)
		if err != nil {
			wrong(err)
			continue
		}
		f, err := parser.ParseFile(l.fset, path, src, parser.SkipObjectResolution)
		if err != nil {
			wrong(err)
		}
		if f != nil {
			files = append(files, f)
		}
	}
	conf := types.Config{
		Importer: x.importer(l, m), FakeImportC: true, IgnoreFuncBodies: true, Sizes: types.SizesFor("gc", goarch(l.cfg.Env)),
		Error: wrong,
	}
	if m.Module != nil {
		conf.GoVersion = "go" + cmp.Or(m.Module.GoVersion, noGoLine)
	}
	pkg, err := guard.Call(func() *types.Package {
		p, _ := conf.Check(m.PkgPath, l.fset, files, nil)
		return p
	})
	if err != nil {
		wrong(err)
	}
	if pkg == nil {
		pkg = types.NewPackage(m.PkgPath, m.Name)
	}
	pkg.MarkComplete()
	u[m.PkgPath] = pkg
	return pkg
}
