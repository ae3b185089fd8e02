package flow

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/publicpprof/guard"
)

// Values returns the slots of which x serves what they serve.
func (g *Graph) Values(p *rewrite.Package, x ast.Expr) []Slot {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return g.name(p, x, x)
	case *ast.SelectorExpr:
		return g.name(p, x, x.Sel)
	case *ast.StarExpr:
		return g.Values(p, x.X)
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			return g.Values(p, x.X)
		}
	case *ast.TypeAssertExpr:
		return g.Values(p, x.X)
	case *ast.IndexExpr:
		if carries(p.Info.TypeOf(x)) {
			return g.Values(p, x.X)
		}
	case *ast.FuncLit:
		return g.gate(x, g.calledIn(p, x.Body), false, func() bool { return guard.Handler(p, x) })
	case *ast.CompositeLit:
		return g.composite(p, x)
	case *ast.CallExpr:
		return g.result(p, x)
	}
	return nil
}

// name is Values of a variable, field, function or method value.
func (g *Graph) name(p *rewrite.Package, x ast.Expr, id *ast.Ident) []Slot {
	if g.sources[id] {
		return []Slot{id}
	}
	if fn, ok := p.Info.Uses[id].(*types.Func); ok {
		if fn.Name() == "ServeHTTP" {
			if sel, ok := x.(*ast.SelectorExpr); ok {
				return g.Values(p, sel.X)
			}
		}
		return []Slot{funcSlot(fn)}
	}
	var out []Slot
	if s := g.slot(p, x); s != nil {
		out = append(out, s)
	}
	if t := ownHandler(p, p.Info.TypeOf(x)); t != "" {
		out = append(out, t)
	}
	return out
}

// ownHandler returns the slot of a type of the module that is a handler.
func ownHandler(p *rewrite.Package, t types.Type) string {
	if t == nil {
		return ""
	}
	e := t
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		e = ptr.Elem()
	}
	named, ok := types.Unalias(e).(*types.Named)
	if !ok || types.IsInterface(e) || named.Obj().Pkg() == nil || !hasMethod(t, "ServeHTTP") || !p.Module.Holds(named.Obj().Pkg().Path()) {
		return ""
	}
	return typeSlot(e)
}

func (g *Graph) composite(p *rewrite.Package, x *ast.CompositeLit) []Slot {
	t := p.Info.TypeOf(x)
	if carries(elementOf(t)) {
		var out []Slot
		for _, e := range x.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				e = kv.Value
			}
			out = append(out, g.Values(p, e)...)
		}
		return out
	}
	if !isServer(t) {
		if s := ownHandler(p, types.NewPointer(t)); s != "" {
			return []Slot{s}
		}
		return nil
	}
	for _, e := range x.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id.Name == "Handler" {
				return g.Values(p, kv.Value)
			}
		}
	}
	return nil
}

// result is Values of a call.
func (g *Graph) result(p *rewrite.Package, x *ast.CallExpr) []Slot {
	if p.Info.Types[x.Fun].IsType() && len(x.Args) == 1 {
		return g.Values(p, x.Args[0])
	}
	if id := syntax.LastName(x.Fun); id != nil && g.sources[id] {
		return []Slot{id}
	}
	return g.gate(x, g.behind(p, x), same(x), func() bool { return guard.Call(p, x) })
}

// behind is Values of a call unless it is a guard.
func (g *Graph) behind(p *rewrite.Package, x *ast.CallExpr) []Slot {
	fn := p.Callee(x)
	if fn != nil {
		if decl, _ := syntax.DeclarationOf(g.s, fn); decl != nil {
			return []Slot{resultSlot(fn, 0)}
		}
	}
	if sel, ok := ast.Unparen(x.Fun).(*ast.SelectorExpr); ok && isRouter(p.Info.TypeOf(sel.X)) {
		return g.Values(p, sel.X) // a group or route of the router
	}
	var out []Slot
	if inner, ok := ast.Unparen(x.Fun).(*ast.CallExpr); ok {
		out = g.result(p, inner)
	}
	for _, a := range x.Args {
		if carries(p.Info.TypeOf(a)) {
			out = append(out, g.Values(p, a)...)
		}
	}
	return out
}

// calledIn returns the slots that the code of a handler hands its request to.
func (g *Graph) calledIn(p *rewrite.Package, body *ast.BlockStmt) []Slot {
	var out []Slot
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		passes := false
		for _, a := range call.Args {
			passes = passes || isRequest(p.Info.TypeOf(a))
		}
		if !passes || p.Info.Types[call.Fun].IsType() {
			return true
		}
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && sel.Sel.Name == "ServeHTTP" {
			out = append(out, g.Values(p, sel.X)...)
		} else {
			out = append(out, g.Values(p, call.Fun)...)
		}
		return true
	})
	return out
}

// call adds the edges of a call: arguments, and routes put on a router.
func (g *Graph) call(p *rewrite.Package, n *ast.CallExpr) {
	fn := p.Callee(n)
	if fn != nil && (rewrite.ObjectKey(fn) == "net/http.Handle" || rewrite.ObjectKey(fn) == "net/http.HandleFunc") && len(n.Args) == 2 {
		g.join(g.Values(p, n.Args[1]), DefaultMux, false)
		return
	}
	if id := syntax.LastName(n.Fun); id != nil && g.sources[id] {
		for _, a := range n.Args {
			if isRouter(p.Info.TypeOf(a)) {
				g.joinAll([]Slot{id}, g.Values(p, a)) // pprof.Register(router)
			}
		}
	}
	declared := false
	if fn != nil {
		decl, _ := syntax.DeclarationOf(g.s, fn)
		declared = decl != nil
	}
	if declared {
		for i, a := range n.Args {
			if i >= fn.Signature().Params().Len() || !carries(p.Info.TypeOf(a)) {
				continue
			}
			for _, s := range g.Values(p, a) {
				g.add(s, edge{to: paramSlot(fn, i), down: true, call: n, pkg: p})
				if same(a) {
					g.add(paramSlot(fn, i), edge{to: s, up: true})
				}
			}
		}
		return
	}
	if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok && isRouter(p.Info.TypeOf(sel.X)) {
		g.register(p, n, sel)
		return
	}
	if fn == nil || fn.Pkg() == nil || fn.Pkg().Path() == "net/http" || carries(p.Info.TypeOf(n)) {
		return
	}
	for _, a := range n.Args {
		if isRouter(p.Info.TypeOf(a)) {
			for _, s := range g.Values(p, a) {
				g.others[s] = max(g.others[s], forOperators) // what is out of sight may put routes on it
			}
		}
	}
}

// register adds what a method call puts on a router.
func (g *Graph) register(p *rewrite.Package, n *ast.CallExpr, sel *ast.SelectorExpr) {
	on := g.Values(p, sel.X)
	closed := sync.OnceValue(func() bool {
		return slices.ContainsFunc(n.Args, func(a ast.Expr) bool { return guard.Value(p, a) })
	})
	if sel.Sel.Name == "Use" && len(on) > 0 {
		g.shut[on[0]] = append(g.shut[on[0]], closed)
	}
	g.note(p, n, sel.Sel.Name, on)
	for _, a := range n.Args {
		if lit, ok := ast.Unparen(a).(*ast.FuncLit); ok {
			for _, v := range syntax.ParamObjects(p, lit.Type) {
				if v != nil && isRouter(v.Type()) {
					g.joinUnless(closed, []Slot{v}, on) // r.Route("/x", func(r chi.Router) { ... })
				}
			}
		}
		if carries(p.Info.TypeOf(a)) {
			g.joinUnless(closed, g.Values(p, a), on)
		}
	}
}

// pathIn returns the path that a is, or that is put behind a prefix in it, "" for
// none.
func pathIn(p *rewrite.Package, a ast.Expr) string {
	if path, ok := syntax.ConstString(p, a); ok {
		return path
	}
	path := ""
	if basic, ok := p.Info.TypeOf(a).(*types.Basic); ok && basic.Info()&types.IsString != 0 {
		ast.Inspect(a, func(n ast.Node) bool {
			if x, ok := n.(ast.Expr); ok && path == "" {
				path, _ = syntax.ConstString(p, x)
			}
			return path == ""
		})
	}
	return path
}

// note remembers that the call of the method puts a route on routers.
func (g *Graph) note(p *rewrite.Package, n *ast.CallExpr, method string, on []Slot) {
	followed := syntax.ContainsNode(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && g.sources[id]
	})
	served := method != "Use" && slices.ContainsFunc(n.Args, func(a ast.Expr) bool { return carries(p.Info.TypeOf(a)) })
	if followed || len(n.Args) < 2 && !served {
		return
	}
	kind := forOperators
	for _, a := range n.Args {
		if path := pathIn(p, a); len(path) > 1 && path[0] == '/' && path != "/*" && !OpsPath.MatchString(path) {
			kind = forUsers
		}
	}
	for _, s := range on {
		g.others[s] = max(g.others[s], kind)
	}
}

func (g *Graph) joinUnless(closed func() bool, from, to []Slot) {
	for _, t := range to {
		for _, s := range from {
			g.add(s, edge{to: t, closed: closed})
		}
	}
}

func (g *Graph) joinAll(from, to []Slot) {
	for _, t := range to {
		g.join(from, t, false)
	}
}

// carries reports whether a value of the type can be a handler, a router or a
// server.
func carries(t types.Type) bool {
	if t == nil {
		return false
	}
	if sig, ok := t.Underlying().(*types.Signature); ok {
		return web.IsHandler(sig) || sig.Params().Len() == 1 && isRequest(sig.Params().At(0).Type())
	}
	return hasMethod(t, "ServeHTTP") || isRouter(t) || isServer(t)
}

// elementOf returns what a map, slice or array holds, nil for other types.
func elementOf(t types.Type) types.Type {
	switch t := syntax.Under(t).(type) {
	case *types.Map:
		return t.Elem()
	case *types.Slice:
		return t.Elem()
	case *types.Array:
		return t.Elem()
	}
	return nil
}

// isRouter reports whether routes can be put on a value of the type.
func isRouter(t types.Type) bool {
	if t == nil {
		return false
	}
	for _, m := range []string{"HandleFunc", "HandlerFunc", "Handle", "GET", "Mount", "Get"} {
		if hasMethod(t, m) && (hasMethod(t, "ServeHTTP") || hasMethod(t, "Group") || hasMethod(t, "Route") || hasMethod(t, "Use") || hasMethod(t, "Methods") || hasMethod(t, "POST") || hasMethod(t, "Post")) {
			return true
		}
	}
	return false
}

func hasMethod(t types.Type, name string) bool {
	if _, isSig := t.Underlying().(*types.Signature); isSig && name != "ServeHTTP" {
		return false
	}
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
	_, ok := obj.(*types.Func)
	return ok
}

func isServer(t types.Type) bool {
	return t != nil && (syntax.IsType(t, "net/http", "Server") || syntax.IsPointerTo(t, "net/http", "Server"))
}

// isRequest reports whether t is what a handler gets: net/http's request, or the
// context of a framework.
func isRequest(t types.Type) bool {
	if t == nil {
		return false
	}
	if syntax.IsPointerTo(t, "net/http", "Request") {
		return true
	}
	v := types.NewVar(token.NoPos, nil, "", t)
	return web.IsHandler(types.NewSignatureType(nil, nil, nil, types.NewTuple(v), nil, false))
}
