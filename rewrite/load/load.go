// Package load lists packages with the go command, parses and type-checks them,
// and shows them, with text files and an overlay of edits, as a Snapshot.
package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/gocommand"
	"github.com/runtimefix/runtimefix/rewrite/internal/basis"
	"github.com/runtimefix/runtimefix/rewrite/internal/complaint"
	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"golang.org/x/mod/modfile"
	"golang.org/x/tools/go/packages"
)

// Config says what to load and for which platform.
type Config struct {
	// Dir is the directory in which patterns are resolved and the go command
	// runs; "" means the current one.
	Dir string
	// Tests says whether the packages' tests are loaded with them.
	Tests bool
	// Tags are build tags, as for the go command's -tags.
	Tags []string
	// Env is the environment of the go command; nil means os.Environ(). It
	// decides GOOS, GOARCH, GOFLAGS and the like.
	Env []string
	// Settings are handed to the rules, see Snapshot.Settings.
	Settings any
	// Emits lists the import paths that fixes may add, so that their export
	// data is asked for together with everything else.
	Emits []string
}

// metadataMode asks the go command for file lists and imports only: nothing is
// compiled for it. The syntax trees and types of the candidate packages are made
// here, because go/packages would hand out cgo's generated files, would parse the
// files of a package once more for its test variant, and would start the go
// command again for every verification round. What they import is asked for by
// exportMode.
const metadataMode = packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps |
	packages.NeedModule | packages.NeedForTest | packages.NeedEmbedFiles

// A Loader holds what the go command said about packages, and what was parsed
// and type-checked so far. It outlives the snapshots made with it, so that a
// later round only checks the packages whose files changed.
type Loader struct {
	ctx  context.Context
	cfg  Config
	fset *token.FileSet
	root map[string]*packages.Package // the packages to be read from source, by ID
	// scope is the one that is at work, one of scopes: that of a directory from which
	// packages are listed, or of a root by ID.
	*scope
	scopes  []*scope
	scopeOf map[string]*scope
	homes   map[string]*scope
	from    map[string]string            // the directory from which a root was listed, by ID
	variant map[string]*packages.Package // what withTests said, by ID
	// first are the types of the roots, by ID, as they were before any edit.
	first map[string]*types.Package
	mods  map[string]*Module // by go.mod path

	overlay map[string][]byte // what the go command is to see in place of the files on disk

	// tested has the test files that are loaded whole, nil for all, by the directory
	// without links of a package whose tests are loaded; it is nil where all are.
	tested map[string][]string
	// thin has what files declare in which no rule can fire, without the bodies of
	// their functions, by path.
	thin map[string][]byte

	noWork   map[string]bool // directories in which the go command runs without a workspace
	noVendor map[string]bool // and those in which it runs without their vendor directory
	wide     map[string]bool // IDs of the roots that Widen added

	listed   map[string]bool   // directories in which the go command was asked
	cgo      map[string]bool   // whether a file imports "C", by path
	modFile  map[string]string // copies of go.mod that the go command may change, by the directory in which it runs
	temps    []string          // directories to be removed
	problems []Problem         // met in listing
	unknown  map[string]bool   // names that Widen could not look for everywhere
	// Inputs, if set, notes what is read from disk.
	Inputs *inputs.Set
	// Disk keeps what was made of files; the loaders of one run may share it.
	Disk *inputs.Answers
	// Cache, if set together with Inputs, keeps the go command's answers.
	Cache Cache
	// ReadOnly says, by path, why no fix may change a file.
	ReadOnly map[string]string
	// Widen returns, by the directory to list them from, the packages in which one
	// of names occurs.
	Widen func(names []string) (map[string][]string, error)
}

// NewLoader returns a loader without packages. overlay is what the go command is
// to see in place of files on disk.
func NewLoader(ctx context.Context, cfg Config, overlay map[string][]byte) *Loader {
	fset := token.NewFileSet()
	l := &Loader{
		ctx:  ctx,
		cfg:  cfg,
		fset: fset,
		root: make(map[string]*packages.Package),

		scopeOf: make(map[string]*scope),
		homes:   make(map[string]*scope),
		from:    make(map[string]string),
		variant: make(map[string]*packages.Package),

		first: make(map[string]*types.Package),
		mods:  make(map[string]*Module),

		overlay: overlay,

		tested:   make(map[string][]string),
		thin:     make(map[string][]byte),
		noWork:   make(map[string]bool),
		noVendor: make(map[string]bool),
		wide:     make(map[string]bool),
		Disk:     new(inputs.Answers),
		listed:   make(map[string]bool),
		cgo:      make(map[string]bool),
		modFile:  make(map[string]string),
		unknown:  make(map[string]bool),
		ReadOnly: make(map[string]string),
	}
	l.scope = l.newScope()
	l.scopes = []*scope{l.scope}
	return l
}

// question is what the go command is asked of packages.
type question struct {
	tests bool // about the packages' tests, too
	mode  packages.LoadMode
	// compile has it compile what export data is missing in its build cache.
	compile bool
}

// list asks the go command, started in dir, about patterns.
func (l *Loader) list(dir string, patterns []string, q question) ([]*packages.Package, error) {
	pc := &packages.Config{
		Context: l.ctx,
		Mode:    q.mode,
		Dir:     dir,
		Env:     l.environ(dir),
		Tests:   q.tests,
		Overlay: l.overlay,
	}
	if len(l.cfg.Tags) > 0 {
		pc.BuildFlags = append(pc.BuildFlags, "-tags="+strings.Join(l.cfg.Tags, ","))
	}
	switch {
	case l.modFile[dir] != "":
		pc.BuildFlags = append(pc.BuildFlags, "-mod=mod", "-modfile="+l.modFile[dir])
	case l.noVendor[dir]:
		pc.BuildFlags = append(pc.BuildFlags, "-mod=readonly")
	}
	if !q.compile {
		if q.mode&packages.NeedExportFile != 0 && !basis.HasDriver(pc.Env) {
			pc.BuildFlags = append(pc.BuildFlags, "-n")
		}
		pc.Env = spare(pc.Env)
	}
	l.listed[dir] = true
	pkgs, err := l.load(pc, patterns)
	switch {
	case err != nil:
		// What go/packages puts before the go command's own words.
		if _, text, ok := strings.Cut(err.Error(), ": stderr: "); ok && l.ctx.Err() == nil {
			err = errors.New(strings.TrimSpace(text))
		}
	case len(pkgs) == 0:
		err = refusal(pc, patterns)
	case len(pkgs) == 1 && pkgs[0].ID == "command-line-arguments" && pkgs[0].Dir == "" && len(pkgs[0].Errors) > 0:
		// Not about a package, but about go.work, say.
		err = errors.New(pkgs[0].Errors[0].Msg)
	}
	if err != nil {
		l.Inputs.Doubt("the go command refused: " + err.Error())
	}
	if err != nil && !l.noVendor[dir] && strings.Contains(err.Error(), "inconsistent vendoring") && !setsMod(pc.Env) {
		// The vendor directory is not what go.mod says: do without it.
		l.noVendor[dir] = true
		return l.list(dir, patterns, q)
	}
	if _, tried := l.modFile[dir]; err != nil && !tried && complaint.Untidy(err) && l.ctx.Err() == nil {
		if pkgs, ok := l.listTidied(dir, patterns, q, err); ok {
			return pkgs, nil
		}
	}
	if err != nil {
		return nil, listing(dir, err)
	}
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		l.ownGoMod(dir, p)
		if q.mode&packages.NeedExportFile != 0 && l.exported[p.ID] == "" {
			l.exported[p.ID] = dir
		}
		if slices.ContainsFunc(p.Errors, func(e packages.Error) bool { return e.Kind != packages.ParseError }) {
			l.Inputs.Doubt("the go command complains about " + p.ID)
		}
		if old := l.meta[p.ID]; old != nil {
			if old.ExportFile == "" {
				old.ExportFile = p.ExportFile
			}
			if q.mode&packages.NeedExportFile != 0 && len(old.Errors) == 0 {
				old.Errors = p.Errors
			}
			return
		}
		l.meta[p.ID] = p
		if p.ForTest == "" {
			if _, ok := l.std[p.PkgPath]; !ok {
				l.std[p.PkgPath] = p
			}
		}
	})
	return pkgs, nil
}

// environ returns the environment for the go command in dir. A module that the
// workspace above it does not use is loaded as if there were no workspace.
func (l *Loader) environ(dir string) []string {
	env := l.cfg.Env
	if env == nil {
		env = os.Environ()
	}
	if l.noWork[dir] && !slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "GOWORK=") && kv != "GOWORK=" }) {
		env = append(slices.Clone(env), "GOWORK=off")
	}
	return env
}

// spare has the go command collect its memory less often, where the environment does
// not say how often: a quarter of its time goes into that.
func spare(env []string) []string {
	env = slices.Clone(env)
	if basis.Getenv(env, "GOGC", "") == "" {
		env = append(env, "GOGC=400")
	}
	return env
}

// setsMod reports whether GOFLAGS in env chooses where modules come from.
func setsMod(env []string) bool {
	return strings.Contains(basis.Getenv(env, "GOFLAGS", ""), "-mod=")
}

// refusal returns the go command's own words on why it lists nothing, nil when
// there is nothing to be listed. go/packages takes some complaints about go.mod,
// go.sum and the build cache for an empty list.
func refusal(pc *packages.Config, patterns []string) error {
	args := append([]string{"list", "-export", "-deps", "-test=" + strconv.FormatBool(pc.Tests)}, pc.BuildFlags...)
	_, err := gocommand.Output(pc.Context, pc.Dir, pc.Env, append(append(args, "--"), patterns...)...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}

// listing says where the go command was asked for the packages.
func listing(dir string, err error) error {
	return fmt.Errorf("listing packages in %s: %w", displayDir(dir), err)
}

func displayDir(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

// add lists patterns below dir and makes the packages found roots: packages to
// be read from source, together with their tests if tests is set. The import
// paths that fixes may add are listed along with them but stay dependencies. It
// returns the IDs of the new roots.
func (l *Loader) add(dir string, patterns []string, tests bool) (added []string, err error) {
	l.enter(dir)
	var emits []string
	for _, path := range l.cfg.Emits {
		if l.std[path] == nil {
			emits = append(emits, path)
		}
	}
	all := patterns
	if !slices.ContainsFunc(patterns, func(p string) bool { return strings.HasSuffix(p, ".go") }) {
		all, emits = slices.Concat(patterns, emits), nil
	}
	pkgs, err := l.find(dir, patterns, tests)
	switch {
	case err == nil:
		emits = nil // asked for with the imports
	case !hopeless(err):
		pkgs, err = l.list(dir, all, question{tests: tests, mode: metadataMode})
	}
	if err != nil {
		return nil, err
	}
	if len(emits) > 0 {
		// The go command takes no import paths beside the names of files.
		if _, err := l.list(dir, emits, question{mode: metadataMode}); err != nil {
			return nil, err
		}
	}
	for _, p := range pkgs {
		if isEmitted(p, l.cfg.Emits) && !slices.Contains(patterns, p.PkgPath) {
			continue
		}
		if strings.HasSuffix(p.ID, ".test") && p.Name == "main" && strings.HasSuffix(p.PkgPath, ".test") {
			continue // the generated test main
		}
		if l.root[p.ID] == nil {
			added = append(added, p.ID)
		}
		l.root[p.ID] = l.meta[p.ID]
		l.homes[p.ID] = l.scope
		l.from[p.ID] = dir
	}
	// A package's test variant holds the same files and more: it takes over.
	for _, p := range l.root {
		if p.ForTest != "" && p.PkgPath == p.ForTest {
			delete(l.root, p.ForTest)
		}
	}
	if err := l.listExports(dir, all, tests, added); err != nil {
		for _, id := range added {
			delete(l.root, id)
		}
		return nil, err
	}
	return added, nil
}

func isEmitted(p *packages.Package, emits []string) bool {
	if p.Module != nil {
		return false
	}
	return slices.Contains(emits, p.PkgPath) || slices.Contains(emits, p.ForTest)
}

// dependency returns what the go command says of the package that p imports as path,
// asking it when a fix added the import; nil when it knows none.
func (l *Loader) dependency(p *packages.Package, path string) *packages.Package {
	dep := p.Imports[path]
	if dep == nil {
		dep = l.std[path]
	} else if m := l.meta[dep.ID]; m != nil {
		dep = m
	}
	if dep == nil || dep.ExportFile == "" && l.exported[dep.ID] == "" && !strings.Contains(dep.ID, " ") {
		if dep != nil {
			path = dep.PkgPath
		}
		if err := l.askExports(p.Dir, []string{path}); err != nil {
			return nil
		}
		if dep == nil {
			dep = l.std[path]
		} else {
			dep = l.meta[dep.ID]
		}
	}
	return dep
}

// noGoLine is the language version of a module without a go line (cmd/go).
const noGoLine = "1.16"

// module returns the Module of p, nil when it is in none.
func (l *Loader) module(p *packages.Package) *Module {
	if p.Module == nil {
		return nil
	}
	key := p.Module.GoMod
	if key == "" {
		key = p.Module.Path
	}
	m := l.mods[key]
	if m == nil {
		m = &Module{
			Path:      p.Module.Path,
			Dir:       p.Module.Dir,
			GoMod:     p.Module.GoMod,
			GoVersion: cmp.Or(p.Module.GoVersion, noGoLine),
			Main:      p.Module.Main,
		}
		l.mods[key] = m
	}
	return m
}

// Module is a Go module of the snapshot.
type Module struct {
	// Path is the module path, Dir its root, GoMod the go.mod's file name.
	Path, Dir, GoMod string
	// GoVersion is the language version of the go line, "1.24" say; "1.16"
	// where there is none.
	GoVersion string
	// Main reports whether it is a main module of the build, not a dependency.
	Main bool
}

// Holds reports whether path is that of a package of the module; nil holds none.
func (m *Module) Holds(path string) bool {
	return m != nil && strings.HasPrefix(path+"/", m.Path+"/")
}

// File parses the module's go.mod.
func (m *Module) File() (*modfile.File, error) {
	data, err := safefile.Read(m.GoMod, safefile.Source)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(m.GoMod, data, nil)
}
