package load

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"golang.org/x/mod/modfile"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/gcexportdata"
)

// Unit is one type-checked package that another program loaded, go vet say.
// Rules run on it as on a Snapshot, but nothing outside of it is to be had: not
// the packages that import it or the sources of its dependencies.
type Unit struct {
	Fset      *token.FileSet
	Files     []*ast.File
	Types     *types.Package
	Info      *types.Info
	Inspector *inspector.Inspector // over Files, in their order
	Sizes     types.Sizes
	// Module is nil outside of modules; it needs no directory.
	Module *Module
	// Tests reports whether all of the package are tests.
	Tests    bool
	ReadFile func(name string) ([]byte, error)
}

// errOutside says that something is needed that a Unit does not have.
var errOutside = errors.New("what is outside of the package is not at hand")

// unitView marks the snapshot of a Unit, and notes whether a rule asked for
// what is outside of it.
type unitView struct{ asked bool }

// outside reports whether s is a Unit's, and notes that it is not enough.
func (s *Snapshot) outside() bool {
	if s.unit == nil {
		return false
	}
	s.unit.asked = true
	return true
}

// TakeAsked reports whether something outside of the Unit was asked for since
// the last call.
func (s *Snapshot) TakeAsked() bool {
	asked := s.unit.asked
	s.unit.asked = false
	return asked
}

// Snapshot returns the view of the unit that rules are run on.
func (u *Unit) Snapshot() (*Snapshot, error) {
	s := &Snapshot{Fset: u.Fset, byFile: make(map[string]*File), memo: make(map[any]any), asked: make(map[string]bool), unit: &unitView{}}
	p := &Package{
		ID: u.Types.Path(), Path: u.Types.Path(), Name: u.Types.Name(), Module: u.Module,
		Types: u.Types, Info: u.Info, Inspector: u.Inspector, snap: s,
	}
	for _, f := range u.Files {
		path := u.Fset.PositionFor(f.FileStart, false).Filename
		src, err := u.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if p.Dir == "" {
			p.Dir = filepath.Dir(path)
		}
		if tf := u.Fset.File(f.FileStart); tf == nil || tf.Size() != len(src) {
			return nil, fmt.Errorf("%s: changed since it was read", path)
		}
		p.Files = append(p.Files, &File{
			Path: path, Pkg: p, AST: f, Src: src,
			Test:      u.Tests || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(u.Types.Name(), "_test"),
			Generated: ast.IsGenerated(f),
			Cgo:       importsC(f),
		})
	}
	s.Packages = []*Package{p}
	s.settle()
	return s, nil
}

// Compile returns the first error in the unit with the changed files in place of
// its own, "" when it type-checks.
func (u *Unit) Compile(s *Snapshot, changed map[string][]byte) string {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, f := range s.Packages[0].Files {
		src := f.Src
		if data, ok := changed[f.Path]; ok {
			src = data
		}
		af, err := parser.ParseFile(fset, f.Path, src, parser.SkipObjectResolution)
		if err != nil {
			return err.Error()
		}
		files = append(files, af)
	}
	why := ""
	conf := types.Config{Importer: u.importer(s.Packages[0].Dir), Sizes: u.Sizes, GoVersion: u.Types.GoVersion(), Error: func(err error) {
		if why == "" {
			why = err.Error()
		}
	}}
	if pkg, _ := conf.Check(u.Types.Path(), fset, files, nil); pkg == nil && why == "" {
		why = "it does not type-check"
	}
	return why
}

// importer resolves imports to the packages that the unit has already. One
// that only a fix adds is read from the go command's build cache.
func (u *Unit) importer(dir string) types.Importer {
	known := make(map[string]*types.Package)
	var add func(*types.Package)
	add = func(p *types.Package) {
		if known[p.Path()] == nil {
			known[p.Path()] = p
			for _, q := range p.Imports() {
				add(q)
			}
		}
	}
	for _, p := range u.Types.Imports() {
		add(p)
	}
	added := maps.Clone(known)
	return importerFunc(func(path string) (*types.Package, error) {
		if path == "unsafe" {
			return types.Unsafe, nil
		}
		if p := known[path]; p != nil && p.Complete() {
			return p, nil
		}
		if strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
			return nil, errOutside
		}
		cmd := exec.Command("go", "list", "-export", "-f", "{{.Export}}", "--", path)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", path, err)
		}
		f, err := os.Open(strings.TrimSpace(string(out)))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r, err := exportData(bufio.NewReader(f))
		if err != nil {
			return nil, err
		}
		return gcexportdata.Read(r, token.NewFileSet(), added, path)
	})
}

// goModAbove parses the go.mod of the unit's module, which is m, where it stands
// in a directory above the package. A build in a sandbox has none.
func (s *Snapshot) goModAbove(m *Module) (*modfile.File, error) {
	for dir := s.Packages[0].Dir; ; {
		path := filepath.Join(dir, "go.mod")
		if data, err := safefile.Read(path, safefile.Source); err == nil && modfile.ModulePath(data) == m.Path {
			return modfile.Parse(path, data, nil)
		}
		up := filepath.Dir(dir)
		if up == dir {
			s.outside()
			return nil, errOutside
		}
		dir = up
	}
}

// typedDeps returns the import paths that p's types tell of, in order.
func typedDeps(p *types.Package) []string {
	seen := make(map[string]bool)
	var add func(*types.Package)
	add = func(p *types.Package) {
		for _, q := range p.Imports() {
			if !seen[q.Path()] {
				seen[q.Path()] = true
				add(q)
			}
		}
	}
	add(p)
	return slices.Sorted(maps.Keys(seen))
}

// local reports whether nothing outside of the unit can use an object called
// name: it is declared in a program, or not exported.
func (s *Snapshot) local(name string) bool {
	if !token.IsExported(name) {
		return true
	}
	p := s.Packages[0]
	if p.Name != "main" && !strings.HasSuffix(p.Name, "_test") {
		return false
	}
	for id, obj := range p.Info.Defs {
		if obj != nil && id.Name == name {
			return true
		}
	}
	return false
}

// TryWiden is Widen for a rule to which more packages can only add findings:
// in a Unit, which has no more, it does nothing.
func (s *Snapshot) TryWiden(names ...string) {
	if s.unit == nil {
		s.Widen(names...)
	}
}

// TryWidenTo is WidenTo for such a rule.
func (s *Snapshot) TryWidenTo(paths ...string) {
	if s.unit == nil {
		s.WidenTo(paths...)
	}
}
