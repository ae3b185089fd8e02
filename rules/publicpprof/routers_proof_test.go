package publicpprof_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/publicpprof"
)

// routers are the programs of testdata/routers, a module of its own that uses the
// real libraries: profiles on the routers of common frameworks.
var routers = []string{"chi", "echo", "fiber", "gin", "ginby", "gorilla"}

// After the fix profiles are to be had from loopback only, and all other paths
// answer as before.
func TestPublicPprofLeavesRouters(t *testing.T) {
	other := machineAddress(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(ruletest.TestData(t, "routers"))); err != nil {
		t.Fatal(err)
	}
	download := exec.Command("go", "mod", "download")
	download.Dir = dir
	if out, err := download.CombinedOutput(); err != nil {
		t.Skipf("the libraries are not to be had: %s", out)
	}
	before, after := filepath.Join(dir, "before")+"/", filepath.Join(dir, "after")+"/"
	buildAll(t, dir, before, "./...")
	ruletest.Fix(t, dir, publicpprof.Rule)
	admin := make(map[string]int)
	for _, name := range routers {
		admin[name] = freePort(t)
		replaceIn(t, filepath.Join(dir, name, "main.go"), `"localhost:6060"`, fmt.Sprintf(`"localhost:%d"`, admin[name]))
	}
	buildAll(t, dir, after, "./...")
	for _, name := range routers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prog := launch(t, before+name, other)
			if status, _ := get(t, prog.addr, "/debug/pprof/heap"); status != http.StatusOK {
				t.Fatalf("before the fix the heap profile answers %d; the proof would prove nothing", status)
			}
			root, nothing := outline(t, prog.addr, "/"), outline(t, prog.addr, "/nothing")
			prog.stop()

			prog = launch(t, after+name, other)
			local := net.JoinHostPort("localhost", fmt.Sprint(admin[name]))
			waitFor(t, local)
			for _, path := range profilePaths {
				if status, _ := get(t, prog.addr, path); status != http.StatusNotFound {
					t.Errorf("the public listener answers %s with %d", path, status)
				}
				if status, _ := get(t, local, path); status != http.StatusOK {
					t.Errorf("the loopback listener answers %s with %d", path, status)
				}
			}
			if conn, err := net.Dial("tcp", net.JoinHostPort(other, fmt.Sprint(admin[name]))); err == nil {
				conn.Close()
				t.Errorf("profiles are still served on %s", other)
			}
			if got := outline(t, prog.addr, "/"); got != root {
				t.Errorf("/ answers %s, before the fix %s", got, root)
			}
			if got := outline(t, prog.addr, "/nothing"); got != nothing {
				t.Errorf("/nothing answers %s, before the fix %s", got, nothing)
			}
		})
	}
}
