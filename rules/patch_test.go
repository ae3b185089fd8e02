package rules_test

import (
	"path/filepath"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/diff"
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
