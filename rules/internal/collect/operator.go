package collect

import (
	"go/ast"
	"iter"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/inspector"
)

var (
	// actions matches names of functions for what an operator or user asks for
	// now and then.
	actions = regexp.MustCompile(`(?i)reload|apply|re_?config|set_?option|settings|command|^cmd|_cmd|admin|maintenance|restart|console|button`)
	// actionRoutes matches routes, and the words of handlers' names, for the same.
	actionRoutes = regexp.MustCompile(`(?i)(?:^|[^a-z])(?:reload|apply|settings?|config\w*|setoption|admin|maintenance|debug|console|clean\w*|clear\w*|purge|flush|trim|shrink|compact|vacuum|free\w*|release|unload|evict|drop\w*|collect|gc)(?:$|[^a-z])`)
	// drops matches names of functions that let go of something that is made, and deleted,
	// now and then, and holds much memory.
	drops = regexp.MustCompile(`(?i)(?:^|_)(?:delete|remove|drop|unload|destroy|offline|backup)(?:_[a-z0-9]+)*?_(?:partition|volume|table|database|db|collection|index|shard|model|tenant|bucket|dataset|region|graph|namespace|keyspace)s?(?:_|$)`)
	// redirects matches functions that send the browser elsewhere.
	redirects = regexp.MustCompile(`(?i)redirect`)
)

// operatorAction reports whether the path to the call is one that somebody takes
// on purpose, now and then: a function or a route is named so, a page goes back to
// another one after it, a command was typed.
func operatorAction(call rewrite.Call, h heat.Heat) bool {
	if h.Typed {
		return true
	}
	for p, fn := range functionsOn(call, h) {
		name := ""
		if d, isDecl := fn.Node().(*ast.FuncDecl); isDecl {
			name = d.Name.Name
		}
		if actions.MatchString(name) || drops.MatchString(spelled(name)) || actionRoutes.MatchString(keyOf(p, fn)) {
			return true
		}
		if !onRequest(p, fn.Node()) {
			continue
		}
		sends := syntax.ContainsNode(syntax.BodyOf(fn.Node()), func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok {
				return false
			}
			id := syntax.LastName(c.Fun)
			return id != nil && redirects.MatchString(id.Name)
		})
		if sends || actionRoutes.MatchString(spelled(name)) || web.Routed(p, fn, actionRoutes) {
			return true
		}
	}
	return false
}

// ends matches the words of handlers' names and routes for the end of what a user
// had going: a tunnel, a session, a device.
var ends = regexp.MustCompile(`(?i)(?:^|[^a-z])(?:disconnect|shutdown|shut_down|logout|log_out|poweroff|eject|unmount)(?:$|[^a-z])`)

// endsSession reports whether the request that leads to the call is one by which a
// user ends something, which comes now and then.
func endsSession(call rewrite.Call, h heat.Heat) bool {
	for p, fn := range functionsOn(call, h) {
		if !onRequest(p, fn.Node()) {
			continue
		}
		if d, isDecl := fn.Node().(*ast.FuncDecl); isDecl && ends.MatchString(spelled(d.Name.Name)) || web.Routed(p, fn, ends) {
			return true
		}
	}
	return false
}

// jobs matches the words of functions' names, and routes, for work on much that a request begins.
var jobs = regexp.MustCompile(`(?i)(?:^|[^a-z])(?:import|index|reindex|export|backup|restore|scan|rescan|sync|migrate|convert|rebuild|crawl|job|batch)(?:ing|s)?(?:$|[^a-z])`)

// endsJob reports whether the call stands at the end of work on much, which a request
// begins now and then.
func endsJob(call rewrite.Call, h heat.Heat) bool {
	if !closesStage(call) {
		return false
	}
	for p, fn := range functionsOn(call, h) {
		if d := syntax.EnclosingDecl(fn); d != nil && jobs.MatchString(spelled(d.Name.Name)) || web.Routed(p, fn, jobs) {
			return true
		}
	}
	return false
}

// functionsOn yields the functions on the path to the call, with their packages.
func functionsOn(call rewrite.Call, h heat.Heat) iter.Seq2[*rewrite.Package, inspector.Cursor] {
	return func(yield func(*rewrite.Package, inspector.Cursor) bool) {
		for _, place := range append([]heat.Place{{Pkg: call.Pkg, At: call.At}}, h.Path...) {
			fn, ok := place.At, true
			switch fn.Node().(type) {
			case *ast.FuncLit, *ast.FuncDecl:
			default:
				fn, ok = syntax.EnclosingFunc(place.At)
			}
			if ok && !yield(place.Pkg, fn) {
				return
			}
		}
	}
}

// keyOf returns the name under which the function literal at fn stands in a table.
func keyOf(p *rewrite.Package, fn inspector.Cursor) string {
	var key ast.Expr
	switch n := fn.Parent().Node().(type) {
	case *ast.KeyValueExpr:
		key = n.Key
	case *ast.AssignStmt:
		for i, rhs := range n.Rhs {
			if index, ok := n.Lhs[min(i, len(n.Lhs)-1)].(*ast.IndexExpr); ok && rhs == fn.Node() {
				key = index.Index
			}
		}
	}
	if key == nil {
		return ""
	}
	name, _ := syntax.ConstString(p, key)
	return name
}

// spelled puts an underscore between the words of a name.
func spelled(name string) string { return words.ReplaceAllString(name, "${1}_${2}") }

var words = regexp.MustCompile(`([a-z])([A-Z])`)
