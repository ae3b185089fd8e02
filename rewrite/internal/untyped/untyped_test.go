package untyped

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/ast/inspector"
)

// Each statement says by its comment whether what stands in it, at the mark, has
// something of C in it.
const source = `package p

import "C"

type plain struct{ n int }

var table = map[C.int]string{
	C.A: "a", // yes
}

func f(x C.int, p *plain, q *C.thing) {
	_ = x + 1 // yes
	_ = p.n + 1 // no
	_ = q.n // yes
	_ = []any{p.n, x} // no
	switch x {
	case 1: // yes
	}
	switch p.n {
	case 1: // no
	}
	func() {
		_ = p.n // no
	}()
}

func g() C.int {
	return 1 // yes
}

func h() int {
	return 1 // no
}
`

func TestInvolves(t *testing.T) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue), Defs: make(map[*ast.Ident]types.Object), Uses: make(map[*ast.Ident]types.Object)}
	conf := types.Config{FakeImportC: true, Importer: importer.Default(), Error: func(error) {}}
	conf.Check("p", fset, []*ast.File{f}, info)
	root := inspector.New([]*ast.File{f}).Root()
	for i, line := range strings.Split(source, "\n") {
		code, want, ok := strings.Cut(line, " // ")
		if !ok {
			continue
		}
		// The first number, name or selector behind what begins the line.
		at := strings.LastIndexAny(code, "=e{\t") + 1
		for code[at] == ' ' {
			at++
		}
		pos := fset.File(f.FileStart).LineStart(i+1) + token.Pos(at)
		c, ok := root.FindByPos(pos, pos)
		if !ok {
			t.Fatalf("%q: nothing at %d", line, at)
		}
		if got := Involves(info, c); got != (want == "yes") {
			t.Errorf("%q: %v", strings.TrimSpace(line), got)
		}
	}
}
