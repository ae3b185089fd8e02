package collect

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// implementations returns the declaration of fn, a function of p, or those of the
// methods of p by which an interface's method may be implemented.
func implementations(p *rewrite.Package, fn *types.Func) []*ast.FuncDecl {
	if decl := syntax.DeclOf(p, fn); decl != nil {
		return []*ast.FuncDecl{decl}
	}
	recv := fn.Signature().Recv()
	if recv == nil || !types.IsInterface(recv.Type()) {
		return nil
	}
	iface := recv.Type().Underlying().(*types.Interface)
	var out []*ast.FuncDecl
	for _, f := range p.Files {
		for _, d := range f.AST.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Recv == nil || decl.Name.Name != fn.Name() {
				continue
			}
			if m, ok := p.Info.Defs[decl.Name].(*types.Func); ok && types.Implements(m.Signature().Recv().Type(), iface) {
				out = append(out, decl)
			}
		}
	}
	return out
}

// sources are the files of a package of the module, by their spelling alone.
type sources struct{ files []*ast.File }

// sourcesOf returns the source of another package in the module of p, nil where
// the package belongs to no directory beside p's.
func sourcesOf(p *rewrite.Package, pkgPath string) *sources {
	if !p.Module.Holds(pkgPath) || !p.Module.Holds(p.Path) || len(p.Files) == 0 {
		return nil
	}
	type key struct{ path string }
	return rewrite.Memo(p.Snapshot(), key{pkgPath}, func() *sources {
		root := filepath.Dir(p.Files[0].Path)
		for range strings.Count(strings.TrimPrefix(p.Path, p.Module.Path), "/") {
			root = filepath.Dir(root)
		}
		dir := filepath.Join(root, filepath.FromSlash(strings.TrimPrefix(pkgPath, p.Module.Path)))
		entries, err := p.Snapshot().ReadDir(dir)
		if err != nil {
			return nil
		}
		out := &sources{}
		fset := token.NewFileSet()
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			src, err := p.Snapshot().Read(filepath.Join(dir, e.Name()))
			if err != nil {
				continue
			}
			if f, _ := parser.ParseFile(fset, e.Name(), src, parser.SkipObjectResolution); f != nil {
				out.files = append(out.files, f)
			}
		}
		return out
	})
}

// foreignReads reports whether fn, a function or method of another package of the
// module, reads how much memory is used, judged by the spelling of its source.
func foreignReads(p *rewrite.Package, fn *types.Func, depth int) bool {
	src := sourcesOf(p, fn.Pkg().Path())
	return src != nil && src.reads(fn.Name(), fn.Signature().Recv() != nil, depth, make(map[string]bool))
}

// reads reports whether a function called name does; among methods the receiver
// is not looked at.
func (s *sources) reads(name string, method bool, depth int, seen map[string]bool) bool {
	if seen[name] || depth < 0 {
		return false
	}
	seen[name] = true
	for _, f := range s.files {
		imports := importsOf(f)
		for _, d := range f.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Body == nil || decl.Name.Name != name || (decl.Recv != nil) != method {
				continue
			}
			if syntax.ContainsNode(decl.Body, func(n ast.Node) bool { return s.at(n, imports, depth, seen) }) {
				return true
			}
		}
	}
	return false
}

func (s *sources) at(n ast.Node, imports map[string]string, depth int, seen map[string]bool) bool {
	switch n := n.(type) {
	case *ast.BasicLit:
		return n.Kind == token.STRING && memoryFile(n)
	case *ast.CallExpr:
		switch fun := ast.Unparen(n.Fun).(type) {
		case *ast.Ident:
			return s.reads(fun.Name, false, depth-1, seen)
		case *ast.SelectorExpr:
			if id, ok := fun.X.(*ast.Ident); ok && imports[id.Name] != "" {
				key := imports[id.Name] + "." + fun.Sel.Name
				return knowledge.ReadsMemory(key) || knowledge.MemoryPackage(imports[id.Name]) || isHeapProfile(key, n)
			}
			return s.reads(fun.Sel.Name, true, depth-1, seen)
		}
	}
	return false
}

// importsOf returns the import paths of a file by the names that they have there.
func importsOf(f *ast.File) map[string]string {
	out := make(map[string]string)
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		out[name] = p
	}
	return out
}

// receiverName returns the name of the type of the method's receiver that is
// called, "" for functions.
func receiverName(p *rewrite.Package, call *ast.CallExpr) string {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	t := p.Info.TypeOf(sel.X)
	if t == nil {
		return ""
	}
	return t.String()
}

// takesFunc reports whether a parameter of sig is a function.
func takesFunc(sig *types.Signature) bool {
	for v := range sig.Params().Variables() {
		if _, ok := v.Type().Underlying().(*types.Signature); ok {
			return true
		}
	}
	return false
}
