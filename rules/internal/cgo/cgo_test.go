package cgo_test

import (
	"go/ast"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

// Each statement of Crosses is a call at which something leaves Go, each of Stays
// is none.
func TestBoundaryOf(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go": `package a

import (
	"os"
	"syscall"
	"unsafe"
)

//go:uintptrescapes
func hand(p uintptr) {}

func keep(p uintptr) {}

func Crosses(f *os.File, b []byte) {
	syscall.Syscall(0, f.Fd(), 0, 0)
	syscall.Close(int(f.Fd()))
	hand(uintptr(unsafe.Pointer(&b[0])))
}

func Stays(f *os.File, b []byte) {
	keep(uintptr(unsafe.Pointer(&b[0])))
	syscall.UnixRights(int(f.Fd()))
	f.Write(b)
	print(len(b))
}
`,
	})
	p := s.Package("example.com/m")
	raw := map[string]bool{"syscall.Syscall": true, "syscall.Close": false, "hand": true}
	for _, d := range p.Files[0].AST.Decls {
		decl, ok := d.(*ast.FuncDecl)
		if !ok || decl.Name.Name != "Crosses" && decl.Name.Name != "Stays" {
			continue
		}
		for _, stmt := range decl.Body.List {
			call := stmt.(*ast.ExprStmt).X.(*ast.CallExpr)
			b := cgo.BoundaryOf(p, call)
			if (b != nil) != (decl.Name.Name == "Crosses") {
				t.Errorf("%s: boundary %v", p.Files[0].Text(call), b)
			}
			if b != nil && (b.Raw != raw[b.Name] || b.C || b.What() != b.Name) {
				t.Errorf("%s: %+v", p.Files[0].Text(call), b)
			}
		}
	}
}

// The pointer behind an integer is found through conversions.
func TestUintptrOfPointer(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go": `package a

import "unsafe"

type handle uintptr

func f(p *int, u unsafe.Pointer, n int) {
	_ = uintptr(unsafe.Pointer(p))
	_ = handle(uintptr(unsafe.Pointer(p)))
	_ = uintptr(u)
	_ = uintptr(n)
	_ = unsafe.Pointer(p)
}
`,
	})
	p := s.Package("example.com/m")
	want := []string{"p", "p", "u", "", ""}
	decl := p.Files[0].AST.Decls[2].(*ast.FuncDecl)
	for i, stmt := range decl.Body.List {
		got := ""
		if x := cgo.UintptrOfPointer(p, stmt.(*ast.AssignStmt).Rhs[0]); x != nil {
			got = p.Files[0].Text(x)
		}
		if got != want[i] {
			t.Errorf("%s: %q, want %q", p.Files[0].Text(stmt), got, want[i])
		}
	}
}
