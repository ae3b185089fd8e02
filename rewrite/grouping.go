package rewrite

import (
	"cmp"
	"go/build"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/load"
	"github.com/runtimefix/runtimefix/rewrite/scan"
)

// grouping collects packages into what one run of the go command can list.
type grouping struct {
	found    *scan.Result
	byOrigin map[origin]*load.Group
}

// origin is where the go command is to run: in a module or workspace, or in a
// directory that is in none.
type origin struct {
	dir   string
	loose bool
}

// add puts p into its group.
func (g *grouping) add(p scan.Package) error {
	if p.Module < 0 {
		// Outside of a module the go command takes only files, and nothing else
		// beside them.
		group := g.group(origin{dir: p.Dir, loose: true}, false)
		group.Paths["command-line-arguments"] = p.Dir
		group.Patterns = append(group.Patterns, looseFiles(p.Dir)...)
		return nil
	}
	m := g.found.Modules[p.Module]
	pattern, err := relPattern(m.Dir, p.Dir)
	if err != nil {
		return err
	}
	if m.Work == "" {
		group := g.group(origin{dir: m.Dir}, true)
		addTests(group, p)
		group.Paths[m.Path] = m.Dir
		group.Patterns = append(group.Patterns, pattern)
		return nil
	}
	top := filepath.Dir(m.Work)
	whole, err := relPattern(top, p.Dir)
	if err != nil {
		return err
	}
	group := g.group(origin{dir: top}, false)
	group.Patterns = append(group.Patterns, whole)
	group.Paths[m.Path] = m.Dir
	alone := group.Module(m.Dir)
	addTests(group, p)
	addTests(alone, p)
	alone.Patterns = append(alone.Patterns, pattern)
	return nil
}

// addTests tells group which tests of p matter.
func addTests(group *load.Group, p scan.Package) {
	for _, f := range p.Files {
		if f.Test {
			group.AddTest(f.Path)
		}
	}
}

func (g *grouping) group(from origin, noWork bool) *load.Group {
	group := g.byOrigin[from]
	if group == nil {
		group = &load.Group{Dir: from.dir, NoWork: noWork, Paths: make(map[string]string)}
		g.byOrigin[from] = group
	}
	return group
}

// list returns the groups in order.
func (g *grouping) list() []load.Group {
	var out []load.Group
	for _, group := range g.byOrigin {
		out = append(out, *group)
	}
	slices.SortFunc(out, func(a, b load.Group) int {
		return cmp.Or(strings.Compare(a.Dir, b.Dir), slices.Compare(a.Patterns, b.Patterns))
	})
	return out
}

// worlds splits the targets such that no two modules of one world have the same
// path: the go command, and all that goes by import paths, could not tell them
// apart. A text file is in the world of the module that it is in, or the first.
func (t targets) worlds() []targets {
	var out []targets
	for i := range t.groups {
		g := t.groups[i]
		at := slices.IndexFunc(out, func(w targets) bool {
			return !slices.ContainsFunc(w.groups, func(h load.Group) bool { return g.Clashes(&h) })
		})
		if at < 0 {
			at = len(out)
			out = append(out, targets{emits: t.emits, ignored: t.ignored})
		}
		out[at].groups = append(out[at].groups, g)
		for path, dir := range g.Paths {
			if path != "command-line-arguments" {
				out[at].mods = append(out[at].mods, dir)
			}
		}
	}
	if len(out) == 0 {
		out = []targets{{emits: t.emits}}
	}
	for i := range out {
		slices.Sort(out[i].mods)
	}
	for _, f := range t.texts {
		at, longest := 0, 0
		for i, w := range out {
			for _, g := range w.groups {
				for _, dir := range g.Paths {
					if inside(dir, f.Path) && len(dir) > longest {
						at, longest = i, len(dir)
					}
				}
			}
		}
		out[at].texts = append(out[at].texts, f)
	}
	return out
}

// inside reports whether path is below dir.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// relPattern returns the package pattern for dir, seen from base.
func relPattern(base, dir string) (string, error) {
	rel, err := filepath.Rel(base, dir)
	return "./" + filepath.ToSlash(rel), err
}

// looseFiles returns the Go files in dir that the platform includes, without
// tests.
func looseFiles(dir string) []string {
	pkg, err := build.ImportDir(dir, 0)
	if err != nil && pkg == nil {
		return nil
	}
	var out []string
	for _, name := range slices.Concat(pkg.GoFiles, pkg.CgoFiles) {
		out = append(out, filepath.Join(dir, name))
	}
	return out
}
