package rewrite_test

import (
	"context"
	"fmt"
	"go/ast"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
)

// fixFromAfar changes, for each call of the function Mark of package lib, the body of
// Mark: fixes of all packages touch one file. It asks for the callers of Mark, and says
// how many there are.
var fixFromAfar = &rewrite.Finder{
	Name:  "afar",
	Needs: []rewrite.Need{{Idents: []string{"Mark"}}},
	Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		s.Widen("Mark")
		n := 0
		for range s.Calls("example.com/m/lib", "Mark") {
			n++
		}
		lib := s.Package("example.com/m/lib")
		if lib == nil || len(lib.Files) == 0 {
			return nil
		}
		var out []rewrite.Finding
		for c := range s.Calls("example.com/m/lib", "Mark") {
			if !strings.Contains(string(lib.Files[0].Src), "\tsay()") {
				break
			}
			out = append(out, rewrite.Finding{
				Pos: c.Call.Pos(), End: c.Call.End(), Message: fmt.Sprintf("one of %d", n),
				Fixes: []*rewrite.Fix{{Message: "silence it", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
					for p := range s.Calls("example.com/m/lib", "say") {
						e.Delete(p.At.Parent().Node().(ast.Stmt), nil)
					}
					return nil
				}}},
			})
		}
		return out
	},
}

// partsTree is a workspace of two modules beside a package in none, a manifest, and
// a package in the middle whose function the others call.
const partsTree = `
-- go.work --
go 1.24

use (
	./m
	./n
)
-- m/go.mod --
module example.com/m

go 1.24
-- m/a/a.go --
package a

import (
	"runtime"

	"example.com/m/lib"
)

func F() {
	lib.Mark()
	runtime.GC()
}
-- m/a/a_test.go --
package a_test

import "runtime"

func g() { runtime.GC() }
-- m/b/b.go --
package b

import (
	"runtime"

	"example.com/m/lib"
)

func F() {
	runtime.GC() //runtimefix:ignore deletegc wanted
	lib.Mark()
	runtime.GC()
}
-- m/lib/lib.go --
package lib

func Mark() {
	say()
	println()
}

func say() {}
-- m/old/old_plan9.go --
package old

import "runtime"

func F() { runtime.GC() }
-- n/go.mod --
module example.com/n

go 1.24
-- n/x.go --
package n

import "runtime"

var wrong int = ""

func F() {
	runtime.GC()
}
-- loose/x.go --
package loose

import "runtime"

func F() {
	runtime.GC()
	g()
}
-- loose/y.go --
package loose

import "runtime"

func g() { runtime.GC() }
-- compose.yaml --
drop: 1
keep: 2
drop: 3
`

// What is found and made is the same whether all is loaded at once or every package
// by itself.
func TestParts(t *testing.T) {
	var want string
	for _, size := range []int64{0, 1, 100} {
		dir, _ := tree(t, partsTree)
		var stages []string
		asked := make(map[string]int)
		res, err := rewrite.Run(context.Background(), rewrite.Options{
			Config: rewrite.Config{Dir: dir, Tests: true}, Admit: rewrite.Safe, Fix: true, PartSize: size,
			Progress: func(stage string) { stages = append(stages, stage) },
			Select: func(list []rewrite.Found) []bool {
				keep := make([]bool, len(list))
				for i, f := range list {
					keep[i] = f.Pos.Line != 3
					asked[fmt.Sprint(f.Pos, f.Rule)]++
				}
				return keep
			},
		}, []*rewrite.Finder{deleteGC, dropWord, fixFromAfar})
		if err != nil {
			t.Fatal(err)
		}
		for at, n := range asked {
			if n > 1 && strings.Contains(at, "compose.yaml") {
				t.Errorf("size %d: asked %d times about %s", size, n, at)
			}
		}
		got := strings.ReplaceAll(whole(res), dir, "")
		if split := strings.Contains(strings.Join(stages, "\n"), "part 1 of "); split != (size > 0) {
			t.Errorf("size %d: stages %q", size, stages)
		}
		if size == 0 {
			want = got
			for _, part := range []string{"compose.yaml:1:1 wordless fixed", "/loose/y.go:5:12 deletegc fixed", "/m/b/b.go:12:2 deletegc fixed", "/m/a/a.go:10:2 afar fixed", "old_plan9.go", "cannot use"} {
				if !strings.Contains(want, part) {
					t.Errorf("no %q in\n%s", part, want)
				}
			}
			continue
		}
		if got != want {
			t.Errorf("size %d:\n%s\nwant\n%s", size, got, want)
		}
	}
}

// whole writes what a run found, made and could not check.
func whole(res *rewrite.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d packages, %d modules, %d files\n", res.Packages, res.Modules, res.Files)
	for _, f := range res.Findings {
		fmt.Fprintf(&b, "%s %s %s: %s %s\n", f.Pos, f.Rule, f.State, f.Message, f.NoFix)
	}
	for _, f := range res.Remaining {
		fmt.Fprintf(&b, "left: %s %s %s\n", f.Pos, f.Rule, f.Message)
	}
	for _, c := range res.Changes {
		fmt.Fprintf(&b, "-- %s --\n%s", c.Path, c.New)
	}
	for _, p := range res.Problems {
		fmt.Fprintf(&b, "%v\n", p)
	}
	for _, p := range res.Internal {
		fmt.Fprintf(&b, "internal: %v\n", p)
	}
	for _, x := range res.Excluded {
		fmt.Fprintf(&b, "%v\n", x)
	}
	return b.String()
}

// What is found out about the files on disk is found out once, however many parts
// there are.
func TestPartsAskDiskOnce(t *testing.T) {
	dir, _ := tree(t, partsTree)
	finds, made := 0, 0
	asks := &rewrite.Finder{
		Name:  "asks",
		Needs: []rewrite.Need{{Idents: []string{"GC"}}},
		Find: func(s *rewrite.Snapshot) []rewrite.Finding {
			type key struct{}
			finds++
			rewrite.MemoDisk(s, key{}, func() bool { made++; return true })
			return nil
		},
	}
	if _, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir, Tests: true}, PartSize: 1}, []*rewrite.Finder{asks}); err != nil {
		t.Fatal(err)
	}
	if finds < 2 || made != 1 {
		t.Errorf("asked %d times in %d parts", made, finds)
	}
}
