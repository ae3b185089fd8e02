package rewrite_test

import (
	"context"
	"go/ast"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/txtar"
)

// deleteGC is a finder that removes every statement that calls runtime.GC.
var deleteGC = &rewrite.Finder{
	Name:  "deletegc",
	Needs: []rewrite.Need{{Import: "runtime", Idents: []string{"GC"}, Tests: true}},
	Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		var out []rewrite.Finding
		for c := range s.Calls("runtime", "GC") {
			stmt, ok := c.At.Parent().Node().(ast.Stmt)
			if !ok {
				continue
			}
			out = append(out, rewrite.Finding{
				Pos: c.Call.Pos(), End: c.Call.End(), Message: "collection",
				Fixes: []*rewrite.Fix{{Message: "remove it", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
					e.Delete(stmt, func(comment string, alone bool) bool {
						return alone && (strings.Contains(comment, "GC") || strings.Contains(comment, "memory"))
					})
					return nil
				}}},
			})
		}
		return out
	},
}

// insertAfter returns a finder that inserts code after every call of mark.
func insertAfter(code string) *rewrite.Finder {
	return &rewrite.Finder{
		Name:  "insert",
		Needs: []rewrite.Need{{Idents: []string{"mark"}}},
		Find: func(s *rewrite.Snapshot) []rewrite.Finding {
			var out []rewrite.Finding
			for c := range s.Calls("example.com/m", "mark") {
				stmt := c.At.Parent().Node().(ast.Stmt)
				out = append(out, rewrite.Finding{
					Pos: c.Call.Pos(), End: c.Call.End(), Message: "mark",
					Fixes: []*rewrite.Fix{{Message: "insert", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
						e.ReplaceStmt(stmt, rewrite.Stmts(code, nil)...)
						return nil
					}}},
				})
			}
			return out
		},
	}
}

// tree writes a txtar archive to a new directory.
func tree(t *testing.T, archive string) (dir string, files map[string]string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files = make(map[string]string)
	for _, f := range txtar.Parse([]byte(archive)).Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(f.Data)
	}
	return dir, files
}

func run(t *testing.T, dir string, finders ...*rewrite.Finder) *rewrite.Result {
	t.Helper()
	res, err := rewrite.Run(context.Background(), rewrite.Options{
		Config:   rewrite.Config{Dir: dir, Tests: true},
		Patterns: []string{"./..."},
		Admit:    rewrite.Safe,
		Fix:      true,
	}, finders)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

const goMod = "-- go.mod --\nmodule example.com/m\n\ngo 1.24\n"

// edited runs finders over one file and returns what becomes of it.
func edited(t *testing.T, src string, finders ...*rewrite.Finder) string {
	t.Helper()
	dir, _ := tree(t, goMod+"-- x.go --\n"+src)
	if !strings.HasSuffix(src, "\n") { // txtar ends every file with a newline
		if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	res := run(t, dir, finders...)
	for _, f := range res.Findings {
		if f.State == rewrite.Withheld {
			t.Errorf("withheld: %s", f.Why)
		}
	}
	for _, p := range res.Internal {
		t.Errorf("internal error: %v", p)
	}
	for _, c := range res.Changes {
		return string(c.New)
	}
	return src
}

func TestDelete(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{
			"last use of the import",
			"package m\n\nimport \"runtime\"\n\nfunc f() {\n\tprintln()\n\truntime.GC() // now\n}\n",
			"package m\n\nfunc f() {\n\tprintln()\n}\n",
		},
		{
			"comment that mentions it goes, alone under the comment",
			"package m\n\nimport \"runtime\"\n\nfunc f() {\n\tprintln()\n\n\t// Keep memory low.\n\truntime.GC()\n\n\tprintln()\n}\n",
			"package m\n\nfunc f() {\n\tprintln()\n\n\tprintln()\n}\n",
		},
		{
			"comment that covers more stays",
			"package m\n\nimport \"runtime\"\n\nfunc f() {\n\tprintln()\n\t// Keep memory low.\n\truntime.GC()\n\tprintln()\n}\n",
			"package m\n\nfunc f() {\n\tprintln()\n\t// Keep memory low.\n\tprintln()\n}\n",
		},
		{
			"comment with a to-do stays, last in the block",
			"package m\n\nimport \"runtime\"\n\nfunc f() {\n\tprintln()\n\n\t// TODO: no GC here\n\truntime.GC()\n}\n",
			"package m\n\nfunc f() {\n\tprintln()\n\n\t// TODO: no GC here\n}\n",
		},
		{
			"unrelated comment stays in the emptied function",
			"package m\n\nimport \"runtime\"\n\nfunc f() {\n\t// see issue 7\n\truntime.GC()\n}\n",
			"package m\n\nfunc f() {\n\t// see issue 7\n}\n",
		},
		{
			"comment below the last statement stays",
			"package m\n\nimport \"runtime\"\n\nfunc f() {\n\tprintln()\n\truntime.GC()\n\t// end\n}\n",
			"package m\n\nfunc f() {\n\tprintln()\n\t// end\n}\n",
		},
		{
			"floating comment above stays",
			"package m\n\nimport \"runtime\"\n\nfunc f() {\n\tprintln()\n\t// memory section\n\n\truntime.GC()\n\tprintln(1)\n}\n",
			"package m\n\nfunc f() {\n\tprintln()\n\t// memory section\n\n\tprintln(1)\n}\n",
		},
		{
			"first of a block, blank line below",
			"package m\n\nimport \"runtime\"\n\nfunc f() {\n\truntime.GC()\n\n\tprintln()\n}\n",
			"package m\n\nfunc f() {\n\tprintln()\n}\n",
		},
		{
			"case body",
			"package m\n\nimport \"runtime\"\n\nfunc f(i int) {\n\tswitch i {\n\tcase 1:\n\t\truntime.GC()\n\tcase 2:\n\t\tprintln()\n\t}\n}\n",
			"package m\n\nfunc f(i int) {\n\tswitch i {\n\tcase 1:\n\tcase 2:\n\t\tprintln()\n\t}\n}\n",
		},
		{
			"if without an effect, and the range variable it used",
			"package m\n\nimport \"runtime\"\n\nfunc f(s []int) {\n\tfor i, x := range s {\n\t\tprintln(x)\n\t\tif i%100 == 0 {\n\t\t\truntime.GC()\n\t\t}\n\t}\n}\n",
			"package m\n\nfunc f(s []int) {\n\tfor _, x := range s {\n\t\tprintln(x)\n\t}\n}\n",
		},
		{
			"only range variable",
			"package m\n\nimport \"runtime\"\n\nfunc f(s []int) {\n\tfor i := range s {\n\t\tprintln()\n\t\tif i > 3 {\n\t\t\truntime.GC()\n\t\t}\n\t}\n}\n",
			"package m\n\nfunc f(s []int) {\n\tfor range s {\n\t\tprintln()\n\t}\n}\n",
		},
		{
			"of an if with an effect the effect is left",
			"package m\n\nimport \"runtime\"\n\nfunc f(g func() bool) {\n\tif g() {\n\t\truntime.GC()\n\t}\n}\n",
			"package m\n\nfunc f(g func() bool) {\n\tg()\n}\n",
		},
		{
			"if with else inverts",
			"package m\n\nimport \"runtime\"\n\nfunc f(n int) {\n\tif n > 3 {\n\t\truntime.GC()\n\t} else {\n\t\tprintln()\n\t}\n}\n",
			"package m\n\nfunc f(n int) {\n\tif n <= 3 {\n\t\tprintln()\n\t}\n}\n",
		},
		{
			"init function and its doc comment",
			"package m\n\nimport \"runtime\"\n\n// init collects.\nfunc init() {\n\truntime.GC()\n}\n\nfunc g() {}\n",
			"package m\n\nfunc g() {}\n",
		},
		{
			"two in one goroutine",
			"package m\n\nimport \"runtime\"\n\nfunc f() {\n\tprintln()\n\tgo func() {\n\t\truntime.GC()\n\t\truntime.GC()\n\t}()\n}\n",
			"package m\n\nfunc f() {\n\tprintln()\n}\n",
		},
		{
			"import in a group with others",
			"package m\n\nimport (\n\t\"fmt\"\n\t\"runtime\" // for GC\n\n\t\"os\"\n)\n\nfunc f() {\n\tfmt.Fprintln(os.Stdout)\n\truntime.GC()\n}\n",
			"package m\n\nimport (\n\t\"fmt\"\n\n\t\"os\"\n)\n\nfunc f() {\n\tfmt.Fprintln(os.Stdout)\n}\n",
		},
		{
			"renamed import still in use",
			"package m\n\nimport rt \"runtime\"\n\nfunc f() int {\n\trt.GC()\n\treturn rt.NumCPU()\n}\n",
			"package m\n\nimport rt \"runtime\"\n\nfunc f() int {\n\treturn rt.NumCPU()\n}\n",
		},
		{
			"dot import no longer in use",
			"package m\n\nimport . \"runtime\"\n\nfunc f() {\n\tprintln()\n\tGC()\n}\n",
			"package m\n\nfunc f() {\n\tprintln()\n}\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := edited(t, tt.src, deleteGC); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestAddImport(t *testing.T) {
	const use = "metrics.Read(nil)\nruntime.GC()"
	for _, tt := range []struct{ name, src, want string }{
		{
			"none yet",
			"package m\n\nfunc mark() {}\n\nfunc f() {\n\tmark()\n}\n",
			"package m\n\nimport (\n\t\"runtime\"\n\t\"runtime/metrics\"\n)\n\nfunc mark() {}\n\nfunc f() {\n\tmetrics.Read(nil)\n\truntime.GC()\n}\n",
		},
		{
			"single import becomes a block",
			"package m\n\nimport \"fmt\"\n\nfunc mark() {}\n\nfunc f() {\n\tfmt.Println()\n\tmark()\n}\n",
			"package m\n\nimport (\n\t\"fmt\"\n\t\"runtime\"\n\t\"runtime/metrics\"\n)\n\nfunc mark() {}\n\nfunc f() {\n\tfmt.Println()\n\tmetrics.Read(nil)\n\truntime.GC()\n}\n",
		},
		{
			"order in the standard group; groups and comments stay",
			"package m\n\nimport (\n\t// ours\n\t\"example.com/m/sub\"\n\n\t\"fmt\" // printing\n\t\"os\"\n\t\"strings\"\n)\n\nfunc mark() {}\n\nfunc f() {\n\tfmt.Println(os.Args, strings.ToUpper(\"\"), sub.X)\n\tmark()\n}\n-- sub/sub.go --\npackage sub\n\nvar X int\n",
			"package m\n\nimport (\n\t// ours\n\t\"example.com/m/sub\"\n\n\t\"fmt\" // printing\n\t\"os\"\n\t\"runtime\"\n\t\"runtime/metrics\"\n\t\"strings\"\n)\n\nfunc mark() {}\n\nfunc f() {\n\tfmt.Println(os.Args, strings.ToUpper(\"\"), sub.X)\n\tmetrics.Read(nil)\n\truntime.GC()\n}\n",
		},
		{
			"imported under another name",
			"package m\n\nimport rt \"runtime\"\n\nfunc mark() {}\n\nfunc f() {\n\t_ = rt.NumCPU()\n\tmark()\n}\n",
			"package m\n\nimport (\n\trt \"runtime\"\n\t\"runtime/metrics\"\n)\n\nfunc mark() {}\n\nfunc f() {\n\t_ = rt.NumCPU()\n\tmetrics.Read(nil)\n\trt.GC()\n}\n",
		},
		{
			"dot import",
			"package m\n\nimport . \"runtime\"\n\nfunc mark() {}\n\nfunc f() {\n\t_ = NumCPU()\n\tmark()\n}\n",
			"package m\n\nimport (\n\t. \"runtime\"\n\t\"runtime/metrics\"\n)\n\nfunc mark() {}\n\nfunc f() {\n\t_ = NumCPU()\n\tmetrics.Read(nil)\n\tGC()\n}\n",
		},
		{
			"name taken in the package, other name shadowed where it is needed",
			"package m\n\nimport \"runtime\"\n\nvar metrics int\n\nfunc mark() {}\n\nfunc f(runtime int) {\n\tmark()\n}\n\nvar _ = runtime.NumCPU()\n",
			"package m\n\nimport (\n\t\"runtime\"\n\tstdruntime \"runtime\"\n\truntimemetrics \"runtime/metrics\"\n)\n\nvar metrics int\n\nfunc mark() {}\n\nfunc f(runtime int) {\n\truntimemetrics.Read(nil)\n\tstdruntime.GC()\n}\n\nvar _ = runtime.NumCPU()\n",
		},
		{
			"methods, fields and labels of the name are in nobody's way",
			"package m\n\ntype metrics1 struct{ metrics, runtime int }\n\nfunc (m metrics1) GC() {}\n\ntype T struct{}\n\nfunc (T) metrics() {}\n\ntype I interface{ runtime() }\n\nfunc mark() {}\n\nfunc f(t T) {\n\tt.metrics()\n\t_ = metrics1{metrics: 1}\nruntime:\n\tfor {\n\t\tbreak runtime\n\t}\n\tmark()\n}\n",
			"package m\n\nimport (\n\t\"runtime\"\n\t\"runtime/metrics\"\n)\n\ntype metrics1 struct{ metrics, runtime int }\n\nfunc (m metrics1) GC() {}\n\ntype T struct{}\n\nfunc (T) metrics() {}\n\ntype I interface{ runtime() }\n\nfunc mark() {}\n\nfunc f(t T) {\n\tt.metrics()\n\t_ = metrics1{metrics: 1}\nruntime:\n\tfor {\n\t\tbreak runtime\n\t}\n\tmetrics.Read(nil)\n\truntime.GC()\n}\n",
		},
		{
			"name taken in the package on another platform, or by a type switch",
			"package m\n\nfunc mark() {}\n\ntype runtime2 struct{}\n\nfunc f(x any) {\n\tswitch runtime := x.(type) {\n\tcase int:\n\t\tprintln(runtime)\n\t\tmark()\n\t}\n}\n-- y_plan9.go --\npackage m\n\nvar metrics int\n",
			"package m\n\nimport (\n\tstdruntime \"runtime\"\n\truntimemetrics \"runtime/metrics\"\n)\n\nfunc mark() {}\n\ntype runtime2 struct{}\n\nfunc f(x any) {\n\tswitch runtime := x.(type) {\n\tcase int:\n\t\tprintln(runtime)\n\t\truntimemetrics.Read(nil)\n\t\tstdruntime.GC()\n\t}\n}\n",
		},
		{
			"cgo preamble stays apart",
			"package m\n\n// int x;\nimport \"C\"\n\nimport \"unsafe\"\n\nfunc mark() {}\n\nfunc f(p unsafe.Pointer) {\n\tmark()\n}\n",
			"package m\n\n// int x;\nimport \"C\"\n\nimport (\n\t\"runtime\"\n\t\"runtime/metrics\"\n\t\"unsafe\"\n)\n\nfunc mark() {}\n\nfunc f(p unsafe.Pointer) {\n\tmetrics.Read(nil)\n\truntime.GC()\n}\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := edited(t, tt.src, insertAfter(use)); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// A fix that breaks the build is withheld with the compiler's reason, and the
// others go ahead.
func TestWithhold(t *testing.T) {
	dir, _ := tree(t, goMod+"-- x.go --\npackage m\n\nfunc mark() {}\n\nfunc f() {\n\tmark()\n}\n"+
		"-- y.go --\npackage m\n\nimport \"runtime\"\n\nfunc g() {\n\tprintln()\n\truntime.GC()\n}\n")
	res := run(t, dir, deleteGC, insertAfter("undefined1()"))
	if len(res.Changes) != 1 || filepath.Base(res.Changes[0].Path) != "y.go" {
		t.Fatalf("changes: %+v", res.Changes)
	}
	var why string
	for _, f := range res.Findings {
		if f.Rule == "insert" {
			if f.State != rewrite.Withheld {
				t.Errorf("state %v, want withheld", f.State)
			}
			why = f.Why
		} else if f.State != rewrite.Fixed {
			t.Errorf("%s: state %v, want fixed", f.Rule, f.State)
		}
	}
	if want := "x.go:6:2: undefined: undefined1"; !strings.HasSuffix(why, want) {
		t.Errorf("why: %q, want …%q", why, want)
	}
}

// A finding without a fix stays open beside one that reads the same and is fixed.
func TestSameText(t *testing.T) {
	some := *deleteGC
	some.Find = func(s *rewrite.Snapshot) []rewrite.Finding {
		list := deleteGC.Find(s)
		list[len(list)-1].Fixes = nil
		return list
	}
	dir, _ := tree(t, goMod+"-- x.go --\npackage m\n\nimport \"runtime\"\n\nfunc f() {\n\truntime.GC()\n}\n\nfunc g() {\n\truntime.GC()\n}\n")
	res := run(t, dir, &some)
	if len(res.Findings) != 2 || res.Findings[0].State != rewrite.Fixed || res.Findings[1].State != rewrite.Open {
		t.Errorf("findings: %+v", res.Findings)
	}
}

// Of two fixes at one place the first by rule name goes ahead, whatever the
// order of the rules; the other has nothing left to do.
func TestOverlap(t *testing.T) {
	wrap := &rewrite.Finder{Name: "wrap", Needs: deleteGC.Needs, Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		var out []rewrite.Finding
		for c := range s.Calls("runtime", "GC", "Gosched") {
			if c.Obj.Name() != "GC" {
				continue
			}
			out = append(out, rewrite.Finding{Pos: c.Call.Pos(), End: c.Call.End(), Message: "wrap", Fixes: []*rewrite.Fix{{
				Message: "swap", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
					e.Replace(c.Call, rewrite.Expr("runtime.Gosched()", nil))
					return nil
				}}}})
		}
		return out
	}}
	src := "package m\n\nimport \"runtime\"\n\nfunc f() {\n\tprintln()\n\truntime.GC()\n}\n"
	want := "package m\n\nfunc f() {\n\tprintln()\n}\n"
	for _, finders := range [][]*rewrite.Finder{{deleteGC, wrap}, {wrap, deleteGC}} {
		if got := edited(t, src, finders...); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// A panic in a rule costs the package in which it happens, and names the rule
// and the place.
func TestPanic(t *testing.T) {
	bad := &rewrite.Finder{Name: "bad", Needs: []rewrite.Need{{Idents: []string{"package"}}}, Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		var out []rewrite.Finding
		for _, p := range s.Packages {
			if p.Name == "m" {
				panic("boom")
			}
			out = append(out, rewrite.Finding{Pos: p.Files[0].AST.Package, Message: "seen " + p.Path})
		}
		return out
	}}
	dir, _ := tree(t, goMod+"-- x.go --\npackage m\n-- sub/y.go --\npackage sub\n")
	res := run(t, dir, bad)
	if len(res.Findings) != 1 || res.Findings[0].Message != "seen example.com/m/sub" {
		t.Errorf("findings: %+v", res.Findings)
	}
	if len(res.Internal) != 1 || !strings.Contains(res.Internal[0].Error(), "x.go:1:1: internal error in rule bad: boom (run_test.go:") {
		t.Errorf("internal: %v", res.Internal)
	}
}
