package keepalive

import (
	"go/parser"
	"go/token"
	"testing"
)

func TestSelects(t *testing.T) {
	for _, c := range []struct {
		src  string
		want bool
	}{
		{`func f() bool { return term.IsTerminal(int(os.Stdout.Fd())) }`, false},
		{`func f() bool { return term.IsTerminal(int(os.Stdout.Fd())) && term.IsTerminal(int(os.Stdin.Fd())) }`, false},
		{`func f(g *os.File) bool { return term.IsTerminal(int(os.Stdout.Fd())) && term.IsTerminal(int(g.Fd())) }`, true},
		{`func f() bool { return term.IsTerminal(int(os.Console.Fd())) }`, true},
		{`var fd = os.Stdout.Fd`, false},
		{`type file interface { Fd() uintptr }`, true},
		{`func f() { g(Fd) }`, true},
		{`func f() {}`, false},
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package p\n"+c.src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := selects([]string{"Fd"})(f); got != c.want {
			t.Errorf("%s: %v", c.src, got)
		}
	}
}
