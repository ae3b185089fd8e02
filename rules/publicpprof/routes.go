package publicpprof

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/publicpprof/flow"
	"github.com/runtimefix/runtimefix/rules/publicpprof/guard"
	"golang.org/x/tools/go/ast/inspector"
)

// profileHandlers are the functions that are, make or register handlers for
// profiles.
var profileHandlers = []string{
	pprofPath + ".Index", pprofPath + ".Cmdline", pprofPath + ".Profile", pprofPath + ".Symbol", pprofPath + ".Trace", pprofPath + ".Handler",
	"github.com/go-chi/chi/middleware.Profiler", "github.com/go-chi/chi/v4/middleware.Profiler", "github.com/go-chi/chi/v5/middleware.Profiler",
	"github.com/gofiber/fiber/v2/middleware/pprof.New", "github.com/gofiber/fiber/v3/middleware/pprof.New",
	"github.com/gin-contrib/pprof.Register", "github.com/gin-contrib/pprof.RouteRegister",
	"github.com/labstack/echo-contrib/pprof.Register",
	"github.com/sevennt/echo-pprof.Wrap", "github.com/DeanThompson/ginpprof.Wrap",
	"github.com/valyala/fasthttp/pprofhandler.PprofHandler",
}

// profileNeeds are the imports of profileHandlers beside net/http/pprof.
func profileNeeds() []rewrite.Need {
	return []rewrite.Need{
		{Import: "github.com/go-chi/chi/middleware", Idents: []string{"Profiler"}},
		{Import: "github.com/go-chi/chi/v4/middleware", Idents: []string{"Profiler"}},
		{Import: "github.com/go-chi/chi/v5/middleware", Idents: []string{"Profiler"}},
		{Import: "github.com/gofiber/fiber/v2/middleware/pprof", Idents: []string{"New"}},
		{Import: "github.com/gofiber/fiber/v3/middleware/pprof", Idents: []string{"New"}},
		{Import: "github.com/gin-contrib/pprof", Idents: []string{"Register", "RouteRegister"}},
		{Import: "github.com/labstack/echo-contrib/pprof", Idents: []string{"Register"}},
		{Import: "github.com/sevennt/echo-pprof", Idents: []string{"Wrap"}},
		{Import: "github.com/DeanThompson/ginpprof", Idents: []string{"Wrap"}},
		{Import: "github.com/valyala/fasthttp/pprofhandler", Idents: []string{"PprofHandler"}},
	}
}

// route is where a handler for profiles is named, to be put on a router.
type route struct {
	rewrite.Ref
	at inspector.Cursor
}

// maxRounds bounds how often more packages are loaded to follow a route.
const maxRounds = 6

// routes finds profiles that are put on routers which listeners serve.
func (g *graph) routes() []rewrite.Finding {
	list := g.profileRoutes()
	if len(list) == 0 {
		return nil
	}
	fl := g.follow(list)
	var out []rewrite.Finding
	found := make(map[*ast.FuncDecl]*exposed)
	var order []*exposed
	for _, r := range list {
		reached := fl.Reached(r.Ident)
		x := g.exposure(fl, r, reached)
		if x == nil {
			continue
		}
		decl := syntax.EnclosingDecl(r.at)
		if same := found[decl]; same != nil {
			same.routes = append(same.routes, r)
			same.shared, same.users = same.shared || x.shared, same.users || x.users
			continue
		}
		found[decl] = x
		order = append(order, x)
	}
	for _, x := range order {
		out = append(out, x.finding())
	}
	return out
}

// exposure returns the first listener that strangers may reach and that serves
// the route, one with a known address before others; nil when there is none.
func (g *graph) exposure(fl *flow.Graph, r route, reached []flow.Step) *exposed {
	var best *exposed
	for _, l := range g.all {
		step, ok := l.among(fl, reached)
		if !ok || l.guarded || slices.Contains(g.defaults, l) || r.optIn(l) || behindTag(r.File) {
			continue
		}
		x := &exposed{g: g, l: l, addr: l.addressFor(step), routes: []route{r}}
		x.shared, x.users = fl.Shared(r.Ident)
		if x.reachable() && (best == nil || best.addr.Host != web.Public && x.addr.Host == web.Public) {
			best = x
		}
	}
	return best
}

func (g *graph) profileRoutes() []route {
	var out []route
	for _, r := range g.s.Refs(profileHandlers...) {
		if r.File.Test || r.File.Generated || r.Pkg.Wide || r.Pkg.Module == nil || !r.Pkg.Module.Main {
			continue
		}
		out = append(out, route{r, r.Cursor()})
	}
	for _, r := range g.s.Refs("net/http.DefaultServeMux") {
		call, isArg := r.Expr().Parent().Node().(*ast.CallExpr)
		if r.File.Test || r.File.Generated || r.Pkg.Wide || r.Pkg.Module == nil || !isArg || call.Fun == r.Expr().Node() {
			continue
		}
		if prog := g.program(r.Pkg); prog.pprof && !prog.replaced {
			out = append(out, route{r, r.Cursor()})
		}
	}
	return out
}

// follow returns the flow from the routes, with the packages loaded to which it
// leads by exported functions and variables.
func (g *graph) follow(list []route) *flow.Graph {
	ids := make(map[*ast.Ident]bool)
	for _, r := range list {
		ids[r.Ident] = true
	}
	for range maxRounds {
		fl := flow.New(g.s, ids)
		for _, l := range g.all {
			l.slots(fl) // what wraps the handler there is part of the way
		}
		var names []string
		for _, r := range list {
			for _, s := range fl.Reached(r.Ident) {
				if name := flow.ExportedName(s.Slot); name != "" {
					names = append(names, name)
				}
			}
		}
		before := len(g.s.Packages)
		g.s.Widen(names...)
		if !guard.Load(g.s) && len(g.s.Packages) == before {
			return fl
		}
		clear(g.programs)
		g.look()
	}
	return flow.New(g.s, ids)
}

// slots returns the slots of which the listener serves what they serve.
func (l *listener) slots(fl *flow.Graph) []flow.Slot {
	switch {
	case l.handler != nil:
		return fl.Values(l.pkg, l.handler)
	case l.on != nil:
		return fl.Values(l.pkg, l.on)
	}
	return nil
}

// among returns the step by which what is followed comes to the listener.
func (l *listener) among(fl *flow.Graph, reached []flow.Step) (flow.Step, bool) {
	slots := l.slots(fl)
	for _, s := range reached {
		if slices.Contains(slots, s.Slot) {
			return s, true
		}
	}
	return flow.Step{}, false
}

// addressFor returns the address, which may be passed by the call through which
// the handler came.
func (l *listener) addressFor(step flow.Step) web.Address {
	id, ok := l.Expr.(*ast.Ident)
	if !ok || step.Call == nil {
		return l.Address
	}
	for _, a := range syntax.Arguments(l.pkg, id) {
		if a.Call == step.Call {
			return web.AddressOf(a.Pkg, a.Expr)
		}
	}
	return l.Address
}

// optIn reports whether the route is there on request only: under a condition
// that names profiles or debugging, around it or around the only call of its
// function. A listener under the same condition is there for profiles.
func (r route) optIn(l *listener) bool {
	if asked(r.Pkg, r.at, l) {
		return true
	}
	decl := syntax.EnclosingDecl(r.at)
	if decl == nil {
		return false
	}
	fn, ok := r.Pkg.Info.Defs[decl.Name].(*types.Func)
	if !ok {
		return false
	}
	calls := 0
	for _, c := range r.Pkg.Snapshot().Refs(rewrite.ObjectKey(fn)) {
		if c.File.Test {
			continue
		}
		if calls++; !asked(c.Pkg, c.Cursor(), l) {
			return false
		}
	}
	return calls > 0
}

func asked(p *rewrite.Package, at inspector.Cursor, l *listener) bool {
	for c := range at.Enclosing((*ast.IfStmt)(nil)) {
		n := c.Node().(*ast.IfStmt)
		if syntax.Encloses(n, l.call) || n.Else != nil && syntax.Encloses(n.Else, at.Node()) {
			continue
		}
		if named(p, n.Cond, pprofName, 0) && !web.OnByDefault(p, n.Cond) {
			return true
		}
	}
	return false
}

// exposed is a listener with the routes to profiles that one function puts on
// its router.
type exposed struct {
	g      *graph
	l      *listener
	addr   web.Address
	routes []route
	// shared reports whether the listener serves other things as well.
	shared bool
	// users reports whether some of them are for the program's users.
	users bool
}

// reachable reports whether the listener may be open to strangers, as far as
// that can be told.
func (x *exposed) reachable() bool {
	l := *x.l
	l.Address = x.addr
	switch {
	case x.addr.Host == web.Loopback || l.optIn() || behindTag(l.file):
		return false
	case x.addr.Host == web.Unknown:
		return x.shared && (x.users || !l.aside())
	}
	return true
}

func (x *exposed) finding() rewrite.Finding {
	l := *x.l
	l.Address = x.addr
	first := x.routes[0]
	n := first.registration()
	f := rewrite.Finding{Pos: n.Pos(), End: n.End()}
	f.Notes = append(f.Notes, rewrite.Note{Pos: l.call.Pos(), Message: "served here"})
	if x.addr.Host == web.Unknown {
		f.Message = "profiles are put on a router that is served on an address that the program is told when it runs; it may be public"
	} else {
		f.Message = fmt.Sprintf("profiles are put on a router that is served on %s, to everybody who can reach the machine", x.addr.Where)
	}
	var fix *rewrite.Fix
	switch gone := removalOf(x.routes); {
	case x.carriesMore() && (gone == nil || !x.onlyProfiles(gone)):
		if fix = x.filterDefault(); fix == nil {
			f.NoFix = "filter profiles out of http.DefaultServeMux there, which serves other things, too"
			return f
		}
	case x.shared:
		if fix = x.move(); fix == nil {
			fix = x.drop()
		}
	}
	switch {
	case fix == nil && x.addr.Host == web.Public && x.addr.Lit != nil && !x.shared:
		f.Fixes = append(f.Fixes, l.bindToLoopback())
	case fix != nil:
		f.Fixes = append(f.Fixes, fix)
	case !x.shared:
		f.NoFix = "bind the listener to localhost; the address is not written here for it alone"
	default:
		f.NoFix = "put the profiles on a router of their own that listens on localhost, or behind a guard"
	}
	return f
}

// registration returns the outermost call around the route within its statement.
func (r route) registration() ast.Node {
	var n ast.Node = r.Ident
	for c := range r.at.Enclosing((*ast.CallExpr)(nil), (*ast.FuncLit)(nil), (*ast.ExprStmt)(nil)) {
		call, ok := c.Node().(*ast.CallExpr)
		if !ok {
			break
		}
		n = call
	}
	return n
}
