package outline

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Declared adds to names what the file declares at package level that others can use,
// methods included: an interface may ask for them. Of a file that does not parse it
// adds what is known.
func Declared(src []byte, names map[string]bool) {
	f, _ := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	if f == nil {
		return
	}
	own := make(map[string]bool)
	for _, d := range f.Decls {
		AddNames(own, d)
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
			names[fn.Name.Name] = true
		}
	}
	for _, n := range []string{"_", "init", "TestMain"} {
		delete(own, n)
	}
	maps.Copy(names, own)
}

// AddNames adds to names those that d declares at package level.
func AddNames(names map[string]bool, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names[d.Name.Name] = true
		}
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

// DropUnused takes the imports out of f, a file without the bodies of its functions,
// of which no word stands in it.
func DropUnused(f *ast.File) {
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
		name, err := strconv.Unquote(spec.Path.Value)
		switch {
		case err != nil || spec.Name != nil && spec.Name.Name == ".":
			return false
		case spec.Name != nil:
			return !used[spec.Name.Name]
		}
		// A package is called like a part of its path: yaml in gopkg.in/yaml.v3.
		parts := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("/.-_", r) })
		return !slices.ContainsFunc(append(parts, path.Base(name)), func(part string) bool { return used[part] })
	}
	f.Imports = slices.DeleteFunc(f.Imports, unused)
	f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.IMPORT {
			return false
		}
		g.Specs = slices.DeleteFunc(g.Specs, func(s ast.Spec) bool { return unused(s.(*ast.ImportSpec)) })
		return len(g.Specs) == 0 // it would have no end
	})
}

// Uses reports whether the Go file src names pkgPath.name for one of names.
func Uses(src []byte, pkgPath string, names []string) bool {
	if !bytes.Contains(src, []byte(pkgPath)) || !slices.ContainsFunc(names, func(n string) bool { return bytes.Contains(src, []byte(n)) }) {
		return false
	}
	f, _ := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	if f == nil {
		return true // unreadable: assume the worst
	}
	local := ""
	for _, spec := range f.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil && path == pkgPath {
			local = path[strings.LastIndexByte(path, '/')+1:]
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	if local == "" || local == "_" {
		return false
	}
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == local && slices.Contains(names, n.Sel.Name) {
				found = true
			}
		case *ast.Ident:
			if local == "." && slices.Contains(names, n.Name) {
				found = true
			}
		}
		return !found
	})
	return found
}
