package flow_test

import (
	"go/ast"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/publicpprof/flow"
)

// Each function puts the handler of its name on a router; the table says whether
// the default mux serves it, and whether its router serves other handlers, users'
// among them.
func TestReached(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go": `package a

import "net/http"

type none struct{}

func (none) ServeHTTP(http.ResponseWriter, *http.Request) {}

var direct, nested, guarded, own, passed none

func checked(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func _() { http.Handle("/direct", direct) }

func _() {
	mux := http.NewServeMux()
	mux.Handle("/nested", nested)
	mux.HandleFunc("/orders", orders)
	http.Handle("/a/", mux)
}

func _() {
	mux := http.NewServeMux()
	mux.Handle("/guarded", guarded)
	mux.HandleFunc("/healthz", orders)
	http.Handle("/b/", checked(mux))
}

func _() {
	mux := http.NewServeMux()
	mux.Handle("/own", own)
	_ = http.ListenAndServe("localhost:6060", mux)
}

func register(mux *http.ServeMux) { mux.Handle("/passed", passed) }

func _() { register(http.DefaultServeMux) }

func orders(http.ResponseWriter, *http.Request) {}
`,
	})
	p := s.Package("example.com/m")
	sources := make(map[*ast.Ident]bool)
	for id, obj := range p.Info.Uses {
		if obj.Parent() == p.Types.Scope() && obj.Type().String() == "example.com/m.none" && obj.Name() != "none" {
			sources[id] = true
		}
	}
	want := map[string]struct{ public, shared, users bool }{
		"direct": {true, false, false}, "nested": {true, true, true}, "guarded": {false, true, false}, "own": {}, "passed": {true, false, false},
	}
	if len(sources) != len(want) {
		t.Fatalf("%d sources", len(sources))
	}
	g := flow.New(s, sources)
	for id := range sources {
		public := false
		for _, step := range g.Reached(id) {
			public = public || step.Slot == flow.DefaultMux
		}
		shared, users := g.Shared(id)
		if got := (struct{ public, shared, users bool }{public, shared, users}); got != want[id.Name] {
			t.Errorf("%s: %+v, want %+v", id.Name, got, want[id.Name])
		}
	}
}
