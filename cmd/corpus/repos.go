package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A repo is a line of repos.tsv: a repository at a pinned commit.
type repo struct {
	Name   string // owner/name
	Commit string
	Kind   string
	Module string // for -fill; "-" where a module zip would not do
	Layout string // "-", or "gopath:IMPORT" for code from before modules
}

// readTSV reads a file of tab-separated lines of a fixed number of fields.
// Empty lines and lines that begin with # do not count.
func readTSV(path string, fields int) ([][]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out [][]string
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != fields {
			return nil, fmt.Errorf("%s:%d: %d fields instead of %d", path, n, len(f), fields)
		}
		out = append(out, f)
	}
	return out, nil
}

func readRepos(path string) ([]repo, error) {
	rows, err := readTSV(path, 5)
	if err != nil {
		return nil, err
	}
	var out []repo
	for _, f := range rows {
		out = append(out, repo{f[0], f[1], f[2], f[3], f[4]})
	}
	return out, nil
}

// scratchDir makes an empty folder for the repository, always the same one: the
// build cache knows packages by their folder.
func (r repo) scratchDir() (string, error) {
	dir := filepath.Join(os.TempDir(), "runtimefix-corpus", r.dirName())
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o777)
}

// scratch makes a fresh work tree of the repository below dir and returns it
// with the environment to run Go in there.
func (r repo) scratch(ctx context.Context, opt *options, dir string) (tree string, env []string, err error) {
	tree = filepath.Join(dir, "tree")
	env = append(os.Environ(), "GOWORK=", "GOFLAGS=-buildvcs=false", "GOPATH="+goEnv(ctx, "GOPATH"),
		"RUNTIMEFIX_CACHE="+filepath.Join(dir, "cache")) // kept for this run's fixes, empty for its report
	if imp, ok := strings.CutPrefix(r.Layout, "gopath:"); ok {
		tree = filepath.Join(dir, "gopath", "src", filepath.FromSlash(imp))
		env = append(env, "GO111MODULE=off", "GOPATH="+filepath.Join(dir, "gopath"))
	}
	if err := os.MkdirAll(filepath.Dir(tree), 0o777); err != nil {
		return "", nil, err
	}
	from := filepath.Join(opt.repos, r.dirName())
	if isGit(from) {
		if err := git(ctx, dir, "clone", "-q", "--shared", "--no-checkout", resolved(from), tree); err != nil {
			return "", nil, err
		}
		return tree, env, checkout(ctx, tree, r.Commit)
	}
	zip, err := r.moduleZip(ctx, opt)
	if err != nil {
		return "", nil, err
	}
	if err := os.CopyFS(tree, os.DirFS(zip)); err != nil {
		return "", nil, err
	}
	if err := git(ctx, tree, "init", "-q"); err != nil {
		return "", nil, err
	}
	return tree, env, commitAll(ctx, tree, r.Commit)
}

// checkout fills a clone's work tree. A clone may lack large files: what there
// is becomes a commit of its own then, so that later differences are ours.
func checkout(ctx context.Context, tree, commit string) error {
	err := git(ctx, tree, "-c", "advice.detachedHead=false", "checkout", "-q", commit)
	if err != nil && git(ctx, tree, "read-tree", commit) != nil {
		return err
	}
	if err == nil && git(ctx, tree, "diff", "--quiet", "HEAD") == nil {
		return nil
	}
	_ = git(ctx, tree, "checkout-index", "-a", "-q", "-f") // fails for the files that it lacks
	return commitAll(ctx, tree, commit)
}

// commitAll commits the work tree as it is.
func commitAll(ctx context.Context, tree, message string) error {
	if err := git(ctx, tree, "add", "-A", "-f"); err != nil {
		return err
	}
	return git(ctx, tree, "-c", "user.name=corpus", "-c", "user.email=corpus@localhost", "commit", "-q", "-m", message)
}

// dirName is the repository's name as that of a folder.
func (r repo) dirName() string { return strings.ReplaceAll(r.Name, "/", "+") }

// moduleZip returns the folder of the repository's module in the module cache.
func (r repo) moduleZip(ctx context.Context, opt *options) (string, error) {
	if !opt.fill || r.Module == "-" {
		return "", fmt.Errorf("no checkout of %s in %s", r.Name, opt.repos)
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", r.Module+"@"+r.Commit)
	cmd.Dir = opt.out
	out, err := cmd.Output()
	var mod struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &mod); jsonErr != nil {
		return "", fmt.Errorf("downloading %s: %w", r.Module, err)
	}
	if mod.Dir == "" {
		return "", fmt.Errorf("downloading %s: %s", r.Module, mod.Error)
	}
	return mod.Dir, nil
}

func goEnv(ctx context.Context, name string) string {
	out, _ := exec.CommandContext(ctx, "go", "env", name).Output()
	return strings.TrimSpace(string(out))
}

// isGit reports whether dir is a work tree or a bare repository.
func isGit(dir string) bool {
	for _, head := range []string{"HEAD", ".git/HEAD"} {
		if _, err := os.Stat(filepath.Join(dir, head)); err == nil {
			return true
		}
	}
	return false
}

func resolved(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	return path
}

// git runs git in a directory; its error says what git printed.
func git(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
