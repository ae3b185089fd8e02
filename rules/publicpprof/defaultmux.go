package publicpprof

import (
	"go/ast"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/publicpprof/flow"
)

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
	for _, l := range p.g.defaults {
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
	case *ast.CallExpr:
		p.handed = true
		return
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
	return !p.handed && p.carriesOnlyProfiles()
}

// carriesOnlyProfiles is profilesOnly where nothing that the default mux is handed to
// puts something on it.
func (p *program) carriesOnlyProfiles() bool {
	return len(p.routes()) == 0 && !p.opaque && !p.vars && !p.routed &&
		!slices.ContainsFunc(p.strangers, func(s string) bool { return s != "golang.org/x/net/trace" })
}

// unclear reports whether something else may be put on the default mux.
func (p *program) unclear() bool { return p.opaque || p.handed }

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
		if !ok || !flow.OpsPath.MatchString(path) {
			return false
		}
	}
	return len(p.routes()) > 0 && !p.unclear() && !p.routed
}

// fetched reports whether a route on the default mux is one that other machines
// ask for, as they do for metrics and health: loopback would take it from them.
func (p *program) fetched() bool {
	return slices.ContainsFunc(p.routes(), func(r registration) bool {
		path, _ := syntax.ConstString(r.ref.Pkg, r.call.Args[0])
		return !strings.Contains(path, "/debug")
	})
}

// closed reports whether all that is registered on the default mux is pprof's
// or in sight and in the package that listens.
func (p *program) closed() bool {
	if p.unclear() || p.in["expvar"] || len(p.strangers) > 0 || p.home.Name != "main" {
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
	for _, o := range p.g.defaults {
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
	return len(p.routes()) == 0 && !p.unclear() && !p.routed && !p.mainStrangers() ||
		l.namedPprof() && p.forOperators() && !p.fetched() ||
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
