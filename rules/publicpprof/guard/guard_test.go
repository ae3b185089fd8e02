package guard_test

import (
	"go/ast"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/publicpprof/guard"
)

// A function whose name begins with "open" lets everybody in, however it sounds;
// the others turn strangers away by what they do.
func TestHandler(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go": `package a

import (
	"net"
	"net/http"
)

var next http.Handler

func openAuthenticated(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) }

func openLimited(w http.ResponseWriter, r *http.Request) {
	if host, _, _ := net.SplitHostPort(r.RemoteAddr); len(host) > 40 {
		http.Error(w, "slow down", http.StatusTooManyRequests)
		return
	}
	next.ServeHTTP(w, r)
}

func openLogged(w http.ResponseWriter, r *http.Request) {
	println(r.RemoteAddr)
	next.ServeHTTP(w, r)
}

type server struct{ speaksTLS, tlsRequired, closed, debugEnabled bool }

func (s *server) openPlain(w http.ResponseWriter, r *http.Request) {
	if s.tlsRequired && !s.speaksTLS {
		w.WriteHeader(http.StatusForbidden)
		return
	} else if s.closed {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	next.ServeHTTP(w, r)
}

func (s *server) switchedOn(w http.ResponseWriter, r *http.Request) {
	if !s.debugEnabled {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	next.ServeHTTP(w, r)
}

func password(w http.ResponseWriter, r *http.Request) {
	if _, pass, ok := r.BasicAuth(); !ok || pass != "x" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	next.ServeHTTP(w, r)
}

func header(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer x" {
		http.NotFound(w, r)
		return
	}
	next.ServeHTTP(w, r)
}

func neighbours(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	if !net.ParseIP(host).IsLoopback() {
		http.NotFound(w, r)
		return
	}
	next.ServeHTTP(w, r)
}

func through(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	next.ServeHTTP(w, r)
}

func allowed(w http.ResponseWriter, r *http.Request) bool {
	if r.FormValue("x") == "" {
		http.Error(w, "no", 403)
		return false
	}
	return true
}
`,
	})
	p := s.Package("example.com/m")
	for _, d := range p.Files[0].AST.Decls {
		if decl, ok := d.(*ast.FuncDecl); ok {
			if got, want := guard.Handler(p, decl), !strings.HasPrefix(decl.Name.Name, "open"); got != want {
				t.Errorf("%s: guards is %v", decl.Name.Name, got)
			}
		}
	}
}
