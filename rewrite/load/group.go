package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/complaint"
	"golang.org/x/tools/go/packages"
)

// Group is what one run of the go command lists: the candidate packages of one
// module, or of the modules of one workspace.
type Group struct {
	Dir      string
	NoWork   bool
	Patterns []string
	// Paths has the directories of the group's modules by module path; that of
	// files in no module is "command-line-arguments".
	Paths map[string]string
	// Tests has the test files in which a rule can fire, by directory without links.
	// The other packages are loaded without their tests.
	Tests map[string][]string
	// Modules are the modules of a workspace, each as a group of its own.
	Modules []*Group
}

// Module returns the group for the workspace's module in dir.
func (g *Group) Module(dir string) *Group {
	for _, m := range g.Modules {
		if m.Dir == dir {
			return m
		}
	}
	m := &Group{Dir: dir, NoWork: true}
	g.Modules = append(g.Modules, m)
	return m
}

// AddTest says that a rule can fire in the test file.
func (g *Group) AddTest(path string) {
	if g.Tests == nil {
		g.Tests = make(map[string][]string)
	}
	dir := RealPath(filepath.Dir(path))
	g.Tests[dir] = append(g.Tests[dir], path)
}

// Clashes reports whether the two groups have a module path in common that means
// different directories. They cannot be loaded together.
func (g *Group) Clashes(h *Group) bool {
	for path, dir := range g.Paths {
		if other, ok := h.Paths[path]; ok && other != dir {
			return true
		}
	}
	return false
}

// AddGroup makes the packages of g roots.
func (l *Loader) AddGroup(g Group) error {
	l.noWork[g.Dir] = g.NoWork
	l.assign(g)
	maps.Copy(l.tested, g.Tests)
	_, err := l.add(g.Dir, g.Patterns, len(g.Tests) > 0)
	return err
}

// Dirs returns the directories of the packages that are read from source.
func (l *Loader) Dirs() map[string]bool {
	out := make(map[string]bool)
	for _, m := range l.root {
		out[m.Dir] = true
	}
	return out
}

// Locate returns the directories of the main modules' packages that match
// patterns which only the go command resolves.
func Locate(ctx context.Context, cfg Config, patterns []string) (dirs []string, problems []Problem, err error) {
	if err := NeedGo(); err != nil {
		return nil, nil, err
	}
	pkgs, err := ask(&packages.Config{
		Context: ctx, Dir: cfg.Dir, Env: cfg.Env, Mode: packages.NeedName | packages.NeedFiles | packages.NeedModule,
	}, patterns)
	if err != nil {
		return nil, nil, fmt.Errorf("resolving %s: %w", strings.Join(patterns, " "), err)
	}
	if len(pkgs) == 0 {
		// The go command has only a warning for that, which go/packages drops.
		for _, p := range patterns {
			problems = append(problems, Unmatched(p))
		}
	}
	for _, p := range pkgs {
		problems = append(problems, complaint.Listed(p)...)
		if p.Module != nil && p.Module.Main && p.Dir != "" && !slices.Contains(dirs, p.Dir) {
			dirs = append(dirs, p.Dir)
		}
	}
	return dirs, problems, nil
}

// Unmatched is the problem of a pattern for which there is nothing.
func Unmatched(pattern string) Problem {
	return Problem{Message: fmt.Sprintf("%q matched no packages or files", pattern)}
}

// NeedGo returns an error when there is no go command to ask.
func NeedGo() error {
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("the go command is not on PATH; it is needed to load the packages in which something may be found")
	}
	return nil
}
