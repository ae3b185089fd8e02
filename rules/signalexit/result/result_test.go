package result_test

import (
	"fmt"
	"go/ast"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
)

// The functions are named after the form in which they take what serve returns;
// those of server, after a line, also after how they look at a server's error.
func TestForms(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"main.go": `package main

import (
	"errors"
	"log"
	"net/http"
)

func serve() error { return nil }

func Plain_Plain() { serve() }

func Dropped_Plain() { _ = serve() }

func Return_Return() error { return serve() }

func Wrap_Wrap() { log.Fatal(serve()) }

func If_If() {
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func If_Other_noError() {
	if err := serve(); "a" != nil {
		log.Fatal(err)
	}
}

func Other_If_closedLeftOut() {
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

func If_If_bothLooked() {
	if err := serve(); err != nil && err != http.ErrServerClosed {
		log.Fatal(err)
	}
}

func Other_Other_either() {
	if err := serve(); err != nil || err != http.ErrServerClosed {
		log.Fatal(err)
	}
}

func Other_Other_withElse() {
	if err := serve(); err != nil {
		log.Fatal(err)
	} else {
		log.Print("done")
	}
}

func Assign_Assign() {
	err := serve()
	if err != nil {
		log.Fatal(err)
	}
}

func Assign_Assign_unlooked() {
	err := serve()
	log.Print(err)
}

func Assign_Assign_otherError(e error) {
	err := serve()
	if e != nil {
		log.Fatal(err)
	}
}

func Other_Other_nested() { log.Fatal(errors.Join(serve())) }
`,
	})
	p := s.Package("example.com/m")
	names := map[result.Form]string{
		result.Other: "Other", result.Plain: "Plain", result.Dropped: "Dropped", result.If: "If",
		result.Assign: "Assign", result.Return: "Return", result.Wrap: "Wrap",
	}
	seen := 0
	for c := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
		call := c.Node().(*ast.CallExpr)
		id, ok := call.Fun.(*ast.Ident)
		if !ok || id.Name != "serve" {
			continue
		}
		seen++
		decl := syntax.EnclosingDecl(c)
		stmt := decl.Body.List[0]
		form, look := result.OfServer(p, decl.Body, stmt, call)
		got := fmt.Sprintf("%s_%s", names[result.FormOf(stmt, call)], names[form])
		if name := decl.Name.Name; name != got && (len(name) <= len(got) || name[:len(got)+1] != got+"_") {
			t.Errorf("%s: %s", name, got)
		}
		if looks := form == result.If || form == result.Assign && !strings.Contains(decl.Name.Name, "_Assign_"); looks != (look != nil) {
			t.Errorf("%s: the statement that looks at the error: %v", decl.Name.Name, look)
		}
	}
	if seen != 14 {
		t.Errorf("%d functions were asked, want 14", seen)
	}
}

// Functions tell by their name whether their last block leaves them, and whether
// they return nothing but an error.
func TestFunctions(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"main.go": `package main

import "os"

func returns() error { return nil }
func exits()         { os.Exit(1) }
func runs()          { println() }
func nothing()       {}
func two() (n int, err error) {
	return 0, nil
}
func loops() error {
	for {
	}
}
`,
	})
	p := s.Package("example.com/m")
	for name, want := range map[string][3]any{ // leaves at its end, only an error, number of results
		"returns": {true, true, 1},
		"exits":   {true, false, 0},
		"runs":    {false, false, 0},
		"nothing": {false, false, 0},
		"two":     {true, false, 2},
		"loops":   {false, true, 1},
	} {
		decl := syntax.DeclsOf(p)["example.com/m."+name]
		got := [3]any{result.Terminates(p, decl.Body), result.OnlyError(p, decl), len(result.Types(p, decl.Type))}
		if got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
