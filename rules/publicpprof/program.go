package publicpprof

import (
	"go/ast"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/publicpprof/guard"
)

// A graph knows what listens, and which packages are linked together.
type graph struct {
	s *rewrite.Snapshot
	// all are the listeners, defaults those that serve http.DefaultServeMux.
	all, defaults []*listener
	deps          map[*rewrite.Package]map[string]bool
	// programs holds what program returned, by package.
	programs map[*rewrite.Package]*program
	opened   []opened
}

func newGraph(s *rewrite.Snapshot) *graph {
	g := &graph{s: s, deps: make(map[*rewrite.Package]map[string]bool), programs: make(map[*rewrite.Package]*program)}
	g.look()
	// A package that listens and one that imports pprof may meet in a third
	// one, which is known by its mentioning the former; and an address may come
	// from there.
	var names []string
	for _, l := range g.defaults {
		if l.pkg.Name == "main" || !g.importedSomewhere(l.pkg.Module) {
			continue
		}
		if !g.program(l.pkg).pprof {
			names = append(names, l.pkg.Name)
		}
		if name := syntax.FuncName(l.at); l.Host == web.Unknown && ast.IsExported(name) {
			names = append(names, name)
		}
	}
	g.widened(len(names) > 0, func() { s.Widen(names...) })
	// Whether a listener for profiles can leave for loopback depends on what else
	// is fetched from it.
	var paths []string
	for _, l := range g.defaults {
		if l.Host == web.Public && l.Lit != nil && l.namedPprof() && g.program(l.pkg).pprof {
			paths = append(paths, g.program(l.pkg).strangers...)
		}
	}
	g.widened(len(paths) > 0, func() { s.WidenTo(paths...) })
	return g
}

// widened lets load add packages where it is needed, and looks again then.
func (g *graph) widened(needed bool, load func()) {
	if !needed {
		return
	}
	before := len(g.s.Packages)
	load()
	clear(g.programs)
	if len(g.s.Packages) > before {
		g.look()
	}
}

// look finds the listeners.
func (g *graph) look() {
	for range maxRounds {
		g.all, g.defaults = listeners(g.s), nil
		for _, l := range g.all {
			if l.takesDefault() {
				g.defaults = append(g.defaults, l)
			}
		}
		if !guard.Load(g.s) {
			return
		}
	}
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
	// handed reports whether the default mux is an argument of a call.
	handed bool
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
