package migrate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// What is proved is proved as the user's own go command would do it: it asks the
// network for nothing that is there, and for what is missing only where GOPROXY
// says.
func TestNetwork(t *testing.T) {
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.NotFound(w, r)
	}))
	defer proxy.Close()
	for _, c := range []struct {
		name, proxy, imports string
		asks                 bool
		says                 string
	}{
		{"all there", proxy.URL, "os", false, ""},
		{"missing, not allowed", "off", "example.com/absent", false, "module lookup disabled by GOPROXY=off"},
		{"missing, allowed", proxy.URL, "example.com/absent", true, "404 Not Found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			// The requirement is of a test: what loads the packages may not have needed it.
			write(t, filepath.Join(dir, "go.mod"), "module example.com/m\n\ngo 1.25\n\nrequire example.com/absent v1.0.0\n")
			write(t, filepath.Join(dir, "go.sum"), "example.com/absent v1.0.0 h1:DhHlZmzBFmeYLN8tlf5fmnsmjJUPKUlTRJIlUPUmSDE=\nexample.com/absent v1.0.0/go.mod h1:DhHlZmzBFmeYLN8tlf5fmnsmjJUPKUlTRJIlUPUmSDE=\n")
			if c.imports == "os" {
				write(t, filepath.Join(dir, "go.mod"), "module example.com/m\n\ngo 1.25\n")
			}
			write(t, filepath.Join(dir, "m.go"), "package m\n\nfunc F() {}\n")
			write(t, filepath.Join(dir, "m_test.go"), "package m\n\nimport _ \""+c.imports+"\"\n")
			t.Setenv("GOPROXY", c.proxy)
			t.Setenv("GOMODCACHE", filepath.Join(t.TempDir(), "mod"))
			t.Setenv("GOFLAGS", "-modcacherw")
			asked.Store(0)
			v, err := NewVerifier(Vet, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			scope, err := v.ScopeOf(context.Background(), []string{filepath.Join(dir, "m.go")})
			if err != nil {
				t.Fatal(err)
			}
			out, err := v.Check(context.Background(), scope, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := asked.Load() > 0; got != c.asks {
				t.Errorf("the proxy was asked %d times", asked.Load())
			}
			if text := strings.Join(out.All(), "\n"); !strings.Contains(text, c.says) || c.says == "" && text != "" {
				t.Errorf("it says\n%s", text)
			}
		})
	}
}
