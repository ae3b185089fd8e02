package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A test that fails only sometimes costs no fix, and the message says so.
func TestMigrateFlaky(t *testing.T) {
	b := newBench(t)
	runs := filepath.Join(t.TempDir(), "runs")
	t.Setenv("RUNS", runs)
	// Without the fix it runs first, and passes; then it fails once.
	bare := b.remote("svc", hotHandler+`-- a_test.go --
package svc

import (
	"os"
	"testing"
)

func TestSecond(t *testing.T) {
	runs, _ := os.ReadFile(os.Getenv("RUNS"))
	os.WriteFile(os.Getenv("RUNS"), append(runs, '.'), 0o600)
	if len(runs) == 1 {
		t.Error("not this time")
	}
}
`)
	dir, file := b.clone(bare), filepath.Join(t.TempDir(), "s.json")
	code, out := b.migrate(dir, "--verify", "test", "--commit", "one", "--summary-json", file)
	if code != 0 || !strings.Contains(out, "flaky, and not blamed: the test example.com/svc TestSecond fails sometimes\n") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if body := b.git(dir, "log", "-1", "--format=%b"); !strings.Contains(body, "Flaky tests, which fail sometimes and are not blamed on this:\n* example.com/svc TestSecond\n") {
		t.Errorf("the message is\n%s", body)
	}
	if data, _ := os.ReadFile(file); !strings.Contains(string(data), "\"flaky\": [\n      \"example.com/svc TestSecond\"\n") {
		t.Errorf("the summary is\n%s", data)
	}
}
