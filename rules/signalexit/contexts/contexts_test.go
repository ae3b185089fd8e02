package contexts_test

import (
	"go/ast"
	"go/types"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/contexts"
)

// Each variable of main is asked what it is made from, as what it is defined, and
// whether it is set again behind the call of mark.
func TestContexts(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"main.go": `package main

import (
	"context"
	"os"
	"os/signal"
	"time"
)

type key struct{}

func mark()                        {}
func share(*context.Context)       {}
func other() context.Context       { return nil }
func wait(ctx context.Context) any { return nil }

func main() {
	root := context.Background()
	todo := context.TODO()
	child, cancel := context.WithCancel(root)
	limited, stop := context.WithTimeout((child), time.Second)
	valued := context.WithValue(limited, key{}, 1)
	notified, undo := signal.NotifyContext(todo, os.Interrupt)
	twice := context.WithoutCancel(root)
	twice, again := context.WithCancel(root)
	foreign := other()
	late := other()
	shared := other()
	mark()
	late = other()
	share(&shared)
	cancel()
	stop()
	undo()
	again()
	_, _, _, _, _ = valued, notified, twice, foreign, late
	<-root.Done()
	wait(root)
}
`,
	})
	p := s.Package("example.com/m")
	decl := syntax.DeclsOf(p)["example.com/m.main"]
	text := func(x ast.Expr) string {
		if x == nil {
			return ""
		}
		return p.Files[0].Text(x)
	}
	var mark ast.Node
	done := 0
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "mark" {
				mark = call
			}
			if contexts.IsDone(p, call) {
				done++
			}
		}
		return true
	})
	if done != 1 {
		t.Errorf("%d calls are the Done of a context, want 1", done)
	}
	type answers struct {
		from, defined string
		root, set     bool
	}
	want := map[string]answers{
		"root":     {"", "context.Background()", true, false},
		"todo":     {"", "context.TODO()", true, false},
		"child":    {"root", "", false, false},
		"limited":  {"child", "", false, false},
		"valued":   {"limited", "context.WithValue(limited, key{}, 1)", false, false},
		"notified": {"todo", "", false, false},
		"twice":    {"", "", false, false},
		"foreign":  {"", "other()", false, false},
		"late":     {"", "", false, true},
		"shared":   {"", "other()", false, true},
	}
	seen := 0
	for id, obj := range p.Info.Defs {
		w, asked := want[id.Name]
		v, isVar := obj.(*types.Var)
		if !asked || !isVar || decl.Body.Pos() > id.Pos() {
			continue
		}
		seen++
		defined := contexts.DefinedAs(p, decl.Body, v)
		got := answers{
			text(contexts.DerivedFrom(p, decl.Body, v)), text(defined),
			defined != nil && contexts.IsRoot(p, defined), contexts.SetAfter(p, decl.Body, v, mark.End()),
		}
		if got != w {
			t.Errorf("%s: %+v, want %+v", id.Name, got, w)
		}
	}
	if seen != len(want) {
		t.Errorf("%d variables were asked, want %d", seen, len(want))
	}
}
