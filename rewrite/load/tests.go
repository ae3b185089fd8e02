package load

import (
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// LacksTests reports whether the tests of the package in dir are not loaded, or some
// of them without the bodies of their functions.
func (l *Loader) LacksTests(dir string) bool {
	if l.hasTested(dir) {
		return l.HasThin(dir)
	}
	entries, _ := l.Inputs.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), "_test.go") })
}

// HasThin reports whether some of the tests in dir are loaded without the bodies of
// their functions.
func (l *Loader) HasThin(dir string) bool {
	for path := range l.thin {
		if filepath.Dir(path) == dir {
			return true
		}
	}
	return false
}

// LoadTests loads the packages in dirs, which are roots, with all of their tests.
// A Snapshot made later has them.
func (l *Loader) LoadTests(dirs map[string]bool) {
	for path := range l.thin {
		if dirs[filepath.Dir(path)] {
			delete(l.thin, path)
		}
	}
	patterns := make(map[string][]string) // by the directory to list them from
	for id, m := range l.root {
		from := l.from[id]
		if rel, err := filepath.Rel(from, m.Dir); err == nil && dirs[m.Dir] && !slices.Contains(patterns[from], "./"+rel) {
			if l.tested != nil {
				l.tested[RealPath(m.Dir)] = nil
			}
			patterns[from] = append(patterns[from], "./"+filepath.ToSlash(rel))
		}
	}
	for _, from := range slices.Sorted(maps.Keys(patterns)) {
		slices.Sort(patterns[from])
		if _, err := l.add(from, patterns[from], true); err != nil {
			l.problems = append(l.problems, Problem{Message: err.Error()})
		}
	}
}
