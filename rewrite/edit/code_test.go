package edit_test

import (
	"bytes"
	"go/token"
	"testing"

	"github.com/dave/dst"
	"github.com/dave/dst/decorator"
	"github.com/runtimefix/runtimefix/rewrite/edit"
)

// printed returns the statements as the body of a function, with the paths of
// packages in front of the names that they stand for.
func printed(t *testing.T, list []dst.Stmt) string {
	t.Helper()
	for _, s := range list {
		dst.Inspect(s, func(n dst.Node) bool {
			if id, ok := n.(*dst.Ident); ok && id.Path != "" {
				id.Name, id.Path = "["+id.Path+"]"+id.Name, ""
			}
			return true
		})
	}
	f := &dst.File{Name: dst.NewIdent("p"), Decls: []dst.Decl{
		&dst.FuncDecl{Name: dst.NewIdent("f"), Type: &dst.FuncType{Params: &dst.FieldList{}}, Body: &dst.BlockStmt{List: list}},
	}}
	restored := decorator.NewRestorer()
	restored.Fset = token.NewFileSet()
	var b bytes.Buffer
	if err := restored.Fprint(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A template's packages are those of the standard library whatever the file calls
// them; its holes take names, expressions, and lists of both.
func TestTemplates(t *testing.T) {
	x := edit.Expr("a.b[0]", nil)
	for _, test := range []struct {
		name, src string
		holes     edit.Holes
		want      string
	}{
		{"a package", "runtime.KeepAlive(v)", nil, "\t[runtime]KeepAlive(v)\n"},
		{"a package of another path", "defer debug.SetGCPercent(100)", nil, "\tdefer [runtime/debug]SetGCPercent(100)\n"},
		{"no package of the table", "fmt.Println(v)", nil, "\tfmt.Println(v)\n"},
		{"a name", "$v := 1", edit.Holes{"v": "limit"}, "\tlimit := 1\n"},
		{"an expression, twice", "f($x, $x)", edit.Holes{"x": x}, "\tf(a.b[0], a.b[0])\n"},
		{"arguments", "f(1, $rest)", edit.Holes{"rest": []dst.Expr{dst.NewIdent("a"), dst.NewIdent("b")}}, "\tf(1, a, b)\n"},
		{"statements", "if ok {\n\t$body\n}", edit.Holes{"body": edit.Stmts("g()\nreturn", nil)}, "\tif ok {\n\t\tg()\n\t\treturn\n\t}\n"},
		{"no statements", "f()\n$body", edit.Holes{"body": []dst.Stmt(nil)}, "\tf()\n"},
	} {
		if got, want := printed(t, edit.Stmts(test.src, test.holes)), "package p\n\nfunc f() {\n"+test.want+"}\n"; got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, want)
		}
	}
	if n := len(edit.Decls("var a int\n\nfunc f() {}", nil)); n != 2 {
		t.Errorf("%d declarations, want 2", n)
	}
	if _, ok := edit.TypeExpr("chan int", nil).(*dst.ChanType); !ok {
		t.Error("chan int is a type of channels")
	}
}

// Templates are constants: one that is no Go, or with a hole that cannot be
// filled, is a mistake of the program.
func TestTemplatePanics(t *testing.T) {
	for name, f := range map[string]func(){
		"no Go":       func() { edit.Stmts("if {", nil) },
		"a bad value": func() { edit.Expr("f($n)", edit.Holes{"n": 1}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
