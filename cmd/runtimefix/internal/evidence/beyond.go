package evidence

import (
	"go/ast"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// beyond reports whether the site belongs to a place in another function. A
// recording knows the function that a goroutine began in: a timer's callback, of
// which the timer's place has the name, or the caller of who locks the thread.
func (t *Tree) beyond(p place, s *Site) bool {
	if p.name == "" || s.Kind != Timers && s.Kind != Threads {
		return false
	}
	path := t.locate(s.Frame)
	if path == "" || filepath.Dir(path) != filepath.Dir(p.path) {
		return false
	}
	if s.Kind == Timers {
		return mentions(t.declared(p.path, p.name), s.Name())
	}
	return mentions(t.declared(path, s.Name()), p.name)
}

// declared returns the declaration of the function in the file, nil when there is
// none.
func (t *Tree) declared(path, name string) *ast.FuncDecl {
	file := t.parse(path, nil)
	if file == nil {
		return nil
	}
	i := slices.IndexFunc(file.Decls, func(d ast.Decl) bool {
		fd, ok := d.(*ast.FuncDecl)
		return ok && rewrite.DeclName(fd) == name
	})
	if i < 0 {
		return nil
	}
	return file.Decls[i].(*ast.FuncDecl)
}

// mentions reports whether the declaration names the function, "T.Method" or "f":
// by the name alone, for there are no types.
func mentions(decl *ast.FuncDecl, name string) bool {
	if decl == nil {
		return false
	}
	name = name[strings.LastIndexByte(name, '.')+1:]
	found := false
	ast.Inspect(decl, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id != decl.Name && id.Name == name
		return !found
	})
	return found
}
