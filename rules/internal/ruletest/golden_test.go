package ruletest

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
)

// tree writes an archive as a tree of the rule stray.
func tree(t *testing.T, text string) *goldenTree {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stray", "case.txtar")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return readGolden(t, path)
}

func TestReadGolden(t *testing.T) {
	for _, test := range []struct {
		head string
		want goldenTree
	}{
		{"Words of somebody.\n", goldenTree{rules: []string{"stray"}}},
		{"flags: --unsafe\n", goldenTree{rules: []string{"stray"}, unsafe: true}},
		{"flags: --unsafe --tests=false\n", goldenTree{rules: []string{"stray"}, unsafe: true, noTests: true}},
		{"rules: one,two\nbroken\n", goldenTree{rules: []string{"one", "two"}, broken: true}},
		{"asked: cleanups\n", goldenTree{rules: []string{"stray"}, cleanups: true}},
		{"ill-typed\ngo: 1.20\n", goldenTree{rules: []string{"stray"}, illTyped: true}},
		{"This is broken, as words go.\n", goldenTree{rules: []string{"stray"}}},
	} {
		got := *tree(t, test.head+"-- main.go --\npackage main\n")
		got.path, got.archive = "", nil
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: %+v, want %+v", test.head, got, test.want)
		}
	}
}

func TestSplit(t *testing.T) {
	g := tree(t, "-- want/b.go --\nnew\n-- a.go --\nsame\n-- b.go --\nold\n-- want/c.go --\nmade\n-- findings --\nb.go:1:1\n")
	input, want, findings := g.split()
	text := func(m map[string][]byte) map[string]string {
		out := make(map[string]string)
		for k, v := range m {
			out[k] = string(v)
		}
		return out
	}
	if got := text(input); !reflect.DeepEqual(got, map[string]string{"a.go": "same\n", "b.go": "old\n"}) {
		t.Errorf("before: %v", got)
	}
	if got := text(want); !reflect.DeepEqual(got, map[string]string{"a.go": "same\n", "b.go": "new\n", "c.go": "made\n"}) {
		t.Errorf("after: %v", got)
	}
	if findings == nil || string(findings.Data) != "b.go:1:1\n" {
		t.Errorf("findings: %v", findings)
	}
	if _, _, none := tree(t, "-- a.go --\n").split(); none != nil {
		t.Errorf("findings out of nothing: %v", none)
	}
}

func TestDescribe(t *testing.T) {
	pos := token.Position{Filename: filepath.FromSlash("/m/sub/a.go"), Line: 3, Column: 2}
	safe, unsafe := rewrite.FoundFix{Safety: rewrite.Safe}, rewrite.FoundFix{Safety: rewrite.Unsafe}
	found := func(state rewrite.State, fixes ...rewrite.FoundFix) rewrite.Found {
		f := rewrite.Found{Pos: pos, State: state}
		f.Rule, f.Message, f.Fixes = "stray", "it strays", fixes
		return f
	}
	got := describe(filepath.FromSlash("/m"), []rewrite.Found{
		found(0), found(0, safe, unsafe), found(rewrite.Withheld, safe),
	})
	want := "sub/a.go:3:2: stray: it strays [no fix]\n" +
		"sub/a.go:3:2: stray: it strays [safe, unsafe]\n" +
		"sub/a.go:3:2: stray: it strays [withheld]\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A made rule is run over a module: what it changes is written, and builds.
func TestFix(t *testing.T) {
	dir := t.TempDir()
	WriteTree(t, dir, map[string][]byte{
		"go.mod":  []byte("module example.com/m\n\ngo 1.24\n"),
		"main.go": []byte("package main\n\nimport \"runtime\"\n\nfunc main() {\n\truntime.GC()\n\tprintln(1)\n}\n"),
	})
	r := &rule.Rule{Name: "stray", Needs: []rewrite.Need{{Import: "runtime", Idents: []string{"GC"}}}}
	r.Find = func(s *rewrite.Snapshot) []rewrite.Finding {
		var out []rewrite.Finding
		for call := range s.Calls("runtime", "GC") {
			stmt := call.At.Parent().Node().(ast.Stmt)
			out = append(out, rewrite.Finding{Pos: call.Call.Pos(), End: call.Call.End(), Message: "it strays", Fixes: []*rewrite.Fix{{
				Message: "remove it", Safety: rewrite.Unsafe, Apply: func(e *rewrite.Edit) error { e.Delete(stmt, nil); return nil },
			}}})
		}
		return out
	}
	Fix(t, dir, r)
	AssertTree(t, "the fix", dir, map[string][]byte{
		"go.mod":  []byte("module example.com/m\n\ngo 1.24\n"),
		"main.go": []byte("package main\n\nfunc main() {\n\tprintln(1)\n}\n"),
	})
	if _, err := os.Stat(Build(t, dir)); err != nil {
		t.Error(err)
	}
}
