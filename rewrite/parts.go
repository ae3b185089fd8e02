package rewrite

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/load"
)

// The syntax and the types of a package take seventy times the memory of its source, and
// twice that where it is edited: what was and what comes of it are compared. Of a tree
// with many candidates only a part is loaded at a time, judged, fixed, and let go of.
// What a rule asks for beyond its part is loaded with that, as what it asks for beyond
// the candidates is.
const (
	// atOnce is how many bytes of Go source are loaded together where that is all.
	atOnce = 5 << 19
	// partSize is how many are where it is not.
	partSize = 1 << 20
)

// parts splits the targets by the bytes of Go source in the candidates' directories:
// at limit, or as partSize and atOnce say if that is 0. A package is never split, nor are
// those in the directories that together names: they are in the first part, however
// large. Each part has all text files, which rules look at together with packages.
func (t targets) parts(limit int64, together map[string]bool) []targets {
	most := limit
	if limit == 0 {
		limit, most = partSize, atOnce
	}
	var first, rest []sized
	var total int64
	for _, g := range t.groups {
		for i, pattern := range g.Patterns {
			at := within(g.Dir, pattern)
			c := sized{group: g, pattern: pattern, size: sourceSize(at), goesOn: i > 0 && isLoose(g)}
			if together[at] || isLoose(g) && together[filepath.Dir(at)] {
				first = append(first, c)
			} else {
				rest = append(rest, c)
			}
			total += c.size
		}
	}
	if total <= most {
		return []targets{t}
	}
	var out []targets
	size := limit // of the last part; the first package opens one
	for i, c := range slices.Concat(first, rest) {
		if size+c.size > limit && size > 0 && !c.goesOn && (i == 0 || i >= len(first)) {
			part := t
			part.groups = nil
			out = append(out, part)
			size = 0
		}
		size += c.size
		out[len(out)-1].take(c.group, c.pattern)
	}
	return out
}

// sized is what a pattern of a group stands for, with the bytes of its Go source.
type sized struct {
	group   load.Group
	pattern string
	size    int64
	goesOn  bool // it is a file of a package that another began
}

// together returns the directories with candidates of rules that judge them together.
func (r *runner) together() map[string]bool {
	names := make(map[string]bool)
	for _, f := range r.finders {
		names[f.Name] = f.Together
	}
	dirs := make(map[string]bool)
	for path, rules := range r.firing {
		if slices.ContainsFunc(rules, func(name string) bool { return names[name] }) {
			dirs[filepath.Dir(path)] = true
		}
	}
	return dirs
}

// take adds the package of g that pattern stands for.
func (t *targets) take(g load.Group, pattern string) {
	at := slices.IndexFunc(t.groups, func(h load.Group) bool {
		return h.Dir == g.Dir && h.NoWork == g.NoWork && isLoose(h) == isLoose(g)
	})
	if at < 0 {
		at = len(t.groups)
		part := g
		part.Patterns, part.Modules = nil, nil
		t.groups = append(t.groups, part)
	}
	part := &t.groups[at]
	part.Patterns = append(part.Patterns, pattern)
	dir := within(g.Dir, pattern)
	for _, m := range g.Modules {
		for _, own := range m.Patterns {
			if within(m.Dir, own) == dir {
				alone := part.Module(m.Dir)
				alone.Patterns = append(alone.Patterns, own)
			}
		}
	}
}

// isLoose reports whether g is a package in no module, whose patterns are its files.
func isLoose(g load.Group) bool { return g.Paths["command-line-arguments"] != "" }

// within returns the file or directory that a pattern of a group in dir stands for.
func within(dir, pattern string) string {
	if filepath.IsAbs(pattern) {
		return pattern
	}
	return filepath.Join(dir, filepath.FromSlash(pattern))
}

// sourceSize returns how many bytes of Go source a file or the files of a directory
// have.
func sourceSize(path string) int64 {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return info.Size()
	}
	entries, _ := os.ReadDir(path)
	var n int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(e.Name(), ".go") {
			n += info.Size()
		}
	}
	return n
}

// begin readies r for part i of n. Findings are those of the files as they are: what
// fixes of earlier parts made is set aside until fixes are made.
func (r *runner) begin(opt Options, i, n int) {
	r.part, r.last = "", i == n-1
	if n > 1 {
		r.part = fmt.Sprintf(" (part %d of %d)", i+1, n)
	}
	r.made, r.overlay = r.overlay, maps.Clone(opt.Overlay)
	r.known, r.withheld, r.fixed = make(map[likeness]*numbers), make(map[key]string), make(map[key]bool)
	r.lone = make(map[*Fix]loneFix)
}

// catchUp shows the views what fixes of earlier parts made.
func (r *runner) catchUp() {
	if r.made == nil {
		return
	}
	r.overlay, r.made = r.made, nil
	for _, v := range r.views {
		for path, data := range r.overlay {
			// Of Go files only those matter that are loaded.
			if !bytes.Equal(data, r.orig[path]) && (v.snap.FileAt(path) != nil || !strings.HasSuffix(path, ".go")) {
				v.snap = v.l.Snapshot(r.overlay, v.snap)
				break
			}
		}
	}
}

// atEnd drops the findings in text files but for the last part, which shows what all
// fixes leave of them.
func (r *runner) atEnd(s *load.Snapshot, list []Finding) []Finding {
	if r.last {
		return list
	}
	return slices.DeleteFunc(list, func(f Finding) bool { return s.File(f.Pos) == nil })
}
