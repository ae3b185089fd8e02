package rewrite_test

import (
	"strings"
	"testing"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// addWith declares a function FWith beside a function F of another package and
// makes the caller call it, with an argument of a type of that package.
func addWith(arg string) *rewrite.Finder {
	return &rewrite.Finder{
		Name:  "addwith",
		Needs: []rewrite.Need{{Idents: []string{"Old"}}},
		Find: func(s *rewrite.Snapshot) []rewrite.Finding {
			var out []rewrite.Finding
			s.Widen("Old")
			for c := range s.Calls("example.com/m/lib", "Old") {
				if c.Pkg.Path == "example.com/m/lib" {
					continue
				}
				out = append(out, rewrite.Finding{
					Pos: c.Call.Pos(), End: c.Call.End(), Message: "old",
					Fixes: []*rewrite.Fix{{Message: "new", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
						for _, p := range s.Packages {
							if p.Path == "example.com/m/lib" {
								e.AddDecls(p.Files[0], rewrite.Decls("func New(t T) { t.Do() }", nil)...)
							}
						}
						e.Modify(c.Call, func(n dst.Node) error {
							call := n.(*dst.CallExpr)
							call.Fun.(*dst.SelectorExpr).Sel.Name = "New"
							call.Args = []dst.Expr{rewrite.Expr(arg, nil)}
							return nil
						})
						return nil
					}}},
				})
			}
			return out
		},
	}
}

// A package is checked against the edited package that it imports, also where a
// third package hands out values of its types.
func TestEditedImport(t *testing.T) {
	const src = goMod + `-- lib/lib.go --
package lib

type T struct{}

func (T) Do() {}

func Old() {}
-- mid/mid.go --
package mid

import "example.com/m/lib"

func Make() lib.T { return lib.T{} }
-- x.go --
package m

import (
	"example.com/m/lib"
	"example.com/m/mid"
)

var made = mid.Make()

func f() {
	lib.Old()
}
-- x_test.go --
package m

import "testing"

func TestF(t *testing.T) { f() }
`
	for _, test := range []struct{ arg, why string }{
		{"made", ""},
		{"1", "cannot use 1"},
	} {
		dir, _ := tree(t, src)
		res := run(t, dir, addWith(test.arg))
		if len(res.Findings) != 1 {
			t.Fatalf("findings: %+v", res.Findings)
		}
		f := res.Findings[0]
		if test.why == "" && (f.State != rewrite.Fixed || len(res.Changes) != 2) {
			t.Errorf("%s: state %v, %s; %d changes", test.arg, f.State, f.Why, len(res.Changes))
		}
		if test.why != "" && (f.State != rewrite.Withheld || !strings.Contains(f.Why, test.why)) {
			t.Errorf("%s: state %v, why %q, want %q", test.arg, f.State, f.Why, test.why)
		}
	}
}
