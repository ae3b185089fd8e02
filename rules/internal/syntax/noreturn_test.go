package syntax_test

import (
	"go/ast"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Each statement of f is a call; the comment of the table says what of it.
func TestNoReturn(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"die/die.go": `package die

import (
	"fmt"
	"os"
)

type Printer struct{}

func (Printer) Fatal(args ...any) { fmt.Println(args...); os.Exit(1) }

func Now(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func If(err error) {
	if err != nil {
		Now(err)
	}
}
`,
		"a.go": `package a

import (
	"log"
	"os"
	"runtime"

	"example.com/m/die"
)

func usage(code int) {
	switch code {
	case 0:
		os.Exit(0)
	default:
		log.Fatalln("usage")
	}
}

func forever(c chan int) {
	for {
		<-c
	}
}

func recovers() {
	defer func() { recover() }()
	panic("a")
}

func left(c chan int) {
	for {
		if <-c == 0 {
			break
		}
	}
}

func even(n int) {
	if n > 0 {
		odd(n - 1)
	}
}

func odd(n int) { even(n) }

func Never(c chan int) {
	fail := func(s string) { log.Panic(s) }
	panic("a")
	os.Exit(1)
	runtime.Goexit()
	log.Fatal("a")
	usage(2)
	forever(c)
	die.Now(nil)
	die.Printer{}.Fatal("a")
	fail("a")
	func() { select {} }()
}

func Goes(c chan int, stop func()) {
	set := func(s string) { log.Panic(s) }
	set = func(s string) {}
	print("a")
	log.Print("a")
	recovers()
	left(c)
	even(2)
	die.If(nil)
	stop()
	set("a")
	func() {}()
}
`,
	})
	p := s.Package("example.com/m")
	for _, d := range p.Files[0].AST.Decls {
		decl, ok := d.(*ast.FuncDecl)
		if !ok || decl.Name.Name != "Never" && decl.Name.Name != "Goes" {
			continue
		}
		for _, stmt := range decl.Body.List {
			x, ok := stmt.(*ast.ExprStmt)
			if !ok {
				continue
			}
			if got, want := syntax.NoReturn(p, x.X.(*ast.CallExpr)), decl.Name.Name == "Never"; got != want {
				t.Errorf("%s: NoReturn is %v", p.Files[0].Text(stmt), got)
			}
		}
	}
}
