package liveness

import (
	"go/ast"
	"go/parser"
	"testing"

	"golang.org/x/tools/go/cfg"
)

// Paths begin behind the call of start. met is asked for, over ends a path.
func TestSearch(t *testing.T) {
	for _, test := range []struct {
		name, body   string
		meets, leaks bool // a path meets met; one comes to the function's end without over
	}{
		{"next", "start(); met()", true, true},
		{"nothing", "start(); other()", false, true},
		{"before", "met(); start()", false, true},
		{"over first", "start(); over(); met()", false, false},
		{"met first", "start(); met(); over()", true, false},
		{"one branch", "start(); if x { over() }; met()", true, true},
		{"both branches", "start(); if x { over() } else { over() }; met()", false, false},
		{"a loop comes back", "for { met(); start(); other() }", true, false},
		{"a loop that ends first", "for { over(); met(); start() }", false, false},
		{"a loop that is left", "for x { start(); if y { break }; over() }; met()", true, true},
		{"behind a return", "start(); return; met()", false, true},
		{"behind a panic", "start(); panic(1); met()", false, true},
		{"switch", "start(); switch { case x: over(); case y: return; default: over() }; met()", false, true},
	} {
		x, err := parser.ParseExpr("func() {" + test.body + "}")
		if err != nil {
			t.Fatal(err)
		}
		g := cfg.New(x.(*ast.FuncLit).Body, func(call *ast.CallExpr) bool { return !calls(call, "panic") })
		s := search{node: func(n ast.Node) flowEffect {
			switch {
			case calls(n, "met"):
				return used
			case calls(n, "over"):
				return Overwritten
			}
			return untouched
		}}
		leak := search{
			node: func(n ast.Node) flowEffect {
				if calls(n, "over") {
					return Overwritten
				}
				return untouched
			},
			end: func(b *cfg.Block) bool { return b.Live },
		}
		found := false
		for _, b := range g.Blocks {
			for i, n := range b.Nodes {
				if !calls(n, "start") {
					continue
				}
				found = true
				if got := s.from(b, i+1); got != test.meets {
					t.Errorf("%s: meets: %v", test.name, got)
				}
				if got := leak.from(b, i+1); got != test.leaks {
					t.Errorf("%s: leaks: %v", test.name, got)
				}
			}
		}
		if !found {
			t.Errorf("%s: start is not in the graph", test.name)
		}
	}
}

// calls reports whether n is a call of the function, or the statement of one.
func calls(n ast.Node, name string) bool {
	if s, ok := n.(*ast.ExprStmt); ok {
		n = s.X
	}
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	id, ok := call.Fun.(*ast.Ident)
	return ok && id.Name == name
}

// A search may also meet the way into a block.
func TestSearchInto(t *testing.T) {
	x, err := parser.ParseExpr("func() { for x { start(); if y { break } }; other() }")
	if err != nil {
		t.Fatal(err)
	}
	g := cfg.New(x.(*ast.FuncLit).Body, func(*ast.CallExpr) bool { return true })
	for _, b := range g.Blocks {
		for i, n := range b.Nodes {
			if !calls(n, "start") {
				continue
			}
			for kind, want := range map[cfg.BlockKind]bool{cfg.KindForDone: true, cfg.KindIfDone: true, cfg.KindSwitchDone: false} {
				s := search{node: func(ast.Node) flowEffect { return untouched }, into: func(b *cfg.Block) bool { return b.Kind == kind }}
				if got := s.from(b, i+1); got != want {
					t.Errorf("into %v: %v", kind, got)
				}
			}
		}
	}
}
