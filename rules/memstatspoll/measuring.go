package memstatspoll

import (
	"go/ast"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/collect"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// forMeasuring reports whether the reading at call belongs to the measurement
// of a piece of work: there is another one beside it, it is next to a forced
// collection, or it is part of a benchmark.
func forMeasuring(call rewrite.Call) bool {
	if heat.IsBenchmark(call.File) {
		return true
	}
	decl := syntax.EnclosingDecl(call.At)
	if decl == nil {
		return false
	}
	if heat.BenchName.MatchString(decl.Name.Name) {
		return true
	}
	within, _ := call.Pkg.Cursor(decl)
	for c := range within.Preorder((*ast.CallExpr)(nil)) {
		if c.Node() != call.Call && call.Pkg.IsCall(c.Node(), "runtime", "ReadMemStats") &&
			turnOf(c) == turnOf(call.At) && !exclusive(c, call.At) {
			return true
		}
	}
	return nextToCollection(call)
}

// turnOf returns the loop or function whose turn or call runs the node at cur.
func turnOf(cur inspector.Cursor) ast.Node {
	for c := cur; ; c = c.Parent() {
		switch n := c.Parent().Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return n
		case *ast.FuncLit:
			if call, ok := c.Parent().Parent().Node().(*ast.CallExpr); ok && call.Fun == n {
				if _, started := c.Parent().Parent().Parent().Node().(*ast.GoStmt); !started {
					continue // called or deferred
				}
			}
			return n
		case *ast.FuncDecl, *ast.File, nil:
			return n
		}
	}
}

// exclusive reports whether a and b stand in different branches of an if,
// switch or select.
func exclusive(a, b inspector.Cursor) bool {
	above := make(map[ast.Node]ast.Node) // parent to child, on the way up from a
	for c := a; c.Node() != nil; c = c.Parent() {
		if c.Parent().Node() == nil {
			break
		}
		above[c.Parent().Node()] = c.Node()
	}
	for c := b; c.Parent().Node() != nil; c = c.Parent() {
		child, ok := above[c.Parent().Node()]
		if !ok {
			continue
		}
		switch n := c.Parent().Node().(type) {
		case *ast.BlockStmt:
			_, clause := child.(*ast.CaseClause)
			_, comm := child.(*ast.CommClause)
			return clause || comm
		case *ast.IfStmt:
			return child == n.Body && c.Node() == n.Else || child == n.Else && c.Node() == n.Body
		}
		return false
	}
	return false
}

// nextToCollection reports whether one of the two statements before the
// reading, or the one behind it, forces a collection.
func nextToCollection(call rewrite.Call) bool {
	collects := func(c inspector.Cursor) bool {
		for n := range c.Preorder((*ast.CallExpr)(nil)) {
			if collect.IsCollection(call.Pkg, n.Node()) {
				return true
			}
		}
		return false
	}
	stmt, ok := syntax.Listed(call.At)
	if !ok {
		return false
	}
	if next, ok := stmt.NextSibling(); ok && collects(next) {
		return true
	}
	for range 2 {
		prev, ok := stmt.PrevSibling()
		if !ok {
			return false
		}
		if collects(prev) {
			return true
		}
		stmt = prev
	}
	return false
}

// constructor matches names of functions that make something.
var constructor = regexp.MustCompile(`^(?i:new|make|create|open|init|setup|connect|dial|parse|load)(?:[A-Z_0-9]|$)`)

// constructs reports whether the reading is taken while things are made, one
// after the other: a loop without pauses calls a constructor.
func constructs(h heat.Heat) bool {
	if h.Paced {
		return false
	}
	made := false
	for _, place := range h.Path {
		switch n := place.At.Node().(type) {
		case *ast.CallExpr:
			id := syntax.LastName(n.Fun)
			made = made || id != nil && constructor.MatchString(id.Name)
		case *ast.FuncDecl, *ast.FuncLit:
			return false // for every request
		}
	}
	return made
}
