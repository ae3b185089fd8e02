package load

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/complaint"
	"github.com/runtimefix/runtimefix/rewrite/internal/guard"
	"github.com/runtimefix/runtimefix/rewrite/internal/outline"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/packages"
)

// check parses and type-checks the package that m describes.
func (l *Loader) check(s *Snapshot, m *packages.Package) *Package {
	p := l.checkWith(s, m, l.home(m.ID).imp)
	if l.first[m.ID] == nil {
		l.first[m.ID] = p.Types
	}
	return p
}

// checkWith is check with the types of the imports taken from imp.
func (l *Loader) checkWith(s *Snapshot, m *packages.Package, imp *exports) *Package {
	l.scope = l.home(m.ID)
	p := &Package{
		ID: m.ID, Path: m.PkgPath, Name: m.Name, Dir: m.Dir, Module: l.module(m), ForTest: m.ForTest,
		Wide: l.wide[m.ID], meta: m, snap: s,
	}
	p.Errors = complaint.Listed(m)
	var asts []*ast.File
	size := 0 // of what has bodies
	for _, path := range m.GoFiles {
		if !strings.HasSuffix(path, ".go") {
			continue
		}
		src, err := s.Read(path)
		if err != nil {
			p.Errors = append(p.Errors, Problem{Pos: token.Position{Filename: path}, Package: p.Path, Message: "not read: " + Reason(err)})
			continue
		}
		text, thin := l.thin[path]
		if !thin {
			text = src
		}
		f, perr := parser.ParseFile(l.fset, path, text, parser.ParseComments|parser.SkipObjectResolution|parser.AllErrors)
		if perr != nil {
			var list scanner.ErrorList
			if errors.As(perr, &list) {
				// What follows the first error in a file is mostly its echo.
				p.Errors = append(p.Errors, Problem{Pos: list[0].Pos, Package: p.Path, Message: list[0].Msg})
			} else {
				p.Errors = append(p.Errors, Problem{Pos: token.Position{Filename: path}, Package: p.Path, Message: perr.Error()})
			}
		}
		if f == nil || !f.Pos().IsValid() {
			continue
		}
		if thin {
			outline.DropUnused(f)
		}
		file := &File{
			Path: path, Pkg: p, AST: f, Src: src, thin: thin,
			Test:      strings.HasSuffix(path, "_test.go") || strings.HasSuffix(m.Name, "_test"),
			Generated: ast.IsGenerated(f),
			Cgo:       importsC(f),
		}
		switch {
		case perr != nil:
			file.ReadOnly = "it has a syntax error"
		case thin:
			file.ReadOnly = "its functions are not loaded"
		case len(src) > maxEdited:
			file.ReadOnly = fmt.Sprintf("it is bigger than %d MB", maxEdited>>20)
		default:
			file.ReadOnly = l.ReadOnly[path]
		}
		if !thin {
			size += len(src)
		}
		p.Files = append(p.Files, file)
		asts = append(asts, f)
	}
	p.Info = newInfo(size)
	conf := types.Config{
		Importer:    imp.importer(l, m),
		FakeImportC: true,
		Sizes:       types.SizesFor("gc", goarch(l.cfg.Env)),
		Error: func(err error) {
			var te types.Error
			if !errors.As(err, &te) {
				return
			}
			if l.thin[l.fset.PositionFor(te.Pos, false).Filename] != nil {
				return // that a function has no body, say
			}
			p.Errors = append(p.Errors, Problem{Pos: l.fset.PositionFor(te.Pos, false), Package: p.Path, Message: te.Msg})
		},
	}
	if p.Module != nil {
		conf.GoVersion = "go" + p.Module.GoVersion
	}
	_, err := guard.Call(func() *types.Package {
		p.Types, _ = conf.Check(m.PkgPath, l.fset, asts, p.Info) // errors went to conf.Error
		return p.Types
	})
	if err != nil {
		p.failed(err)
	}
	p.Inspector = inspector.New(asts)
	p.Errors = Dedupe(p.Errors)
	return p
}

// newInfo returns maps for the types in size bytes of source, as big as they get in
// nats-server and this program: to let them grow takes a twelfth of the whole run.
func newInfo(size int) *types.Info {
	return &types.Info{
		Types:        make(map[ast.Expr]types.TypeAndValue, size/12),
		Instances:    make(map[*ast.Ident]types.Instance),
		Defs:         make(map[*ast.Ident]types.Object, size/90),
		Uses:         make(map[*ast.Ident]types.Object, size/17),
		Implicits:    make(map[ast.Node]types.Object),
		Selections:   make(map[*ast.SelectorExpr]*types.Selection, size/75),
		Scopes:       make(map[ast.Node]*types.Scope, size/100),
		FileVersions: make(map[*ast.File]string),
	}
}

// maxEdited is the size in bytes of the biggest file that is changed: nobody writes
// a bigger one by hand, and the tree to be edited takes 200 times its memory.
const maxEdited = 2 << 20

// failed makes p a package of which nothing is certain: the type checker, or the
// reading of what the package imports, panicked.
func (p *Package) failed(err error) {
	p.Types = types.NewPackage(p.Path, p.Name)
	prob := Problem{Package: p.Path, Message: "not checked: the type checker failed: " + err.Error()}
	prob.Pos.Filename = p.Dir
	p.Errors = append(p.Errors, prob)
	for _, f := range p.Files {
		f.ReadOnly = "the type checker failed on its package"
	}
}

func goarch(env []string) string {
	for _, kv := range slices.Backward(env) {
		if v, ok := strings.CutPrefix(kv, "GOARCH="); ok && v != "" {
			return v
		}
	}
	return build.Default.GOARCH
}

func importsC(f *ast.File) bool {
	for _, spec := range f.Imports {
		if spec.Path.Value == `"C"` {
			return true
		}
	}
	return false
}
