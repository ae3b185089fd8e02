// Package publicpprof finds profiles that everybody can read.
package publicpprof

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

const pprofPath = "net/http/pprof"

var Rule = &rule.Rule{
	Name:  "publicpprof",
	Title: "pprof on the public listener",
	Doc: `Strangers can fetch heap profiles, command lines and symbol tables of the service from /debug/pprof/, and keep its CPUs busy with traces.

Importing net/http/pprof, under any name and in any package of the program, registers its handlers on http.DefaultServeMux. A listener with a nil handler serves that mux, on every interface unless its address says otherwise.

A listener that serves nothing but profiles is bound to loopback. Else the routes move to a mux of their own, or, where packages out of sight register on the default mux too, profiles are filtered out of the public listener. Profiles remain on http.DefaultServeMux, which is served on localhost.

It fires when net/http/pprof is linked in and a listener serves http.DefaultServeMux on an address that is not loopback; where the address is not known, it only reports. It stays silent for loopback addresses and unix sockets, listeners with a handler of their own, addresses that are asked for by name (a flag for pprof, debug or metrics, say), files behind build tags, and tests.`,
	Before: `func main() {
	http.HandleFunc("/", handle)
	log.Fatal(http.ListenAndServe(":8080", nil))
}`,
	After: `func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", handle)
	go func() {
		log.Println(http.ListenAndServe("localhost:6060", nil)) // pprof
	}()
	log.Fatal(http.ListenAndServe(":8080", mux))
}`,
	Needs: []rewrite.Need{
		{Import: "net/http", Idents: []string{"ListenAndServe", "ListenAndServeTLS", "Serve", "ServeTLS"}},
		{Import: pprofPath, Idents: []string{"package"}},
	},
	Emits: []string{"log", "strings"},
	Find:  findPublicPprof,
}

func findPublicPprof(s *rewrite.Snapshot) []rewrite.Finding {
	all := listeners(s)
	if len(all) == 0 {
		return nil
	}
	g := newGraph(s, all)
	var out []rewrite.Finding
	for _, l := range all {
		if l.Host == web.Loopback || l.pkg.Wide || l.optIn() || behindTag(l.file) {
			continue
		}
		prog := g.program(l.pkg)
		if !prog.pprof || prog.replaced || (l.Host == web.Unknown || l.Told) && (prog.forOperators() || prog.profilesOnly() && l.aside()) {
			continue
		}
		// Have: profiles are served, on an address that may be public.
		out = append(out, prog.finding(l))
	}
	return out
}

// A graph knows which packages are linked together.
type graph struct {
	s    *rewrite.Snapshot
	all  []*listener
	deps map[*rewrite.Package]map[string]bool
	// programs holds what program returned, by package.
	programs map[*rewrite.Package]*program
}

func newGraph(s *rewrite.Snapshot, all []*listener) *graph {
	g := &graph{s: s, all: all, deps: make(map[*rewrite.Package]map[string]bool), programs: make(map[*rewrite.Package]*program)}
	// A package that listens and one that imports pprof may meet in a third
	// one, which is known by its mentioning the former.
	var names []string
	for _, l := range all {
		if l.pkg.Name != "main" && !g.program(l.pkg).pprof && g.importedSomewhere(l.pkg.Module) {
			names = append(names, l.pkg.Name)
		}
	}
	if len(names) > 0 {
		s.Widen(names...)
		clear(g.programs)
	}
	return g
}

func (g *graph) importedSomewhere(m *rewrite.Module) bool {
	return slices.ContainsFunc(g.s.Packages, func(p *rewrite.Package) bool {
		return p.Module == m && slices.ContainsFunc(p.Files, func(f *rewrite.File) bool { return !f.Test && syntax.Imports(f, pprofPath) })
	})
}

// linked returns the import paths that p is linked with, itself included.
func (g *graph) linked(p *rewrite.Package) map[string]bool {
	if m := g.deps[p]; m != nil {
		return m
	}
	m := map[string]bool{p.Path: true}
	for _, d := range p.Deps() {
		m[d] = true
	}
	g.deps[p] = m
	return m
}

// A program is what is linked into the binaries that contain a package.
type program struct {
	g     *graph
	home  *rewrite.Package   // the package that it was looked up for
	roots []*rewrite.Package // loaded packages that contain home
	in    map[string]bool    // import paths
	pprof bool
	// replaced reports whether something assigns to http.DefaultServeMux.
	replaced bool
	regs     []registration
	// strangers are packages that use the default mux and cannot be edited.
	strangers []string
	// vars reports whether the module's own packages export variables by expvar.
	vars bool
	// routed reports whether a variable that holds the default mux is used for
	// more than a listener.
	routed bool
	// opaque reports whether the default mux is used in a way that is not
	// understood.
	opaque bool
}

// program returns what home is linked into, as far as it is loaded.
func (g *graph) program(home *rewrite.Package) *program {
	if p := g.programs[home]; p != nil {
		return p
	}
	p := &program{g: g, home: home, in: make(map[string]bool)}
	g.programs[home] = p
	for _, q := range g.s.Packages {
		if q.ForTest != "" && q.ForTest != q.Path || !g.linked(q)[home.Path] {
			continue
		}
		p.roots = append(p.roots, q)
		for path := range g.linked(q) {
			p.in[path] = true
		}
	}
	p.pprof = p.in[pprofPath] && !p.onlyTagged()
	if !p.pprof {
		return p
	}
	p.collect()
	return p
}

// onlyTagged reports whether all files of the module that import pprof are
// there on request only, by a build tag.
func (p *program) onlyTagged() bool {
	found := false
	for _, q := range p.g.s.Packages {
		if !p.in[q.Path] {
			continue
		}
		for _, f := range q.Files {
			if !f.Test && syntax.Imports(f, pprofPath) {
				if !behindTag(f) {
					return false
				}
				found = true
			}
		}
	}
	if !found {
		return false
	}
	for _, r := range p.roots {
		if slices.ContainsFunc(r.DepsImporting(pprofPath), func(u rewrite.DepUse) bool { return !u.Main }) {
			return false
		}
	}
	return true
}

// registration is a route put on the default mux.
type registration struct {
	ref  rewrite.Ref
	call *ast.CallExpr
	// mux is the operand http.DefaultServeMux of a method call, nil for calls
	// of http.Handle and http.HandleFunc.
	mux  ast.Expr
	name string // Handle or HandleFunc
	// pprof reports whether it is one of pprof's own handlers, filtered whether
	// its path is below /debug/pprof/.
	pprof, filtered bool
}

// collect gathers what is put on the default mux.
func (p *program) collect() {
	handlers := make(map[ast.Node]bool)
	for _, l := range p.g.all {
		if t := l.target(); t != nil {
			handlers[t] = true
		}
		p.routed = p.routed || l.routed && p.in[l.pkg.Path]
	}
	for _, r := range p.g.s.Refs("net/http.Handle", "net/http.HandleFunc", "net/http.DefaultServeMux", "net/rpc.HandleHTTP", "(*net/rpc.Server).HandleHTTP") {
		if r.File.Test || !p.in[r.Pkg.Path] {
			continue
		}
		call, called := r.Call()
		switch {
		case r.Obj.Name() == "HandleHTTP":
			p.opaque = true
		case r.Obj.Name() == "DefaultServeMux":
			p.useOfMux(r, handlers)
		case !called:
			p.opaque = true
		default:
			p.register(r, call.Node().(*ast.CallExpr), nil, r.Obj.Name())
		}
	}
	for _, r := range p.roots {
		for _, u := range slices.Concat(r.DepsUsing("net/http", "Handle", "HandleFunc", "DefaultServeMux"), r.DepsUsing("net/rpc", "HandleHTTP")) {
			// golang.org/x/net/http2 falls back on the default mux but puts nothing on it.
			if q := p.g.s.Package(u.Path); q == nil && !slices.Contains(p.strangers, u.Path) && u.Path != "golang.org/x/net/http2" {
				p.strangers = append(p.strangers, u.Path)
			}
		}
		p.vars = p.vars || slices.ContainsFunc(r.Files, func(f *rewrite.File) bool { return !f.Test && syntax.Imports(f, "expvar") }) ||
			slices.ContainsFunc(r.DepsImporting("expvar"), func(u rewrite.DepUse) bool { return u.Main })
	}
}

// useOfMux sorts out what a mention of http.DefaultServeMux is for.
func (p *program) useOfMux(r rewrite.Ref, handlers map[ast.Node]bool) {
	x := r.Expr()
	if handlers[x.Node()] {
		return
	}
	switch n := x.Parent().Node().(type) {
	case *ast.SelectorExpr:
		call, ok := x.Parent().Parent().Node().(*ast.CallExpr)
		if ok && call.Fun == n && (n.Sel.Name == "Handle" || n.Sel.Name == "HandleFunc") {
			p.register(r, call, n.X, n.Sel.Name)
			return
		}
	case *ast.AssignStmt:
		if slices.Contains(n.Lhs, ast.Expr(x.Node().(ast.Expr))) {
			p.replaced = true
			return
		}
	}
	p.opaque = true
}

func (p *program) register(r rewrite.Ref, call *ast.CallExpr, mux ast.Expr, name string) {
	if len(call.Args) != 2 {
		p.opaque = true
		return
	}
	reg := registration{ref: r, call: call, mux: mux, name: name}
	if s, ok := syntax.ConstString(r.Pkg, call.Args[0]); ok && strings.Contains(s, "/debug/pprof") {
		reg.pprof, reg.filtered = true, strings.Contains(s, "/debug/pprof/")
	}
	ast.Inspect(call.Args[1], func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if obj := r.Pkg.Info.Uses[id]; obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == pprofPath {
				reg.pprof = true
			}
		}
		return true
	})
	reg.pprof = reg.pprof || leadsToPprof(r.Pkg, call.Args[1])
	p.regs = append(p.regs, reg)
}

// leadsToPprof reports whether handler redirects to pprof's pages.
func leadsToPprof(p *rewrite.Package, handler ast.Expr) bool {
	if id, ok := ast.Unparen(handler).(*ast.Ident); ok {
		if def := syntax.Definition(p, id); def != nil {
			handler = def.Value
		}
	}
	return syntax.ContainsNode(handler, func(n ast.Node) bool {
		if !p.IsCall(n, "net/http", "RedirectHandler", "Redirect") {
			return false
		}
		return slices.ContainsFunc(n.(*ast.CallExpr).Args, func(x ast.Expr) bool {
			s, ok := syntax.ConstString(p, x)
			return ok && strings.HasPrefix(s, "/debug/pprof")
		})
	})
}

// routes returns the registrations apart from pprof's own.
func (p *program) routes() []registration {
	var out []registration
	for _, r := range p.regs {
		if !r.pprof {
			out = append(out, r)
		}
	}
	return out
}

// profilesOnly reports whether the default mux carries nothing but what is for
// the eyes of the program's developers. golang.org/x/net/trace answers only
// local requests anyway, and expvar counts when a package of the module asked
// for it.
func (p *program) profilesOnly() bool {
	return len(p.routes()) == 0 && !p.opaque && !p.vars && !p.routed &&
		!slices.ContainsFunc(p.strangers, func(s string) bool { return s != "golang.org/x/net/trace" })
}

// whole reports whether no program but those in sight can have routes on the
// default mux when it comes to the listener: a library may be linked into more.
func (p *program) whole() bool {
	if p.home.Name == "main" {
		return true
	}
	files, err := p.g.s.FilesUsing(p.home.Module, "net/http", "Handle", "HandleFunc")
	return err == nil && !slices.ContainsFunc(files, func(path string) bool { return !strings.HasSuffix(path, "_test.go") })
}

// forOperators reports whether all routes on the default mux are of the kind
// that monitoring asks for, and there are some: an address that is given when
// the program runs is one for operators then.
func (p *program) forOperators() bool {
	for _, r := range p.routes() {
		path, ok := syntax.ConstString(r.ref.Pkg, r.call.Args[0])
		if _, after, found := strings.Cut(path, " "); found {
			path = after // the method
		}
		if !ok || !opsPath.MatchString(path) {
			return false
		}
	}
	return len(p.routes()) > 0 && !p.opaque && !p.routed
}

var opsPath = regexp.MustCompile(`^/(-/)?(debug|metrics?|health|healthz|livez|readyz|ready|live|status|ping|version|reload|log_?level)(/|$)`)

// closed reports whether all that is registered on the default mux is pprof's
// or in sight and in the package that listens.
func (p *program) closed() bool {
	if p.opaque || p.in["expvar"] || len(p.strangers) > 0 || p.home.Name != "main" {
		return false
	}
	for _, r := range p.routes() {
		if r.ref.Pkg != p.home || r.ref.File.Generated || behindTag(r.ref.File) {
			return false
		}
	}
	// A file that the platform leaves out may register too, and a test may look
	// for the routes on the default mux.
	for _, f := range p.home.Files {
		if f.Test && testsDefaultMux(f.AST) {
			return false
		}
	}
	for _, f := range p.home.OtherFiles() {
		if strings.HasSuffix(p.g.s.Position(f.Package).Filename, "_test.go") {
			if testsDefaultMux(f) {
				return false
			}
		} else if names(f, "http", "Handle", "HandleFunc", "DefaultServeMux", "ListenAndServe", "Serve") {
			return false
		}
	}
	return true
}

// names reports whether f names pkg.name for one of names, judged by spelling.
func names(f *ast.File, pkg string, list ...string) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == pkg && slices.Contains(list, sel.Sel.Name) {
				found = true
			}
		}
		return !found
	})
	return found
}

// testsDefaultMux reports whether a test serves the default mux, which is what
// httptest does for a nil handler, too.
func testsDefaultMux(f *ast.File) bool {
	return names(f, "http", "DefaultServeMux", "ListenAndServe", "Serve") || names(f, "httptest", "NewServer", "NewTLSServer", "NewUnstartedServer") && nilHandler(f)
}

func nilHandler(f *ast.File) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 {
			id, ok := call.Args[0].(*ast.Ident)
			found = found || ok && id.Name == "nil"
		}
		return !found
	})
	return found
}

// others returns the program's other listeners on the default mux.
func (p *program) others(l *listener) []*listener {
	var out []*listener
	for _, o := range p.g.all {
		if o != l && p.in[o.pkg.Path] && !behindTag(o.file) {
			out = append(out, o)
		}
	}
	return out
}

// forProfiles reports whether l is meant for profiles though more shows up
// there: variables or what dependencies register, or routes of the program that
// another public listener serves.
func (p *program) forProfiles(l *listener) bool {
	if l.Host != web.Public || l.Lit == nil || !l.saysPprof() {
		return false
	}
	return len(p.routes()) == 0 && !p.opaque && !p.routed && !p.mainStrangers() ||
		l.namedPprof() && p.forOperators() ||
		slices.ContainsFunc(p.others(l), func(o *listener) bool { return (o.Host == web.Public || l.namedPprof()) && !o.saysPprof() })
}

// mainStrangers reports whether packages of the module that are not loaded use
// the default mux.
func (p *program) mainStrangers() bool {
	return slices.ContainsFunc(p.roots, func(r *rewrite.Package) bool {
		return slices.ContainsFunc(r.DepsUsing("net/http", "Handle", "HandleFunc", "DefaultServeMux"), func(u rewrite.DepUse) bool {
			return u.Main && slices.Contains(p.strangers, u.Path)
		})
	})
}

// finding describes l and the way to mend it.
func (p *program) finding(l *listener) rewrite.Finding {
	f := rewrite.Finding{Pos: l.call.Pos(), End: l.call.End()}
	if l.Host == web.Unknown || l.Told && p.profilesOnly() {
		f.Message = "net/http/pprof is served on an address that the program is told when it runs; it may be public"
		f.NoFix = "give the listener a handler of its own, or bind it to localhost"
		return f
	}
	f.Message = fmt.Sprintf("net/http/pprof is served on %s, to everybody who can reach the machine", l.Where)
	switch {
	case p.profilesOnly() && p.whole() || p.forProfiles(l):
		if l.Lit == nil {
			f.NoFix = "bind the listener to localhost; the address is not written here for it alone"
			return f
		}
		f.Fixes = []*rewrite.Fix{l.bindToLoopback()}
	case l.namedPprof():
		f.NoFix = "the listener is for profiles by its name, but serves more; bind it to localhost, or give the other routes a listener of their own"
	case !p.closed() && slices.ContainsFunc(p.regs, func(r registration) bool { return r.pprof && !r.filtered }):
		f.NoFix = "profiles are registered under other paths than /debug/pprof/, too; give the listener a handler of its own"
	case l.targetExpr == nil && l.server == nil:
		f.NoFix = "give the server a handler of its own, and serve pprof on localhost"
	default:
		f.Fixes = []*rewrite.Fix{p.split(l)}
	}
	return f
}
