package signalexit_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/signalexit"
)

// services are the programs of testdata/services, a module of its own that uses
// the real libraries, and their exit codes on SIGTERM.
var services = map[string]int{"cobra": 0, "cobraliteral": 0, "errgroup": 0, "follows": 0, "oklog": 0, "store": 0, "urfave": 3}

// What services really are made of ends on SIGTERM, with the exit code that it
// has today, and all that is deferred has run.
func TestSignalExitEndsServices(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(ruletest.TestData(t, "services"))); err != nil {
		t.Fatal(err)
	}
	if out, err := run(dir, "go", "mod", "download"); err != nil {
		t.Skipf("the libraries are not to be had: %s", out)
	}
	before, after := filepath.Join(dir, "before"), filepath.Join(dir, "after")
	build(t, dir, before)
	ruletest.Fix(t, dir, signalexit.Rule)
	build(t, dir, after)
	found, err := fs.Glob(os.DirFS(dir), "*/main.go")
	if err != nil || len(found) != len(services) {
		t.Fatalf("programs %v, want %v: %v", found, services, err)
	}
	for name, exit := range services {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines, code := terminated(t, filepath.Join(before, name))
			if strings.Contains(lines, "metrics") || code != exit {
				t.Fatalf("before the fix: exit code %d, %q; the proof would prove nothing", code, lines)
			}
			lines, code = terminated(t, filepath.Join(after, name))
			if strings.Count(lines, "logs\n") != 1 || strings.Count(lines, "metrics\n") != 1 || strings.Contains(lines, "not on a signal") || code != exit {
				t.Errorf("after the fix: exit code %d, want %d; output %q", code, exit, lines)
			}
		})
	}
}

// build builds all programs of the module in dir.
func build(t *testing.T, dir, to string) {
	t.Helper()
	if out, err := run(dir, "go", "build", "-o", to+"/", "./..."); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
}

func run(dir string, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}
