//go:build unix

package gctrace_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace"
)

// BenchmarkLong fixes one file that sets a trace n times. Its cost should grow as n
// does.
func BenchmarkLong(b *testing.B) {
	for _, bench := range []struct {
		name, file, head, each string // %d in each is the number of the place
	}{
		{"env-lines", "Dockerfile", "FROM scratch\n", "ENV GODEBUG=gctrace=1\n"},
		{"env-pairs", "Dockerfile", "FROM scratch\n", "ENV A%d=b GODEBUG=gctrace=1\n"},
		{"env-extended", "Dockerfile", "FROM scratch\n", "ENV GODEBUG=$GODEBUG,gctrace=1 A%d=b\n"},
		{"patch", "kustomization.yaml", "patches:\n- patch: |\n    kind: Deployment\n    metadata: {name: x}\n    spec:\n      containers:\n",
			"      - name: c%d\n        env:\n        - {name: A, value: b}\n        - {name: GODEBUG, value: gctrace=1}\n"},
		{"operations", "kustomization.yaml", "patches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: test, path: /kind, value: Deployment}\n",
			"    - {op: add, path: /spec/containers/%d/env/-, value: {name: GODEBUG, value: gctrace=1}}\n"},
	} {
		for _, n := range []int{100, 400, 1600} {
			b.Run(fmt.Sprintf("%s/%d", bench.name, n), func(b *testing.B) {
				dir := b.TempDir()
				var text strings.Builder
				text.WriteString(bench.head)
				for i := range n {
					text.WriteString(strings.ReplaceAll(bench.each, "%d", fmt.Sprint(i)))
				}
				if err := os.WriteFile(filepath.Join(dir, bench.file), []byte(text.String()), 0o644); err != nil {
					b.Fatal(err)
				}
				var before, after syscall.Rusage
				syscall.Getrusage(syscall.RUSAGE_SELF, &before)
				for b.Loop() {
					res, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir}, Admit: rewrite.Unsafe, Fix: true}, []*rewrite.Finder{gctrace.Rule.Finder()})
					if err != nil || len(res.Changes) != 1 || strings.Contains(string(res.Changes[0].New), "gctrace") {
						b.Fatalf("%v: %+v", err, res)
					}
				}
				syscall.Getrusage(syscall.RUSAGE_SELF, &after)
				b.ReportMetric(float64(after.Utime.Nano()-before.Utime.Nano())/1e9/float64(b.N), "cpu-s/op")
			})
		}
	}
}
