// Package load_test asks snapshots of small trees what is in them.
package load_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite/load"
	"golang.org/x/tools/txtar"
)

const depsTree = `
-- go.mod --
module example.com/m

go 1.24

require (
	example.com/lib v1.0.0
	example.com/plain v1.0.0
)

replace example.com/lib => ./third/lib

replace example.com/plain => ./third/plain
-- main.go --
package main

import (
	_ "example.com/lib"
	_ "example.com/m/inner"
)

func main() {}
-- main_test.go --
package main

import _ "encoding/csv"
-- inner/inner.go --
package inner

import (
	_ "expvar"
	web "net/http"
)

func Use() { web.Handle("/", nil) }
-- inner/other_plan9.go --
package inner

// example.com/plain
-- third/lib/go.mod --
module example.com/lib

go 1.24

require example.com/plain v1.0.0
-- third/lib/lib.go --
package lib

import "net/http"

type T struct{ http.Handler }

func (t T) Handle() {} // not http.Handle
-- third/plain/go.mod --
module example.com/plain

go 1.24
-- third/plain/plain.go --
package plain
-- testdata/x.go --
package x // example.com/plain
-- nested/go.mod --
module example.com/plain/nested
-- nested/n.go --
package n // example.com/plain
`

// tree writes a txtar archive to a directory and returns that.
func tree(t *testing.T, archive string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, archive)
	return dir
}

// write writes the files of a txtar archive below dir.
func write(t *testing.T, dir, archive string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// loadTree writes a txtar archive to a directory and loads its packages.
func loadTree(t *testing.T, archive string) (string, *load.Snapshot) {
	t.Helper()
	dir := tree(t, archive)
	s, err := load.Load(context.Background(), load.Config{Dir: dir, Tests: true}, ".")
	if err != nil {
		t.Fatal(err)
	}
	return dir, s
}

func TestDeps(t *testing.T) {
	_, s := loadTree(t, depsTree)
	p := s.Package("example.com/m")
	deps := p.Deps()
	for path, want := range map[string]bool{"example.com/lib": true, "example.com/m/inner": true, "expvar": true, "net/http": true, "encoding/csv": false, "example.com/m": false} {
		if got := slices.Contains(deps, path); got != want {
			t.Errorf("Deps contains %s: %v, want %v", path, got, want)
		}
	}
	inner := []load.DepUse{{Path: "example.com/m/inner", Main: true}}
	if got := p.DepsUsing("net/http", "Handle", "HandleFunc"); !slices.Equal(got, inner) {
		t.Errorf("DepsUsing http.Handle: %v, want %v", got, inner)
	}
	if got := p.DepsImporting("expvar"); !slices.Equal(got, inner) {
		t.Errorf("DepsImporting expvar: %v, want %v", got, inner)
	}
}

func TestGoFilesWith(t *testing.T) {
	dir, s := loadTree(t, depsTree)
	got, err := s.GoFilesWith(s.Package("example.com/m").Module, "example.com/plain")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Join(dir, "inner", "other_plan9.go")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFilesUsing(t *testing.T) {
	dir, s := loadTree(t, depsTree)
	m := s.Package("example.com/m").Module
	got, err := s.FilesUsing(m, "net/http", "Handle")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Join(dir, "inner", "inner.go")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, _ := s.FilesUsing(m, "net/http", "HandleFunc"); len(got) > 0 {
		t.Errorf("HandleFunc is used nowhere, got %v", got)
	}
}

func TestOthersRequire(t *testing.T) {
	for _, test := range []struct {
		name, tree, module string
		want               bool
	}{
		{"a dependency requires it", depsTree, "example.com/plain", true},
		{"no other module does", depsTree, "example.com/lib", false},
		{"vendored", depsTree + "-- vendor/modules.txt --\n", "example.com/lib", true},
		{"an old go.mod does not list everything", strings.Replace(depsTree, "go 1.24", "go 1.16", 1), "example.com/lib", true},
		{"a go.mod is missing", strings.Replace(depsTree, "=> ./third/plain", "=> ./gone", 1), "example.com/lib", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, s := loadTree(t, depsTree)
			m := s.Package("example.com/m").Module
			write(t, dir, test.tree)
			if strings.Contains(test.tree, "go 1.16") {
				old := *m
				old.GoVersion = "1.16"
				m = &old
			}
			if got := s.OthersRequire(m, test.module); got != test.want {
				t.Errorf("OthersRequire(%s) = %v, want %v", test.module, got, test.want)
			}
		})
	}
}

// What keeps the go command from listing anything at all is said, not taken for
// a tree without packages.
func TestLoadRefused(t *testing.T) {
	dir := tree(t, `
-- go.mod --
module example.com/m

go 1.16

require golang.org/x/mod v0.42.0
-- main.go --
package main

import _ "golang.org/x/mod/semver"

func main() {}
`)
	_, err := load.Load(context.Background(), load.Config{Dir: dir, Env: append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")}, "./...")
	if err == nil || !strings.Contains(err.Error(), "go.sum") {
		t.Errorf("got error %v, want one about go.sum", err)
	}
}

// WidenTo loads a package of the main module for what it declares, and none of
// another module.
func TestWidenTo(t *testing.T) {
	_, s := loadTree(t, depsTree)
	s.WidenTo("example.com/m/inner", "example.com/lib", "example.com/m/gone", "expvar")
	var wide []string
	for _, p := range s.Packages {
		if p.Wide {
			wide = append(wide, p.Path)
		}
	}
	if !slices.Equal(wide, []string{"example.com/m/inner"}) {
		t.Errorf("loaded %v", wide)
	}
	if len(s.Refs("net/http.Handle")) != 1 {
		t.Error("what the package uses is not known")
	}
}
