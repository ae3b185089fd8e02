package publicpprof

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/publicpprof/guard"
	"golang.org/x/tools/go/ast/inspector"
)

// listener is a call that serves.
type listener struct {
	pkg  *rewrite.Package
	file *rewrite.File
	call *ast.CallExpr
	at   inspector.Cursor // at call

	web.Address
	// handler is what is served, nil where a server's Handler is not set or the
	// server is its own handler; on is the server or router that listens, nil for
	// the functions of net/http.
	handler, on ast.Expr
	// embedded reports whether the server is embedded in what on denotes.
	embedded bool
	// unseen reports whether it is not in sight how the server is set up.
	unseen bool
	// guarded reports whether clients need a certificate.
	guarded bool

	// targetExpr stands for the default mux: nil, http.DefaultServeMux or a
	// variable that holds it. It is nil where a server's Handler is not set.
	targetExpr ast.Expr
	// alias is the expression http.DefaultServeMux that the variable at
	// targetExpr holds; routed reports whether the variable is used for more
	// than the listener.
	alias  ast.Expr
	routed bool
	// server is the literal that lacks a Handler, holder a server without a
	// literal.
	server *ast.CompositeLit
	holder ast.Expr
	// steps is how many variables serves follows at present.
	steps int
}

// target returns the expression that names the default mux, nil when it is
// served by default.
func (l *listener) target() ast.Expr {
	if l.alias != nil {
		return l.alias
	}
	return l.targetExpr
}

// listeners returns the calls in non-test files that serve.
func listeners(s *rewrite.Snapshot) []*listener {
	var out []*listener
	add := func(c rewrite.Call, l *listener) {
		if l == nil || c.File.Test || c.File.Generated || c.Pkg.Module == nil || !c.Pkg.Module.Main {
			return
		}
		l.pkg, l.file, l.call, l.at = c.Pkg, c.File, c.Call, c.At
		out = append(out, l)
	}
	for c := range s.Calls("net/http", "ListenAndServe", "ListenAndServeTLS") {
		if n := len(c.Call.Args); n == 2 || n == 4 {
			add(c, &listener{Address: web.AddressOf(c.Pkg, c.Call.Args[0]), handler: c.Call.Args[n-1]})
		}
	}
	for c := range s.Calls("net/http", "Serve", "ServeTLS") {
		if n := len(c.Call.Args); n == 2 || n == 4 {
			add(c, &listener{Address: web.ListenedOn(c.Pkg, c.Call.Args[0]), handler: c.Call.Args[1], guarded: guard.Listener(c.Pkg, c.Call.Args[0])})
		}
	}
	for _, r := range s.Refs("(*net/http.Server).ListenAndServe", "(*net/http.Server).ListenAndServeTLS", "(*net/http.Server).Serve", "(*net/http.Server).ServeTLS") {
		at, ok := r.Call()
		sel, isSel := r.Expr().Node().(*ast.SelectorExpr)
		if !ok || !isSel {
			continue
		}
		c := rewrite.Call{Ref: r, Call: at.Node().(*ast.CallExpr), At: at}
		l := ofServer(r.Pkg, sel.X, web.Embedded(r.Pkg, sel))
		if l.unseen && strings.HasPrefix(r.Obj.Name(), "Listen") {
			for _, srv := range web.Listed(r.Pkg, sel.X) {
				add(c, ofFields(r.Pkg, sel.X, srv))
			}
		}
		if strings.HasPrefix(r.Obj.Name(), "Serve") && len(c.Call.Args) > 0 {
			l.Address = web.ListenedOn(r.Pkg, c.Call.Args[0])
			l.guarded = l.guarded || guard.Listener(r.Pkg, c.Call.Args[0])
		}
		add(c, l)
	}
	for _, r := range s.Refs(knowledge.Listening()...) {
		if at, ok := r.Call(); ok {
			c := rewrite.Call{Ref: r, Call: at.Node().(*ast.CallExpr), At: at}
			add(c, ofLibrary(r, c.Call))
		}
	}
	return out
}

// ofServer returns what is known about a listener of the net/http.Server x, or of
// the one that it embeds as the field in.
func ofServer(p *rewrite.Package, x ast.Expr, in *types.Var) *listener {
	srv, ok := web.ServerOf(p, x)
	if in != nil {
		srv, ok = web.ServerIn(p, in)
		ok = ok && (srv.Handler != nil || !setElsewhere(p, in))
	}
	if !ok {
		return &listener{on: x, unseen: true}
	}
	l := ofFields(p, x, srv)
	l.embedded = in != nil
	return l
}

// ofFields returns the listener of the server x with such fields.
func ofFields(p *rewrite.Package, x ast.Expr, srv web.Server) *listener {
	l := &listener{Address: web.AddressOf(p, srv.Addr), handler: srv.Handler, on: x, server: srv.Lit}
	if srv.Addr == nil {
		l.Address = web.Address{Host: web.Public, Where: `":http"`}
	}
	if srv.TLS != nil && guard.Certificates(p, srv.TLS) {
		l.guarded = true
	}
	if srv.Lit == nil {
		l.holder = x
	}
	return l
}

// setElsewhere reports whether another package sets the handler of the server that
// is embedded as v: there it looks like a field of what embeds it.
func setElsewhere(p *rewrite.Package, v *types.Var) bool {
	s := p.Snapshot()
	s.Widen("Handler")
	for _, q := range s.Packages {
		if q == p {
			continue
		}
		for c := range q.Inspector.Root().Preorder((*ast.AssignStmt)(nil)) {
			for _, l := range c.Node().(*ast.AssignStmt).Lhs {
				sel, ok := ast.Unparen(l).(*ast.SelectorExpr)
				if ok && sel.Sel.Name == "Handler" && web.Promotes(q, sel, v.Pkg().Path()) {
					return true
				}
			}
		}
	}
	return false
}

// takesDefault reports whether the listener serves http.DefaultServeMux, and
// notes which expression stands for it.
func (l *listener) takesDefault() bool {
	if l.unseen || l.guarded {
		return false
	}
	if l.handler == nil {
		return l.on != nil && (l.embedded || isServer(l.pkg, l.on))
	}
	if !l.serves(l.handler) {
		return false
	}
	l.server, l.holder = nil, nil
	return true
}

// isServer reports whether x is a net/http.Server.
func isServer(p *rewrite.Package, x ast.Expr) bool {
	t := p.Info.TypeOf(x)
	return t != nil && (syntax.IsType(t, "net/http", "Server") || syntax.IsPointerTo(t, "net/http", "Server"))
}

// maxWraps bounds how many variables are followed: two may be made from each other.
const maxWraps = 20

// serves reports whether handler serves http.DefaultServeMux: it is nil, that
// mux, a variable that holds it, or a call with it among the arguments. It
// notes which expression stands for the mux.
func (l *listener) serves(handler ast.Expr) bool {
	p := l.pkg
	handler = ast.Unparen(handler)
	if p.Info.Types[handler].IsNil() || isDefaultMux(p, handler) {
		l.targetExpr = handler
		return true
	}
	switch h := handler.(type) {
	case *ast.Ident:
		if def := syntax.Definition(p, h); def != nil {
			if isDefaultMux(p, def.Value) {
				l.targetExpr, l.alias, l.routed = h, ast.Unparen(def.Value), !def.Alone
				return true
			}
			_, isCall := ast.Unparen(def.Value).(*ast.CallExpr)
			l.steps++
			defer func() { l.steps-- }()
			return isCall && l.steps < maxWraps && l.serves(def.Value)
		}
		return l.servesVariable(h)
	case *ast.CallExpr:
		if guard.Call(p, h) {
			return false
		}
		return l.servesOne(h.Args)
	case *ast.UnaryExpr:
		lit, ok := ast.Unparen(h.X).(*ast.CompositeLit)
		return ok && l.serves(lit)
	case *ast.FuncLit:
		return !guard.Handler(p, h) && l.handsOn(h)
	case *ast.CompositeLit:
		// A handler that holds another, logged{next: mux}.
		if !guard.Passes(p, h) {
			return false
		}
		var fields []ast.Expr
		for _, x := range h.Elts {
			if kv, ok := x.(*ast.KeyValueExpr); ok {
				x = kv.Value
			}
			fields = append(fields, x)
		}
		return l.servesOne(fields)
	}
	return false
}

// handsOn reports whether the function hands requests to http.DefaultServeMux, by its
// method.
func (l *listener) handsOn(fn *ast.FuncLit) bool {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "ServeHTTP" && isDefaultMux(l.pkg, sel.X) && l.targetExpr == nil {
			l.targetExpr = ast.Unparen(sel.X)
		}
		return l.targetExpr == nil
	})
	return l.targetExpr != nil
}

// servesOne reports whether one of the expressions serves http.DefaultServeMux.
func (l *listener) servesOne(list []ast.Expr) bool {
	return slices.ContainsFunc(list, func(x ast.Expr) bool { return !l.pkg.Info.Types[ast.Unparen(x)].IsNil() && l.serves(x) })
}

// servesVariable reports whether the variable at id, assigned in branches, may
// hold the default mux, and no guard of it.
func (l *listener) servesVariable(id *ast.Ident) bool {
	v, ok := l.pkg.Info.Uses[id].(*types.Var)
	if !ok || v.Pkg() != l.pkg.Types || !types.IsInterface(v.Type()) {
		return false
	}
	var mention ast.Expr
	for value := range syntax.ValuesOf(l.pkg, v) {
		call, isCall := ast.Unparen(value).(*ast.CallExpr)
		switch {
		case isDefaultMux(l.pkg, value) && mention == nil:
			mention = ast.Unparen(value)
		case isCall && guard.Call(l.pkg, call):
			return false
		case !isCall || !syntax.Mentions(l.pkg, call, v):
			l.routed = true // something else is served, too
		}
	}
	l.targetExpr = mention
	return mention != nil
}

// isDefaultMux reports whether x is http.DefaultServeMux.
func isDefaultMux(p *rewrite.Package, x ast.Expr) bool {
	var id *ast.Ident
	switch x := ast.Unparen(x).(type) {
	case *ast.SelectorExpr:
		id = x.Sel
	case *ast.Ident:
		id = x
	default:
		return false
	}
	obj := p.Info.Uses[id]
	return obj != nil && obj.Pkg() != nil && rewrite.ObjectKey(obj) == "net/http.DefaultServeMux"
}
