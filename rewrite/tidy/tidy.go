// Package tidy keeps go.mod, go.sum and vendor/modules.txt as tidy as they were
// when the files of a module stop importing something. The go command says how, on
// copies and without the network.
package tidy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/gocommand"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// Module is a module whose files change.
type Module struct {
	Dir string
	Env []string // of the go command, nil for that of this program
	// Before and After hold what stands in for files on disk before and after the
	// change, by absolute path.
	Before, After map[string][]byte
}

// Outcome is what has to change for a module to stay tidy.
type Outcome struct {
	// Files are the contents of go.mod, go.sum and vendor/modules.txt where they
	// have to be others than before, by absolute path.
	Files map[string][]byte
	// Unused are the modules that are vendored and not needed any more. Their
	// files stay where they are.
	Unused []string
}

// Offline says that the go command cannot tell without the network.
type Offline struct{ err error }

func (e Offline) Error() string { return e.err.Error() }

// Run finds out what has to change. A go.mod that was not tidy before is left as
// After has it, and so is what must agree with it.
func Run(ctx context.Context, m Module) (Outcome, error) {
	was, err := m.tidied(ctx, m.Before)
	if err != nil {
		return Outcome{}, err
	}
	mod, err := m.read(m.Before, "go.mod")
	if err != nil {
		return Outcome{}, err
	}
	vendored, err := m.read(m.Before, modulesFile)
	if err != nil {
		return Outcome{}, err
	}
	if !bytes.Equal(mod, was.mod) || !bytes.Equal(vendored, was.modules) {
		return Outcome{}, nil
	}
	will, err := m.tidied(ctx, m.After)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Files: make(map[string][]byte)}
	sum, err := m.read(m.Before, "go.sum")
	if err != nil {
		return Outcome{}, err
	}
	for name, change := range map[string][2][]byte{
		"go.mod": {mod, will.mod}, "go.sum": {sum, without(sum, was.sum, will.sum)}, modulesFile: {vendored, will.modules},
	} {
		if !bytes.Equal(change[0], change[1]) {
			out.Files[filepath.Join(m.Dir, filepath.FromSlash(name))] = change[1]
		}
	}
	needed := modulesIn(will.modules)
	for _, path := range modulesIn(was.modules) {
		if !slices.Contains(needed, path) {
			out.Unused = append(out.Unused, path)
		}
	}
	return out, nil
}

// modulesFile says which modules are vendored, below a module's directory.
const modulesFile = "vendor/modules.txt"

// files are what the go command makes of a module; modules is nil where nothing is
// vendored.
type files struct{ mod, sum, modules []byte }

// tidied returns the files as go mod tidy and go mod vendor make them, with
// contents in the place of the files of these names.
func (m Module) tidied(ctx context.Context, contents map[string][]byte) (out files, err error) {
	temp, err := os.MkdirTemp("", "runtimefix-tidy-")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(temp)
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := m.read(contents, name)
		if err != nil {
			return out, err
		}
		if data == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(temp, name), data, 0o600); err != nil {
			return out, err
		}
	}
	flags := []string{"-modfile=" + filepath.Join(temp, "go.mod")}
	overlay, err := overlay(temp, contents)
	if err != nil {
		return out, err
	}
	flags = append(flags, overlay...)
	if err := m.goCommand(ctx, append([]string{"mod", "tidy"}, flags...)); err != nil {
		return out, err
	}
	vendored, err := m.read(contents, modulesFile)
	if err != nil {
		return out, err
	}
	if vendored != nil {
		dir := filepath.Join(temp, "vendor")
		if err := m.goCommand(ctx, append([]string{"mod", "vendor", "-o", dir}, flags...)); err != nil {
			return out, err
		}
		if out.modules, err = os.ReadFile(filepath.Join(dir, "modules.txt")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return out, err
		}
		if out.modules == nil {
			out.modules = []byte{} // nothing is needed
		}
	}
	if out.mod, err = os.ReadFile(filepath.Join(temp, "go.mod")); err != nil {
		return out, err
	}
	if out.sum, err = os.ReadFile(filepath.Join(temp, "go.sum")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return out, err
	}
	return out, nil
}

// overlay tells the go command which files stand in for which. Those that it is
// given otherwise are left out.
func overlay(temp string, contents map[string][]byte) (flags []string, err error) {
	replace := make(map[string]string)
	for path, data := range contents {
		if filepath.Ext(path) != ".go" {
			continue
		}
		file := filepath.Join(temp, fmt.Sprintf("overlay-%d.go", len(replace)))
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return nil, err
		}
		replace[path] = file
	}
	if len(replace) == 0 {
		return nil, nil
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(temp, "overlay.json")
	return []string{"-overlay=" + file}, os.WriteFile(file, data, 0o600)
}

// read returns a file of the module, nil when there is none.
func (m Module) read(contents map[string][]byte, name string) ([]byte, error) {
	path := filepath.Join(m.Dir, filepath.FromSlash(name))
	if data, ok := contents[path]; ok {
		return data, nil
	}
	data, err := safefile.Read(path, safefile.Source)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// goCommand runs the go command for this module alone, without the network.
func (m Module) goCommand(ctx context.Context, args []string) error {
	env := m.Env
	if env == nil {
		env = os.Environ()
	}
	env = append(slices.Clone(env), "PWD="+m.Dir, "GOFLAGS=-mod=mod", "GOPROXY=off", "GOSUMDB=off", "GOVCS=*:off", "GOTOOLCHAIN=local", "GOWORK=off")
	out, err := gocommand.During(ctx, m.Dir, func(ctx context.Context) ([]byte, error) {
		return gocommand.Command(ctx, m.Dir, env, args...).CombinedOutput()
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return Offline{errors.New(reason(string(out), err))}
	}
	return err
}

// reason returns the line that says why the go command failed.
func reason(out string, err error) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range lines {
		if strings.Contains(line, "GOPROXY=off") || strings.Contains(line, "GOVCS") {
			return strings.TrimSpace(line)
		}
	}
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return last
	}
	return err.Error()
}

// without returns sum without the lines that was has and will has not.
func without(sum, was, will []byte) []byte {
	if sum == nil {
		return nil
	}
	gone := make(map[string]bool)
	for line := range strings.Lines(string(was)) {
		gone[strings.TrimSpace(line)] = true
	}
	for line := range strings.Lines(string(will)) {
		delete(gone, strings.TrimSpace(line))
	}
	out := []byte{}
	for line := range bytes.Lines(sum) {
		if !gone[strings.TrimSpace(string(line))] {
			out = append(out, line...)
		}
	}
	return out
}

// modulesIn returns the paths of the modules in a vendor/modules.txt that have
// packages there.
func modulesIn(modules []byte) []string {
	var out []string
	path := ""
	for line := range strings.Lines(string(modules)) {
		switch f := strings.Fields(line); {
		case len(f) == 0 || f[0] == "##":
		case f[0] == "#":
			path = ""
			if len(f) > 2 {
				path = f[1]
			}
		case path != "":
			out = append(out, path)
			path = "" // once
		}
	}
	return out
}
