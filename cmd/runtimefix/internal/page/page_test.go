package page

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite/diff"
	"github.com/runtimefix/runtimefix/rules"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the pages")

// root is the top of the project.
var root = filepath.Join("..", "..", "..", "..")

// TestPages checks that rules/NAME/README.md says what the rule and its golden
// trees say:
//
//	go test ./cmd/runtimefix/internal/page -update
func TestPages(t *testing.T) {
	for _, r := range rules.All {
		p := Of(r)
		for part, text := range map[string]string{"symptom": p.Symptom, "cause": p.Cause, "fix": p.Fix, "It fires when": p.Found, "It stays silent when": p.Silent} {
			if text == "" {
				t.Errorf("the documentation of %s lacks the part %q", r.Name, part)
			}
		}
		want := p.Markdown() + examples(t, r.Name)
		path := filepath.Join(root, "rules", r.Name, "README.md")
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("rules/%s/README.md is not what the rule says (%v): run go test ./cmd/runtimefix/internal/page -update", r.Name, err)
		}
	}
}

// maxExample bounds the lines of an example.
const maxExample = 60

// examples returns the change of a golden tree with safe fixes, and of one with
// unsafe ones, the first of each by name that is not too long.
func examples(t *testing.T, rule string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "testdata", "rules", rule, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden trees of %s: %v", rule, err)
	}
	slices.Sort(paths)
	found := make(map[bool]string)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tree := txtar.Parse(data)
		unsafe := false
		for line := range strings.Lines(string(tree.Comment)) {
			if flags, ok := strings.CutPrefix(line, "flags:"); ok && strings.Contains(flags, "--unsafe") {
				unsafe = true
			}
		}
		patch := change(tree)
		if n := strings.Count(patch, "\n"); n == 0 || n > maxExample || found[unsafe] != "" || strings.Contains(patch, "```") {
			continue
		}
		name := filepath.ToSlash(filepath.Join("testdata", "rules", rule, filepath.Base(path)))
		found[unsafe] = fmt.Sprintf("\n[`%s`](../../%s):\n\n```diff\n%s```\n", name, name, patch)
	}
	var b strings.Builder
	if s := found[false]; s != "" {
		b.WriteString("\n## Applied as it is\n" + s)
	}
	if s := found[true]; s != "" {
		b.WriteString("\n## Applied with --unsafe\n" + s)
	}
	return b.String()
}

// change returns what turns the input of a golden tree into what it wants.
func change(tree *txtar.Archive) string {
	before := make(map[string][]byte)
	for _, f := range tree.Files {
		before[f.Name] = f.Data
	}
	var files []diff.File
	for _, f := range tree.Files {
		name, ok := strings.CutPrefix(f.Name, "want/")
		if old, known := before[name]; ok && known && !bytes.Equal(old, f.Data) {
			files = append(files, diff.File{Path: name, Old: old, New: f.Data})
		}
	}
	var lines []string
	for line := range strings.Lines(string(diff.Unified(files, diff.Options{}))) {
		if !strings.HasPrefix(line, "diff --git ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
