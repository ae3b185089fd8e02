package migrate

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	place = regexp.MustCompile(`^((?:vet: )?[^\s:]+\.\w+):\d+(?::\d+)?:`)
	// scratch is a directory of the go command's own, and compiling the call of a C
	// compiler, which says nothing of what is wrong.
	scratch   = regexp.MustCompile(`[^\s:]*/go-(?:build|link)-?\d+`)
	compiling = regexp.MustCompile(`^\S*/(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+)(?:-\S*)? -`)
)

// longest is how many characters of a complaint are told.
const longest = 300

// complaints returns what the go command says in the module in dir, a line each,
// without line numbers and headings. Vet names the files of an overlay where they
// are; names gives them those that they stand for.
//
// The same tree has the same complaints in each run and at each place: they are
// sorted, for packages come in the order in which they are ready, and nothing is
// said of where the checkout and the go command's directories are.
func complaints(text string, err error, dir string, names map[string]string) []string {
	var groups [][]string // lines, each with those below it that are indented
	for line := range strings.Lines(text) {
		indented := strings.HasPrefix(line, "\t")
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "exit status") || compiling.MatchString(line) {
			continue
		}
		line = strings.TrimPrefix(line, "./")
		line = place.ReplaceAllString(line, "$1:")
		if file, rest, ok := strings.Cut(line, ":"); ok && names[filepath.Base(file)] != "" {
			line = names[filepath.Base(file)] + ":" + rest
		}
		line = strings.ReplaceAll(scratch.ReplaceAllString(line, "$$WORK"), dir, ".")
		if runes := []rune(line); len(runes) > longest {
			line = string(runes[:longest]) + "..."
		}
		if indented && len(groups) > 0 {
			groups[len(groups)-1] = append(groups[len(groups)-1], line)
		} else {
			groups = append(groups, []string{line})
		}
	}
	slices.SortFunc(groups, slices.Compare)
	out := slices.Concat(groups...)
	if len(out) == 0 {
		out = append(out, err.Error())
	}
	return out
}
