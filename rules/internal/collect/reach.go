package collect

import (
	"go/ast"
	"go/types"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

// within returns the import path of a package of p's module that uses m and that
// decl, a function of p, can get at, "" when there is none.
func (m means) within(p *rewrite.Package, decl *ast.FuncDecl) string {
	users := m.users(p)
	if len(users) == 0 {
		return ""
	}
	type key struct{ decl *ast.FuncDecl }
	r := rewrite.Memo(p.Snapshot(), key{decl}, func() *reach {
		r := &reach{p: p, seen: make(map[*ast.FuncDecl]bool), packages: make(map[string]bool)}
		r.follow(decl)
		return r
	})
	for _, user := range users {
		if r.open || r.packages[user] {
			return user
		}
	}
	return ""
}

// users returns the import paths of the packages of p's module that use m outside
// of tests.
func (m means) users(p *rewrite.Package) (out []string) {
	if p.Module == nil {
		return nil
	}
	files, err := p.Snapshot().FilesUsing(p.Module, m.pkg, m.names...)
	if err != nil {
		return nil
	}
	for _, file := range files {
		if rel, err := filepath.Rel(p.Module.Dir, filepath.Dir(file)); err == nil && !strings.HasSuffix(file, "_test.go") {
			out = append(out, path.Join(p.Module.Path, filepath.ToSlash(rel)))
		}
	}
	return out
}

// reach is what a function of p can get at, by those that it uses in p.
type reach struct {
	p        *rewrite.Package
	seen     map[*ast.FuncDecl]bool
	packages map[string]bool // of the module
	// open says that something is called that is chosen elsewhere, and may be
	// in any package of the module.
	open bool
}

func (r *reach) follow(decl *ast.FuncDecl) {
	if r.seen[decl] {
		return
	}
	r.seen[decl] = true
	for path := range packagesIn(r.p, decl) {
		r.add(path)
	}
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			r.open = r.open || isOpen(r.p, n)
		case *ast.Ident:
			if fn, ok := r.p.Info.Uses[n].(*types.Func); ok && fn.Pkg() == r.p.Types {
				for _, d := range implementations(r.p, fn) {
					r.follow(d)
				}
			}
		}
		return true
	})
}

// add adds a package of the module, with those of the module that it imports.
func (r *reach) add(path string) {
	if r.packages[path] || !r.p.Module.Holds(path) {
		return
	}
	r.packages[path] = true
	src := sourcesOf(r.p, path)
	if src == nil {
		return
	}
	for _, f := range src.files {
		for _, spec := range f.Imports {
			if dep, err := strconv.Unquote(spec.Path.Value); err == nil {
				r.add(dep)
			}
		}
	}
}

// isOpen reports whether what the call runs is chosen elsewhere: it calls a method
// of an interface of the module, or the handler behind a middleware.
func isOpen(p *rewrite.Package, call *ast.CallExpr) bool {
	fn := p.Callee(call)
	if fn == nil {
		sig, ok := syntax.Under(p.Info.TypeOf(call.Fun)).(*types.Signature)
		return ok && web.IsHandler(sig)
	}
	return syntax.IsAbstract(fn) && fn.Pkg() != nil && (p.Module.Holds(fn.Pkg().Path()) || fn.Name() == "ServeHTTP")
}
