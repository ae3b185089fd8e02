package ruletest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/diff"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
)

// Patch returns the patch of res's changes with paths relative to dir.
func Patch(t *testing.T, dir string, res *rewrite.Result) []byte {
	t.Helper()
	var files []diff.File
	for _, c := range res.Changes {
		rel, err := filepath.Rel(dir, c.Path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, diff.File{Path: filepath.ToSlash(rel), Old: c.Old, New: c.New})
	}
	return diff.Unified(files, diff.Options{})
}

// Fix applies the fixes of r, unsafe ones included, to the files in
// dir.
func Fix(t *testing.T, dir string, r *rule.Rule) {
	t.Helper()
	FixAdmitted(t, dir, r, rewrite.Unsafe)
}

// FixAdmitted applies the fixes of r that are at least as safe as admit
// to the files in dir.
func FixAdmitted(t *testing.T, dir string, r *rule.Rule, admit rewrite.Safety) {
	t.Helper()
	finders := []*rewrite.Finder{r.Finder()}
	res, err := rewrite.Run(context.Background(), rewrite.Options{
		Config: rewrite.Config{Dir: dir, Emits: emits(finders)}, Patterns: []string{"./..."}, Admit: admit, Fix: true, Known: known(t),
	}, finders)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Changes) == 0 {
		t.Fatalf("nothing was fixed: %v %v", res.Findings, res.Problems)
	}
	for _, c := range res.Changes {
		if err := os.WriteFile(c.Path, c.New, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Build builds the program in dir and returns the path of the binary.
func Build(t *testing.T, dir string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "prog")
	cmd := exec.Command("go", "build", "-o", bin, ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return bin
}
