// Package git runs git on repositories that are not trusted: no hook, no
// program that the repository's or the user's configuration names, no setting
// that changes the form of the output.
package git

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// settings are those that make git run programs or write.
var settings = []string{
	"core.fsmonitor=false",
	"core.hooksPath=" + os.DevNull,
	"core.quotePath=false",
	"diff.submodule=short",
	"log.showSignature=false",
}

// diffFlags give a diff the one form that can be read, whatever diff.* says,
// and without the drivers that attributes name.
var diffFlags = []string{
	"--no-ext-diff", "--no-textconv", "--text", "--no-color", "--no-renames", "--no-relative", "--ignore-submodules=all",
	"--inter-hunk-context=0", "--diff-algorithm=myers", "--src-prefix=a/", "--dst-prefix=b/", "-O" + os.DevNull,
}

// Output runs git at root and returns what it writes.
func Output(ctx context.Context, root string, args ...string) ([]byte, error) {
	cmd := Command(ctx, root, args...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(bytes.TrimSpace(exit.Stderr)) > 0 {
		return nil, errors.New(string(bytes.TrimSpace(exit.Stderr)))
	}
	if err != nil {
		return nil, fmt.Errorf("running git: %w", err)
	}
	return out, nil
}

// Command returns the command that runs git at root.
func Command(ctx context.Context, root string, args ...string) *exec.Cmd {
	all := []string{"--no-pager", "--literal-pathspecs"}
	for _, s := range settings {
		all = append(all, "-c", s)
	}
	cmd := exec.CommandContext(ctx, "git", append(all, args...)...)
	cmd.Dir = root
	cmd.WaitDelay = time.Second // a filter or a helper may hold its output open
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0")
	return cmd
}

// Diff returns the differences that args name, with no context lines.
func Diff(ctx context.Context, root string, args ...string) ([]byte, error) {
	return Output(ctx, root, append(append([]string{"diff", "--unified=0"}, diffFlags...), args...)...)
}

// Names returns the names in what a command with -z writes.
func Names(out []byte) []string {
	return strings.FieldsFunc(string(out), func(c rune) bool { return c == 0 })
}

// Index returns the object IDs of the files in the index, by path relative to root and
// with slashes.
func Index(ctx context.Context, root string) (map[string]string, error) {
	out, err := Output(ctx, root, "ls-files", "--stage", "-z")
	if err != nil {
		return nil, err
	}
	ids := make(map[string]string)
	for _, entry := range Names(out) {
		// mode, ID and stage before the tab (git-ls-files(1))
		if head, name, ok := strings.Cut(entry, "\t"); ok {
			if f := strings.Fields(head); len(f) == 3 {
				ids[name] = f[1]
			}
		}
	}
	return ids, nil
}

// IsBlob reports whether data is the content of the object with the ID, in a repository
// of either format (gitformat-loose(5), hash-function-transition).
func IsBlob(id string, data []byte) bool {
	h := sha1.New()
	if len(id) == hex.EncodedLen(sha256.Size) {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", len(data))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil)) == id
}

// File returns the content that the file at path, relative to root and with
// slashes, has in rev; "" is the index. It is an error when it is larger than
// max bytes.
func File(ctx context.Context, root, rev, path string, max int64) ([]byte, error) {
	object := rev + ":" + path
	size, err := Output(ctx, root, "cat-file", "-s", object)
	if err != nil {
		return nil, err
	}
	var n int64
	if _, err := fmt.Sscan(string(size), &n); err != nil {
		return nil, fmt.Errorf("git cat-file: odd size %q", size)
	}
	if n > max {
		return nil, fmt.Errorf("%s is larger than %d bytes", object, max)
	}
	return Output(ctx, root, "cat-file", "blob", object)
}

// NoRevision returns the error that says that rev is no revision of the
// repository at root, and what to do about it where the clone is shallow.
func NoRevision(ctx context.Context, root, rev string) error {
	hint := ""
	if Shallow(ctx, root) {
		hint = "; this clone is shallow: check out with fetch-depth: 0, or run git fetch --unshallow"
	}
	return fmt.Errorf("%q is no revision of the repository in %s%s", rev, root, hint)
}

// Shallow reports whether the repository at root lacks a part of its history.
func Shallow(ctx context.Context, root string) bool {
	out, err := Output(ctx, root, "rev-parse", "--is-shallow-repository")
	return err == nil && strings.TrimSpace(string(out)) == "true"
}
