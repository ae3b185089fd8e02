package forcedgc_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules"
	"github.com/runtimefix/runtimefix/rules/forcedgc"
	"github.com/runtimefix/runtimefix/rules/freeosmemory"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

// gcProgram handles 50 requests and works through 50 batches. Each asks for
// memory to be given up, in vain or at once.
const gcProgram = `package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

func handle(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, r.URL.Path)
	runtime.GC() // hold memory down
}

func work(batches []int) (sum int) {
	for _, b := range batches {
		sum += b
		debug.FreeOSMemory()
	}
	return sum
}

func main() {
	bytes := 0
	for range 50 {
		w := httptest.NewRecorder()
		handle(w, httptest.NewRequest("GET", "/", nil))
		bytes += w.Body.Len()
	}
	fmt.Println(bytes, work(make([]int, 50)))
	forced := []metrics.Sample{{Name: "/gc/cycles/forced:gc-cycles"}}
	metrics.Read(forced)
	fmt.Fprintln(os.Stderr, "forced cycles:", forced[0].Value.Uint64())
}
`

// Each request and each batch costs one forced collection before the fix, and
// none after it; the results are the same. The runtime's metrics and its trace
// count them.
func TestForcedCollections(t *testing.T) {
	dir := t.TempDir()
	ruletest.WriteTree(t, dir, map[string][]byte{
		"go.mod":  []byte("module example.com/proof\n\ngo 1.24\n"),
		"main.go": []byte(gcProgram),
	})
	run := func() (forced int, out string) {
		t.Helper()
		bin := ruletest.Build(t, dir)
		cmd := exec.Command(bin)
		cmd.Env = append(os.Environ(), "GODEBUG=gctrace=1", "GOGC=off")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s", err, stderr.String())
		}
		_, count, _ := strings.Cut(stderr.String(), "forced cycles: ")
		if _, err := fmt.Sscan(count, &forced); err != nil {
			t.Fatalf("%v: %s", err, stderr.String())
		}
		// The line of the last cycle may be lost when the program ends.
		if lines := strings.Count(stderr.String(), "(forced)"); lines != forced && lines != forced-1 {
			t.Errorf("%d lines of the trace say (forced), but %d cycles were", lines, forced)
		}
		return forced, stdout.String()
	}
	forced, out := run()
	if forced != 100 {
		t.Fatalf("%d forced collections before the fixes, want 100", forced)
	}
	for _, step := range []struct {
		rule   *rules.Rule
		forced int
	}{{forcedgc.Rule, 50}, {freeosmemory.Rule, 0}} {
		ruletest.Fix(t, dir, step.rule)
		got, same := run()
		if got != step.forced {
			t.Errorf("%d forced collections after the fix of %s, want %d", got, step.rule.Name, step.forced)
		}
		if same != out {
			t.Errorf("after the fix of %s the program prints %q, before it %q", step.rule.Name, same, out)
		}
	}
}
