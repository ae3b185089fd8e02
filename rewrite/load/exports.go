package load

import (
	"bufio"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"io"
	"os"
	"strings"

	"golang.org/x/tools/go/gcexportdata"
	"golang.org/x/tools/go/packages"
)

// exports reads dependencies' types from the export data that the go command
// has in its build cache, or else from source.
//
// Packages recompiled for one test binary ("p [q.test]") have the import paths
// of their ordinary selves, so each test binary has a universe of its own. All
// other packages are the same in every universe, complete or not: none of them
// knows of a recompiled one.
type exports struct {
	fset      *token.FileSet
	universes map[string]map[string]*types.Package
	wrong     map[*packages.Package]error // what has no types, and why
}

func newExports(fset *token.FileSet) *exports {
	return &exports{fset: fset, universes: make(map[string]map[string]*types.Package), wrong: make(map[*packages.Package]error)}
}

// importer returns the importer for the files of p.
func (x *exports) importer(l *Loader, p *packages.Package) types.Importer {
	suffix := universe(p)
	own := x.of(suffix)
	return importerFunc(func(path string) (*types.Package, error) {
		if path == "unsafe" {
			return types.Unsafe, nil
		}
		u := own
		target := path
		if dep := p.Imports[path]; dep != nil {
			target = dep.PkgPath
		}
		if suffix != "" {
			defer x.share(l, suffix)
			x.share(l, suffix)
			if l.meta[target+suffix] == nil {
				u = x.of("")
			}
		}
		if pkg := u[target]; pkg != nil && pkg.Complete() {
			return pkg, nil
		}
		if m := l.sourcedAs(p.Imports[path]); m != nil {
			return l.declare(x, u, m, func(error) {}), nil // its errors are reported where it is checked
		}
		m := l.dependency(p, path)
		if err := x.wrong[m]; err != nil {
			return nil, err
		}
		if m == nil {
			l.Inputs.Doubt("no types of " + path)
			return nil, errors.New("it is not known")
		}
		if stub := u[target]; m.ExportFile == "" && stub != nil && !l.compiled[m.ID] {
			// Export data refers to it already.
			if err := l.compile(l.exported[m.ID], []string{m.PkgPath}); err != nil {
				x.wrong[m] = err
				return nil, err
			}
		}
		if m.ExportFile == "" {
			pkg, err := l.fromSource(x, u, m)
			x.wrong[m] = err
			return pkg, err
		}
		return x.read(u, target, m.ExportFile)
	})
}

// read reads the export data of the package with the import path from file.
func (x *exports) read(u map[string]*types.Package, path, file string) (*types.Package, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading export data of %q: %w", path, err)
	}
	defer f.Close()
	r, err := exportData(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("reading export data of %q: %w", path, err)
	}
	pkg, err := gcexportdata.Read(r, x.fset, u, path)
	if err != nil {
		return nil, fmt.Errorf("reading export data of %q: %w", path, err)
	}
	return pkg, nil
}

// of returns the universe of the test binary, the ordinary one for "".
func (x *exports) of(suffix string) map[string]*types.Package {
	u := x.universes[suffix]
	if u == nil {
		u = make(map[string]*types.Package)
		x.universes[suffix] = u
	}
	return u
}

// share gives the universe of a test binary and the ordinary one the packages
// of each other that are not recompiled for the test.
func (x *exports) share(l *Loader, suffix string) {
	ordinary, own := x.of(""), x.of(suffix)
	exchange := func(from, to map[string]*types.Package) {
		for path, pkg := range from {
			if to[path] == nil && l.meta[path+suffix] == nil {
				to[path] = pkg
			}
		}
	}
	exchange(ordinary, own)
	exchange(own, ordinary)
}

// exportData returns the export data in a file that "go list -export" names.
// Up to Go 1.27 that is the compiler's archive, in which it is one section;
// later it is the export data itself (package gcexportdata, "Deprecations").
func exportData(r *bufio.Reader) (io.Reader, error) {
	const archive = "!<arch>\n"
	if head, err := r.Peek(len(archive)); err != nil || string(head) != archive {
		return r, err
	}
	//lint:ignore SA1019 the toolchains of today write archives
	return gcexportdata.NewReader(r)
}

// universe names the set of packages that p's imports belong to: "" for the
// ordinary ones, else the test binary for which some of them were recompiled.
func universe(p *packages.Package) string {
	for _, dep := range p.Imports {
		if i := strings.IndexByte(dep.ID, ' '); i >= 0 {
			return dep.ID[i:]
		}
	}
	return ""
}

type importerFunc func(path string) (*types.Package, error)

func (f importerFunc) Import(path string) (*types.Package, error) { return f(path) }
