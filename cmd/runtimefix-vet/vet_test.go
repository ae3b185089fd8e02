package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/txtar"
)

const module = `
-- go.mod --
module example.com/m

go 1.25
-- lock.go --
package m

import "runtime"

func lock(fail func() error) error {
	runtime.LockOSThread()
	if err := fail(); err != nil {
		return err
	}
	runtime.UnlockOSThread()
	return nil
}
-- loop.go --
package m

import (
	"runtime"
	"time"
)

func loop(f func()) {
	for {
		f()
		time.Sleep(time.Second)
		runtime.GC()
	}
}
-- poll.go --
package m

import (
	"runtime"
	"time"
)

var heap uint64

func poll() {
	for range time.Tick(time.Second) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap = m.HeapAlloc
	}
}
-- quiet.go --
package m

import "runtime"

func quiet(f func()) {
	for {
		f()
		runtime.GC() //runtimefix:ignore forcedgc the test wants it
	}
}
-- cmd/x/main.go --
package main

import "runtime"

func main() {
	runtime.GOMAXPROCS(runtime.NumCPU())
	println("x")
}
`

func TestAnalyzersAreValid(t *testing.T) {
	list := rules.Analyzers()
	if err := analysis.Validate(append(list, rules.Analyzer())); err != nil {
		t.Error(err)
	}
	for _, a := range list {
		if a.Doc == "" || a.URL == "" {
			t.Errorf("%s lacks documentation", a.Name)
		}
	}
}

// TestGoCommand runs the tool under the real go command.
func TestGoCommand(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "runtimefix-vet")
	if out, err := exec.Command("go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("building the tool: %v\n%s", err, out)
	}
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(module)).Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	goCmd := func(args ...string) (string, error) {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := goCmd("vet", "-vettool="+tool, "./...")
	if err == nil {
		t.Error("go vet finds nothing")
	}
	for _, want := range []string{"lock.go:6:2: the goroutine stays locked", "loop.go:12:3: runtime.GC runs in a loop", "main.go:6:2: "} {
		if !strings.Contains(out, want) {
			t.Errorf("go vet does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "quiet.go") {
		t.Errorf("the ignore comment does not hold:\n%s", out)
	}

	out, _ = goCmd("fix", "-fixtool="+tool, "-diff", "./...")
	if !strings.Contains(out, "+	defer runtime.UnlockOSThread()") {
		t.Errorf("go fix -diff has no fix for lock.go:\n%s", out)
	}
	// The fix of forcedgc changes behaviour.
	if strings.Contains(out, "loop.go") {
		t.Errorf("go fix -diff has fixes it must not have:\n%s", out)
	}
	// Nor has it one on request: whether the program switches the collector off
	// elsewhere is not to be seen in a package alone.
	out, _ = goCmd("fix", "-fixtool="+tool, "-forcedgc.unsafe", "-diff", "./...")
	if strings.Contains(out, "loop.go") {
		t.Errorf("go fix -forcedgc.unsafe -diff has a fix for loop.go:\n%s", out)
	}
	out, _ = goCmd("fix", "-fixtool="+tool, "-memstatspoll.unsafe", "-diff", "./...")
	if !strings.Contains(out, "-		runtime.ReadMemStats(&m)") {
		t.Errorf("go fix -memstatspoll.unsafe -diff has no fix for poll.go:\n%s", out)
	}

	if out, err := goCmd("fix", "-fixtool="+tool, "./..."); err != nil {
		t.Errorf("go fix: %v\n%s", err, out)
	}
	if out, err := goCmd("build", "./..."); err != nil {
		t.Errorf("the fixed module does not build: %v\n%s", err, out)
	}
	if out, _ := goCmd("vet", "-vettool="+tool, "-threadlock", "./..."); strings.Contains(out, "lock.go") {
		t.Errorf("go vet still complains about lock.go:\n%s", out)
	}
}
