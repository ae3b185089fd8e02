package outline

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	const src = `package p // p

import "fmt"

type s struct{ f func() int }

func (s) m() struct{ x interface{ M() } } { return struct{ x interface{ M() } }{} } // behind

var v = func() int { return 1 }

func asm(a []int, b func(struct{})) <-chan struct{}

func g[T interface{ ~[]byte }](f func() error) (
	n int, // stays
	err error) {
	// goes: }
	_ = "}" + string('}') + ` + "`}\n`" + `
	if true { fmt.Println(v()) }
	return
}
func last() func() {
	return func() { _ = 1 }
}
`
	want := strings.ReplaceAll(`package p // p

import "fmt"

type s struct{ f func() int }

func (s) m() struct{ x interface{ M() } }·········································· // behind

var v = func() int { return 1 }

func asm(a []int, b func(struct{})) <-chan struct{}

func g[T interface{ ~[]byte }](f func() error) (
	n int, // stays
	err error)··
···········
···························
·
·····························
·······
·
func last() func()··
························
·
`, "·", " ")
	var names []string
	got, ok := Of([]byte(src), func(n string) { names = append(names, n) })
	if !ok || string(got) != want {
		t.Errorf("ok = %v, got:\n%s", ok, got)
	}
	for _, n := range []string{"p", "asm", "fmt", "Println", "err"} {
		if !slices.Contains(names, n) {
			t.Errorf("%s is not told", n)
		}
	}
	for _, bad := range []string{"package p\nfunc f() {", "package p\nfunc f() {}}", "package p\nvar s = \"", "package p\n/*"} {
		if _, ok := Of([]byte(bad), func(string) {}); ok {
			t.Errorf("%q is taken for a whole file", bad)
		}
	}
}

// TestOfStandardLibrary takes the parser for the judge: the same declarations at
// the same places, none with a body.
func TestOfStandardLibrary(t *testing.T) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output() // a binary with -trimpath does not know
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"go/types", "net/http", "reflect", "strings"} {
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(goroot)), "src", filepath.FromSlash(dir), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files of %s: %v", dir, err)
		}
		for _, path := range files {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out, ok := Of(src, func(string) {})
			if !ok || len(out) != len(src) {
				t.Errorf("%s is not read", path)
				continue
			}
			fset := token.NewFileSet()
			whole, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			part, err := parser.ParseFile(fset, path, out, parser.SkipObjectResolution)
			if err != nil {
				t.Errorf("without bodies: %v", err)
				continue
			}
			if len(part.Decls) != len(whole.Decls) {
				t.Errorf("%s: %d declarations of %d", path, len(part.Decls), len(whole.Decls))
				continue
			}
			for i, d := range part.Decls {
				was := whole.Decls[i]
				if d.Pos()-part.FileStart != was.Pos()-whole.FileStart {
					t.Errorf("%s: declaration %d has moved", path, i)
				}
				fn, isFunc := d.(*ast.FuncDecl)
				if isFunc && (fn.Body != nil || fn.Name.Name != was.(*ast.FuncDecl).Name.Name) {
					t.Errorf("%s: %s is not what it was without its body", path, fn.Name.Name)
				}
			}
		}
	}
}
