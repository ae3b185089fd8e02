package rewrite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// group is what one run of the go command lists: the candidate packages of one
// module, or of the modules of one workspace.
type group struct {
	dir      string
	noWork   bool
	patterns []string
	// modules are the modules of a workspace, each as a group of its own.
	modules []*group
}

// module returns the group for the workspace's module in dir.
func (g *group) module(dir string) *group {
	for _, m := range g.modules {
		if m.dir == dir {
			return m
		}
	}
	m := &group{dir: dir, noWork: true}
	g.modules = append(g.modules, m)
	return m
}

// addGroup makes the packages of g roots.
func (l *loader) addGroup(g group, tests bool) error {
	l.noWork[g.dir] = g.noWork
	_, err := l.add(g.dir, g.patterns, tests)
	return err
}

// dirs returns the directories of the packages that are read from source.
func (l *loader) dirs() map[string]bool {
	out := make(map[string]bool)
	for _, m := range l.root {
		out[m.Dir] = true
	}
	return out
}

// locate returns the directories of the main modules' packages that match
// patterns which only the go command resolves.
func locate(ctx context.Context, cfg Config, patterns []string) (dirs []string, problems []Problem, err error) {
	if err := needGo(); err != nil {
		return nil, nil, err
	}
	pkgs, err := packages.Load(&packages.Config{
		Context: ctx, Dir: cfg.Dir, Env: cfg.Env, Mode: packages.NeedName | packages.NeedFiles | packages.NeedModule,
	}, patterns...)
	if err != nil {
		return nil, nil, fmt.Errorf("resolving %s: %w", strings.Join(patterns, " "), err)
	}
	if len(pkgs) == 0 {
		// The go command has only a warning for that, which go/packages drops.
		for _, p := range patterns {
			problems = append(problems, unmatched(p))
		}
	}
	for _, p := range pkgs {
		problems = append(problems, listErrors(p)...)
		if p.Module != nil && p.Module.Main && p.Dir != "" && !slices.Contains(dirs, p.Dir) {
			dirs = append(dirs, p.Dir)
		}
	}
	return dirs, problems, nil
}

// unmatched is the problem of a pattern for which there is nothing.
func unmatched(pattern string) Problem {
	return Problem{Message: fmt.Sprintf("%q matched no packages or files", pattern)}
}

// needGo returns an error when there is no go command to ask.
func needGo() error {
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("the go command is not on PATH; it is needed to load the packages in which something may be found")
	}
	return nil
}

// lookup returns the value of name in env, or in the process's environment when
// env is nil, and def where it is not set.
func lookup(env []string, name, def string) string {
	if env == nil {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return def
	}
	for _, kv := range slices.Backward(env) {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			if v != "" {
				return v
			}
			break
		}
	}
	return def
}
