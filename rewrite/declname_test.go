package rewrite_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
)

func TestDeclName(t *testing.T) {
	for src, want := range map[string]string{
		"func run()":                   "run",
		"func (c Conn) Close()":        "Conn.Close",
		"func (c *Conn) Close()":       "Conn.Close",
		"func (*(Conn)) Close()":       "Conn.Close",
		"func (l *List[T]) Len()":      "List.Len",
		"func (m Map[K, _]) Len()":     "Map.Len",
		"func (struct{}) Impossible()": "Impossible",
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "a.go", "package p\n"+src+" {}\n", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := rewrite.DeclName(f.Decls[0].(*ast.FuncDecl)); got != want {
			t.Errorf("%s: %s, want %s", src, got, want)
		}
	}
}
