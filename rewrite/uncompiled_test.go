package rewrite_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// layered are packages that depend on each other in all the ways that matter to where
// their types come from: candidates (gc, app) on both sides of one in between, generic
// code, one compiled once more for a test, a test of its own package.
const layered = goMod + `
-- gc/gc.go --
package gc

import (
	"net/http"
	"runtime"

	"example.com/m/base"
)

type Set[T comparable] struct{ base.List[T] }

func (s *Set[T]) Flush(w http.ResponseWriter) *http.Server {
	runtime.GC()
	return base.Server(s.Len())
}
-- gc/gc_test.go --
package gc_test

import (
	"runtime"
	"testing"

	"example.com/m/gc"
	"example.com/m/mid"
)

func Test(t *testing.T) {
	var s *gc.Set[string] = mid.New()
	runtime.GC()
	s.Flush(nil)
}
-- base/base.go --
package base

import "net/http"

type List[T any] struct{ items []T }

func (l *List[T]) Len() int { return len(l.items) }

func Server(n int) *http.Server {
	type local struct{ http.Server }
	return &new(local).Server
}
-- mid/mid.go --
package mid

import "example.com/m/gc"

func New() *gc.Set[string] { return nil }
-- app/main.go --
package main

import (
	"runtime"

	"example.com/m/mid"
)

func main() {
	srv := mid.New().Flush(nil)
	runtime.GC()
	srv.Close()
}
`

// What is found, and fixed, does not depend on what was compiled before, and nothing
// is compiled for it.
func TestNothingCompiled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	tools := filepath.Join(t.TempDir(), "tools")
	script := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$@\" >> "+tools+"\nexec \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", t.TempDir())
	var first string
	for _, built := range []string{"", "net/http", "./base", "./mid", "./..."} {
		dir, _ := tree(t, layered)
		if built != "" {
			cmd := exec.Command("go", "build", built)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("go build %s: %v\n%s", built, err, out)
			}
		}
		t.Setenv("GOFLAGS", "-toolexec="+script)
		res := run(t, dir, deleteGC)
		t.Setenv("GOFLAGS", "")
		if len(res.Problems) > 0 || len(res.Changes) != 3 {
			t.Errorf("built %q: %d changes, want 3; problems:\n%s", built, len(res.Changes), problems(res, dir))
		}
		if got := changed(res, dir); first == "" {
			first = got
		} else if got != first {
			t.Errorf("built %q: changes\n%s\nwithout any build\n%s", built, got, first)
		}
	}
	log, err := os.ReadFile(tools)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if !strings.HasSuffix(strings.TrimSpace(line), " -V=full") && !strings.HasPrefix(line, "gcc -### ") {
			t.Errorf("the go command ran %s", line)
		}
	}
}

// A dependency whose declarations are wrong is named with the first of them. What is
// wrong within its functions does not matter to who imports it.
func TestWrongDependency(t *testing.T) {
	t.Setenv("GOCACHE", t.TempDir())
	user := goMod + "-- use/use.go --\npackage use\n\nimport \"example.com/m/dep\"\n\nvar N = dep.N\n-- use/gc.go --\npackage use" + collects
	for _, tt := range []struct{ dep, want string }{
		{"var N = 1\n\nfunc f() { undefined() }\n", ""},
		{"var N = 1\n\nvar M int = undefined\n", "use/use.go:3:8: could not import example.com/m/dep (dep/dep.go:5:13: undefined: undefined)\n"},
		{"import \"example.com/m/none\"\n\nvar N = none.N\n", "use/use.go:3:8: could not import example.com/m/dep (no required module provides package example.com/m/none; to add it: go get example.com/m/none)\n"},
		{"import _ \"embed\"\n\n//go:embed none.txt\nvar text string\n\nvar N = len(text)\n", ""}, // not made yet, as in a fresh clone
	} {
		dir, _ := tree(t, user+"-- dep/dep.go --\npackage dep\n\n"+tt.dep)
		if got := problems(run(t, dir, deleteGC), dir); got != tt.want {
			t.Errorf("%q: problems\n%s\nwant\n%s", tt.dep, got, tt.want)
		}
	}
}

// One wrong package below many others is looked at once, and named.
func TestWrongBelowMany(t *testing.T) {
	const layers = 24
	archive := goMod + "-- use/use.go --\npackage use\n\nimport (\n\t\"example.com/m/a0\"\n\t\"example.com/m/b0\"\n)\n\nvar N = a0.N + b0.N\n-- use/gc.go --\npackage use" + collects
	for i := range layers {
		for _, side := range []string{"a", "b"} {
			archive += fmt.Sprintf("-- %s%d/x.go --\npackage %[1]s%[2]d\n\nimport (\n\t\"example.com/m/a%[3]d\"\n\t\"example.com/m/b%[3]d\"\n)\n\nvar N = a%[3]d.N + b%[3]d.N\n", side, i, i+1)
		}
	}
	for _, side := range []string{"a", "b"} {
		archive += fmt.Sprintf("-- %s%d/x.go --\npackage %[1]s%[2]d\n\nimport \"example.com/m/wrong\"\n\nvar N = wrong.N\n", side, layers)
	}
	dir, _ := tree(t, archive+"-- wrong/x.go --\npackage wrong\n\nvar N int = undefined\n")
	want := "use/use.go:4:2: could not import example.com/m/a0 (wrong/x.go:3:13: undefined: undefined)\n" +
		"use/use.go:5:2: could not import example.com/m/b0 (wrong/x.go:3:13: undefined: undefined)\n"
	if got := problems(run(t, dir, deleteGC), dir); got != want {
		t.Errorf("problems\n%s\nwant\n%s", got, want)
	}
}
