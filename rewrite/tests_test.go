package rewrite_test

import (
	"context"
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// rename finds the functions called from, in the order of files, where ready says so,
// and makes the declaration one of to.
func rename(needs []rewrite.Need, from, to string, ready func(*rewrite.Package) bool) *rewrite.Finder {
	return &rewrite.Finder{Name: "rename", Needs: needs, Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		var out []rewrite.Finding
		for _, p := range s.Packages {
			for _, f := range p.Files {
				for _, d := range f.AST.Decls {
					fn, ok := d.(*ast.FuncDecl)
					if !ok || fn.Name.Name != from || !ready(p) {
						continue
					}
					out = append(out, rewrite.Finding{Pos: fn.Pos(), End: fn.End(), Message: from, Fixes: []*rewrite.Fix{{
						Message: "rename", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
							e.Modify(fn.Name, func(n dst.Node) error { n.(*dst.Ident).Name = to; return nil })
							for _, r := range s.Refs(p.Path + "." + from) {
								e.Modify(r.Ident, func(n dst.Node) error { n.(*dst.Ident).Name = to; return nil })
							}
							return nil
						}}}})
				}
			}
		}
		return out
	}}
}

// shapes returns a finder that finds nothing and notes what of each file it is shown:
// "x_test.go: body" where a function of it has one.
func shapes(seen map[string]bool, f rewrite.Finder) *rewrite.Finder {
	find := f.Find
	f.Find = func(s *rewrite.Snapshot) []rewrite.Finding {
		clear(seen)
		for _, p := range s.Packages {
			for _, file := range p.Files {
				shape := filepath.Base(file.Path) + ": declarations"
				for _, d := range file.AST.Decls {
					if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
						shape = filepath.Base(file.Path) + ": whole"
					}
				}
				seen[shape] = true
			}
		}
		return find(s)
	}
	return &f
}

const testedTree = goMod + `-- x.go --
package m

import "runtime"

func old() int { return 1 }

func x() {
	println(old())
	runtime.GC()
}
-- a_test.go --
package m

import (
	"net/http"
	"os"
	"testing"
)

func TestA(t *testing.T) {
	if old() != 1 {
		t.Fatal(http.StatusText(1), helper(os.Args))
	}
}

type client struct{ *http.Client }
-- b_test.go --
package m

func helper(args []string) string { return args[0] }
`

// TestTestsLoaded shows which tests are loaded, and which of them whole.
func TestTestsLoaded(t *testing.T) {
	quiet := rewrite.Finder{Name: "quiet", Needs: []rewrite.Need{{Import: "runtime", Idents: []string{"GC"}, Tests: true}}, Find: func(*rewrite.Snapshot) []rewrite.Finding { return nil }}
	loud := *deleteGC
	always := func(*rewrite.Package) bool { return true }
	tests := []struct {
		name   string
		more   string
		finder rewrite.Finder
		fix    bool
		want   []string
	}{
		{"no test can have a finding", "", quiet, true, []string{"x.go: whole"}},
		{"a fix within a body", "", loud, true, []string{"x.go: whole"}},
		{"a fix of a declaration", "", *rename(deleteGC.Needs, "old", "fresh", always), true, []string{"a_test.go: whole", "b_test.go: whole", "x.go: whole"}},
		{"that is not made", "", *rename(deleteGC.Needs, "old", "fresh", always), false, []string{"x.go: whole"}},
		{"one test can have a finding", "-- c_test.go --\npackage m" + collects, quiet, true, []string{"a_test.go: declarations", "b_test.go: declarations", "c_test.go: whole", "x.go: whole"}},
		{"another one uses it", "-- b_test.go --\npackage m" + collects + "\nfunc helper(args []string) string { return args[0] }\n", quiet, true, []string{"a_test.go: whole", "b_test.go: whole", "x.go: whole"}},
		{"something is found", "-- c_test.go --\npackage m" + collects, loud, false, []string{"a_test.go: whole", "b_test.go: whole", "c_test.go: whole", "x.go: whole"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir, _ := tree(t, testedTree+test.more)
			seen := make(map[string]bool)
			finder := shapes(seen, test.finder)
			opt := rewrite.Options{Config: rewrite.Config{Dir: dir, Tests: true}, Fix: test.fix, Admit: rewrite.Safe}
			var first []string
			opt.Select = func(list []rewrite.Found) []bool { // what the findings were made from
				if first == nil {
					first = slices.Sorted(maps.Keys(seen))
				}
				return slices.Repeat([]bool{true}, len(list))
			}
			res, err := rewrite.Run(context.Background(), opt, []*rewrite.Finder{finder})
			if err != nil {
				t.Fatal(err)
			}
			if got := problems(res, dir); got != "" {
				t.Errorf("problems:\n%s", got)
			}
			if !slices.Equal(first, test.want) {
				t.Errorf("loaded %q, want %q", first, test.want)
			}
		})
	}
}

// TestTestsChanged shows that a fix of a declaration changes the tests along with it,
// and one that comes up only later and would break them is withheld.
func TestTestsChanged(t *testing.T) {
	dir, _ := tree(t, testedTree)
	opt := rewrite.Options{Config: rewrite.Config{Dir: dir, Tests: true}, Fix: true, Admit: rewrite.Safe}
	res, err := rewrite.Run(context.Background(), opt, []*rewrite.Finder{rename(deleteGC.Needs, "old", "fresh", func(*rewrite.Package) bool { return true })})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, c := range res.Changes {
		got += fmt.Sprintf("%s: old %d, fresh %d\n", filepath.Base(c.Path), strings.Count(string(c.New), "old()"), strings.Count(string(c.New), "fresh()"))
	}
	if want := "a_test.go: old 0, fresh 1\nx.go: old 0, fresh 2\n"; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}

	// Once the collection is gone nothing tells the rules of the tests any more.
	later := rename(deleteGC.Needs, "old", "fresh", func(p *rewrite.Package) bool {
		return !slices.ContainsFunc(p.Files, func(f *rewrite.File) bool { return strings.Contains(string(f.Src), "GC") })
	})
	res, err = rewrite.Run(context.Background(), opt, []*rewrite.Finder{deleteGC, later})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Remaining) != 1 || res.Remaining[0].State != rewrite.Withheld || res.Remaining[0].Why != filepath.Join(dir, "a_test.go")+":10:5: undefined: old" {
		t.Errorf("remaining: %+v", res.Remaining)
	}
	for _, c := range res.Changes {
		if src, err := os.ReadFile(c.Path); err != nil || !strings.Contains(string(src), "GC") || strings.Contains(string(c.New), "GC") || strings.Contains(string(c.New), "fresh") {
			t.Errorf("%s: %s (%v)", c.Path, c.New, err)
		}
	}
	if len(res.Changes) != 1 {
		t.Errorf("%d files changed, want 1", len(res.Changes))
	}
}

// TestSyntaxOfNeed shows that no package is loaded for a candidate that is none when
// it is parsed, nor anything said of it where the platform leaves it out.
func TestSyntaxOfNeed(t *testing.T) {
	dir, _ := tree(t, goMod+"-- x.go --\npackage m"+collects+"-- y_plan9.go --\npackage m"+collects)
	for _, may := range []bool{true, false} {
		finder := *deleteGC
		finder.Needs = []rewrite.Need{{Import: "runtime", Idents: []string{"GC"}, Syntax: func(*ast.File) bool { return may }}}
		res, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir}}, []*rewrite.Finder{&finder})
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(res.Packages, len(res.Findings), len(res.Excluded), res.Modules)
		want := "0 0 0 0"
		if may {
			want = "1 1 1 1"
		}
		if got != want {
			t.Errorf("syntax says %v: packages, findings, excluded files, modules: %s, want %s", may, got, want)
		}
	}
}

// A test file whose only import is for what its functions do stands there without it.
func TestTestWithoutImports(t *testing.T) {
	dir, _ := tree(t, goMod+"-- gc.go --\npackage m"+collects+"-- gc_test.go --\npackage m\n\nimport (\n\t\"runtime\"\n\t\"testing\"\n)\n\nfunc Test(t *testing.T) {\n\truntime.GC()\n\tif id() == 0 {\n\t\tt.Fail()\n\t}\n}\n-- id_test.go --\npackage m\n\nimport \"syscall\"\n\nfunc id() int { return syscall.Getpid() }\n")
	res := run(t, dir, deleteGC)
	if got := problems(res, dir); got != "" || len(res.Internal) > 0 {
		t.Errorf("problems %q, internal errors %v", got, res.Internal)
	}
	if got := changed(res, dir); strings.Count(got, ".go") != 2 {
		t.Errorf("changed %q, want two files", got)
	}
}
