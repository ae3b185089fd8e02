//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestMemory fixes ten thousand files in two hundred packages, each tenth with a
// finding, in 512 MB: no more than a part of them is in memory at a time.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand files")
	}
	tree := map[string]string{"go.mod": "module example.com/m\n\ngo 1.25\n"}
	for i := range 10000 {
		call := "println(n)"
		if i%10 == 0 {
			call = "runtime.GC()"
		}
		tree[fmt.Sprintf("p%d/f%d.go", i/50, i)] = fmt.Sprintf("package p\n\nimport \"runtime\"\n\nfunc hot%d(n int) {\n\tfor range n {\n\t\t%s\n\t\tprintln(runtime.NumGoroutine())\n\t}\n}\n", i, call) +
			fmt.Sprintf("\n// sum%d adds what is above n.\nfunc sum%[1]d(xs []int, n int) (sum int) {\n\tfor _, x := range xs {\n\t\tswitch {\n\t\tcase x > n:\n\t\t\tsum += x\n\t\tcase x < -n:\n\t\t\tsum -= x\n\t\t}\n\t}\n\treturn sum\n}\n", i)
	}
	dir := t.TempDir()
	writeTree(t, dir, tree)
	var stderr strings.Builder
	cmd := exec.Command(program(t), "--diff", "--no-cache", "./...")
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != 1 || strings.Count(string(out), "\n-\t\truntime.GC()\n") != 1000 {
		t.Fatalf("%v: not 1,000 fixes but %d\n%s", err, strings.Count(string(out), "\n-\t\truntime.GC()\n"), stderr.String()[max(0, stderr.Len()-500):])
	}
	if peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10; peak > 512 {
		t.Errorf("it took %d MB", peak)
	} else {
		t.Logf("%d MB", peak)
	}
}
