package load

import (
	"bytes"
	"cmp"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/packages"
)

// Snapshot is an immutable view of the loaded packages and text files, with
// an overlay of edited files over what is on disk. Every later round of edits
// makes a new one.
type Snapshot struct {
	Fset *token.FileSet
	// Packages are the loaded packages, in order of import path. Each source
	// file belongs to one of them: a package stands here together with its own
	// test files, or without them when it has none or tests are off.
	Packages []*Package
	// Texts are the text files that the scan selected, in order of path.
	Texts []*TextFile

	l       *Loader
	overlay map[string][]byte
	byFile  map[string]*File
	unit    *unitView // not nil for the snapshot of a Unit

	mu    sync.Mutex
	memo  map[any]any
	refs  map[string][]Ref
	asked map[string]bool // names that Widen looked for
	blind bool            // some of them could not be looked for everywhere
}

// Package is one loaded package with its syntax and types.
type Package struct {
	ID   string // the go command's name for it, "p [p.test]" with its tests
	Path string // import path
	Name string
	Dir  string
	// Module is nil outside of modules.
	Module *Module
	// ForTest is the import path of the package under test, "" when the
	// package has no test files.
	ForTest string
	Files   []*File
	Types   *types.Package
	Info    *types.Info
	// Inspector walks Files in order.
	Inspector *inspector.Inspector
	// Errors are the syntax and type errors. With any of them Info is partial.
	Errors []Problem

	// Wide reports whether the package was loaded only to look something up
	// (see Snapshot.Widen): nothing is reported in it.
	Wide bool

	meta     *packages.Package
	snap     *Snapshot
	other    []*ast.File
	declList []inspector.Cursor
	others   sync.Once
	decls    sync.Once
	moved    bool // checked against an edited package instead of its export data
}

// File is one source file of a package.
type File struct {
	Path string // absolute
	Pkg  *Package
	AST  *ast.File
	Src  []byte
	// Test reports whether it is a _test.go file or in a package of tests only.
	Test bool
	// Generated reports whether it says "Code generated ... DO NOT EDIT.".
	Generated bool
	// Cgo reports whether it imports "C". C.x has no type then, all else has.
	Cgo bool
	// ReadOnly says why no fix may touch the file, "" when fixes may: what is
	// known of a file that does not parse is not all that it holds.
	ReadOnly string

	thin bool // without the bodies of its functions
}

// Load lists, parses and type-checks the packages that match patterns in
// cfg.Dir. It is the short way for tests and for analyses of one module; Run
// does the same for the candidates of a scan.
func Load(ctx context.Context, cfg Config, patterns ...string) (*Snapshot, error) {
	l := NewLoader(ctx, cfg, nil)
	l.tested = nil
	if _, err := l.add(cfg.Dir, patterns, cfg.Tests); err != nil {
		return nil, err
	}
	return l.Snapshot(nil, nil), nil
}

// Snapshot parses and checks the roots under overlay. Packages of prev whose
// files are the same under both overlays are taken over.
func (l *Loader) Snapshot(overlay map[string][]byte, prev *Snapshot) *Snapshot {
	s := &Snapshot{
		Fset:    l.fset,
		l:       l,
		overlay: overlay,
		byFile:  make(map[string]*File),
		memo:    make(map[any]any),
		asked:   make(map[string]bool),
	}
	old := make(map[string]*Package)
	if prev != nil {
		for name := range prev.asked {
			s.asked[name] = true
		}
		s.Texts = l.texts(s, prev.Texts)
		for _, p := range prev.Packages {
			old[p.ID] = p
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.root)) {
		m := l.root[id]
		if p := old[id]; p != nil && !p.moved && !l.changed(p, overlay) {
			s.Packages = append(s.Packages, p.in(s))
			continue
		}
		if len(m.GoFiles) == 0 && len(m.Errors) == 0 {
			continue
		}
		s.Packages = append(s.Packages, l.check(s, m))
	}
	l.follow(s)
	s.settle()
	return s
}

// settle puts the packages in order and indexes their files.
func (s *Snapshot) settle() {
	slices.SortStableFunc(s.Packages, func(a, b *Package) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	for _, p := range s.Packages {
		for _, f := range p.Files {
			s.byFile[f.Path] = f
		}
	}
}

// changed reports whether a file of p differs under overlay, or is to be loaded whole
// now.
func (l *Loader) changed(p *Package, overlay map[string][]byte) bool {
	for _, f := range p.Files {
		if f.thin && l.thin[f.Path] == nil {
			return true
		}
		if data, ok := overlay[f.Path]; ok && !bytes.Equal(data, f.Src) {
			return true
		}
	}
	return false
}

// in returns p as a package of s: the same syntax and types.
func (p *Package) in(s *Snapshot) *Package {
	q := &Package{
		ID: p.ID, Path: p.Path, Name: p.Name, Dir: p.Dir, Module: p.Module, ForTest: p.ForTest,
		Types: p.Types, Info: p.Info, Inspector: p.Inspector, Errors: p.Errors, Wide: p.Wide, meta: p.meta, snap: s,
	}
	for _, f := range p.Files {
		g := *f
		g.Pkg = q
		q.Files = append(q.Files, &g)
	}
	return q
}

// Read returns the content of path under the overlay.
func (s *Snapshot) Read(path string) ([]byte, error) {
	if data, ok := s.overlay[path]; ok {
		return data, nil
	}
	return s.inputs().Read(path)
}

// ReadDir lists a directory as it is on disk.
func (s *Snapshot) ReadDir(path string) ([]fs.DirEntry, error) { return s.inputs().ReadDir(path) }

// inputs returns where to note what is read, nil for nowhere.
func (s *Snapshot) inputs() *inputs.Set {
	if s.l == nil {
		return nil
	}
	return s.l.Inputs
}

// FileAt returns the loaded source file called path, nil when there is none.
func (s *Snapshot) FileAt(path string) *File { return s.byFile[path] }

// Overlaid returns the content that edits gave the file called path; ok is false
// for a file that is as it is on disk.
func (s *Snapshot) Overlaid(path string) (data []byte, ok bool) {
	data, ok = s.overlay[path]
	return data, ok
}

// ByID returns the loaded package with the ID, nil when there is none.
func (s *Snapshot) ByID(id string) *Package {
	for _, p := range s.Packages {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// File returns the loaded source file that holds pos, nil when there is none.
func (s *Snapshot) File(pos token.Pos) *File {
	tf := s.Fset.File(pos)
	if tf == nil {
		return nil
	}
	return s.byFile[tf.Name()]
}

// Source returns the content of the loaded Go or text file that holds pos, nil
// when there is none.
func (s *Snapshot) Source(pos token.Pos) []byte {
	if f := s.File(pos); f != nil {
		return f.Src
	}
	if tf := s.Fset.File(pos); tf != nil {
		for _, t := range s.Texts {
			if t.tf == tf {
				return t.Src
			}
		}
	}
	return nil
}

// Position returns pos as file, offset, line and column of the file itself:
// //line comments are not followed.
func (s *Snapshot) Position(pos token.Pos) token.Position {
	return s.Fset.PositionFor(pos, false)
}

// Package returns the loaded package with the import path, preferring the one
// that is no external test; nil when it is not loaded.
func (s *Snapshot) Package(path string) *Package {
	for _, p := range s.Packages {
		if p.Path == path {
			return p
		}
	}
	return nil
}

// Settings returns what the user set for the rules, nil when that is nothing.
// The engine does not look at it.
func (s *Snapshot) Settings() any {
	if s.l == nil {
		return nil
	}
	return s.l.cfg.Settings
}

// Memo returns the value of make for key, computed once per Snapshot. Rules use
// it for what several of them need, a call graph say. Keys are of types of their
// own, so that two users never share one.
func Memo[T any](s *Snapshot, key any, make func() T) T {
	if v, ok := s.memoized(key); ok {
		return v.(T)
	}
	out := make()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memo[key] = out
	return out
}

func (s *Snapshot) memoized(key any) (v any, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock() // a key that cannot be compared panics
	v, ok = s.memo[key]
	return v, ok
}

// MemoDisk is Memo for what make finds in files as they are on disk: once per run.
func MemoDisk[T any](s *Snapshot, key any, make func() T) T {
	if s.l == nil {
		return Memo(s, key, make)
	}
	return inputs.Once(s.l.Disk, key, make)
}

// Version returns the language version that the file is written in, "go1.24"
// say: the module's go line unless a //go:build line of the file changes it.
func (f *File) Version() string {
	if v := f.Pkg.Info.FileVersions[f.AST]; v != "" {
		return v
	}
	if f.Pkg.Module != nil {
		return "go" + f.Pkg.Module.GoVersion
	}
	return "go1.16"
}

// Text returns the source text of n.
func (f *File) Text(n ast.Node) string {
	return f.TextRange(n.Pos(), n.End())
}

// TextRange returns the source text from pos to end.
func (f *File) TextRange(pos, end token.Pos) string {
	tf := f.Pkg.snap.Fset.File(f.AST.FileStart)
	return string(f.Src[tf.Offset(pos):tf.Offset(end)])
}

// File returns the package's file that holds n, nil when it is none of its.
func (p *Package) File(n ast.Node) *File {
	for _, f := range p.Files {
		if f.AST.FileStart <= n.Pos() && n.Pos() <= f.AST.FileEnd {
			return f
		}
	}
	return nil
}

// Cursor returns the cursor at n; ok is false when n stands in no file of p.
func (p *Package) Cursor(n ast.Node) (c inspector.Cursor, ok bool) {
	// The inspector goes through all declarations of the package; this, through
	// one.
	all := p.declCursors()
	i, _ := slices.BinarySearchFunc(all, n.Pos(), func(c inspector.Cursor, pos token.Pos) int { return cmp.Compare(c.Node().End(), pos+1) })
	if i < len(all) && all[i].Node().Pos() <= n.Pos() {
		if c, ok := all[i].FindNode(n); ok {
			return c, true
		}
	}
	return p.Inspector.Root().FindNode(n)
}

// declCursors returns the package-level declarations, in order of position.
func (p *Package) declCursors() []inspector.Cursor {
	p.decls.Do(func() {
		for file := range p.Inspector.Root().Children() {
			for c := range file.Children() {
				if _, ok := c.Node().(ast.Decl); ok {
					p.declList = append(p.declList, c)
				}
			}
		}
		slices.SortFunc(p.declList, func(a, b inspector.Cursor) int { return cmp.Compare(a.Node().Pos(), b.Node().Pos()) })
	})
	return p.declList
}

// Snapshot returns the snapshot that p belongs to.
func (p *Package) Snapshot() *Snapshot { return p.snap }

// OtherFiles parses the .go files in the package's directory that are not
// among Files: those that the platform or build tags leave out, and its tests
// where they are not loaded with it. They have no types; whole-package
// conditions ("nothing else writes this field") read them by name.
func (p *Package) OtherFiles() []*ast.File {
	p.others.Do(func() {
		entries, err := p.snap.ReadDir(p.Dir)
		if err != nil {
			return
		}
		for _, e := range entries {
			path := filepath.Join(p.Dir, e.Name())
			if !strings.HasSuffix(path, ".go") || slices.ContainsFunc(p.Files, func(f *File) bool { return f.Path == path }) {
				continue
			}
			src, err := p.snap.Read(path)
			if err != nil {
				continue
			}
			f, _ := parser.ParseFile(p.snap.Fset, path, src, parser.ParseComments|parser.SkipObjectResolution)
			if f != nil {
				p.other = append(p.other, f)
			}
		}
	})
	return p.other
}

// Only returns a view of s with nothing but p in it.
func (s *Snapshot) Only(p *Package) *Snapshot {
	one := &Snapshot{Fset: s.Fset, Texts: nil, l: s.l, unit: s.unit, overlay: s.overlay, byFile: make(map[string]*File), memo: make(map[any]any), asked: make(map[string]bool)}
	one.Packages = []*Package{p.in(one)}
	for _, f := range one.Packages[0].Files {
		one.byFile[f.Path] = f
	}
	return one
}

// OnlyTexts returns a view of s with its text files and no packages.
func (s *Snapshot) OnlyTexts() *Snapshot {
	return &Snapshot{Fset: s.Fset, Texts: s.Texts, l: s.l, unit: s.unit, overlay: s.overlay, byFile: make(map[string]*File), memo: make(map[any]any), asked: make(map[string]bool)}
}

// ScopeAt returns the innermost scope of file that holds pos.
func (p *Package) ScopeAt(file *ast.File, pos token.Pos) *types.Scope {
	s := p.Info.Scopes[file]
	if s == nil {
		return nil
	}
	if in := s.Innermost(pos); in != nil {
		return in
	}
	return s
}
