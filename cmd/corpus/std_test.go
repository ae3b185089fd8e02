package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStandardLibraryMutants calls functions of the standard library that read
// the memory statistics from a ticker and from a handler. All has to be found;
// nothing may be changed, as each of them hands the whole struct on. What there
// is to mutate is counted, as it differs from one version of Go to the next.
func TestStandardLibraryMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command for every mutator")
	}
	// A toolchain that the go command fetched lies in the module cache, where it
	// takes no overlay. Nothing here needs a module.
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOTOOLCHAIN", "local")
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range []string{"expvar", "runtime/pprof"} {
		root := filepath.Join(strings.TrimSpace(string(goroot)), "src", filepath.FromSlash(pkg))
		for _, m := range mutators {
			if m.rule != "memstatspoll" || m.name == oneReadPerField {
				continue
			}
			t.Run(pkg+" "+m.name, func(t *testing.T) {
				mutants, err := runMutator(context.Background(), root, m)
				if err != nil {
					t.Fatal(err)
				}
				if len(mutants) == 0 {
					t.Fatal("nothing to mutate: another package has to take this one's place")
				}
				found := 0
				for _, got := range mutants {
					found += one(got.Found)
					if !got.Equal || got.Safety != "" {
						t.Errorf("%s was changed (%s)", got.Func, got.Safety)
					}
				}
				if float64(found) < 0.95*float64(len(mutants)) {
					t.Errorf("found %d of %d", found, len(mutants))
				}
			})
		}
	}
}
