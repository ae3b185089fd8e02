// Package flow follows handlers from where they are put on a router to what
// serves the router: through variables, fields, parameters, results, wrappers
// and other routers, across the loaded packages. Guards end the way.
package flow

import (
	"go/ast"
	"go/types"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/publicpprof/guard"
)

// A Slot is what holds a handler or router: a types.Object of a function, or a
// string for what has the same name in all packages.
type Slot any

// DefaultMux is the slot of http.DefaultServeMux.
const DefaultMux = "var net/http.DefaultServeMux"

// edge says that what is served by one slot is served by another one.
type edge struct {
	to Slot
	// down reports whether it leads into a function, as an argument; up whether
	// it leads from a parameter to what was passed, which goes only for what is
	// registered in the function itself.
	down, up bool
	call     *ast.CallExpr
	pkg      *rewrite.Package
	// closed reports whether a guard stands there; nil where none can.
	closed func() bool
}

// Graph is the flow of handlers in the loaded packages.
type Graph struct {
	s      *rewrite.Snapshot
	out    map[Slot][]edge
	gates  map[ast.Node]bool
	shut   map[Slot][]func() bool // whether a guard stands before the router
	others map[Slot]int           // routers with routes that are not followed, the greatest kind of them
	params map[types.Object]string
	// sources are the identifiers that name what is followed.
	sources map[*ast.Ident]bool
}

// New builds the graph. sources are the identifiers that name the handlers to be
// followed.
func New(s *rewrite.Snapshot, sources map[*ast.Ident]bool) *Graph {
	g := &Graph{
		s: s, out: make(map[Slot][]edge), gates: make(map[ast.Node]bool), shut: make(map[Slot][]func() bool),
		others: make(map[Slot]int), params: make(map[types.Object]string), sources: sources,
	}
	each := func(visit func(*rewrite.Package, *ast.File)) {
		for _, p := range s.Packages {
			for _, f := range p.Files {
				if !f.Test {
					visit(p, f.AST)
				}
			}
		}
	}
	each(g.parameters)
	each(func(p *rewrite.Package, f *ast.File) {
		for _, d := range f.Decls {
			g.declaration(p, d)
		}
	})
	return g
}

// parameters names the parameters and results of declared functions.
func (g *Graph) parameters(p *rewrite.Package, f *ast.File) {
	for _, d := range f.Decls {
		decl, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		fn, ok := p.Info.Defs[decl.Name].(*types.Func)
		if !ok {
			continue
		}
		for i := range fn.Signature().Params().Len() {
			g.params[fn.Signature().Params().At(i)] = paramSlot(fn, i)
		}
		for i := range fn.Signature().Results().Len() {
			g.params[fn.Signature().Results().At(i)] = resultSlot(fn, i)
		}
	}
}

func paramSlot(fn *types.Func, i int) string {
	return "param " + string(rune('0'+i)) + " of " + rewrite.ObjectKey(fn)
}
func resultSlot(fn *types.Func, i int) string {
	return "result " + string(rune('0'+i)) + " of " + rewrite.ObjectKey(fn)
}
func funcSlot(fn *types.Func) string { return "func " + rewrite.ObjectKey(fn) }

func (g *Graph) add(from Slot, e edge) {
	if from != e.to {
		g.out[from] = append(g.out[from], e)
	}
}

// join makes what holds a value and what it is put into serve the same. back
// reports whether they are one router, so that routes put on the holder count
// for the value, too.
func (g *Graph) join(from []Slot, to Slot, back bool) {
	for _, s := range from {
		g.add(s, edge{to: to})
		if back {
			g.add(to, edge{to: s})
		}
	}
}

// gate makes the slot of n, through which what the inner slots serve is served
// unless closed says that n is a guard. That is asked only where a way leads there:
// it may take the source of other packages. back is as for join.
func (g *Graph) gate(n ast.Node, inner []Slot, back bool, closed func() bool) []Slot {
	if len(inner) == 0 {
		return nil
	}
	if !g.gates[n] {
		g.gates[n] = true
		closed = sync.OnceValue(closed)
		for _, s := range inner {
			g.add(s, edge{to: n, closed: closed})
			if back {
				g.add(n, edge{to: s, closed: closed})
			}
		}
	}
	return []Slot{n}
}

// declaration adds the edges of a declaration.
func (g *Graph) declaration(p *rewrite.Package, d ast.Decl) {
	var fn *types.Func
	if decl, ok := d.(*ast.FuncDecl); ok {
		fn, _ = p.Info.Defs[decl.Name].(*types.Func)
		if fn != nil && decl.Body != nil {
			closed := sync.OnceValue(func() bool { return guard.Handler(p, decl) })
			for _, s := range g.calledIn(p, decl.Body) {
				g.add(s, edge{to: funcSlot(fn), closed: closed})
				if fn.Name() == "ServeHTTP" && fn.Signature().Recv() != nil {
					g.add(s, edge{to: typeSlot(fn.Signature().Recv().Type()), closed: closed})
				}
			}
		}
	}
	var lits []*ast.FuncLit
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			lits = append(lits, n)
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if len(n.Lhs) == len(n.Rhs) {
					g.assign(p, l, n.Rhs[i])
				} else if call, ok := n.Rhs[0].(*ast.CallExpr); ok {
					g.assignResult(p, l, call, i)
				}
			}
		case *ast.ValueSpec:
			for i, l := range n.Names {
				if i < len(n.Values) && len(n.Names) == len(n.Values) {
					g.assign(p, l, n.Values[i])
				}
			}
		case *ast.RangeStmt:
			// What a map or slice of handlers holds.
			if n.Value != nil && carries(p.Info.TypeOf(n.Value)) {
				if to := g.slot(p, n.Value); to != nil {
					g.join(g.Values(p, n.X), to, false)
				}
			}
		case *ast.ReturnStmt:
			within := slices.ContainsFunc(lits, func(l *ast.FuncLit) bool { return l.Pos() <= n.Pos() && n.End() <= l.End() })
			for i, x := range n.Results {
				if fn != nil && !within && carries(p.Info.TypeOf(x)) {
					g.join(g.Values(p, x), resultSlot(fn, i), same(x))
				}
			}
		case *ast.CompositeLit:
			g.literal(p, n)
		case *ast.CallExpr:
			g.call(p, n)
		}
		return true
	})
}

// same reports whether x denotes a router that stands elsewhere, too, or makes
// one; what wraps another one is not the same.
func same(x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident, *ast.SelectorExpr, *ast.StarExpr, *ast.UnaryExpr, *ast.TypeAssertExpr:
		return true
	case *ast.CallExpr:
		_, method := ast.Unparen(x.Fun).(*ast.SelectorExpr)
		return method || len(x.Args) == 0
	}
	return false
}

func (g *Graph) assign(p *rewrite.Package, l, r ast.Expr) {
	if !carries(p.Info.TypeOf(r)) && !carries(elementOf(p.Info.TypeOf(r))) {
		return
	}
	if at, ok := ast.Unparen(l).(*ast.IndexExpr); ok && carries(p.Info.TypeOf(r)) {
		l = at.X // routes[path] = handler
	}
	sel, isSel := ast.Unparen(l).(*ast.SelectorExpr)
	if isSel && sel.Sel.Name == "Handler" && isServer(p.Info.TypeOf(sel.X)) {
		for _, to := range g.Values(p, sel.X) {
			g.join(g.Values(p, r), to, false)
		}
		return
	}
	if to := g.slot(p, l); to != nil {
		g.join(g.Values(p, r), to, same(r))
	}
}

func (g *Graph) assignResult(p *rewrite.Package, l ast.Expr, call *ast.CallExpr, i int) {
	fn := p.Callee(call)
	to := g.slot(p, l)
	if fn == nil || to == nil || !carries(p.Info.TypeOf(l)) {
		return
	}
	g.join([]Slot{resultSlot(fn, i)}, to, true)
}

// literal adds what a composite literal gives the fields of its type.
func (g *Graph) literal(p *rewrite.Package, n *ast.CompositeLit) {
	t := p.Info.TypeOf(n)
	if ptr, ok := syntax.Under(t).(*types.Pointer); ok {
		t = ptr.Elem() // []*route{{path, handler}}
	}
	st, ok := syntax.Under(t).(*types.Struct)
	if !ok || isServer(t) {
		return
	}
	for i, e := range n.Elts {
		x, name := e, ""
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			id, isID := kv.Key.(*ast.Ident)
			if !isID {
				continue
			}
			x, name = kv.Value, id.Name
		} else if i < st.NumFields() {
			name = st.Field(i).Name()
		}
		if carries(p.Info.TypeOf(x)) {
			g.join(g.Values(p, x), fieldSlot(t, name), same(x))
		}
	}
}

func fieldSlot(t types.Type, name string) string { return "field " + syntax.TypeKey(t) + "." + name }
func typeSlot(t types.Type) string               { return "type " + syntax.TypeKey(t) }

// slot returns the slot of a variable or field, nil for all else.
func (g *Graph) slot(p *rewrite.Package, x ast.Expr) Slot {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		v, ok := p.Info.ObjectOf(x).(*types.Var)
		if !ok {
			return nil
		}
		return g.variable(v)
	case *ast.SelectorExpr:
		sel := p.Info.Selections[x]
		if sel == nil {
			if v, ok := p.Info.Uses[x.Sel].(*types.Var); ok {
				return g.variable(v)
			}
			return nil
		}
		if sel.Kind() == types.FieldVal {
			return fieldSlot(sel.Recv(), x.Sel.Name)
		}
	case *ast.StarExpr:
		return g.slot(p, x.X)
	}
	return nil
}

func (g *Graph) variable(v *types.Var) Slot {
	if s, ok := g.params[v]; ok {
		return s
	}
	if v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
		return "var " + rewrite.ObjectKey(v)
	}
	return v
}

// Step is a slot on a way, and how it was come to.
type Step struct {
	Slot Slot
	// Call is the call through which the way led into a function, nil when it
	// did not lead into one.
	Call *ast.CallExpr
	Pkg  *rewrite.Package
}

// Reached returns the slots that serve what the handler at id serves.
func (g *Graph) Reached(id *ast.Ident) []Step { return g.reach(id, false) }

// The kinds of routes beside those that are followed.
const (
	forOperators = iota + 1 // or not known
	forUsers                // by their paths
)

// OpsPath matches the paths of what monitoring and operators ask for.
var OpsPath = regexp.MustCompile(`^/(-/)?(debug|metrics?|health|healthz|livez|readyz|ready|live|status|ping|version|reload|log_?level)(/|$)`)

// Shared reports whether what serves the handler at id serves other handlers as
// well, behind a guard or not; users whether some are for the program's users.
func (g *Graph) Shared(id *ast.Ident) (shared, users bool) {
	kind := 0
	for _, s := range g.reach(id, true) {
		kind = max(kind, g.others[s.Slot])
	}
	return kind > 0, kind == forUsers
}

// reach returns the slots to which ways lead from the identifier, through guards
// too or not.
func (g *Graph) reach(from *ast.Ident, through bool) []Step {
	type state struct {
		slot Slot
		down bool
	}
	var queue []Step
	var downs []bool
	seen := make(map[state]bool)
	push := func(s Step, down bool) {
		if k := (state{s.Slot, down}); !seen[k] && (through || !g.isShut(s.Slot)) {
			seen[k] = true
			queue, downs = append(queue, s), append(downs, down)
		}
	}
	push(Step{Slot: from}, false)
	for i := 0; i < len(queue); i++ {
		at := queue[i]
		for _, e := range g.out[at.Slot] {
			if e.up && downs[i] || seen[state{e.to, downs[i] || e.down}] || !through && e.closed != nil && e.closed() {
				continue
			}
			next := Step{Slot: e.to, Call: at.Call, Pkg: at.Pkg}
			if e.down {
				next.Call, next.Pkg = e.call, e.pkg
			}
			push(next, downs[i] || e.down)
		}
	}
	return queue
}

// isShut reports whether a guard stands before the router.
func (g *Graph) isShut(s Slot) bool {
	return slices.ContainsFunc(g.shut[s], func(shut func() bool) bool { return shut() })
}

// ExportedName returns the exported name by which other packages get at what the
// slot holds, "" when there is none.
func ExportedName(s Slot) string {
	text, ok := s.(string)
	if !ok || strings.HasPrefix(text, "type ") || text == DefaultMux {
		return ""
	}
	name := text[strings.LastIndexByte(text, '.')+1:]
	if !ast.IsExported(name) || name == "ServeHTTP" {
		return ""
	}
	return name
}
