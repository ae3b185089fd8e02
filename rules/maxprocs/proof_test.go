//go:build linux

package maxprocs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/maxprocs"
)

const quotaProgram = `package main

import (
	"fmt"
	"runtime"
	"sync"
)

func main() {
	runtime.GOMAXPROCS(runtime.NumCPU())
	var wg sync.WaitGroup
	started := make(chan bool, 64)
	for i := 0; i < runtime.NumCPU(); i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			started <- true
		}()
	}
	wg.Wait()
	fmt.Println(runtime.GOMAXPROCS(0), len(started))
}
`

// With 8 CPUs in sight and a CPU quota of 3, the program runs on 8 threads with
// 8 workers before, on 3 with 3 after.
func TestMaxprocsUnderQuota(t *testing.T) {
	under := quotaOf3(t)
	dir := t.TempDir()
	ruletest.WriteTree(t, dir, map[string][]byte{
		"go.mod":  []byte("module example.com/quota\n\ngo 1.25\n"),
		"main.go": []byte(quotaProgram),
	})
	if got := under(dir); got != "8 8" {
		t.Skipf("the machine does not show the fault: GOMAXPROCS and workers are %s, not 8 8", got)
	}
	ruletest.Fix(t, dir, maxprocs.Rule)
	if got := under(dir); got != "3 3" {
		t.Errorf("GOMAXPROCS and workers after the fix: %s, want 3 3", got)
	}
}

// quotaOf3 returns a function that builds the program in a directory and runs
// it in a control group with a CPU quota of 3, with 8 CPUs shown to it, and
// returns its output. The test is skipped where that cannot be arranged.
func quotaOf3(t *testing.T) func(dir string) string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace, which shows more CPUs than there are, is not installed")
	}
	group, settings := "/sys/fs/cgroup/cpu", [][2]string{{"cpu.cfs_period_us", "100000"}, {"cpu.cfs_quota_us", "300000"}}
	if _, err := os.Stat(filepath.Join(group, "cpu.cfs_quota_us")); err != nil {
		group, settings = "/sys/fs/cgroup", [][2]string{{"cpu.max", "300000 100000"}}
	}
	group, err = os.MkdirTemp(group, "runtimefix-test-")
	if err != nil {
		t.Skipf("no control group can be made: %v", err)
	}
	t.Cleanup(func() { os.Remove(group) })
	for _, s := range settings {
		if err := os.WriteFile(filepath.Join(group, s[0]), []byte(s[1]), 0o644); err != nil {
			t.Skipf("no CPU quota can be set: %v", err)
		}
	}
	return func(dir string) string {
		bin := ruletest.Build(t, dir)
		run := exec.Command("/bin/sh", "-c", `echo $$ > "$1/cgroup.procs" && exec "$2" -f -o /dev/null -e trace=sched_getaffinity -e inject=sched_getaffinity:retval=8:poke_exit=@arg3=ff00000000000000 "$3"`,
			"sh", group, strace, bin)
		run.Env = append(os.Environ(), "GOMAXPROCS=", "GODEBUG=")
		out, err := run.Output()
		if err != nil {
			t.Skipf("the program does not run under strace in a control group: %v", err)
		}
		return strings.TrimSpace(string(out))
	}
}
