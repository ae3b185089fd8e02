// Package publicpprof finds profiles that everybody can read.
package publicpprof

import (
	"fmt"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

const pprofPath = "net/http/pprof"

var Rule = &rule.Rule{
	Name:  "publicpprof",
	Title: "pprof on the public listener",
	Doc: `Strangers can fetch heap profiles, command lines and symbol tables of the service from /debug/pprof/, and keep its CPUs busy with traces.

Importing net/http/pprof, under any name and in any package of the program, registers its handlers on http.DefaultServeMux. A listener with a nil handler serves that mux, on every interface unless its address says otherwise.

The same goes for handlers that are put on another router by hand, by chi's Profiler, or by the pprof packages for gin, echo, fiber and fasthttp, when a public listener serves the router.

A listener that serves nothing but profiles is bound to loopback, by the default of its flag where it has one that everybody can reach. Else the routes move to a mux of their own, or, where packages out of sight register on the default mux too, profiles are filtered out of the public listener. Profiles remain on http.DefaultServeMux, which is served on localhost. Handlers put on a ServeMux by hand move to a mux on localhost; from other routers they go, and a server of profiles on localhost takes their place. What tests ask for, or goes with more than profiles, is only reported.

It fires when profiles are linked in and a listener serves http.DefaultServeMux, or a router with profiles on it, on an address that is not loopback, by default or for sure; where the address is not known, it mostly only reports. It stays silent for loopback addresses and unix sockets, behind a guard (what answers 401 or 403, looks up a password, token or the caller's address, or demands a client certificate), for addresses and routes that are asked for by name (a flag for pprof or debug that is off by default, say, or one for metrics where the package that listens imports pprof itself or the import has a comment), files behind build tags, and tests.`,
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
	Needs: append([]rewrite.Need{
		{Import: "net/http", Idents: []string{"ListenAndServe", "ListenAndServeTLS", "Serve", "ServeTLS"}},
		{Import: pprofPath, Idents: []string{"package"}},
	}, profileNeeds()...),
	Emits:    []string{"expvar", "log", "net/http", pprofPath, "strings"},
	Together: true,
	Find:     findPublicPprof,
}

func findPublicPprof(s *rewrite.Snapshot) []rewrite.Finding {
	g := newGraph(s)
	var out []rewrite.Finding
	for _, l := range g.defaults {
		if l.Host == web.Loopback || l.pkg.Wide || behindTag(l.file) {
			continue
		}
		prog := g.program(l.pkg)
		if !prog.pprof || prog.replaced {
			continue
		}
		if prog.opensByDefault(l) {
			out = append(out, prog.opened(l))
			continue
		}
		if prog.askedFor(l) {
			if prog.unspoken(l) {
				out = append(out, leak(l))
			}
			continue
		}
		// Have: profiles are served, on an address that may be public.
		out = append(out, prog.finding(l))
	}
	return append(out, g.routes()...)
}

// askedFor reports whether the listener is there for operators, on an address
// that they choose.
func (p *program) askedFor(l *listener) bool {
	return l.optIn() || (l.Host == web.Unknown || l.Told) && (p.forOperators() || p.profilesOnly() && l.aside())
}

// leak returns the finding for a listener that operators ask for, though not for
// profiles.
func leak(l *listener) rewrite.Finding {
	return rewrite.Finding{
		Pos: l.call.Pos(), End: l.call.End(),
		Message: "net/http/pprof, which another package imports, is served on a listener that is asked for as one of something else",
		NoFix:   "give the listener a handler of its own; if profiles are wanted there, say so in a comment on the import",
	}
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
	case l.targetExpr == nil && l.server == nil && (l.holder == nil || statement(l.at) == nil):
		f.NoFix = "give the server a handler of its own, and serve pprof on localhost"
	default:
		f.Fixes = []*rewrite.Fix{p.split(l)}
	}
	return f
}
