package ended

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// What main ends is known in part only: through function values, interfaces,
// aliases, flags, files and the network it comes to goroutines that do not
// mention it. So a goroutine counts as one that notices, unless all that it
// shares with the rest of the program are values that nobody changes, loggers
// and handlers of requests.

// clientName matches functions that talk to a server.
var clientName = regexp.MustCompile(`^(Dial|Get$|Head$|Post|Do$|NewRequest|NewClient|Connect)`)

// reaches reports whether the function shares anything with the rest of the
// program by which it may notice that something is ended.
func (e *Set) reaches(p *rewrite.Package, fn ast.Node) bool { return e.reachesAt(p, fn, fn, maxCalls) }

func (e *Set) reachesAt(p *rewrite.Package, fn, n ast.Node, depth int) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			v, ok := p.Info.Uses[n].(*types.Var)
			return ok && !within(fn, v) && !e.steady(p, v)
		case *ast.CallExpr:
			callee := p.Callee(n)
			if callee == nil || callee.Pkg() == nil {
				return false
			}
			if decl, q := syntax.DeclarationOf(e.s, callee); decl != nil && decl.Body != nil {
				// What is passed to it is looked at where it is passed.
				return depth > 0 && !e.busy[decl] && e.reachesIn(q, decl, depth-1)
			}
			path := callee.Pkg().Path()
			return clientName.MatchString(callee.Name()) && (path == "net" || strings.HasPrefix(path, "net/") || strings.Contains(path, "grpc") || path == "crypto/tls")
		}
		return false
	})
}

func (e *Set) reachesIn(p *rewrite.Package, decl *ast.FuncDecl, depth int) bool {
	e.busy[decl] = true
	defer delete(e.busy, decl)
	return e.reachesAt(p, decl, decl.Body, depth)
}

// within reports whether v is declared in fn: a field is not.
func within(fn ast.Node, v *types.Var) bool {
	return !v.IsField() && syntax.DeclaredIn(fn, v) && !parameterOf(fn, v)
}

// parameterOf reports whether v is a parameter, or the receiver, of fn.
func parameterOf(fn ast.Node, v *types.Var) bool {
	body := syntax.BodyOf(fn)
	return body != nil && v.Pos() < body.Pos()
}

// steady reports whether nothing is noticed by v: it is a value that is set once,
// a logger, a handler of requests, or belongs to the standard library.
func (e *Set) steady(p *rewrite.Package, v *types.Var) bool {
	if v.Pkg() == nil || syntax.IsError(v.Type()) || syntax.IsStandard(v.Pkg().Path()) && !ours(p, v.Pkg().Path()) {
		return true // os.Args, http.DefaultServeMux
	}
	t := v.Type()
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
		if _, isBasic := t.Underlying().(*types.Basic); isBasic {
			return true // flag.String
		}
	}
	if named := syntax.NamedBehind(t); named != nil && named.Obj().Pkg() != nil {
		path := named.Obj().Pkg().Path()
		switch {
		case knowledge.LogLibrary(path) && !ours(p, path):
			return true
		case path == "net/http":
			return named.Obj().Name() == "ServeMux" || named.Obj().Name() == "Handler" || named.Obj().Name() == "HandlerFunc"
		}
	}
	switch t.Underlying().(type) {
	case *types.Basic:
		sets := 0
		for _, a := range syntax.AssignmentsOf(p, v) {
			sets++
			if a.Kind == syntax.Updated || a.Kind == syntax.Shared {
				sets++
			}
		}
		return sets <= 1
	}
	return false
}

// ours reports whether the package of that path is p itself or of p's module.
func ours(p *rewrite.Package, path string) bool {
	return path == p.Path || p.Module != nil && strings.HasPrefix(path, p.Module.Path)
}

// isValue reports whether the function at c is a value, and not called there: who
// calls it, and in which goroutine, is not known. Functions of the standard
// library that are passed one call it at once, but for those that are named
// after what starts or keeps it; a command's function runs where main waits.
func isValue(p *rewrite.Package, c inspector.Cursor) bool {
	switch n := c.Parent().Node().(type) {
	case *ast.CallExpr:
		if n.Fun == c.Node() {
			return false
		}
		fn := p.Callee(n)
		if fn == nil || fn.Pkg() == nil {
			return true
		}
		if knowledge.OfCommand(fn) {
			return false // cobra.OnInitialize
		}
		path := fn.Pkg().Path()
		if !syntax.IsStandard(path) || ours(p, path) {
			return !handlerType(p, c)
		}
		return keepsName.MatchString(fn.Name()) && !handlerType(p, c)
	case *ast.KeyValueExpr:
		if id, ok := n.Key.(*ast.Ident); ok && n.Value == c.Node() {
			return !knowledge.OfCommand(p.Info.Uses[id]) && !handlerType(p, c)
		}
	case *ast.AssignStmt:
		if len(n.Lhs) == 1 {
			if id := syntax.LastName(n.Lhs[0]); id != nil && knowledge.OfCommand(p.Info.Uses[id]) {
				return false
			}
		}
	case *ast.DeferStmt, *ast.SelectorExpr:
		return false
	}
	return !handlerType(p, c)
}

// keepsName matches functions of the standard library that call the function
// passed to them later.
var keepsName = regexp.MustCompile(`^(Go|AfterFunc|RegisterOnShutdown|SetFinalizer|AddCleanup)$`)

// handlerType reports whether the function at c handles requests of HTTP: the
// server waits for those, and net/http recovers from their panics.
func handlerType(p *rewrite.Package, c inspector.Cursor) bool {
	x, ok := c.Node().(ast.Expr)
	if !ok {
		return false
	}
	sig, ok := p.Info.TypeOf(x).(*types.Signature)
	return ok && sig.Params().Len() == 2 && syntax.IsType(sig.Params().At(0).Type(), "net/http", "ResponseWriter")
}

// fades matches functions that make memory unusable.
var fades = regexp.MustCompile(`(?i)^(munmap|unmap|free)$`)

// changes adds what the statement, in a function that runs when main ends, sets
// for others to see; what is nil then cannot be used.
func (e *Set) changes(p *rewrite.Package, body ast.Node, a *ast.AssignStmt) (ends bool) {
	if a.Tok == token.DEFINE {
		return false
	}
	for i, l := range a.Lhs {
		v, ok := syntax.BaseVar(p, l).(*types.Var)
		if !ok || !v.IsField() && syntax.DeclaredIn(body, v) {
			continue
		}
		ends = e.add(v) || ends
		if len(a.Lhs) == len(a.Rhs) && syntax.IsNil(p, a.Rhs[i]) {
			e.gone[keyOf(v)] = true
		}
	}
	return ends
}
