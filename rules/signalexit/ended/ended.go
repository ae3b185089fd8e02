// Package ended tells which goroutines notice that something is closed,
// cancelled or shut down while main ends, and end the process or panic because
// of it.
package ended

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// maxCalls is the number of calls through which things are followed.
const maxCalls = 4

// endName matches functions after which what they are called on, or for, cannot
// be used any more.
var endName = regexp.MustCompile(`^(?i:close|shut_?down|stop|graceful|cancel|disconnect|destroy|release|remove|terminate|quit|kill|free|unmount|end|clean_?up|tear_?down|finish|drain|exit|abort|dispose|detach|unsubscribe)`)

// Set holds what is ended when main ends.
type Set struct {
	s     *rewrite.Snapshot
	p     *rewrite.Package // of main
	vars  map[any]bool     // variables and fields that hold it, by their keys
	chans map[any]bool     // channels that are closed
	gone  map[any]bool     // memory that is unmapped, and what is nil
	// elems are the types of what channels carry that are closed under a name that
	// does not tell which they are: those of a range, say.
	elems []types.Type
	// opaque says that a function value or a method of an interface is called: what
	// that ends is not known.
	opaque bool
	busy   map[ast.Node]bool
}

// New returns an empty set. Functions that end the process are looked for in
// the whole module where p has more packages than its own.
func New(p *rewrite.Package) *Set {
	s := p.Snapshot()
	if importsModule(p) {
		s.Widen("Exit", "Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "panic")
	}
	return &Set{s: s, p: p, vars: make(map[any]bool), chans: make(map[any]bool), gone: make(map[any]bool), busy: make(map[ast.Node]bool)}
}

// importsModule reports whether p imports another package of its module.
func importsModule(p *rewrite.Package) bool {
	return p.Module != nil && slices.ContainsFunc(p.Types.Imports(), func(imp *types.Package) bool { return p.Module.Holds(imp.Path()) })
}

// keyOf names a variable; exported fields have several objects, one for each
// package that knows them.
func keyOf(obj types.Object) any {
	if v, ok := obj.(*types.Var); ok {
		obj = v.Origin() // of a generic type
	}
	if v, ok := obj.(*types.Var); ok && v.Exported() && v.Pkg() != nil && (v.IsField() || v.Parent() == v.Pkg().Scope()) {
		return rewrite.ObjectKey(v)
	}
	return obj
}

// Calls adds what the calls in n end.
func (e *Set) Calls(p *rewrite.Package, n ast.Node) { e.calls(p, n, maxCalls) }

// Value adds what x holds.
func (e *Set) Value(p *rewrite.Package, x ast.Expr) { e.value(p, x) }

// Var adds what v holds.
func (e *Set) Var(v *types.Var) { e.add(v) }

// Spread adds all variables that are made from what is ended, in the whole
// module.
func (e *Set) Spread() {
	for range maxCalls {
		before := len(e.vars) + len(e.chans)
		for _, p := range e.s.Packages {
			for _, f := range p.Files {
				if !f.Test {
					e.spread(p, f.AST)
				}
			}
		}
		if len(e.vars)+len(e.chans) == before {
			return
		}
	}
}

func (e *Set) calls(p *rewrite.Package, body ast.Node, depth int) (ends bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			ends = e.call(p, n, depth) || ends
		case *ast.AssignStmt:
			ends = e.changes(p, body, n) || ends
		}
		return true
	})
	return ends
}

// call adds what the call ends, and reports whether it ends anything.
func (e *Set) call(p *rewrite.Package, call *ast.CallExpr, depth int) bool {
	if syntax.IsBuiltin(p, call, "close") && len(call.Args) == 1 {
		if v, ok := syntax.BaseVar(p, call.Args[0]).(*types.Var); ok {
			e.chans[keyOf(v)] = true
		}
		if ch, ok := syntax.Under(p.Info.TypeOf(call.Args[0])).(*types.Chan); ok && e.unclear(p, call.Args[0]) {
			e.elems = append(e.elems, ch.Elem())
		}
		return e.value(p, call.Args[0])
	}
	fn := p.Callee(call)
	e.opaque = e.opaque || isOpaque(p, call, fn)
	if fn == nil {
		id := syntax.LastName(call.Fun)
		if id == nil || p.Info.Types[call.Fun].IsType() || p.Info.Types[call.Fun].IsBuiltin() || !syntax.IsContextFunc(p.Info.TypeOf(call.Fun)) && !endName.MatchString(id.Name) {
			return false
		}
		return e.value(p, call.Fun)
	}
	if decl, q := syntax.DeclarationOf(e.s, fn); decl != nil && decl.Body != nil && depth > 0 {
		if e.busy[decl] {
			return false
		}
		e.busy[decl] = true
		ends := e.calls(q, decl.Body, depth-1)
		delete(e.busy, decl)
		if ends {
			e.handedIn(p, q, call, decl)
		}
		return ends
	}
	if fades.MatchString(fn.Name()) {
		for _, a := range call.Args {
			if v, ok := syntax.BaseVar(p, a).(*types.Var); ok {
				e.gone[keyOf(v)] = true
			}
		}
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && fn.Signature().Recv() != nil {
			if v, ok := syntax.BaseVar(p, sel.X).(*types.Var); ok {
				e.gone[keyOf(v)] = true
			}
		}
	}
	if !endName.MatchString(fn.Name()) {
		return false
	}
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && fn.Signature().Recv() != nil {
		return e.value(p, sel.X)
	}
	ends := false
	for _, a := range call.Args {
		ends = e.value(p, a) || ends
	}
	return ends
}

// handedIn adds the operands of the call whose parameters the function ends.
func (e *Set) handedIn(p, q *rewrite.Package, call *ast.CallExpr, decl *ast.FuncDecl) {
	if decl.Recv != nil && len(decl.Recv.List) == 1 && len(decl.Recv.List[0].Names) == 1 && e.has(q.Info.Defs[decl.Recv.List[0].Names[0]]) {
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			e.value(p, sel.X)
		}
	}
	for i, v := range syntax.ParamObjects(q, decl.Type) {
		if i < len(call.Args) && e.has(v) {
			e.value(p, call.Args[i])
		}
	}
}

// value adds the variables in x, and reports whether there are any.
func (e *Set) value(p *rewrite.Package, x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return e.add(p.Info.Uses[x])
	case *ast.SelectorExpr:
		e.value(p, x.X)
		return e.add(p.Info.Uses[x.Sel])
	case *ast.UnaryExpr:
		return x.Op == token.AND && e.value(p, x.X)
	case *ast.StarExpr:
		return e.value(p, x.X)
	case *ast.IndexExpr:
		return e.value(p, x.X)
	}
	return false
}

func (e *Set) add(obj types.Object) bool {
	v, ok := obj.(*types.Var)
	if !ok || syntax.IsError(v.Type()) {
		return false
	}
	e.vars[keyOf(v)] = true
	return true
}

func (e *Set) has(obj types.Object) bool { return obj != nil && e.vars[keyOf(obj)] }

// closed reports whether x is a channel that is closed.
func (e *Set) closed(p *rewrite.Package, x ast.Expr) bool {
	if v := syntax.BaseVar(p, x); v != nil && e.chans[keyOf(v)] {
		return true
	}
	ch, ok := syntax.Under(p.Info.TypeOf(x)).(*types.Chan)
	return ok && slices.ContainsFunc(e.elems, func(t types.Type) bool { return types.Identical(t, ch.Elem()) })
}

// isOpaque reports whether the call is one of a function value, other than a
// context's, or of a method of an interface.
func isOpaque(p *rewrite.Package, call *ast.CallExpr, fn *types.Func) bool {
	if fn != nil {
		return syntax.IsAbstract(fn)
	}
	_, isLit := ast.Unparen(call.Fun).(*ast.FuncLit)
	return !isLit && !p.Info.Types[call.Fun].IsType() && !p.Info.Types[call.Fun].IsBuiltin() && !syntax.IsContextFunc(p.Info.TypeOf(call.Fun))
}

// unclear reports whether the name x of a channel does not tell which it is: it is
// no variable, or one that is set in the function, or a parameter.
func (e *Set) unclear(p *rewrite.Package, x ast.Expr) bool {
	v, ok := syntax.BaseVar(p, x).(*types.Var)
	if !ok {
		return true
	}
	for _, a := range syntax.AssignmentsOf(p, v) {
		if a.Kind == syntax.Ranged || a.Kind == syntax.Assigned && a.Value != nil && syntax.BaseVar(p, a.Value) != nil {
			return true
		}
		if _, indexed := ast.Unparen(a.Value).(*ast.IndexExpr); a.Value != nil && indexed {
			return true
		}
	}
	return !v.IsField() && len(syntax.AssignmentsOf(p, v)) == 0
}

// holds reports whether a variable of the type may lead to what it was made
// from.
func holds(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return false
	case *types.Interface:
		return !syntax.IsError(t)
	case *types.Struct:
		return u.NumFields() > 0
	}
	return true
}
