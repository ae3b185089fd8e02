package evidence

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"golang.org/x/mod/modfile"
)

// Tree is the source that recordings are joined to.
type Tree struct {
	root    string
	modules map[string][2]string // path and directory of the module around a directory
	files   map[string]*ast.File
	fset    *token.FileSet
}

// NewTree returns the tree below root, an absolute path.
func NewTree(root string) *Tree {
	return &Tree{root: root, modules: make(map[string][2]string), files: make(map[string]*ast.File), fset: token.NewFileSet()}
}

// module returns the path and the directory of the module around file, empty when
// there is none in the tree.
func (t *Tree) module(file string) (path, dir string) {
	start := filepath.Dir(file)
	if m, ok := t.modules[start]; ok {
		return m[0], m[1]
	}
	for d := start; ; d = filepath.Dir(d) {
		if info, err := os.Stat(filepath.Join(d, "go.mod")); err == nil && info.Mode().IsRegular() {
			if data, err := safefile.Read(filepath.Join(d, "go.mod"), safefile.Source); err == nil {
				path, dir = modfile.ModulePath(data), d
			}
			break
		}
		if d == t.root || d == filepath.Dir(d) {
			break
		}
	}
	t.modules[start] = [2]string{path, dir}
	return path, dir
}

// Holds reports whether code of the tree is on a stack of the recording.
func (t *Tree) Holds(r *Recording) bool {
	for pkg, file := range r.packages {
		if path := t.locate(Frame{Func: pkg + ".f", File: file}); path != "" && (pkg != "main" || t.declares(filepath.Dir(path), r.mains)) {
			return true
		}
	}
	return r.Leaks && len(r.packages) == 0 // nothing leaked
}

// declares reports whether package main in dir may be the one with the functions:
// every program has a main.go with a function main, so half of the others have to
// be there. Some may be gone since.
func (t *Tree) declares(dir string, functions map[string]bool) bool {
	have := make(map[string]bool)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		file := t.parse(filepath.Join(dir, e.Name()), nil)
		if file == nil {
			continue
		}
		for _, d := range file.Decls {
			if fd, ok := d.(*ast.FuncDecl); ok {
				have[rewrite.DeclName(fd)] = true
			}
		}
	}
	known, all := 0, 0
	for name := range functions {
		if name == "main" || name == "init" || name == "glob" {
			continue
		}
		all++
		if have[name] {
			known++
		}
	}
	return 2*known >= all
}

// locate returns the file of the tree that the frame is in, "" when it is none of
// its. The recorded path may be of another checkout or made by -trimpath: the
// longest end of it that is there, and belongs to the frame's package, is taken.
func (t *Tree) locate(f Frame) string {
	parts := strings.Split(strings.ReplaceAll(f.File, `\`, "/"), "/")
	for i := range parts {
		path := filepath.Join(t.root, filepath.FromSlash(strings.Join(parts[i:], "/")))
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		module, dir := t.module(path)
		if dir == "" {
			continue
		}
		rel, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil || strings.HasPrefix(rel, "vendor") {
			continue
		}
		pkg := strings.TrimSuffix(f.Package(), "_test")
		if rel == "." && pkg == module || pkg == module+"/"+filepath.ToSlash(rel) {
			return path
		}
		if file := t.parse(path, nil); pkg == "main" && file != nil && file.Name.Name == "main" {
			return path
		}
	}
	return ""
}

// place is where a finding is: file, and the declared function around it.
type place struct {
	path, module, rel string
	name              string // "T.Method" or "f", "" outside of functions
}

// holds reports whether the frame is in the function at the place.
func (p place) holds(f Frame) bool {
	return p.name != "" && p.name == f.Name() && sameFile(f.File, p.module, p.rel)
}

func (t *Tree) place(pos token.Position, src []byte) place {
	p := place{path: pos.Filename}
	if !strings.HasSuffix(pos.Filename, ".go") {
		return p
	}
	module, dir := t.module(pos.Filename)
	rel, err := filepath.Rel(dir, pos.Filename)
	if dir == "" || err != nil {
		rel = filepath.Base(pos.Filename)
	}
	p.module, p.rel = module, filepath.ToSlash(rel)
	file := t.parse(pos.Filename, src)
	if file == nil {
		return p
	}
	if decl := t.declAt(file, pos.Line); decl != nil {
		p.name = rewrite.DeclName(decl)
	}
	return p
}

// parse returns the syntax of the file, nil when there is none.
func (t *Tree) parse(path string, src []byte) *ast.File {
	f, ok := t.files[path]
	if !ok {
		var in any
		if src != nil {
			in = src
		}
		f, _ = parser.ParseFile(t.fset, path, in, parser.SkipObjectResolution)
		t.files[path] = f
	}
	return f
}

// declAt returns the function declaration around the line.
func (t *Tree) declAt(f *ast.File, line int) *ast.FuncDecl {
	for _, d := range f.Decls {
		if fd, ok := d.(*ast.FuncDecl); ok && t.fset.PositionFor(fd.Pos(), false).Line <= line && line <= t.fset.PositionFor(fd.End(), false).Line {
			return fd
		}
	}
	return nil
}

func abs(n int) int { return max(n, -n) }
