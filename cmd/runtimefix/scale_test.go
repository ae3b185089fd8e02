//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// BenchmarkScale runs the command on trees that grow with RUNTIMEFIX_SCALE and in
// which everything is found, and reports the CPU time and the peak memory of the
// process. Both should grow no faster than the trees. For the figures of a large
// repository:
//
//	RUNTIMEFIX_SCALE=10000 go test ./cmd/runtimefix -run '^$' -bench Scale -benchtime 1x
func BenchmarkScale(b *testing.B) {
	bin, err := exec.LookPath("runtimefix")
	if err != nil {
		b.Fatal(err)
	}
	size := 100
	if s := os.Getenv("RUNTIMEFIX_SCALE"); s != "" {
		if size, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	for _, bench := range []struct {
		name string
		tree func(n int) map[string]string
	}{
		{"small-files", func(n int) map[string]string { return goTree(n, 0) }},
		{"long-files", func(n int) map[string]string { return goTree(n, 8) }},
		{"one-list", oneList},
	} {
		b.Run(bench.name, func(b *testing.B) {
			dir := b.TempDir()
			writeTree(b, dir, bench.tree(size))
			var peak, cpu float64
			for b.Loop() {
				var stderr bytes.Buffer
				cmd := exec.Command(bin, "--diff", "--no-cache", "./...")
				cmd.Dir, cmd.Stderr = dir, &stderr
				cmd.Run()
				if want := fmt.Sprintf("%d findings: ", size); !strings.Contains(stderr.String(), want) {
					b.Fatalf("not %q:\n%s", want, stderr.Bytes())
				}
				peak = max(peak, float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024)
				cpu += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
			}
			b.ReportMetric(peak, "peak-MB")
			b.ReportMetric(cpu/float64(b.N), "cpu-s/op")
		})
	}
}

// goTree is a module of n files, fifty a package, each with a finding and some
// functions beside it.
func goTree(n, functions int) map[string]string {
	tree := map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n"}
	for i := range n {
		var text strings.Builder
		fmt.Fprintf(&text, "package p\n\nimport \"runtime\"\n\nfunc hot%d(n int) {\n\tfor range n {\n\t\truntime.GC()\n\t\tprintln()\n\t}\n}\n", i)
		for k := range functions {
			fmt.Fprintf(&text, "\n// f%d_%d adds.\nfunc f%[1]d_%[2]d(xs []int) (n int) {\n\tfor _, x := range xs {\n\t\tif x > %[2]d {\n\t\t\tn += x\n\t\t\tcontinue\n\t\t}\n\t\tswitch {\n\t\tcase x < 0:\n\t\t\tn--\n\t\tdefault:\n\t\t\tn += len(xs) * %[2]d\n\t\t}\n\t}\n\treturn n\n}\n", i, k)
		}
		tree[fmt.Sprintf("p%d/f%d.go", i/50, i)] = text.String()
	}
	return tree
}

// oneList is a manifest with n settings in one list.
func oneList(n int) map[string]string {
	return map[string]string{"d.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: c\n    env:\n" +
		strings.Repeat("    - name: GODEBUG\n      value: gctrace=1\n", n)}
}
