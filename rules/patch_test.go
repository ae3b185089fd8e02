package rules_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/diff"
	"github.com/runtimefix/runtimefix/rules"
)

// patchOf returns the patch of res's changes with paths relative to dir.
func patchOf(t *testing.T, dir string, res *rewrite.Result) []byte {
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

// fixTree applies the fixes of one rule, unsafe ones included, to the files in
// dir.
func fixTree(t *testing.T, dir, rule string) {
	t.Helper()
	fixAdmitted(t, dir, rule, rewrite.Unsafe)
}

// fixAdmitted applies the fixes of one rule that are at least as safe as admit
// to the files in dir.
func fixAdmitted(t *testing.T, dir, rule string, admit rewrite.Safety) {
	t.Helper()
	var finders []*rewrite.Finder
	for _, r := range rules.All {
		if r.Name == rule {
			finders = append(finders, r.Finder())
		}
	}
	res, err := rewrite.Run(context.Background(), rewrite.Options{
		Config: rewrite.Config{Dir: dir, Emits: emits(finders)}, Patterns: []string{"./..."}, Admit: admit, Fix: true, Known: rules.Names(),
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
