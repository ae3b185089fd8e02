// Package gitlines says which lines changed since a git revision, and reads
// what is staged.
package gitlines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/git"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// maxStaged bounds the files that are read from the index: no larger one is
// looked at on disk either.
const maxStaged = 16 << 20

// Lines are the changed lines of a work tree.
type Lines struct {
	files map[string][]span // by absolute path without links
	whole map[string]bool   // files that git does not know yet
	dirs  map[string]bool   // directories with changed files
}

// span is a range of lines, first to last.
type span struct{ first, last int }

// Touches reports whether one of the lines first to last of path changed.
func (l *Lines) Touches(path string, first, last int) bool {
	path = filepath.Join(safefile.RealPath(filepath.Dir(path)), filepath.Base(path))
	if l.whole[path] {
		return true
	}
	for _, s := range l.files[path] {
		if s.first <= last && first <= s.last {
			return true
		}
	}
	return false
}

// Dir reports whether a file in the directory changed.
func (l *Lines) Dir(dir string) bool { return l.dirs[safefile.RealPath(dir)] }

// Since returns the lines of the work tree at root that changed since rev: since
// the branch left it when rev is on another branch. Files that git neither
// tracks nor ignores count as changed.
func Since(ctx context.Context, root, rev string) (*Lines, error) {
	if _, err := git.Output(ctx, root, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}"); err != nil {
		if _, noRepo := git.Output(ctx, root, "rev-parse", "--git-dir"); noRepo != nil {
			return nil, noRepo
		}
		return nil, git.NoRevision(ctx, root, rev)
	}
	base := rev
	switch out, err := git.Output(ctx, root, "merge-base", "--", rev, "HEAD"); {
	case err == nil:
		base = strings.TrimSpace(string(out))
	case git.Shallow(ctx, root):
		return nil, fmt.Errorf("this clone is shallow and lacks the commit at which the branch left %s: check out with fetch-depth: 0, or run git fetch --unshallow", rev)
	}
	l, err := changed(ctx, root, base)
	if err != nil {
		return nil, err
	}
	out, err := git.Output(ctx, root, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return nil, err
	}
	for _, name := range git.Names(out) {
		path := filepath.Join(safefile.RealPath(root), filepath.FromSlash(name))
		l.whole[path] = true
		l.dirs[filepath.Dir(path)] = true
	}
	return l, nil
}

// Staged returns the lines that are staged for the next commit, and the staged
// content of every file whose content on disk is another. Go files that git
// does not track get a content that leaves them out of every build.
func Staged(ctx context.Context, root string) (l *Lines, overlay map[string][]byte, err error) {
	if l, err = changed(ctx, root, "--cached"); err != nil {
		return nil, nil, err
	}
	overlay = make(map[string][]byte)
	// git diff takes those for unchanged that it would convert to what is in the index,
	// line ends say: what is staged has the index's.
	staged := make(map[string]bool)
	for _, which := range [][]string{nil, {"--cached", "--diff-filter=d"}} {
		out, err := git.Diff(ctx, root, append(which, "--name-only", "-z")...)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range git.Names(out) {
			staged[name] = which != nil
		}
	}
	ids, err := git.Index(ctx, root)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(staged)) {
		path := filepath.Join(root, filepath.FromSlash(name))
		disk, unread := safefile.Read(path, maxStaged)
		if staged[name] && errors.Is(unread, fs.ErrNotExist) && filepath.Ext(path) == ".go" {
			return nil, nil, fmt.Errorf("%s is staged but not on disk: git restore it, or git rm --cached it", name)
		}
		if unread == nil && git.IsBlob(ids[name], disk) {
			continue
		}
		data, err := git.File(ctx, root, "", name, maxStaged)
		if err != nil {
			continue // a submodule, or a conflict that is not resolved
		}
		overlay[path] = data
	}
	out, err := git.Output(ctx, root, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return nil, nil, err
	}
	for _, name := range git.Names(out) {
		if strings.HasSuffix(name, ".go") {
			overlay[filepath.Join(root, filepath.FromSlash(name))] = []byte("//go:build ignore\n\npackage ignore\n")
		}
	}
	return l, overlay, nil
}

// changed reads the diff against base.
func changed(ctx context.Context, root, base string) (*Lines, error) {
	out, err := git.Diff(ctx, root, base, "--")
	if err != nil {
		return nil, err
	}
	l := &Lines{files: make(map[string][]span), whole: make(map[string]bool), dirs: make(map[string]bool)}
	root = safefile.RealPath(root)
	path, skip := "", 0
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case skip > 0:
			if !strings.HasPrefix(line, `\`) {
				skip--
			}
		case strings.HasPrefix(line, "+++ "):
			path = filePath(root, line[len("+++ "):])
		case strings.HasPrefix(line, "@@ "):
			gone, _, first, count, err := hunk(line)
			if err != nil {
				return nil, err
			}
			skip = gone + count
			if path != "" && count > 0 {
				l.files[path] = append(l.files[path], span{first, first + count - 1})
				l.dirs[filepath.Dir(path)] = true
			}
		}
	}
	return l, nil
}

// filePath returns the file that a +++ line names, "" for /dev/null.
func filePath(root, name string) string {
	name = strings.TrimSuffix(name, "\t")
	if strings.HasPrefix(name, `"`) {
		if s, err := strconv.Unquote(name); err == nil {
			name = s
		}
	}
	name, ok := strings.CutPrefix(name, "b/")
	if !ok {
		return ""
	}
	return filepath.Join(root, filepath.FromSlash(name))
}

// hunk reads "@@ -a,gone +first,count @@".
func hunk(line string) (gone, oldFirst, first, count int, err error) {
	f := strings.Fields(line)
	if len(f) < 3 {
		return 0, 0, 0, 0, fmt.Errorf("git diff: odd line %q", line)
	}
	oldFirst, gone, err1 := lineRange(f[1])
	first, count, err2 := lineRange(f[2])
	return gone, oldFirst, first, count, errors.Join(err1, err2)
}

func lineRange(s string) (first, count int, err error) {
	a, b, ok := strings.Cut(s[1:], ",")
	if first, err = strconv.Atoi(a); err != nil {
		return 0, 0, err
	}
	if !ok {
		return first, 1, nil
	}
	count, err = strconv.Atoi(b)
	return first, count, err
}
