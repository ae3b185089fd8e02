package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/git"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// maxSize bounds the files that are read, baselines among them.
const maxSize = 64 << 20

// Source reads files by absolute path; the error is fs.ErrNotExist where there
// is none.
type Source func(path string) ([]byte, error)

// Disk reads the files as they are.
func Disk(path string) ([]byte, error) { return safefile.Read(path, maxSize) }

// Revision returns a Source of the files of the repository at root as they are
// in the git revision rev, whatever the work tree holds.
func Revision(ctx context.Context, root, rev string) (Source, error) {
	out, err := git.Output(ctx, root, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("--config-from: %w", git.NoRevision(ctx, root, rev))
	}
	commit := strings.TrimSpace(string(out))
	return func(path string) ([]byte, error) {
		rel, err := filepath.Rel(root, path)
		if err != nil || !filepath.IsLocal(rel) {
			return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("is outside of the repository")}
		}
		rel = filepath.ToSlash(rel)
		entry, err := git.Output(ctx, root, "ls-tree", "-z", "--full-tree", commit, "--", rel)
		if err != nil {
			return nil, err
		}
		switch mode, _, _ := strings.Cut(string(entry), " "); mode {
		case "":
			return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
		case "100644", "100755":
			return git.File(ctx, root, commit, rel, maxSize)
		}
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("is no regular file in %s", rev)}
	}, nil
}
