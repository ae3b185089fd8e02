package heap_test

import (
	"go/ast"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/finalizercycle/heap"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

// A function whose name begins with "cycle" sets a finalizer for an object that
// another one which it holds leads back to.
func TestCycle(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go": `package a

import "runtime"

type parent struct {
	child *child
	list  []*child
	index map[string]*child
	f     func()
}

type child struct{ up *parent }

func end(*parent) {}

func (p *parent) work() {}

func one() {
	p := &parent{child: &child{}}
	runtime.SetFinalizer(p, end)
}

func self() *parent {
	p := &parent{}
	runtime.SetFinalizer(p, end)
	return p
}

func cycleField() {
	p := &parent{child: &child{}}
	p.child.up = p
	runtime.SetFinalizer(p, end)
}

func cycleList() {
	p := &parent{}
	p.list = append(p.list, &child{up: p})
	runtime.SetFinalizer(p, end)
}

func cycleMap() {
	p := &parent{index: map[string]*child{}}
	p.index["a"] = &child{up: p}
	runtime.SetFinalizer(p, end)
}

func cycleClosure() {
	p := &parent{}
	c := &child{up: p}
	p.f = func() { c.up.work() }
	runtime.SetFinalizer(p, end)
}

func cycleCallee() {
	p := &parent{}
	adopt(p, &child{})
	runtime.SetFinalizer(p, end)
}

func adopt(p *parent, c *child) {
	p.child = c
	c.up = p
}

func branches(b bool) {
	p := &parent{}
	c := &child{}
	if b {
		p.child = c
	} else {
		c.up = p
	}
	runtime.SetFinalizer(p, end)
}
`,
	})
	p := s.Package("example.com/m")
	for _, d := range p.Files[0].AST.Decls {
		decl, ok := d.(*ast.FuncDecl)
		if !ok || decl.Recv != nil || !registers(decl) {
			continue
		}
		h := heap.Run(p, decl)
		if len(h.Registered) != 1 {
			t.Fatalf("%s: %d finalizers", decl.Name.Name, len(h.Registered))
		}
		got := false
		for _, o := range h.Registered[0].Objs {
			got = got || heap.Cycle(o) != nil
		}
		if want := strings.HasPrefix(decl.Name.Name, "cycle"); got != want {
			t.Errorf("%s: a cycle is %v", decl.Name.Name, got)
		}
	}
}

// registers reports whether the function itself sets a finalizer.
func registers(decl *ast.FuncDecl) (found bool) {
	ast.Inspect(decl, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == "SetFinalizer"
		return !found
	})
	return found
}
