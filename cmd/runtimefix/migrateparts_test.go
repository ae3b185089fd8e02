package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
)

// A fix that touches files of others belongs to the part of the file that the
// finding is in, whole, and the message names the others.
func TestMigrateOwners(t *testing.T) {
	b := newBench(t)
	bare := tidyModule(t, b, false)
	dir := b.clone(bare)
	if err := os.WriteFile(filepath.Join(dir, "CODEOWNERS"), []byte("*.go @org/core\ngo.* @org/deps\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.git(dir, "add", "-A")
	b.git(dir, "commit", "-q", "-m", "owners")
	b.git(dir, "push", "-q", "origin", "HEAD:main")

	dir = b.clone(bare)
	if code, out := b.migrate(dir, "--unsafe", "--rules", "maxprocs", "--owner", "@org/core", "--commit", "one"); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	if got := b.git(dir, "show", "--format=", "--name-only"); got != "cmd/m/main.go\ngo.mod\ngo.sum" {
		t.Errorf("the commit changes %q", got)
	}
	if body := b.git(dir, "log", "-1", "--format=%b"); !strings.Contains(body, "It also touches files of @org/deps.\n") {
		t.Errorf("the message is\n%s", body)
	}
	dir = b.clone(bare)
	if code, out := b.migrate(dir, "--unsafe", "--rules", "maxprocs", "--owner", "@org/deps"); code != 0 || b.git(dir, "status", "--porcelain") != "" {
		t.Errorf("exit %d\n%s", code, out)
	}

	// Three files at once are more than two.
	dir = b.clone(bare)
	if code, out := b.migrate(dir, "--unsafe", "--rules", "maxprocs", "--max-files", "2"); code != 10 || b.git(dir, "status", "--porcelain") != "" {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestFilesWithin(t *testing.T) {
	change := func(path string, group int) rewrite.Change { return rewrite.Change{Path: path, Group: group} }
	p := &plan{state: make(map[string][]byte), steps: []step{
		{changes: []rewrite.Change{change("a", 0), change("d", 0), change("b", 1), change("c", 2)}},
		{changes: []rewrite.Change{change("c", 0), change("e", 0)}}, // of another run of the engine
	}}
	for _, s := range p.steps {
		for _, c := range s.changes {
			p.state[c.Path] = nil
		}
	}
	for n, want := range []string{"[]", "[b]", "[a d]", "[a b d]", "[a b d]", "[a b c d e]"} {
		files := filesWithin(p.together(), n)
		var got []string
		for path := range files {
			got = append(got, path)
		}
		slices.Sort(got)
		if fmt.Sprint(got) != want {
			t.Errorf("%d files: %v, want %s", n, got, want)
		}
	}
	if n := filesWith(p.together(), "e"); n != 2 {
		t.Errorf("e changes with %d files", n)
	}
}

// Rules that share no directory get what was made for all at once.
func TestChangesByRule(t *testing.T) {
	found := func(rule, path string) rewrite.Found {
		f := rewrite.Found{Rule: rule, State: rewrite.Fixed}
		f.Pos.Filename = path
		return f
	}
	for name, test := range map[string]struct {
		found   []rewrite.Found
		changes []rewrite.Change
		want    string
	}{
		"apart":               {[]rewrite.Found{found("a", "p/x.go"), found("b", "q/x.go")}, []rewrite.Change{{Path: "p/x.go"}, {Path: "q/x.go", Group: 1}}, "map[a:[p/x.go] b:[q/x.go]]"},
		"one package":         {[]rewrite.Found{found("a", "p/x.go"), found("b", "p/y.go"), found("c", "q/x.go")}, []rewrite.Change{{Path: "p/x.go"}, {Path: "p/y.go", Group: 1}, {Path: "q/x.go", Group: 2}}, "map[c:[q/x.go]]"},
		"one file":            {[]rewrite.Found{found("a", "p/x.go"), found("b", "p/x.go")}, []rewrite.Change{{Path: "p/x.go"}}, "map[]"},
		"bound by go.mod":     {[]rewrite.Found{found("a", "p/x.go"), found("b", "q/x.go")}, []rewrite.Change{{Path: "go.mod"}, {Path: "p/x.go"}, {Path: "q/x.go"}}, "map[]"},
		"own file stays":      {[]rewrite.Found{found("a", "p/x.go"), found("b", "q/x.go")}, []rewrite.Change{{Path: "p/z.go"}, {Path: "q/x.go", Group: 1}}, "map[]"},
		"nobody's file":       {[]rewrite.Found{found("a", "p/x.go")}, []rewrite.Change{{Path: "p/x.go"}, {Path: "q/x.go", Group: 1}}, "map[]"},
		"shared by one group": {[]rewrite.Found{found("a", "p/x.go"), found("b", "q/x.go")}, []rewrite.Change{{Path: "p/x.go"}, {Path: "p/y.go", Group: 1}, {Path: "q/x.go", Group: 1}}, "map[]"},
	} {
		got := make(map[string][]string)
		for rule, list := range changesByRule(&rewrite.Result{Findings: test.found, Changes: test.changes}) {
			for _, c := range list {
				got[rule] = append(got[rule], c.Path)
			}
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
}
