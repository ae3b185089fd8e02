// Package repo asks git about the files of a repository.
package repo

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// Root returns the top of the repository that dir is in: the directory with a
// .git entry. It is "" where there is none.
func Root(dir string) string {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// Ignored returns those of files that git ignores: they match .gitignore and the
// like, and are not tracked. Where git cannot tell, none are.
func Ignored(ctx context.Context, files []string) map[string]bool {
	byRoot := make(map[string][]string)
	asked := make(map[string][]string) // files by their names without links to directories
	reals, roots := make(map[string]string), make(map[string]string)
	for _, f := range files {
		dir := filepath.Dir(f)
		if _, known := reals[dir]; !known {
			reals[dir] = safefile.RealPath(dir) // git looks at nothing beyond a link
			roots[dir] = Root(reals[dir])
		}
		if root := roots[dir]; root != "" {
			name := filepath.Join(reals[dir], filepath.Base(f))
			byRoot[root] = append(byRoot[root], name)
			asked[name] = append(asked[name], f)
		}
	}
	out := make(map[string]bool)
	for root, list := range byRoot {
		// No program that the repository's own configuration names is to be run.
		cmd := exec.CommandContext(ctx, "git", "-C", root, "-c", "core.fsmonitor=false", "check-ignore", "-z", "--stdin")
		cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0")
		var in bytes.Buffer
		for _, f := range list {
			rel, err := filepath.Rel(root, f)
			if err == nil {
				in.WriteString(filepath.ToSlash(rel) + "\x00")
			}
		}
		cmd.Stdin = &in
		text, err := cmd.Output()
		if err != nil {
			continue // exit 1: none is ignored
		}
		for name := range strings.SplitSeq(strings.TrimSuffix(string(text), "\x00"), "\x00") {
			for _, f := range asked[filepath.Join(root, filepath.FromSlash(name))] {
				out[f] = true
			}
		}
	}
	return out
}
