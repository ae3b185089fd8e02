package load

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/outline"
)

// Tests cost more than the packages that they test. They are loaded where a rule can
// fire in one of them; the others are there then so that it type-checks: what they
// declare is enough, unless they use what the one declares.

// hasTested reports whether the tests of the package in dir are loaded.
func (l *Loader) hasTested(dir string) bool {
	_, ok := l.tested[RealPath(dir)]
	return ok || l.tested == nil
}

// thinTests decides which tests of f are loaded without the bodies of their
// functions.
func (l *Loader) thinTests(f *foundPackage) {
	tested := l.tested[RealPath(f.Dir)]
	if len(tested) == 0 {
		return
	}
	whole := make(map[string]bool)
	for _, path := range tested {
		whole[filepath.Base(path)] = true
	}
	declared := make(map[string]bool)
	files := f.abs(slices.Concat(f.TestGoFiles, f.XTestGoFiles))
	for _, path := range files {
		if whole[filepath.Base(path)] {
			l.addDeclared(declared, path)
		}
	}
	for _, path := range files {
		src, err := l.source(path)
		if err != nil || whole[filepath.Base(path)] {
			continue
		}
		uses := false
		if thin, ok := outline.Of(src, func(name string) { uses = uses || declared[name] }); ok && !uses {
			l.thin[path] = thin
		}
	}
}

// addDeclared adds to names what the file declares at package level.
func (l *Loader) addDeclared(names map[string]bool, path string) {
	src, err := l.source(path)
	if err != nil {
		return
	}
	f, _ := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
	if f == nil {
		return
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names[d.Name.Name] = true // methods, too: an interface may ask for them
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names[spec.Name.Name] = true
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						names[id.Name] = true
					}
				}
			}
		}
	}
	for _, n := range []string{"_", "init", "TestMain"} {
		delete(names, n)
	}
}

// source returns the content of the file as the loader's overlay has it.
func (l *Loader) source(path string) ([]byte, error) {
	if src, ok := l.overlay[path]; ok {
		return src, nil
	}
	return l.Inputs.Read(path)
}

// dropUnused takes the imports out of f, a file without the bodies of its functions,
// of which no word stands in it.
func dropUnused(f *ast.File) {
	used := make(map[string]bool)
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				used[id.Name] = true
			}
		}
		return true
	})
	unused := func(spec *ast.ImportSpec) bool {
		path, err := strconv.Unquote(spec.Path.Value)
		switch {
		case err != nil || spec.Name != nil && spec.Name.Name == ".":
			return false
		case spec.Name != nil:
			return !used[spec.Name.Name]
		}
		// A package is called like a part of its path: yaml in gopkg.in/yaml.v3.
		parts := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/.-_", r) })
		return !slices.ContainsFunc(append(parts, filepath.Base(path)), func(part string) bool { return used[part] })
	}
	f.Imports = slices.DeleteFunc(f.Imports, unused)
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			g.Specs = slices.DeleteFunc(g.Specs, func(s ast.Spec) bool { return unused(s.(*ast.ImportSpec)) })
		}
	}
}
