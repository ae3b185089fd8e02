package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/gocommand"
)

// Level is how much is proved.
type Level string

// The levels; each includes those before it.
const (
	None  Level = "none"
	Build Level = "build"
	Vet   Level = "vet"
	Test  Level = "test"
)

// Levels are all of them, for messages.
var Levels = []Level{None, Build, Vet, Test}

func (l Level) at(other Level) bool { return slices.Index(Levels, l) >= slices.Index(Levels, other) }

// Scope are the packages that a change concerns: those that it changes, and those
// that import them, by the directory of their module.
type Scope map[string][]Package

// Package is one of a scope, by its import path.
type Package struct{ Path, Dir string }

// Without returns the scope without the packages in the directories.
func (s Scope) Without(dirs map[string]bool) Scope {
	out := make(Scope)
	for mod, pkgs := range s {
		if left := slices.DeleteFunc(slices.Clone(pkgs), func(p Package) bool { return dirs[p.Dir] }); len(left) > 0 {
			out[mod] = left
		}
	}
	return out
}

// Len returns how many packages there are.
func (s Scope) Len() (n int) {
	for _, pkgs := range s {
		n += len(pkgs)
	}
	return n
}

// Verifier runs the go command over the packages that changes concern, with the
// changed files as an overlay: nothing is written before it is proved.
type Verifier struct {
	Level Level
	Tags  []string
	temp  string
	// unlisted are the modules whose packages the go command cannot even list.
	unlisted []unlisted
}

// unlisted is a module, what the go command says of it, and the directories in it
// that change.
type unlisted struct {
	complaints []string
	dirs       map[string]bool
}

// NewVerifier returns one that works in a temporary directory; Close removes it.
func NewVerifier(level Level, tags []string) (*Verifier, error) {
	dir, err := os.MkdirTemp("", "runtimefix-verify-")
	if err != nil {
		return nil, fmt.Errorf("making a directory to verify in: %w", err)
	}
	return &Verifier{Level: level, Tags: tags, temp: dir}, nil
}

// Close removes what the verifier left behind.
func (v *Verifier) Close() error { return os.RemoveAll(v.temp) }

// Outcome is what the go command says of a state of the tree.
type Outcome struct {
	// Complaints are the lines of go build and go vet, without line numbers, which
	// move, by step.
	Complaints map[Level][]string
	// Passed are the tests that passed, as "PACKAGE TEST".
	Passed map[string]bool
	// Failed says of the tests that failed what is to be told: of "PACKAGE TEST", or of
	// "PACKAGE" where no single test is at fault.
	Failed map[string]string
	// Flaky are the tests that did not pass, as in Failed, and are not to be blamed.
	Flaky []string
	// TimedOut are the packages whose tests came to the go command's time limit.
	TimedOut map[string]bool
	// Traces are the execution traces of the tests, by package.
	Traces map[string]string
	// Unbuilt are the directories of the packages that do not build. They are told
	// apart from others in files as they are only.
	Unbuilt map[string]bool
}

func newOutcome() *Outcome {
	return &Outcome{
		Complaints: make(map[Level][]string), Passed: make(map[string]bool), Failed: make(map[string]string), TimedOut: make(map[string]bool),
		Traces: make(map[string]string), Unbuilt: make(map[string]bool),
	}
}

// All returns what the go command complains of, in order of the steps.
func (o *Outcome) All() []string {
	var out []string
	for _, l := range Levels {
		out = append(out, o.Complaints[l]...)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Failed)) {
		out = append(out, o.Failed[name])
	}
	return out
}

// Broken reports whether the state does not build.
func (o *Outcome) Broken() bool { return len(o.Complaints[Build]) > 0 }

// Worse returns what after complains of and before does not: nothing when the
// change has broken nothing. A test that passed before and does not any more
// counts, one that failed before does not.
func Worse(before, after *Outcome) []string {
	var out []string
	for _, l := range Levels {
		old := make(map[string]int)
		for _, c := range before.Complaints[l] {
			old[c]++
		}
		for _, c := range after.Complaints[l] {
			if old[c]--; old[c] < 0 {
				out = append(out, c)
			}
		}
	}
	if !after.Broken() {
		for _, name := range worseTests(before, after) {
			if text, failed := after.Failed[name]; slices.Contains(after.Flaky, name) {
				continue
			} else if failed {
				out = append(out, text)
			} else {
				out = append(out, "the test "+name+" ran before and does not now")
			}
		}
	}
	slices.Sort(out)
	return out
}

// listed is a package as go list tells it.
type listed struct {
	ImportPath, Dir                    string
	Imports, TestImports, XTestImports []string
}

// ScopeOf returns the packages in the directories of files, and what imports
// them. Directories without Go packages concern nothing. A module that the go
// command cannot list, for its vendor directory say, is broken as it is: Check tells
// it.
func (v *Verifier) ScopeOf(ctx context.Context, files []string) (Scope, error) {
	byModule := make(map[string]map[string]bool)
	for _, f := range files {
		dir := filepath.Dir(f)
		mod := rewrite.ModuleDir(dir)
		if mod == "" || filepath.Ext(f) != ".go" && filepath.Base(f) != "go.mod" && filepath.Base(f) != "go.sum" {
			continue
		}
		if byModule[mod] == nil {
			byModule[mod] = make(map[string]bool)
		}
		byModule[mod][dir] = true
	}
	scope := make(Scope)
	for mod, dirs := range byModule {
		pkgs, err := v.list(ctx, mod)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			v.unlisted = append(v.unlisted, unlisted{complaints(err.Error(), err, mod, nil), dirs})
			continue
		}
		changed := make(map[string]bool)
		for _, p := range pkgs {
			if dirs[p.Dir] {
				changed[p.ImportPath] = true
			}
		}
		for _, p := range pkgs {
			imports := slices.Concat(p.Imports, p.TestImports, p.XTestImports)
			if changed[p.ImportPath] || slices.ContainsFunc(imports, func(i string) bool { return changed[i] }) {
				scope[mod] = append(scope[mod], Package{p.ImportPath, p.Dir})
			}
		}
		slices.SortFunc(scope[mod], func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	}
	return scope, nil
}

func (v *Verifier) list(ctx context.Context, mod string) ([]listed, error) {
	out, text, err := v.goCommand(ctx, mod, append([]string{"list", "-e", "-json=ImportPath,Dir,Imports,TestImports,XTestImports"}, append(v.flags(), "./...")...)...)
	if err != nil {
		return nil, fmt.Errorf("%s%w", text, err)
	}
	var pkgs []listed
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			return nil, fmt.Errorf("reading what go list says of %s: %w", mod, err)
		}
		pkgs = append(pkgs, p)
	}
	return pkgs, nil
}

func (v *Verifier) flags() []string {
	if len(v.Tags) == 0 {
		return nil
	}
	return []string{"-tags=" + strings.Join(v.Tags, ",")}
}

// Check builds, vets and tests the packages of scope as the level says, with
// overlay in the place of files, by absolute path.
func (v *Verifier) Check(ctx context.Context, scope Scope, overlay map[string][]byte) (*Outcome, error) {
	out := newOutcome()
	if overlay == nil {
		for _, u := range v.unlisted {
			out.Complaints[Build] = append(out.Complaints[Build], u.complaints...)
			maps.Copy(out.Unbuilt, u.dirs)
		}
	}
	if v.Level == None || len(scope) == 0 {
		return out, nil
	}
	flags, standIns, err := v.overlay(overlay)
	if err != nil {
		return nil, err
	}
	for _, mod := range slices.Sorted(maps.Keys(scope)) {
		var pkgs []string
		for _, p := range scope[mod] {
			pkgs = append(pkgs, p.Path)
		}
		names := make(map[string]string)
		for base, path := range standIns {
			if rel, err := filepath.Rel(mod, path); err == nil {
				names[base] = filepath.ToSlash(rel)
			}
		}
		// Test files are built by vet.
		text, err := v.build(ctx, mod, flags, pkgs)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			out.Complaints[Build] = append(out.Complaints[Build], complaints(text, err, mod, names)...)
			if overlay != nil {
				continue
			}
			if pkgs = v.built(ctx, mod, flags, scope[mod], out.Unbuilt); len(pkgs) == 0 {
				continue
			}
		}
		if v.Level.at(Vet) {
			if _, text, err = v.goCommand(ctx, mod, slices.Concat([]string{"vet"}, flags, pkgs)...); err != nil {
				out.Complaints[Vet] = append(out.Complaints[Vet], complaints(text, err, mod, names)...)
			}
		}
		if v.Level.at(Test) {
			v.test(ctx, mod, pkgs, flags, out)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return out, nil
}

// build builds packages of a module. The binary of a lone main package is not left
// in the tree.
func (v *Verifier) build(ctx context.Context, mod string, flags, pkgs []string) (text string, err error) {
	_, text, err = v.goCommand(ctx, mod, slices.Concat([]string{"build", "-o", os.DevNull}, flags, pkgs)...)
	return text, err
}

// built returns which of a module's packages build, and notes the directories of
// the others in unbuilt.
func (v *Verifier) built(ctx context.Context, mod string, flags []string, pkgs []Package, unbuilt map[string]bool) []string {
	var out []string
	for _, p := range pkgs {
		if _, err := v.build(ctx, mod, flags, []string{p.Path}); err != nil {
			unbuilt[p.Dir] = true
			continue
		}
		out = append(out, p.Path)
	}
	return out
}

// overlay writes the contents and the file that tells the go command of them. It
// returns the flags, and which file stands in for which by its base name.
func (v *Verifier) overlay(contents map[string][]byte) (flags []string, standIns map[string]string, err error) {
	if len(contents) == 0 {
		return v.flags(), nil, nil
	}
	dir, err := os.MkdirTemp(v.temp, "overlay-")
	if err != nil {
		return nil, nil, err
	}
	replace := make(map[string]string)
	standIns = make(map[string]string)
	for i, path := range slices.Sorted(maps.Keys(contents)) {
		if v.agreesWithVendor(path, contents) {
			continue
		}
		file := filepath.Join(dir, fmt.Sprintf("overlay-%d%s", i, filepath.Ext(path)))
		if err := os.WriteFile(file, contents[path], 0o600); err != nil {
			return nil, nil, err
		}
		replace[path] = file
		standIns[filepath.Base(file)] = path
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, nil, err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, nil, err
	}
	return append(v.flags(), "-overlay="+file), standIns, nil
}

// agreesWithVendor reports whether the file is go.mod, go.sum or vendor/modules.txt
// of a module for which contents has the last of them. The go command reads that
// one from the disk only, and refuses a go.mod that does not agree with it. The old
// ones allow all that the new ones do.
func (v *Verifier) agreesWithVendor(path string, contents map[string][]byte) bool {
	modules := filepath.Join("vendor", "modules.txt")
	dir := filepath.Dir(path)
	switch filepath.Base(path) {
	case "modules.txt":
		return strings.HasSuffix(path, string(filepath.Separator)+modules)
	case "go.mod", "go.sum":
		_, changes := contents[filepath.Join(dir, modules)]
		return changes
	}
	return false
}

// goCommand runs the go command in a module as its user would there, and as the
// packages were loaded: where modules come from, and whether they may be
// downloaded, is for GOPROXY, GOFLAGS, GOTOOLCHAIN and the like to say.
func (v *Verifier) goCommand(ctx context.Context, dir string, args ...string) (stdout []byte, all string, err error) {
	type output struct{ out, both bytes.Buffer }
	o, err := gocommand.During(ctx, dir, func(ctx context.Context) (*output, error) {
		var o output
		cmd := gocommand.Command(ctx, dir, nil, args...)
		var mu sync.Mutex
		cmd.Stdout = &sink{&mu, []*bytes.Buffer{&o.out, &o.both}}
		cmd.Stderr = &sink{&mu, []*bytes.Buffer{&o.both}}
		return &o, cmd.Run()
	})
	if o == nil {
		return nil, "", err // it was killed
	}
	if errors.Is(err, exec.ErrNotFound) {
		err = errors.New("the go command is not there")
	}
	return o.out.Bytes(), o.both.String(), err
}

// sink writes to all of its buffers. What a command writes to its two outputs is
// copied at the same time.
type sink struct {
	mu *sync.Mutex
	to []*bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.to {
		b.Write(p)
	}
	return len(p), nil
}
