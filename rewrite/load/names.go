package load

import (
	"fmt"
	"go/ast"
	"go/token"
)

// FreeName returns the first of names that does not occur as an identifier
// anywhere in within and can be declared there; if all do, the last one with
// a number.
func (f *File) FreeName(within ast.Node, names ...string) string {
	used := make(map[string]bool)
	ast.Inspect(within, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			used[id.Name] = true
		}
		return true
	})
	for _, n := range names {
		if !used[n] && !token.IsKeyword(n) {
			return n
		}
	}
	last := names[len(names)-1]
	for i := 2; ; i++ {
		if n := fmt.Sprintf("%s%d", last, i); !used[n] {
			return n
		}
	}
}

// FreePackageName returns the first of names that no file of the package
// declares or uses at package level; if all are taken, the last one with a
// number.
func (p *Package) FreePackageName(names ...string) string {
	used := make(map[string]bool)
	add := func(f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				used[id.Name] = true
			}
			return true
		})
	}
	for _, f := range p.Files {
		add(f.AST)
	}
	for _, f := range p.OtherFiles() {
		add(f)
	}
	for _, n := range names {
		if !used[n] {
			return n
		}
	}
	last := names[len(names)-1]
	for i := 2; ; i++ {
		if n := fmt.Sprintf("%s%d", last, i); !used[n] {
			return n
		}
	}
}
