package config

import (
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// globs are patterns for paths. A pattern without a slash matches names at any
// depth, one that matches a directory matches all below it, and one that begins
// with ! takes back what those before it match.
type globs []glob

type glob struct {
	patterns []string // of which one must match
	not      bool
}

// newGlob reports whether the pattern is well formed, too.
func newGlob(pattern string) (glob, bool) {
	var g glob
	pattern, g.not = strings.CutPrefix(pattern, "!")
	pattern = strings.TrimPrefix(pattern, "./")
	deep := !strings.Contains(strings.Trim(pattern, "/"), "/")
	pattern = strings.Trim(pattern, "/")
	if deep {
		pattern = "**/" + pattern
	}
	g.patterns = []string{pattern, pattern + "/**"}
	return g, pattern != "" && doublestar.ValidatePattern(pattern)
}

// match returns what the last pattern that matches the slash-separated path
// says: whether it takes the path. ok is false where none matches.
func (list globs) match(path string) (takes, ok bool) {
	for _, g := range slices.Backward(list) {
		if slices.ContainsFunc(g.patterns, func(p string) bool { return doublestar.MatchUnvalidated(p, path) }) {
			return !g.not, true
		}
	}
	return false, false
}
