package memstatspoll

import (
	"go/ast"
	"go/types"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

var (
	// debugWord matches a word of a route or a name for what somebody looks at who
	// is after a problem.
	debugWord = regexp.MustCompile(`(?i)(?:^|[^a-z])(?:debug|p?prof|profil\w*|diag\w*)(?:$|[^a-z])`)
	// polledWord matches one for what a program asks for again and again.
	polledWord = regexp.MustCompile(`(?i)metric|vars|prometheus|scrape|health`)
)

// forDebugging reports whether the request that leads to the reading is for a
// page of debugging, which somebody opens now and then: its route, the handler
// or the handler's type says so. What monitors ask for is none, whatever
// it is called.
func forDebugging(h heat.Heat) bool {
	if !h.Request() {
		return false
	}
	last := h.Path[len(h.Path)-1]
	name := ""
	if d, ok := last.At.Node().(*ast.FuncDecl); ok {
		if name = d.Name.Name; d.Recv != nil {
			fn, _ := last.Pkg.Info.Defs[d.Name].(*types.Func)
			name = syntax.MethodName(fn)
		}
	}
	name = words.ReplaceAllString(name, "${1}_${2}")
	if polledWord.MatchString(name) || web.Routed(last.Pkg, last.At, polledWord) {
		return false
	}
	return debugWord.MatchString(name) || web.Routed(last.Pkg, last.At, debugWord)
}

// words matches the places between the words of a name.
var words = regexp.MustCompile(`([a-z])([A-Z])`)

// afterPanic reports whether the reading is part of what is told of a panic.
func afterPanic(call rewrite.Call) bool {
	p := call.Pkg
	recovers := func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		return ok && syntax.IsBuiltin(p, c, "recover")
	}
	for c := range call.At.Enclosing((*ast.IfStmt)(nil)) {
		n := c.Node().(*ast.IfStmt)
		if n.Init != nil && syntax.ContainsNode(n.Init, recovers) || syntax.ContainsNode(n.Cond, recovers) {
			return true
		}
		if syntax.ContainsNode(n.Cond, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return false
			}
			v, ok := p.Info.Uses[id].(*types.Var)
			if !ok {
				return false
			}
			for rhs := range syntax.ValuesOf(p, v) {
				if recovers(ast.Unparen(rhs)) {
					return true
				}
			}
			return false
		}) {
			return true
		}
	}
	return false
}

// timed reports whether the reading is taken in a loop that comes to its end, and
// the time of a piece of work is taken in the same turn: both are a measurement.
func timed(call rewrite.Call, h heat.Heat) bool {
	p := call.Pkg
	if h.Paced || len(h.Path) == 0 {
		return false
	}
	loop, ok := h.Path[len(h.Path)-1].At.Parent().Node().(*ast.ForStmt)
	if !h.Finite && (!ok || loop.Cond == nil) {
		return false
	}
	decl := syntax.EnclosingDecl(call.At)
	if decl == nil {
		return false
	}
	within, _ := p.Cursor(decl)
	for c := range within.Preorder((*ast.CallExpr)(nil)) {
		since := c.Node().(*ast.CallExpr)
		if !p.IsCall(since, "time", "Since") || turnOf(c) != turnOf(call.At) {
			continue
		}
		id, ok := ast.Unparen(since.Args[0]).(*ast.Ident)
		if !ok {
			continue
		}
		v, ok := p.Info.Uses[id].(*types.Var)
		if !ok {
			continue
		}
		turn := turnOf(call.At)
		if turn.Pos() <= v.Pos() && v.Pos() < since.Pos() {
			return true
		}
	}
	return false
}
