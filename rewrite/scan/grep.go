package scan

import (
	"context"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// Grep returns the Go files of the modules in dirs for which match returns
// true, in order of path. It passes over what a scan passes over, and over
// modules nested in them. match is called concurrently and must not keep data.
// What is looked at is noted in set.
func Grep(ctx context.Context, set *inputs.Set, dirs []string, match func(path string, data []byte) bool) ([]string, error) {
	return grep(ctx, set, dirs, MaxSize, match, func(p string, d fs.DirEntry) bool {
		if d.IsDir() {
			return !set.Exists(filepath.Join(p, "go.mod")) && d.Name() != "testdata" && !strings.HasPrefix(d.Name(), "_")
		}
		return strings.HasSuffix(d.Name(), ".go")
	})
}

// GrepAll returns the files below dir for which match returns true, in order of
// path, whatever they are, but not those that are bigger than a megabyte,
// hidden or vendored. match is called concurrently and must not keep data. What is
// looked at is noted in set.
func GrepAll(ctx context.Context, set *inputs.Set, dir string, match func(path string, data []byte) bool) ([]string, error) {
	return grep(ctx, set, []string{dir}, 1<<20, match, func(string, fs.DirEntry) bool { return true })
}

// grep reads the files below dirs that take takes and that are no bigger than
// max. Directories that take refuses are passed over.
func grep(ctx context.Context, set *inputs.Set, dirs []string, max int64, match func(path string, data []byte) bool, take func(p string, d fs.DirEntry) bool) ([]string, error) {
	paths := make(chan string, 256)
	var mu sync.Mutex
	var out []string
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			var buf []byte
			for p := range paths {
				var data []byte
				var err error
				buf, data, err = safefile.ReadInto(buf, p, max)
				noteRead(set, p, data, err)
				if err != nil || !match(p, data) {
					continue
				}
				mu.Lock()
				out = append(out, p)
				mu.Unlock()
			}
		})
	}
	var err error
	for _, root := range dirs {
		err = set.WalkDir(root+string(filepath.Separator), func(p string, d fs.DirEntry, err error) error {
			if cause := ctx.Err(); cause != nil {
				return cause
			}
			if err != nil {
				return nil // reported by the scan
			}
			p = filepath.Clean(p)
			name := d.Name()
			if d.IsDir() && p != root {
				if name == "vendor" || name == "node_modules" || strings.HasPrefix(name, ".") || !take(p, d) {
					return fs.SkipDir
				}
			}
			if d.Type().IsRegular() && take(p, d) {
				paths <- p
			}
			return nil
		})
		if err != nil {
			break
		}
	}
	close(paths)
	workers.Wait()
	slices.Sort(out)
	return slices.Compact(out), err
}
