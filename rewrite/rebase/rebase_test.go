package rebase

import (
	"bytes"
	"go/parser"
	"go/printer"
	"go/token"
	"strings"
	"testing"

	"github.com/dave/dst"
	"github.com/dave/dst/decorator"
)

// render prints a source as the engine does, after edit has had its tree.
func render(src []byte, edit func(*dst.File)) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	tree, err := decorator.DecorateFile(fset, file)
	if err != nil {
		return nil, err
	}
	if edit != nil {
		edit(tree)
	}
	fset, file, err = decorator.RestoreFile(tree)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	config := printer.Config{Mode: printer.UseSpaces | printer.TabIndent, Tabwidth: 8}
	err = config.Fprint(&buf, fset, file)
	return buf.Bytes(), err
}

func TestRebase(t *testing.T) {
	// The change is old -> new in the formatted text, which is then formatted
	// again.
	for _, tc := range []struct{ name, orig, old, new, want string }{
		{"formatted", "package p\n\nfunc f() {\n\ta()\n\tb()\n}\n", "\ta()\n", "", "package p\n\nfunc f() {\n\tb()\n}\n"},
		{"delete first, blanks", "package p\nfunc f() {\n  a( ) \n  b( )\n}\n", "\ta()\n", "", "package p\nfunc f() {\n  b( )\n}\n"},
		{"delete last, blanks", "package p\nfunc f() {\n  a( ) \n  b( )\n}\n", "\tb()\n", "", "package p\nfunc f() {\n  a( ) \n}\n"},
		{"delete only", "package p\nfunc f() {\n  a( )\n}\n", "\ta()\n", "", "package p\nfunc f() {\n}\n"},
		{"delete with comment", "package p\nfunc f() {\n  x( )\n  // why\n  a( )   // here\n\n  b( )\n}\n", "\t// why\n\ta() // here\n", "", "package p\nfunc f() {\n  x( )\n\n  b( )\n}\n"},
		{"delete, CRLF", "package p\r\n\r\nfunc f() {\r\n\ta()\r\n\tb()\r\n}\r\n", "\ta()\n", "", "package p\r\n\r\nfunc f() {\r\n\tb()\r\n}\r\n"},
		{"insert, CRLF", "package p\r\n\r\nfunc f() {\r\n\ta()\r\n\tb()\r\n}\r\n", "\tb()\n", "\tif x {\n\t\ty()\n\t}\n\tb()\n", "package p\r\n\r\nfunc f() {\r\n\ta()\r\n\tif x {\r\n\t\ty()\r\n\t}\r\n\tb()\r\n}\r\n"},
		{"insert, mixed line ends", "package p\n\nfunc f() {\n\ta()\r\n\tb()\r\n\tc()\n\td()\n}\n", "\tb()\n", "\tx()\n\tb()\n", "package p\n\nfunc f() {\n\ta()\r\n\tx()\r\n\tb()\r\n\tc()\n\td()\n}\n"},
		{"byte order mark", "\ufeffpackage p\nfunc f() {\n a()\n b()\n}", "\ta()\n", "\tx()\n", "\ufeffpackage p\nfunc f() {\n x()\n b()\n}"},
		{"no final newline, append", "package p\nfunc f() {\n  a()\n}", "a()\n}\n", "a()\n}\n\nfunc g() {}\n", "package p\nfunc f() {\n  a()\n}\n\nfunc g() {}"},
		{"no final newline, delete last", "package p\nvar  a = 1\n\nvar  b = 2", "\nvar b = 2\n", "", "package p\nvar  a = 1"},
		{"insert first, spaces", "package p\nfunc f() {\n    a( )\n    b( )\n}\n", "\ta()\n", "\tdefer x()\n\ta()\n", "package p\nfunc f() {\n    defer x()\n    a( )\n    b( )\n}\n"},
		{"insert last, spaces", "package p\nfunc f() {\n    a( )\n}\n", "\ta()\n", "\ta()\n\tfor {\n\t\tx()\n\t}\n", "package p\nfunc f() {\n    a( )\n    for {\n        x()\n    }\n}\n"},
		{"insert between blank lines", "package p\nfunc f() {\n  a( )\n\n\n  b( )\n}\n", "\tb()\n", "\tx()\n\tb()\n", "package p\nfunc f() {\n  a( )\n\n\n  x()\n  b( )\n}\n"},
		{"insert before a blank line", "package p\nfunc f() {\n  a( )\n\n\n  b( )\n}\n", "\ta()\n", "\ta()\n\tx()\n", "package p\nfunc f() {\n  a( )\n  x()\n\n\n  b( )\n}\n"},
		{"insert an import", "package p\nimport (\n  \"a\"\n  \"c\"\n)\n", "\t\"c\"\n", "\t\"b\"\n\t\"c\"\n", "package p\nimport (\n  \"a\"\n  \"b\"\n  \"c\"\n)\n"},
		{"first import", "package p\nvar  x = 1\n", "package p\n", "package p\n\nimport \"a\"\n", "package p\nimport \"a\"\n\nvar  x = 1\n"},
		{"joined: delete first", "package p\nfunc f() {\n  a(); b();  c()\n}\n", "\ta()\n", "", "package p\nfunc f() {\n  b();  c()\n}\n"},
		{"joined: delete middle", "package p\nfunc f() {\n  a(); b();  c()\n}\n", "\tb()\n", "", "package p\nfunc f() {\n  a(); c()\n}\n"},
		{"joined: delete last", "package p\nfunc f() {\n  a(); b();  c()\n}\n", "\tc()\n", "", "package p\nfunc f() {\n  a(); b()\n}\n"},
		{"joined: insert", "package p\nfunc f() {\n  a();  b()\n}\n", "\tb()\n", "\tx()\n\tb()\n", "package p\nfunc f() {\n  a();  x();  b()\n}\n"},
		{"joined: insert lines", "package p\nfunc f() {\n  a();  b()\n}\n", "\tb()\n", "\tif x {\n\t\ty()\n\t}\n\tb()\n", "package p\nfunc f() {\n  a()\n  if x {\n    y()\n  }\n  b()\n}\n"},
		{"joined: wrap", "package p\nfunc f() {\n  a( ) ; b( )\n}\n", "\ta()\n", "\tfor {\n\t\ta()\n\t}\n", "package p\nfunc f() {\n  for {\n    a( )\n  }\n  b( )\n}\n"},
		{"similar neighbours", "package p\nfunc f() {\n  for i := range a  {\n    x( )\n  }\n  for i := range a {\n    y()\n  }\n}\n", "\tfor i := range a {\n\t\tx()\n\t}\n", "", "package p\nfunc f() {\n  for i := range a {\n    y()\n  }\n}\n"},
		{"joined: replace", "package p\nfunc f() {\n  a();  b();c()\n}\n", "\tb()\n", "\tx()\n", "package p\nfunc f() {\n  a();  x();c()\n}\n"},
		{"one line: replace", "package p\nfunc  f() { a( );b( ) }\n", "a(); b()", "a(); x()", "package p\nfunc  f() { a( );x( ) }\n"},
		{"one line: delete", "package p\nfunc  f() { a( );b( ) }\n", "a(); b()", "a()", "package p\nfunc  f() { a( ); }\n"},
		{"one line: break", "package p\nfunc  f() { a( ) }\n", "{ a() }", "{\n\tx()\n\ta()\n}", "package p\nfunc  f() {\n\tx()\n\ta( )\n}\n"},
		{"wrap", "package p\nfunc f() {\n  a( )\n  /* x\n     y */\n  b( )\n}\n", "\ta()\n\t/* x\n\t   y */\n\tb()\n", "\tif c {\n\t\ta()\n\t\t/* x\n\t\t   y */\n\t\tb()\n\t}\n", "package p\nfunc f() {\n  if c {\n    a( )\n    /* x\n       y */\n    b( )\n  }\n}\n"},
		{"unwrap", "package p\nfunc f() {\n  if c {\n    a( )\n    b( )\n  }\n}\n", "\tif c {\n\t\ta()\n\t\tb()\n\t}\n", "\ta()\n\tb()\n", "package p\nfunc f() {\n  a( )\n  b( )\n}\n"},
		{"alignment alone stays", "package p\ntype t struct {\n  a int // a\n  bcd string // b\n}\n", "bcd string", "abcdef string", "package p\ntype t struct {\n  a int // a\n  abcdef string // b\n}\n"},
		{"odd alignment", "package p\nvar (\n\ta   =   1\n\tbb = 2\n)\n", "bb = 2", "bb = 3", "package p\nvar (\n\ta   =   1\n\tbb = 3\n)\n"},
		{"argument", "package p\nvar x = f( a,b )\n", "f(a, b)", "f(a, b, c)", "package p\nvar x = f( a,b, c )\n"},
		{"selection in front of an odd gap", "package p\nvar x = f(a + 1)/2\n", "f(a+1)", "f(g(a.b())+1)", "package p\nvar x = f(g(a.b()) + 1)/2\n"},
		{"argument gone", "package p\nvar x = f( a,b )\n", "f(a, b)", "f(b)", "package p\nvar x = f( b )\n"},
		{"tokens that would merge", "package p\nvar x = a+b\n", "a + b", "a + +b", "package p\nvar x = a+ +b\n"},
		{"word after bracket", "package p\nfunc f() int { return(x) }\n", "return (x)", "return x", "package p\nfunc f() int { return x }\n"},
		{"parentheses the printer drops", "package p\nfunc f() {\n  if (x) {\n    a( )\n  }\n  b( )\n}\n", "if x {", "if x && y {", "package p\nfunc f() {\n  if x && y {\n    a( )\n  }\n  b( )\n}\n"},
		{"parentheses elsewhere", "package p\nfunc f() {\n  if (x) {\n    a( )\n  }\n  b( )\n}\n", "\tb()\n", "", "package p\nfunc f() {\n  if (x) {\n    a( )\n  }\n}\n"},
		{"directives stay", "//go:build  linux\n// +build linux\n\npackage p\n//line  x.go:1\n/*\n#include <a.h>\n  int x;  \n*/\nimport \"C\"\nvar  x = 1\nvar  y = 2\n", "var y = 2\n", "", "//go:build  linux\n// +build linux\n\npackage p\n//line  x.go:1\n/*\n#include <a.h>\n  int x;  \n*/\nimport \"C\"\nvar  x = 1\n"},
		{"doc comment the printer reformats", "package p\n//go:noinline\n// F does.\n// - a\n//   b\nfunc F( ) {\n  a( )\n  b( )\n}\n", "\ta()\n", "", "package p\n//go:noinline\n// F does.\n// - a\n//   b\nfunc F( ) {\n  b( )\n}\n"},
		{"raw string", "package p\r\nvar x = `a\r\n  b`\r\nvar y = 1\r\n", "var y = 1", "var y = `c\nd`", "package p\r\nvar x = `a\r\n  b`\r\nvar y = `c\r\nd`\r\n"},
		{"trailing blanks and comment", "package p  \nvar x = 1 \t\n// c \t\nvar y = 2  \n", "var x = 1", "var x = 3", "package p  \nvar x = 3 \t\n// c \t\nvar y = 2  \n"},
		{"comment inserted at line end", "package p\r\nvar  x = 1  \r\nvar  y = 2\r\n", "x = 1", "x = 1 // one", "package p\r\nvar  x = 1 // one  \r\nvar  y = 2\r\n"},
		{"for clause", "package p\nfunc f() { for i:=0;i<n;i++ { a( ) } }\n", "i < n", "i < m", "package p\nfunc f() { for i:=0;i<m;i++ { a( ) } }\n"},
		{"empty statements", "package p\nfunc f() {\n  a( );;\n  b( );\n}\n", "\tb()\n", "\tx()\n", "package p\nfunc f() {\n  a( );;\n  x( );\n}\n"},
		{"switch cases indented", "package p\nfunc f() {\n  switch x {\n    case 1:\n      a( )\n    case 2:\n      b( )\n  }\n}\n", "\t\tb()\n", "\t\tb()\n\tcase 3:\n\t\tc()\n", "package p\nfunc f() {\n  switch x {\n    case 1:\n      a( )\n    case 2:\n      b( )\n    case 3:\n      c()\n  }\n}\n"},
		{"loop goes, its body changes", "package p\nfunc f() {\n  for _, x := range xs  {\n    g(a, func() { h(x) })\n  }\n}\n", "\tfor _, x := range xs {\n\t\tg(a, func() { h(x) })\n\t}\n", "\tys := xs\n\tg(a, func() {\n\t\tfor _, x := range ys {\n\t\t\th(x)\n\t\t}\n\t})\n", "package p\nfunc f() {\n  ys := xs\n  g(a, func() {\n    for _, x := range ys {\n      h(x)\n    }\n  })\n}\n"},
		{"goroutine to call", "package p\nfunc f() {\n  go func(){\n    a( )\n  }()\n  b( )\n}\n", "\tgo func() {\n\t\ta()\n\t}()\n", "\twg.Go(func() {\n\t\ta()\n\t})\n", "package p\nfunc f() {\n  wg.Go(func(){\n    a( )\n  })\n  b( )\n}\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before, err := render([]byte(tc.orig), nil)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(before), tc.old) != 1 {
				t.Fatalf("%q is not once in\n%s", tc.old, before)
			}
			after, err := render([]byte(strings.Replace(string(before), tc.old, tc.new, 1)), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, exact, err := Rebase([]byte(tc.orig), before, after)
			if err != nil || !exact {
				t.Errorf("exact %v, err %v", exact, err)
			}
			if string(got) != tc.want {
				t.Errorf("\ngot  %q\nwant %q\nbefore %q\nafter  %q", got, tc.want, before, after)
			}
		})
	}
}

// TestRebaseFallback has changes that cannot be carried over: the file and its
// formatted text do not belong together.
func TestRebaseFallback(t *testing.T) {
	out, exact, err := Rebase([]byte("\ufeffpackage p\r\nvar x = 1\r\n"), []byte("package p\n\nvar y = 1\n"), []byte("package p\n\nvar z = 1\nvar y = 1\n"))
	if want := "\ufeffpackage p\r\n\r\nvar z = 1\r\nvar y = 1\r\n"; string(out) != want || exact || err != nil {
		t.Errorf("got %q, exact %v, err %v, want %q", out, exact, err, want)
	}
	if _, _, err := Rebase([]byte("package p\n"), []byte("package p\n"), []byte("package p\n\n#\n")); err == nil {
		t.Error("a text that is no Go was accepted")
	}
}

func BenchmarkRebase(b *testing.B) {
	var s strings.Builder
	s.WriteString("package p\r\n")
	for range 500 {
		s.WriteString("\r\n// f does.\r\nfunc f( ) {\r\n  if a( x,y ) {\r\n    b( )\r\n  }\r\n  c( )\r\n}\r\n")
	}
	s.WriteString("func g( ) {\r\n  a( )\r\n}\r\n")
	orig := []byte(s.String())
	before, err := render(orig, nil)
	if err != nil {
		b.Fatal(err)
	}
	after := bytes.Replace(before, []byte("\ta()\n"), []byte("\tx()\n"), 1)
	b.SetBytes(int64(len(orig)))
	for b.Loop() {
		if _, exact, err := Rebase(orig, before, after); !exact || err != nil {
			b.Fatal(exact, err)
		}
	}
}
