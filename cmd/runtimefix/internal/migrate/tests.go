package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// testEvent is a line of go test -json.
type testEvent struct {
	Action, Package, Test, Output string
}

// test runs the tests of each package for itself, under the execution tracer:
// go test -trace takes one package at a time. Nothing is put into them.
func (v *Verifier) test(ctx context.Context, mod string, pkgs, flags []string, out *Outcome) {
	for _, pkg := range pkgs {
		dir, err := os.MkdirTemp(v.temp, "test-")
		if err != nil {
			out.Failed[pkg] = err.Error()
			return
		}
		trace := filepath.Join(dir, "trace.out")
		args := slices.Concat([]string{"test", "-json", "-count=1", "-vet=off", "-o", filepath.Join(dir, "test.exe"), "-trace", trace}, flags, []string{pkg})
		stdout, text, err := v.goCommand(ctx, mod, args...)
		if ctx.Err() != nil {
			return
		}
		failed := false
		for line := range bytes.Lines(stdout) {
			var e testEvent
			if json.Unmarshal(line, &e) != nil || e.Test == "" {
				continue
			}
			switch e.Action {
			case "pass":
				out.Passed[e.Package+" "+e.Test] = true
			case "fail":
				failed = true
				out.Failed[e.Package+" "+e.Test] = "the test " + e.Package + " " + e.Test + " fails"
			}
		}
		if err != nil && !failed {
			out.Failed[pkg] = "the tests of " + pkg + " do not run: " + firstLine(text)
		}
		out.TimedOut[pkg] = strings.Contains(text, "panic: test timed out after ")
		if info, err := os.Stat(trace); err == nil && info.Size() > 0 {
			out.Traces[pkg] = trace
		}
	}
}

// firstLine returns the first line of output that says something.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		var e testEvent
		if json.Unmarshal([]byte(line), &e) == nil {
			line = e.Output
		}
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return "no output"
}
