package rewrite_test

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
)

// Where something changed, the go command's earlier answers are taken only where
// they are what it would say now: each state of the tree gives the same result with
// what all states before left in the cache as without a cache.
func TestAnswers(t *testing.T) {
	dir, _ := tree(t, `
-- go.mod --
module example.com/m

go 1.24

require example.com/lib v1.0.0

replace example.com/lib => ./lib
-- lib/go.mod --
module example.com/lib

go 1.24
-- lib/lib.go --
package lib

type T struct{ N int }
-- dep/dep.go --
package dep

import "example.com/lib"

func V() lib.T { return lib.T{N: 1} }
-- main.go --
package main

import (
	"runtime"

	"example.com/m/dep"
)

func main() {
	println(dep.V().N)
	runtime.GC()
}
-- main_test.go --
package main

import "testing"

func Test(t *testing.T) {}
`)
	past(t, dir)
	cache := &counting{memory: memory{}}
	check := func(name string, overlay map[string][]byte, wantHits int) {
		t.Helper()
		opt := rewrite.Options{Config: rewrite.Config{Dir: dir, Tests: true, Env: append(os.Environ(), "GOPROXY=off")}, Overlay: overlay, Fix: true, Admit: rewrite.Safe}
		want, err := rewrite.Run(context.Background(), opt, []*rewrite.Finder{deleteGC})
		if err != nil {
			t.Fatal(err)
		}
		opt.Cache, cache.hits = cache, 0
		got, err := rewrite.Run(context.Background(), opt, []*rewrite.Finder{deleteGC})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", name, got, want)
		}
		if cache.hits != wantHits {
			t.Errorf("%s: %d answers were at hand, want %d", name, cache.hits, wantHits)
		}
	}
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	source := func(name string) string {
		data, err := os.ReadFile(at(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	check("at first", nil, 0)
	check("again", nil, 2)
	main := source("main.go")
	write(t, at("main.go"), strings.Replace(main, "println(dep.V().N)", "println(dep.V().N, 2)", 1))
	check("another body", nil, 2)
	check("a buffer", map[string][]byte{at("main.go"): []byte(main + "\nfunc more() { runtime.GC() }\n")}, 2)
	check("a buffer with another import", map[string][]byte{at("main.go"): []byte(strings.Replace(main, `"runtime"`, "\"os\"\n\t\"runtime\"", 1) + "\nvar _ = os.Args\n")}, 1)
	check("a buffer for another system", map[string][]byte{at("main.go"): []byte("//go:build windows && !windows\n\n" + main)}, 0)
	check("a buffer of a dependency", map[string][]byte{at("dep/dep.go"): []byte(strings.Replace(source("dep/dep.go"), "func V()", "func W()", 1))}, 2)
	check("a buffer that does not parse", map[string][]byte{at("main.go"): []byte(main + "\nfunc {")}, 2)
	check("a buffer that is no file", map[string][]byte{at("more.go"): []byte("package main\n\nimport \"runtime\"\n\nfunc more() { runtime.GC() }\n")}, 0)
	check("a buffer of go.mod", map[string][]byte{at("go.mod"): []byte(strings.Replace(source("go.mod"), "1.24", "1.23", 1))}, 0)
	write(t, at("main.go"), main)
	check("as it was", nil, 2)

	dep := source("dep/dep.go")
	write(t, at("dep/dep.go"), strings.Replace(dep, "func V()", "func W()", 1))
	check("a dependency lacks a function", nil, 2) // the answer is at hand and does not count
	write(t, at("dep/dep.go"), dep)
	lib := source("lib/lib.go")
	write(t, at("lib/lib.go"), strings.Replace(lib, "N int", "N string", 1))
	check("a dependency's dependency has another type", nil, 2)
	write(t, at("lib/lib.go"), strings.Replace(lib, "N int", "M int", 1))
	check("a function of it does not compile", nil, 2)
	write(t, at("lib/lib.go"), lib)
	write(t, at("lib/lib_linux.go"), "package lib\n\nfunc init() {}\n")
	check("a file more", nil, 2)
	write(t, at("more_test.go"), "package main\n\nimport \"runtime\"\n\nfunc init() { runtime.GC() }\n")
	check("a test more", nil, 2)
	write(t, at("go.mod"), strings.Replace(source("go.mod"), "go 1.24", "go 1.23", 1))
	check("another go.mod", nil, 1) // the buffer of it was for a package whose tests did not matter
}
