package ruletest

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
)

// top returns the root of the project, which holds testdata.
func top(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = up
	}
}

// TestData returns the path of a file below testdata, whatever package the test
// is in.
func TestData(t testing.TB, elem ...string) string {
	return filepath.Join(append([]string{top(t), "testdata"}, elem...)...)
}

// trees returns the paths of the golden trees of r.
func trees(t *testing.T, r *rule.Rule) []string {
	paths, err := filepath.Glob(TestData(t, "rules", r.Name, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden trees: %v", err)
	}
	return paths
}

func treeName(r *rule.Rule, path string) string {
	return r.Name + "/" + strings.TrimSuffix(filepath.Base(path), ".txtar")
}

// known returns the names of all rules, told from the folders of golden trees.
func known(t testing.TB) []string {
	entries, err := os.ReadDir(TestData(t, "rules"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// Load type-checks a module of files, contents by slash-separated path.
func Load(t testing.TB, files map[string]string) *rewrite.Snapshot {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := rewrite.Load(context.Background(), rewrite.Config{Dir: dir}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// WriteTree writes files, contents by slash-separated path, below dir.
func WriteTree(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// AssertTree fails unless dir holds exactly files.
func AssertTree(t *testing.T, what, dir string, files map[string][]byte) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		if w, ok := files[filepath.ToSlash(rel)]; !ok || !bytes.Equal(w, data) {
			t.Errorf("%s: %s holds\n%s\nwant\n%s", what, rel, data, w)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen != len(files) {
		t.Errorf("%s: %d files, want %d", what, seen, len(files))
	}
}

func clone(m map[string][]byte) map[string][]byte {
	out := make(map[string][]byte, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func keys(m map[string][]byte) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
