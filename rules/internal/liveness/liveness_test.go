package liveness_test

import (
	"go/ast"
	"go/types"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/liveness"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

// In each function an object is made, and c.use() is called on it; the name says
// what comes behind, and whether the function holds the object elsewhere.
func TestLiveness(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go": `package a

type conn struct{ fd int }

func (c *conn) use() {}
func (c *conn) close() {}

var all []*conn

func last() {
	c := &conn{}
	c.use()
}

func later() {
	c := &conn{}
	c.use()
	c.close()
}

func deferred() {
	c := &conn{}
	defer c.close()
	c.use()
}

func branch(b bool) {
	c := &conn{}
	c.use()
	if b {
		c.close()
	}
}

func stored() {
	c := &conn{}
	all = append(all, c)
	c.use()
}

func looped(n int) {
	c := &conn{}
	for range n {
		c.use()
	}
}

func again() {
	c := &conn{}
	c.use()
	c = nil
	_ = c
}
`,
	})
	// stops are the paths on which c is not mentioned any more.
	want := map[string]struct{ leaks, stored bool }{
		"last": {true, false}, "later": {false, false}, "deferred": {true, false}, "branch": {true, false},
		"stored": {true, true}, "looped": {true, false}, "again": {false, false},
	}
	p := s.Package("example.com/m")
	for _, d := range p.Files[0].AST.Decls {
		decl, ok := d.(*ast.FuncDecl)
		if !ok || decl.Recv != nil {
			continue
		}
		w, ok := want[decl.Name.Name]
		if !ok {
			t.Errorf("no expectation for %s", decl.Name.Name)
			continue
		}
		var v *types.Var
		var use *ast.CallExpr
		ast.Inspect(decl.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if x, ok := p.Info.Defs[n].(*types.Var); ok && n.Name == "c" && v == nil {
					v = x
				}
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "use" {
					use = n
				}
			}
			return true
		})
		l := liveness.New(p, decl.Body)
		leaks := l.Leaks(use, func(n ast.Node) bool { return n.Pos() > use.End() && l.Mentions(n, v) })
		if leaks != w.leaks {
			t.Errorf("%s: a path without c is %v", decl.Name.Name, leaks)
		}
		if got := l.Holding(liveness.Subject{V: v}).Stored; got != w.stored {
			t.Errorf("%s: stored is %v", decl.Name.Name, got)
		}
	}
}
