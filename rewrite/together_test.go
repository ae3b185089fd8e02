package rewrite

import (
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite/edit"
	"github.com/runtimefix/runtimefix/rewrite/load"
)

// marks returns a fix for every call of mark. It puts the code that is the
// argument in place of the call, or declares it.
func marks(s *Snapshot) []*Fix {
	var out []*Fix
	for c := range s.Calls("example.com/m", "mark") {
		stmt := c.At.Parent().Node().(ast.Stmt)
		code := strings.Trim(c.Call.Args[0].(*ast.BasicLit).Value, "`")
		out = append(out, &Fix{Message: "do it", Safety: Safe, Apply: func(e *Edit) error {
			code := code
			if decl, ok := strings.CutPrefix(code, "declare "); ok {
				e.AddDecls(s.File(stmt.Pos()), Decls(decl, nil)...)
				code = ""
			}
			e.ReplaceStmt(stmt, Stmts(code, nil)...)
			return nil
		}})
	}
	return out
}

// TestCheckEach asserts what checkEach says of each fix, that it says the same
// as when the fixes are checked one by one, and how often it type-checks.
func TestCheckEach(t *testing.T) {
	function := func(i int, body ...string) string {
		return fmt.Sprintf("\nfunc f%d() {\n\t%s\n}\n", i, strings.Join(body, "\n\t"))
	}
	var many, oneBad strings.Builder
	for i := range 64 {
		many.WriteString(function(i, "mark(`println()`)"))
		body := "mark(`println()`)"
		if i == 20 {
			body = "mark(`undefined1()`)"
		}
		oneBad.WriteString(function(i, body))
	}
	for _, tt := range []struct {
		name, src string
		bad       map[int]string // by index of the fix, the end of the reason
		checks    int            // at most
	}{
		{"many functions", many.String(), nil, 1},
		{"one of many is wrong", oneBad.String(), map[int]string{20: "undefined: undefined1"}, 1 + 2*6},
		{
			"each removes one of the last two uses of a variable",
			function(0, "x := 1", "mark(`println()`, x)", "mark(`println()`, x)"),
			nil, 2,
		},
		{"many places of one function", function(0, slices.Repeat([]string{"mark(`println()`)", "_ = 1"}, 30)...), nil, 1},
		{
			"a declaration that another fix adds does not help",
			function(0, "mark(`helper()`)") + function(1, "mark(`declare func helper() {}`)"),
			map[int]string{0: "undefined: helper"}, 2,
		},
		{
			"a variable that another fix of the function declares does not help",
			function(0, "mark(`y := 1; _ = y`)", "println()", "mark(`_ = y`)"),
			map[int]string{1: "undefined: y"}, 3,
		},
		{
			"an import that another fix adds does not help",
			function(0, "mark(`println()`)") + function(1, "mark(`runtime.GC()`)") + function(2, "mark(`runtime.GC()`)"),
			nil, 2,
		},
		{"on one line", "\nfunc f() { mark(`println()`) }\n\nfunc g() { mark(`undefined1()`) }\n", map[int]string{1: "undefined: undefined1"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{
				"go.mod": "module example.com/m\n\ngo 1.24\n",
				"x.go":   "package m\n\nfunc mark(string, ...any) {}\n" + tt.src,
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			l := load.NewLoader(context.Background(), Config{Dir: dir, Emits: []string{"runtime"}}, nil)
			if err := l.AddGroup(load.Group{Dir: dir, Patterns: []string{"."}}); err != nil {
				t.Fatal(err)
			}
			s := l.Snapshot(nil, nil)
			r := &runner{views: []*view{{l: l, snap: s, base: typeErrors(s)}}}
			var sets [][]TextEdit
			for _, fix := range marks(s) {
				edits, err := (&loneEdits{s: s}).ofWhole(fix)
				if err != nil {
					t.Fatal(err)
				}
				finding := Finding{Pos: s.Packages[0].Files[0].AST.Package}
				if part, err := (&loneEdits{s: s}).of(finding, fix); err != nil || !slices.EqualFunc(part, edits, TextEdit.equal) {
					t.Errorf("made in a part of the file: %v, %v, want %v", part, err, edits)
				}
				sets = append(sets, edits)
			}
			checks := 0
			check := func(changed map[string][]byte) string {
				checks++
				return r.newError(0, r.load(changed)[0])
			}
			whys := checkEach(s, sets, check)
			if checks > tt.checks {
				t.Errorf("%d fixes took %d type checks, want at most %d", len(sets), checks, tt.checks)
			}
			for i, why := range whys {
				if want := tt.bad[i]; (why == "") != (want == "") || !strings.HasSuffix(why, want) {
					t.Errorf("fix %d: %q, want %q at the end", i, why, want)
				}
				if alone := check(changes(s, sets, []int{i})); why != alone {
					t.Errorf("fix %d: %q, and %q alone", i, why, alone)
				}
			}
		})
	}
}

// TestParts asserts that a fix is made in a part of a long file, which does not
// grow with it, and that the edits are those of the whole file, lines and all.
func TestParts(t *testing.T) {
	var b strings.Builder
	b.WriteString("package m\n\nimport \"os\"\n\nfunc mark(string, ...any) {}\n")
	for i := range 40 {
		fmt.Fprintf(&b, "\n// f%d is one of many.\nfunc f%d(list []int) {\n", i, i)
		for j := range 20 {
			fmt.Fprintf(&b, "\t// step %d\n\tprintln(%d)\n", j, j)
			if i%10 == 3 && j == 10 {
				b.WriteString("\tfor k, v := range list {\n\t\tprintln(k)\n\n\t\tmark(`os.Exit(1)`, v) // odd\n\t}\n\n")
			}
		}
		b.WriteString("\tos.Getpid()\n} // end\n")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n", "x.go": b.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(context.Background(), Config{Dir: dir}, ".")
	if err != nil {
		t.Fatal(err)
	}
	fixes := marks(s)
	if len(fixes) != 4 {
		t.Fatalf("%d fixes", len(fixes))
	}
	for _, fix := range fixes {
		e, err := edit.NewTrees(s).Record(fix.Apply)
		if err != nil {
			t.Fatal(err)
		}
		near := edit.NewTrees(s)
		near.NearTo(e)
		part, ok := partEdits(near, fix)
		whole, err := (&loneEdits{s: s}).ofWhole(fix)
		if !ok || err != nil || !reflect.DeepEqual(part, whole) {
			t.Errorf("ok %v, %v: %v, want %v", ok, err, part, whole)
		}
		parts, err := near.Parts()
		if err != nil || len(parts) != 1 || len(parts[0].Before) > b.Len()/8 {
			t.Errorf("%v: %d parts, the first of %d bytes of %d", err, len(parts), len(parts[0].Before), b.Len())
		}
	}
}

// TestIsolate asserts that one guilty fix among many is found without a type
// check for each.
func TestIsolate(t *testing.T) {
	dir := t.TempDir()
	src := "package m\n\nfunc mark(string) {}\n"
	for i := range 64 {
		code := "println()"
		if i == 20 {
			code = "undefined1()"
		}
		src += fmt.Sprintf("\nfunc f%d() {\n\tmark(`%s`)\n}\n", i, code)
	}
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n", "x.go": src} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var files *token.FileSet
	res, err := Run(context.Background(), Options{Config: Config{Dir: dir}, Admit: Safe, Fix: true}, []*Finder{{
		Name:  "mark",
		Needs: []Need{{Idents: []string{"mark"}}},
		Find: func(s *Snapshot) []Finding {
			files = s.Fset
			fixes := marks(s)
			var out []Finding
			for c := range s.Calls("example.com/m", "mark") {
				out = append(out, Finding{Pos: c.Call.Pos(), End: c.Call.End(), Message: "mark", Fixes: fixes[len(out) : len(out)+1]})
			}
			return out
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range res.Findings {
		if want := (i == 20); (f.State == Withheld) != want || (f.State == Fixed) == want {
			t.Errorf("finding %d: %v (%s), want withheld: %v", i, f.State, f.Why, want)
		}
	}
	checks := 0
	files.Iterate(func(f *token.File) bool {
		if filepath.Base(f.Name()) == "x.go" {
			checks++
		}
		return true
	})
	// The first, all fixes, those on the way to the guilty with their other
	// halves, the others together.
	if most := 1 + 1 + 1 + 2*6 + 1; checks > most {
		t.Errorf("%d type checks, want at most %d", checks, most)
	}
}
