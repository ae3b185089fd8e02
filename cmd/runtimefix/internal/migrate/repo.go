// Package migrate makes the commits of a bulk migration: it looks at a checkout,
// proves a change with the go command, words it, and writes down what was done.
package migrate

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/git"
)

// Repo is the checkout that is migrated.
type Repo struct {
	Root string // the top of the work tree, or the directory itself where git knows none
	Git  bool
	// Base is the commit that the work tree was at, "" before the first one.
	Base string
	// Date is when Base was committed, in the form of git's dates.
	Date string
	Name string // owner/name where that can be told
}

// Open looks at the checkout that dir is in.
func Open(ctx context.Context, dir string) *Repo {
	r := &Repo{Root: dir}
	if out, err := git.Output(ctx, dir, "rev-parse", "--show-toplevel"); err == nil {
		r.Git, r.Root = true, filepath.FromSlash(strings.TrimSpace(string(out)))
	}
	if r.Git {
		if out, err := git.Output(ctx, r.Root, "log", "-1", "--format=%H %cI"); err == nil {
			r.Base, r.Date, _ = strings.Cut(strings.TrimSpace(string(out)), " ")
		}
	}
	r.Name = r.name(ctx)
	return r
}

// name is what the engine that drives the migration calls the repository: the
// variables are those of multi-gitter, git-xargs and microplane.
func (r *Repo) name(ctx context.Context) string {
	if n := os.Getenv("REPOSITORY"); n != "" {
		return n
	}
	if n := os.Getenv("XARGS_REPO_NAME"); n != "" {
		return path.Join(os.Getenv("XARGS_REPO_OWNER"), n)
	}
	if n := os.Getenv("MICROPLANE_REPO"); n != "" {
		return n
	}
	if r.Git {
		if out, err := git.Output(ctx, r.Root, "config", "--get", "remote.origin.url"); err == nil {
			if n := remoteName(strings.TrimSpace(string(out))); n != "" {
				return n
			}
		}
	}
	return filepath.Base(r.Root)
}

// remoteName returns the last two elements of a remote's path.
func remoteName(remote string) string {
	p := remote
	if u, err := url.Parse(remote); err == nil && u.Scheme != "" {
		p = u.Path
	} else if _, rest, ok := strings.Cut(remote, ":"); ok && !strings.HasPrefix(remote, "/") {
		p = rest // user@host:owner/name.git
	}
	p = strings.TrimSuffix(strings.Trim(filepath.ToSlash(p), "/"), ".git")
	if p == "" {
		return ""
	}
	parts := strings.Split(p, "/")
	return strings.Join(parts[max(0, len(parts)-2):], "/")
}

// Dirty returns the first of the files that differ from the last commit or are
// new, "" when there is none. Ignored files do not count.
func (r *Repo) Dirty(ctx context.Context) (string, error) {
	if !r.Git {
		return "", nil
	}
	out, err := git.Output(ctx, r.Root, "status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=none")
	if err != nil {
		return "", fmt.Errorf("asking git for changed files: %w", err)
	}
	names := git.Names(out)
	if len(names) == 0 {
		return "", nil
	}
	return strings.TrimSpace(names[0][min(2, len(names[0])):]), nil
}

// Inside reports whether the file would stand in the checkout, where an engine
// would commit it.
func (r *Repo) Inside(file string) bool {
	abs, err := filepath.Abs(file)
	if err != nil {
		return true
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		abs = filepath.Join(dir, filepath.Base(abs))
	}
	root := r.Root
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	rel, err := filepath.Rel(root, abs)
	return err != nil || rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// AddNew puts the files of paths, absolute ones, that git does not know into the
// index, where engines that commit with --all or look at the index see them.
func (r *Repo) AddNew(ctx context.Context, paths []string) error {
	if !r.Git || len(paths) == 0 {
		return nil
	}
	out, err := git.Output(ctx, r.Root, append([]string{"ls-files", "-z", "--others", "--exclude-standard", "--"}, paths...)...)
	if err != nil {
		return fmt.Errorf("asking git for new files: %w", err)
	}
	unknown := git.Names(out)
	if len(unknown) == 0 {
		return nil
	}
	if _, err := git.Output(ctx, r.Root, append([]string{"add", "--"}, unknown...)...); err != nil {
		return fmt.Errorf("adding new files to the index: %w", err)
	}
	return nil
}

// CommitOptions say how commits are made.
type CommitOptions struct {
	Signoff  bool
	Trailers []string // "Key: value"
	ChangeID bool     // a Change-Id as Gerrit wants it
}

// room is how many characters the trailers that git adds may take: a person's name
// and address, a Change-Id.
func (o CommitOptions) room() int {
	n := 0
	for _, t := range o.Trailers {
		n += len([]rune(t)) + 1
	}
	if o.Signoff {
		n += 200
	}
	if o.ChangeID {
		n += len("Change-Id: I") + 2*sha1.Size + 1
	}
	if n > 0 {
		n++ // a blank line before them
	}
	return n
}

// Room returns how many of limit characters are left for a message; 0 is no limit.
func (o CommitOptions) Room(limit int) int {
	if limit <= 0 {
		return limit
	}
	return max(1, limit-o.room())
}

// Commit commits the files at paths, absolute ones, with the message, and returns
// the new commit. Hooks run. Author's and committer's date are those of the base
// commit: the same input makes the same commit, so that a second run has nothing
// new to push.
func (r *Repo) Commit(ctx context.Context, message string, paths []string, opt CommitOptions) (string, error) {
	if _, err := git.Output(ctx, r.Root, append([]string{"add", "--"}, paths...)...); err != nil {
		return "", fmt.Errorf("adding what was changed: %w", err)
	}
	args := []string{"commit", "--quiet", "--cleanup=whitespace", "--file=-", "--only"}
	if opt.Signoff {
		args = append(args, "--signoff")
	}
	for _, t := range opt.Trailers {
		args = append(args, "--trailer", t)
	}
	if opt.ChangeID {
		tree, err := git.Output(ctx, r.Root, "write-tree")
		if err != nil {
			return "", fmt.Errorf("naming the change: %w", err)
		}
		args = append(args, "--trailer", fmt.Sprintf("Change-Id: I%x", sha1.Sum([]byte(string(tree)+r.Base+message))))
	}
	args = append(append(args, "--"), paths...)
	// Not git.Command: the user's hooks are to be honoured here.
	cmd := exec.CommandContext(ctx, "git", append([]string{"--no-pager", "--literal-pathspecs"}, args...)...)
	cmd.Dir, cmd.Stdin = r.Root, strings.NewReader(message)
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_EDITOR=true")
	if r.Date != "" {
		cmd.Env = append(cmd.Env, "GIT_AUTHOR_DATE="+r.Date, "GIT_COMMITTER_DATE="+r.Date)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New("git commit failed: " + strings.TrimSpace(string(out)+"\n"+err.Error()))
	}
	out, err := git.Output(ctx, r.Root, "rev-parse", "HEAD")
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}
