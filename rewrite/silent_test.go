package rewrite_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
)

const collects = `

import "runtime"

func F(f func()) {
	f()
	runtime.GC()
}
`

// changed returns the changed files, relative to dir.
func changed(res *rewrite.Result, dir string) string {
	var out []string
	for _, c := range res.Changes {
		rel, _ := filepath.Rel(dir, c.Path)
		out = append(out, filepath.ToSlash(rel))
	}
	return strings.Join(out, " ")
}

func problems(res *rewrite.Result, dir string) string {
	var b strings.Builder
	for _, p := range res.Problems {
		b.WriteString(strings.ReplaceAll(p.Error(), dir+"/", "") + "\n")
	}
	return b.String()
}

// Modules of one path, and packages in no module, are all checked and fixed.
func TestOnePathTwice(t *testing.T) {
	demo := "-- %/go.mod --\nmodule example.com/demo\n\ngo 1.24\n-- %/x.go --\npackage demo" + collects
	loose := "-- %/x.go --\npackage loose" + collects
	var archive string
	for _, d := range []string{"a", "b", "c/d"} {
		archive += strings.ReplaceAll(demo, "%", d)
	}
	for _, d := range []string{"k", "l"} {
		archive += strings.ReplaceAll(loose, "%", d)
	}
	dir, _ := tree(t, archive)
	res := run(t, dir, deleteGC)
	if got := changed(res, dir); got != "a/x.go b/x.go c/d/x.go k/x.go l/x.go" || len(res.Problems) > 0 {
		t.Errorf("changed %s\n%s", got, problems(res, dir))
	}
}

// Two modules that depend on different things of one path each see their own, what
// they share and each other.
func TestOnePathTwoVersions(t *testing.T) {
	module := `-- %/go.mod --
module example.com/%

go 1.24

require (
	example.com/dep v1.%.0
	example.com/shared v1.0.0
)

replace (
	example.com/dep => ./dep
	example.com/shared => ../shared
)
-- %/dep/go.mod --
module example.com/dep

go 1.24
-- %/dep/dep.go --
package dep

type T struct{ % int }

func New() *T { return nil }
-- %/x.go --
package x

import (
	"example.com/dep"
	"example.com/shared"
	"runtime"
)

func F(f func(int)) {
	f(dep.New().%)
	f(shared.N)
	runtime.GC()
}
`
	archive := "-- shared/go.mod --\nmodule example.com/shared\n\ngo 1.24\n-- shared/x.go --\npackage shared\n\nconst N = 1\n"
	for _, name := range []string{"1", "2", "3"} {
		archive += strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(module, "v1.%.", "v1."+name+"."), "{ % int", "{ F"+name+" int"), "().%", "().F"+name)
		archive = strings.ReplaceAll(archive, "%", "m"+name)
	}
	archive += `-- user/go.mod --
module example.com/user

go 1.24

require (
	example.com/dep v1.2.0
	example.com/m2 v1.0.0
	example.com/shared v1.0.0
)

replace (
	example.com/dep => ../m2/dep
	example.com/m2 => ../m2
	example.com/shared => ../shared
)
-- user/x.go --
package user

import (
	"example.com/dep"
	x "example.com/m2"
	"runtime"
)

func F(f func(int)) {
	f(dep.New().F2)
	x.F(f)
	runtime.GC()
}
`
	dir, _ := tree(t, archive)
	res := run(t, dir, deleteGC)
	if got := changed(res, dir); got != "m1/x.go m2/x.go m3/x.go user/x.go" || len(res.Problems) > 0 {
		t.Errorf("changed %s\n%s", got, problems(res, dir))
	}
}

// Of two findings that read the same, one whose fix is withheld keeps the other
// from nothing.
func TestEqualTexts(t *testing.T) {
	dir, _ := tree(t, goMod+`-- x.go --
package m

import "runtime"

func f() (n int) {
	runtime.GC()
	return n
}

func g() {
	runtime.GC() // keep
}

func h() {
	runtime.GC()
}
`)
	res := run(t, dir, &rewrite.Finder{
		Name:  "picky",
		Needs: []rewrite.Need{{Import: "runtime", Idents: []string{"GC"}}},
		Find: func(s *rewrite.Snapshot) []rewrite.Finding {
			list := deleteGC.Find(s)
			for i, f := range list {
				if line := string(s.File(f.Pos).Src[s.Position(f.End).Offset:]); strings.HasPrefix(line, " // keep") {
					list[i].Fixes[0].Apply = func(*rewrite.Edit) error { return errors.New("not here") }
				}
			}
			return list
		},
	})
	var states []string
	for _, f := range res.Findings {
		states = append(states, f.State.String())
	}
	if got := strings.Join(states, " "); got != "fixed withheld fixed" {
		t.Errorf("states: %s", got)
	}
}

// What Widen cannot load is said, and a rule that asked for it fixes nothing.
func TestBlind(t *testing.T) {
	dir, _ := tree(t, goMod+"-- x.go --\npackage m"+collects+"-- sub/y.go --\npackage sub\n\nvar Asked int\n")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	asks := &rewrite.Finder{Name: "asks", Needs: deleteGC.Needs, Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		t.Setenv("PATH", "") // from now on there is no go command
		s.Widen("Asked")
		return deleteGC.Find(s)
	}}
	path := os.Getenv("PATH")
	res := run(t, dir, asks)
	if len(res.Changes) > 0 || len(res.Findings) != 1 || !strings.Contains(res.Findings[0].NoFix, "could not be loaded") {
		t.Errorf("%+v", res.Findings)
	}
	if got := problems(res, dir); !strings.Contains(got, "not checked for uses of Asked") {
		t.Errorf("problems: %s", got)
	}
	t.Setenv("PATH", path)
	stops := &rewrite.Finder{Name: "stops", Needs: deleteGC.Needs, Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		cancel()
		s.Widen("Asked")
		return nil
	}}
	if _, err := rewrite.Run(ctx, rewrite.Options{Config: rewrite.Config{Dir: dir}, Fix: true}, []*rewrite.Finder{stops}); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted run ends with %v", err)
	}
}

// A go.mod that is not tidy is checked as tidy would leave it, and stays as it is.
func TestUntidy(t *testing.T) {
	dir, files := tree(t, `-- go.mod --
module example.com/m

go 1.22

require example.com/dep v0.0.0

replace example.com/dep => ./dep

replace example.com/dep2 => ./dep2
-- x.go --
package m

import (
	_ "example.com/dep"
	"runtime"
)

func F() { runtime.GC() }
-- dep/go.mod --
module example.com/dep

go 1.24

require example.com/dep2 v0.0.0
-- dep/d.go --
package dep

import _ "example.com/dep2"
-- dep2/go.mod --
module example.com/dep2

go 1.22
-- dep2/d.go --
package dep2
-- tidy/go.mod --
module example.com/tidy

go 1.24
-- tidy/x.go --
package tidy`+collects)
	res := run(t, dir, deleteGC)
	if got := changed(res, dir); got != "tidy/x.go x.go" {
		t.Errorf("changed %s", got)
	}
	if got := problems(res, dir); got != "go.mod: checked as go mod tidy would leave it: go: updates to go.mod needed\n" {
		t.Errorf("problems: %s", got)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "go.mod")); err != nil || string(data) != files["go.mod"] {
		t.Errorf("go.mod is written: %s, %v", data, err)
	}
}

// A C library that is not installed is one line, whatever it keeps from being
// known.
func TestMissingLibrary(t *testing.T) {
	for _, tool := range []string{"gcc", "pkg-config"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir, _ := tree(t, goMod+`-- c/c.go --
package c

// #cgo pkg-config: no-such-library
// #include <nosuch.h>
import "C"

import "runtime"

type T struct{ p *C.thing }

func New() *T {
	runtime.GC()
	return &T{C.new_thing()}
}
-- c/c_test.go --
package c

var _ = New
-- use/x.go --
package use

import (
	"example.com/m/c"
	"runtime"
)

func F() {
	t := c.New()
	println(t)
	runtime.GC()
}
-- header/x.go --
package header

// #include <nosuch.h>
import "C"

import "runtime"

func F() {
	C.f()
	runtime.GC()
}
`)
	t.Setenv("CGO_ENABLED", "1")
	res := run(t, dir, deleteGC)
	want := "nosuch.h not found: 1 package checked without C types; install the development files that have it, or --skip deletegc\n" +
		"pkg-config: no-such-library not found: 2 packages checked without C types; install its development files, which have no-such-library.pc, or --skip deletegc\n"
	if got := problems(res, dir); got != want {
		t.Errorf("problems:\n%swant:\n%s", got, want)
	}
	if len(res.Findings) != 3 {
		t.Errorf("%d findings, want 3", len(res.Findings))
	}
}

// A module in a later Go than this program's is one line; the rest is done.
func TestNewerGo(t *testing.T) {
	later := strings.TrimPrefix(runtime.Version(), "go1.")
	later, _, _ = strings.Cut(later, ".")
	later = "1." + later + "9" // 1.269, say
	dir, _ := tree(t, "-- new/go.mod --\nmodule example.com/new\n\ngo "+later+"\n-- new/a.go --\npackage a"+collects+"-- new/b/b.go --\npackage b"+collects+
		"-- old/go.mod --\nmodule example.com/old\n\ngo 1.24\n-- old/x.go --\npackage old"+collects)
	res := run(t, dir, deleteGC)
	if got := changed(res, dir); got != "old/x.go" {
		t.Errorf("changed %s", got)
	}
	got := problems(res, dir)
	if strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "new/go.mod: not checked: the module is for Go "+later+", and this runtimefix was built with "+runtime.Version()+"; install runtimefix with Go "+later) {
		t.Errorf("problems: %s", got)
	}
}

// A package without a file for one of the platforms is no problem.
func TestPlatformWithoutFiles(t *testing.T) {
	dir, _ := tree(t, goMod+"-- x_linux.go --\npackage m"+collects+"-- y/y_windows.go --\npackage y"+collects)
	res, err := rewrite.Run(context.Background(), rewrite.Options{
		Config: rewrite.Config{Dir: dir}, Platforms: []string{"linux/amd64", "windows/amd64", "darwin/arm64"}, Admit: rewrite.Safe, Fix: true,
	}, []*rewrite.Finder{deleteGC})
	if err != nil {
		t.Fatal(err)
	}
	if got := changed(res, dir); got != "x_linux.go y/y_windows.go" || len(res.Problems)+len(res.Excluded) > 0 {
		t.Errorf("changed %s\n%s%v", got, problems(res, dir), res.Excluded)
	}
}
