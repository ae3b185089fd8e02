package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/diff"
)

// workDir returns the directory to work in, absolute, in the user's spelling.
func workDir(dir string) (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if dir != "" {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(wd, dir)
		}
		wd = filepath.Clean(dir)
	}
	info, err := os.Stat(wd)
	if err != nil {
		return "", usageError{err}
	}
	if !info.IsDir() {
		return "", usagef("%s is not a directory", wd)
	}
	return wd, nil
}

// repoRoot returns the top of the repository that dir is in, dir itself when it
// is in none.
func repoRoot(dir string) string {
	for d := dir; ; {
		if _, err := os.Stat(filepath.Join(d, ".git")); err == nil {
			return d
		}
		up := filepath.Dir(d)
		if up == d {
			return dir
		}
		d = up
	}
}

// patchOf returns the patch of changes with paths relative to the repository
// that dir is in, and the files outside of it. Links are followed: git patches
// no file through them. A patch that is shown has no control characters, so
// that it need not apply.
func patchOf(changes []rewrite.Change, dir string, color, shown bool) (patch []byte, outside []string) {
	root := rewrite.RealPath(repoRoot(dir))
	seen := make(map[string]bool)
	var files []diff.File
	for _, c := range changes {
		path := rewrite.RealPath(c.Path)
		if seen[path] {
			continue
		}
		seen[path] = true
		rel, err := filepath.Rel(root, path)
		if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			outside = append(outside, c.Path)
			continue
		}
		files = append(files, diff.File{Path: filepath.ToSlash(rel), Old: c.Old, New: c.New})
	}
	slices.SortFunc(files, func(a, b diff.File) int { return strings.Compare(a.Path, b.Path) })
	return unified(files, color, shown), outside
}

// unified returns the patch of files.
func unified(files []diff.File, color, shown bool) []byte {
	if shown {
		for i, f := range files {
			files[i].Old, files[i].New = printable.File(f.Old), printable.File(f.New)
		}
	}
	return diff.Unified(files, diff.Options{Color: color})
}
