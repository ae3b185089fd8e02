package load

import (
	"path/filepath"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite/internal/outline"
)

// Tests cost more than the packages that they test. They are loaded where a rule can
// fire in one of them; the others are there then so that it type-checks: what they
// declare is enough, unless they use what the one declares.

// hasTested reports whether the tests of the package in dir are loaded.
func (l *Loader) hasTested(dir string) bool {
	_, ok := l.tested[RealPath(dir)]
	return ok || l.tested == nil
}

// thinTests decides which tests of f are loaded without the bodies of their
// functions.
func (l *Loader) thinTests(f *foundPackage) {
	tested := l.tested[RealPath(f.Dir)]
	if len(tested) == 0 {
		return
	}
	whole := make(map[string]bool)
	for _, path := range tested {
		whole[filepath.Base(path)] = true
	}
	declared := make(map[string]bool)
	files := f.abs(slices.Concat(f.TestGoFiles, f.XTestGoFiles))
	for _, path := range files {
		if src, err := l.source(path); err == nil && whole[filepath.Base(path)] {
			outline.Declared(src, declared)
		}
	}
	for _, path := range files {
		src, err := l.source(path)
		if err != nil || whole[filepath.Base(path)] {
			continue
		}
		uses := false
		if thin, ok := outline.Of(src, func(name string) { uses = uses || declared[name] }); ok && !uses {
			l.thin[path] = thin
		}
	}
}

// source returns the content of the file as the loader's overlay has it.
func (l *Loader) source(path string) ([]byte, error) {
	if src, ok := l.overlay[path]; ok {
		return src, nil
	}
	return l.Inputs.Read(path)
}
