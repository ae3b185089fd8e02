package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// vet compares what go vet says of the changed packages, and of those that
// import them, with what it said of them before. The others cannot have changed.
// It leaves the tree as it was.
func (j *judging) vet(ctx context.Context, name string, changed []string) {
	dirs := make(map[string][]string) // packages by the folder of their go.mod
	for _, p := range changed {
		if strings.HasSuffix(p, ".go") {
			root := j.moduleRoot(path.Dir(p))
			if !slices.Contains(dirs[root], path.Dir(p)) {
				dirs[root] = append(dirs[root], path.Dir(p))
			}
		}
	}
	for root := range dirs {
		dirs[root] = j.withImporters(ctx, root, dirs[root])
	}
	after := j.vetOutput(ctx, dirs)
	if len(after) == 0 {
		return
	}
	if git(ctx, j.tree, "stash", "-q") != nil {
		return
	}
	before := j.vetOutput(ctx, dirs)
	if err := git(ctx, j.tree, "stash", "pop", "-q"); err != nil {
		j.problem("%v", err)
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			j.problem("%s: go vet: %s", name, line)
		}
	}
}

// withImporters adds the packages of the module that import one of pkgs, all
// folders relative to the tree.
func (j *judging) withImporters(ctx context.Context, root string, pkgs []string) []string {
	const format = `{{.Dir}}{{"\t"}}{{.ImportPath}}{{"\t"}}{{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}`
	cmd := exec.CommandContext(ctx, "go", "list", "-e", "-f", format, "./...")
	cmd.Dir, cmd.Env = filepath.Join(j.tree, filepath.FromSlash(root)), j.env
	out, _ := cmd.Output() // -e: what cannot be listed cannot be vetted either
	type listed struct {
		dir     string
		imports []string
	}
	var all []listed
	changed := make(map[string]bool) // import paths
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) < 2 {
			continue
		}
		rel, err := filepath.Rel(j.tree, f[0])
		if err != nil {
			continue
		}
		p := listed{dir: filepath.ToSlash(rel)}
		if len(f) > 2 {
			p.imports = strings.Fields(f[2])
		}
		all = append(all, p)
		changed[f[1]] = slices.Contains(pkgs, p.dir)
	}
	for _, p := range all {
		if !slices.Contains(pkgs, p.dir) && slices.ContainsFunc(p.imports, func(imp string) bool { return changed[imp] }) {
			pkgs = append(pkgs, p.dir)
		}
	}
	return pkgs
}

// moduleRoot returns the folder of the go.mod that holds for dir, both relative
// to the tree.
func (j *judging) moduleRoot(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(j.tree, filepath.FromSlash(dir), "go.mod")); err == nil || dir == "." {
			return dir
		}
		dir = path.Dir(dir)
	}
}

// vetOutput returns the lines that go vet prints, without line numbers.
func (j *judging) vetOutput(ctx context.Context, dirs map[string][]string) []string {
	var out []string
	for root, pkgs := range dirs {
		args := []string{"vet"}
		for _, p := range pkgs {
			rel, err := filepath.Rel(filepath.FromSlash(root), filepath.FromSlash(p))
			if err != nil {
				continue
			}
			args = append(args, "./"+filepath.ToSlash(rel))
		}
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = filepath.Join(j.tree, filepath.FromSlash(root)), j.env
		text, err := cmd.CombinedOutput()
		if err == nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			line = withoutPosition(strings.TrimSpace(line))
			if line != "" && line[0] != '#' && !strings.HasPrefix(line, "go: downloading ") && !slices.Contains(out, line) {
				out = append(out, line)
			}
		}
	}
	return out
}

// withoutPosition removes line and column from "vet: file.go:1:2: text".
func withoutPosition(line string) string {
	i := strings.Index(line, ".go:")
	if i < 0 {
		return line
	}
	rest := strings.TrimLeft(line[i+4:], "0123456789:")
	return fmt.Sprintf("%s:%s", line[:i+3], rest)
}
