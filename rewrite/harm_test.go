package rewrite_test

import (
	"go/ast"
	"strings"
	"testing"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// A file with a syntax error is read-only: what the parser made of it is not
// all that it holds. The package's other files are fixed.
func TestSyntaxErrorReadOnly(t *testing.T) {
	dir, _ := tree(t, goMod+`-- x.go --
package m

import "runtime"

func f() { work(); runtime.GC() }

func (l list) each[U any](x int {
}

// trailing text
-- y.go --
package m

import "runtime"

type list struct{}

func work() {
	println()
	runtime.GC()
}
`)
	res := run(t, dir, deleteGC)
	if len(res.Problems) == 0 {
		t.Error("the syntax error is no problem")
	}
	for _, c := range res.Changes {
		if strings.HasSuffix(c.Path, "x.go") {
			t.Errorf("changed:\n%s", c.New)
		}
	}
	state := make(map[string]rewrite.State)
	for _, f := range res.Findings {
		state[f.Pos.Filename[len(dir)+1:]] = f.State
	}
	if state["x.go"] != rewrite.Withheld || state["y.go"] != rewrite.Fixed {
		t.Errorf("%v, want x.go withheld and y.go fixed", state)
	}
}

// A comment is removed only where the edit says so: one on a line below a
// removed statement stays, also where the statement has one behind it.
func TestCommentBelow(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"last", "\twork()\n\truntime.GC() // big\n\t// TODO: retry\n", "\twork()\n\t// TODO: retry\n"},
		{"last, blank line", "\twork()\n\truntime.GC() // big\n\n\t// TODO: retry\n", "\twork()\n\n\t// TODO: retry\n"},
		{"last, both with comments", "\twork() // w\n\truntime.GC() // big\n\t// TODO: retry\n", "\twork() // w\n\t// TODO: retry\n"},
		{"first", "\truntime.GC() // big\n\t// The order matters.\n\twork()\n", "\t// The order matters.\n\twork()\n"},
		{"only", "\truntime.GC() // big\n\t// Nothing else.\n", "\t// Nothing else.\n"},
		{"one line", "\twork(); runtime.GC()\n", "\twork()\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			head, tail := "package m\n\nimport \"runtime\"\n\nfunc f() {\n", "}\n\nfunc work() { runtime.NumCPU() }\n"
			got := edited(t, head+tt.body+tail, deleteGC)
			if want := head + tt.want + tail; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// On one line an edit changes nothing but its own tokens, in a file in gofmt's
// layout and in another.
func TestOneLine(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"func f() { g(); runtime.GC() }\n", "func f() { g() }\n"},
		{"func f() { runtime.GC(); g() }\n", "func f() { g() }\n"},
		{"func f() { g(); runtime.GC(); g() }\n", "func f() { g(); g() }\n"},
		{"func f()  { g(); runtime.GC() }\n", "func f()  { g(); }\n"},
		{"func f()  { runtime.GC(); g() }\n", "func f()  { g() }\n"},
		{"func f()  { g( ); runtime.GC(); g() }\n", "func f()  { g( ); g() }\n"},
	} {
		head, tail := "package m\n\nimport \"runtime\"\n\nfunc g() { runtime.NumCPU() }\n\n", ""
		if got := edited(t, head+tt.src+tail, deleteGC); got != head+tt.want {
			t.Errorf("%q becomes %q, want %q", tt.src, strings.TrimPrefix(got, head), tt.want)
		}
	}
}

// A fix that loses a comment without saying so is not made, nor one whose
// result holds another declaration than the one it was made for.
func TestLostComment(t *testing.T) {
	lose := func(say bool) *rewrite.Finder {
		return &rewrite.Finder{
			Name:  "lose",
			Needs: []rewrite.Need{{Idents: []string{"mark"}}},
			Find: func(s *rewrite.Snapshot) []rewrite.Finding {
				var out []rewrite.Finding
				for c := range s.Calls("example.com/m", "mark") {
					if len(c.Call.Args) == 0 {
						continue
					}
					out = append(out, rewrite.Finding{Pos: c.Call.Pos(), End: c.Call.End(), Message: "mark", Fixes: []*rewrite.Fix{{
						Message: "no arguments", Safety: rewrite.Safe,
						Apply: func(e *rewrite.Edit) error {
							if say {
								e.Drops(c.File.AST.Comments...)
							}
							e.Modify(c.Call, func(n dst.Node) error {
								n.(*dst.CallExpr).Args = nil
								return nil
							})
							return nil
						}}}})
				}
				return out
			},
		}
	}
	src := "package m\n\nfunc mark(...int) {}\n\nfunc f() {\n\tmark(\n\t\t1, // the first\n\t)\n}\n"
	dir, _ := tree(t, goMod+"-- x.go --\n"+src)
	res := run(t, dir, lose(false))
	if len(res.Changes) > 0 || len(res.Findings) != 1 || !strings.Contains(res.Findings[0].Why, `"// the first" would be lost`) {
		t.Errorf("%+v", res.Findings)
	}
	if got := edited(t, src, lose(true)); strings.Contains(got, "first") || !strings.Contains(got, "mark()") {
		t.Errorf("the comment that the fix drops on purpose is kept:\n%s", got)
	}
}

// Only the fix that would lose a comment is withheld, not the others of its file; and an
// ignore comment on a line that something else stands on does not go with a statement.
func TestOthersOfFile(t *testing.T) {
	drop := func(name string, comments bool) *rewrite.Finder {
		return &rewrite.Finder{
			Name:  name,
			Needs: []rewrite.Need{{Idents: []string{name}}},
			Find: func(s *rewrite.Snapshot) []rewrite.Finding {
				var out []rewrite.Finding
				for c := range s.Calls("example.com/m", name) {
					stmt, ok := c.At.Parent().Node().(*ast.ExprStmt)
					if !ok {
						continue
					}
					out = append(out, rewrite.Finding{Pos: c.Call.Pos(), End: c.Call.End(), Message: name, Fixes: []*rewrite.Fix{{
						Message: "drop", Safety: rewrite.Safe,
						Apply: func(e *rewrite.Edit) error {
							if comments {
								e.Replace(c.Call, rewrite.Expr("print()", nil))
							} else {
								e.Delete(stmt, nil)
							}
							return nil
						}}}})
				}
				return out
			},
		}
	}
	head := goMod + "-- x.go --\npackage m\n\nfunc a(...int) {}\n\nfunc b() {}\n\n"
	dir, _ := tree(t, head+"func f() {\n\ta(\n\t\t1, // the first\n\t)\n\tprint(0)\n\tb()\n}\n")
	res := run(t, dir, drop("a", true), drop("b", false))
	if len(res.Changes) != 1 || strings.Contains(string(res.Changes[0].New), "\tb()") || !strings.Contains(string(res.Changes[0].New), "// the first") {
		t.Errorf("%+v", res)
	}
	dir, _ = tree(t, head+"func f() {\n\tprint(0)\n\ta(); b() //runtimefix:ignore a it is meant\n}\n")
	res = run(t, dir, drop("a", true), drop("b", false))
	if len(res.Changes) > 0 || len(res.Findings) != 1 || !strings.Contains(res.Findings[0].Why, "the ignore comment may be for what else") {
		t.Errorf("%+v", res)
	}
}

// A declaration that no claim is about does not change.
func TestOtherDeclaration(t *testing.T) {
	dir, _ := tree(t, goMod+"-- x.go --\npackage m\n\nfunc mark() {}\n\nfunc f() { mark() }\n")
	res := run(t, dir, &rewrite.Finder{
		Name:  "stray",
		Needs: []rewrite.Need{{Idents: []string{"mark"}}},
		Find: func(s *rewrite.Snapshot) []rewrite.Finding {
			var out []rewrite.Finding
			for c := range s.Calls("example.com/m", "mark") {
				mark := c.File.AST.Decls[0].(*ast.FuncDecl)
				out = append(out, rewrite.Finding{Pos: c.Call.Pos(), End: c.Call.End(), Message: "mark", Fixes: []*rewrite.Fix{{
					Message: "stray", Safety: rewrite.Safe,
					Apply: func(e *rewrite.Edit) error {
						twin, err := rewrite.Twin[*dst.FuncDecl](e, mark)
						e.Modify(c.Call, func(dst.Node) error {
							twin.Body.List = append(twin.Body.List, rewrite.Stmts("println()", nil)...) // a twin is to be read
							return nil
						})
						return err
					}}}})
			}
			return out
		},
	})
	if len(res.Changes) > 0 || len(res.Findings) != 1 || !strings.Contains(res.Findings[0].Why, "would change a declaration beside its own") {
		t.Errorf("%+v", res.Findings)
	}
}
