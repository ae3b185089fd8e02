package rewrite

import (
	"errors"
	"go/build"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/basis"
	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
	"github.com/runtimefix/runtimefix/rewrite/internal/repo"
	"github.com/runtimefix/runtimefix/rewrite/load"
	"github.com/runtimefix/runtimefix/rewrite/scan"
)

// targets are what the scan left to be loaded.
type targets struct {
	groups []load.Group
	texts  []scan.TextFile
	mods   []string // directories of the modules that candidates are in
	emits  []string
	// named has, by directory without links, the names of the Go files that are
	// wanted of the package there, where not all are.
	named map[string][]string
	// ignored are the candidates that git ignores: nothing is reported or changed
	// in them.
	ignored map[string]bool
}

// passIgnored takes the files that git ignores out of found, and notes them.
func (t *targets) passIgnored(r *runner, found *scan.Result, res *Result) {
	var files []string
	for _, p := range found.Packages {
		for _, f := range p.Files {
			if !f.Asked {
				files = append(files, f.Path)
			}
		}
	}
	for _, f := range found.Text {
		if !f.Asked {
			files = append(files, f.Path)
		}
	}
	for _, l := range found.Links {
		files = append(files, l.Path)
	}
	t.ignored = repo.Ignored(r.ctx, files)
	res.Ignored = slices.Sorted(maps.Keys(t.ignored))
	for i := range found.Packages {
		p := &found.Packages[i]
		p.Files = slices.DeleteFunc(p.Files, func(f scan.File) bool { return t.ignored[f.Path] })
	}
	found.Text = slices.DeleteFunc(found.Text, func(f scan.TextFile) bool { return t.ignored[f.Path] })
	found.Links = slices.DeleteFunc(found.Links, func(l scan.Link) bool { return t.ignored[l.Path] })
}

// wants reports whether findings in the file are.
func (t targets) wants(path string) bool {
	if t.ignored[path] {
		return false
	}
	if len(t.named) == 0 || !strings.HasSuffix(path, ".go") {
		return true
	}
	names, ok := t.named[load.RealPath(filepath.Dir(path))]
	return !ok || slices.Contains(names, filepath.Base(path))
}

// narrow returns a Select for the files that are wanted, on top of sel.
func (t targets) narrow(sel func([]Found) []bool) func([]Found) []bool {
	if len(t.named)+len(t.ignored) == 0 {
		return sel
	}
	return func(list []Found) []bool {
		keep := make([]bool, len(list))
		if sel != nil {
			copy(keep, sel(list))
		}
		for i, f := range list {
			keep[i] = (sel == nil || keep[i]) && t.wants(f.Pos.Filename)
		}
		return keep
	}
}

// scan finds the candidates. Without any, the targets are empty and the go
// command is not needed.
func (r *runner) scan(opt Options) (*Result, targets, error) {
	r.stage("scanning")
	res := &Result{}
	found, err := r.scanPatterns(opt, res)
	if err != nil {
		return nil, targets{}, err
	}
	if left := recoverable(found.Litter); len(left) > 0 {
		if opt.Write {
			res.Problems = append(res.Problems, finish(left)...)
			if found, err = r.scanPatterns(opt, res); err != nil {
				return nil, targets{}, err
			}
		} else {
			res.Problems = append(res.Problems, interrupted(left)...)
		}
	}
	res.Nested = found.Nested
	res.Files, res.Bytes = found.Files, found.Bytes
	for _, p := range found.Unmatched {
		res.Problems = append(res.Problems, load.Unmatched(p))
	}
	for _, p := range found.Problems {
		res.Problems = append(res.Problems, problemAt(p.Path, "not read: "+load.Reason(p.Err)))
	}
	var t targets
	t.passIgnored(r, found, res)
	for _, l := range found.Links {
		res.Problems = append(res.Problems, problemAt(l.Path, "not read: it is a link to "+l.Target+", which is not among the files that are checked"))
	}
	t.texts = found.Text
	r.scanned, r.beside = found, *res
	return r.aim(opt, t)
}

// refine is scan without the candidates that turn out to be none when they are parsed.
func (r *runner) refine(opt Options, t targets) (*Result, targets, error) {
	r.scanned.Refine(r.scanConfig(opt))
	clear(r.firing)
	return r.aim(opt, targets{texts: t.texts, ignored: t.ignored})
}

// aim adds to t the candidates that the scan found, and returns what it says of them and
// of all else.
func (r *runner) aim(opt Options, t targets) (*Result, targets, error) {
	res := r.beside
	res.Problems = slices.Clone(res.Problems)
	blocked, err := t.packages(r.scanned, len(opt.Platforms) > 0, &res)
	if err != nil {
		return nil, t, err
	}
	res.Problems = append(res.Problems, load.Dedupe(blocked)...)
	res.Modules = len(t.mods)
	for _, p := range r.scanned.Packages {
		for _, f := range p.Files {
			r.firing[f.Path] = f.Rules
		}
	}
	t.emits = r.emitted(r.scanned)
	return &res, t, nil
}

// rulesFor returns the rules without which the packages would not be loaded, nil
// where there is more to load them for.
func (r *runner) rulesFor(list []*load.Package) []string {
	var names []string
	for _, p := range list {
		for _, f := range p.Files {
			names = append(names, r.firing[f.Path]...)
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); slices.Contains(names, IgnoreRule) {
		return nil // an ignore comment is looked at in any case
	}
	return names
}

// emitted returns the names of packages that fixes of the rules with candidates
// may put in.
func (r *runner) emitted(found *scan.Result) []string {
	fires := make(map[string]bool)
	for _, p := range found.Packages {
		for _, f := range p.Files {
			for _, rule := range f.Rules {
				fires[rule] = true
			}
		}
	}
	var emits []string
	for _, f := range r.finders {
		if fires[f.Name] {
			emits = append(emits, f.Emits...)
		}
	}
	slices.Sort(emits)
	return slices.Compact(emits)
}

// packages takes in the packages that the scan found, with those that the host
// leaves out if everywhere is set, and notes in res which files are left out.
// blocked says which modules are not to be loaded.
func (t *targets) packages(found *scan.Result, everywhere bool, res *Result) (blocked []load.Problem, err error) {
	groups := grouping{found: found, byOrigin: make(map[origin]*load.Group)}
	for _, p := range found.Packages {
		included := everywhere
		for _, f := range p.Files {
			if f.Excluded != "" {
				res.Excluded = append(res.Excluded, Excluded{Path: f.Path, Reason: f.Excluded})
			} else {
				included = true
			}
		}
		if !included {
			continue
		}
		if p.Module >= 0 {
			mod := found.Modules[p.Module]
			if mod.Err != nil {
				blocked = append(blocked, unreadable(mod.Err))
				continue
			}
			if newer(mod.GoVersion) {
				blocked = append(blocked, newerProblem(mod))
				continue
			}
			if !slices.Contains(t.mods, mod.Dir) {
				t.mods = append(t.mods, mod.Dir)
			}
		}
		if p.Named != nil {
			if t.named == nil {
				t.named = make(map[string][]string)
			}
			t.named[load.RealPath(p.Dir)] = p.Named
		}
		if err := groups.add(p); err != nil {
			return nil, err
		}
	}
	t.groups = groups.list()
	return blocked, nil
}

// scanPatterns scans what opt.Patterns cover. What the go command says about
// those that only it resolves is added to res.
func (r *runner) scanPatterns(opt Options, res *Result) (*scan.Result, error) {
	cfg := r.scanConfig(opt)
	patterns := opt.Patterns
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	found, err := scan.Run(r.ctx, cfg, patterns)
	if err != nil || len(found.GoPatterns) == 0 {
		return found, err
	}
	// Only the go command knows where these packages are.
	dirs, problems, err := load.Locate(r.ctx, opt.Config, found.GoPatterns)
	if err != nil {
		return nil, err
	}
	r.inputs.Doubt("only the go command knows where the packages are")
	res.Problems = append(res.Problems, problems...)
	local := slices.DeleteFunc(slices.Clone(patterns), func(p string) bool { return slices.Contains(found.GoPatterns, p) })
	return scan.Run(r.ctx, cfg, append(local, dirs...))
}

// scanConfig says what to look for: what the rules need, and ignore comments.
func (r *runner) scanConfig(opt Options) scan.Config {
	cfg := scan.Config{
		Dir:        opt.Dir,
		Tags:       opt.Tags,
		Tests:      opt.Tests,
		Dirs:       opt.Dirs,
		Overlay:    opt.Overlay,
		Inputs:     r.inputs,
		GOOS:       basis.Getenv(opt.Env, "GOOS", build.Default.GOOS),
		GOARCH:     basis.Getenv(opt.Env, "GOARCH", build.Default.GOARCH),
		CgoEnabled: basis.Getenv(opt.Env, "CGO_ENABLED", "1") != "0",
	}
	for _, f := range r.finders {
		for _, n := range f.Needs {
			n.Rule = f.Name
			cfg.Needs = append(cfg.Needs, n)
		}
		for _, n := range f.TextNeeds {
			n.Rule = f.Name
			cfg.TextNeeds = append(cfg.TextNeeds, n)
		}
	}
	// A file with an ignore comment is looked at even where nothing can fire:
	// the comment may be of no use.
	cfg.Needs = append(cfg.Needs, scan.Need{Rule: IgnoreRule, Idents: []string{"runtimefix:ignore"}, Tests: true})
	ignores := scan.TextNeed{Rule: IgnoreRule, Contains: []string{"runtimefix:ignore"}}
	for _, n := range cfg.TextNeeds {
		for _, kind := range n.Kinds {
			if !slices.Contains(ignores.Kinds, kind) {
				ignores.Kinds = append(ignores.Kinds, kind)
			}
		}
	}
	if len(ignores.Kinds) > 0 {
		cfg.TextNeeds = append(cfg.TextNeeds, ignores)
	}
	return cfg
}

// unreadable is the problem of a module whose go.mod or go.work cannot be read.
func unreadable(err error) load.Problem {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return problemAt(pe.Path, "the module is not checked: "+load.Reason(err))
	}
	return load.Problem{Message: "not checked: " + err.Error()}
}

// problemAt is a problem of a whole file or directory.
func problemAt(path, message string) load.Problem {
	return load.Problem{Pos: token.Position{Filename: path}, Message: message}
}

// loadViews loads the candidates once for every platform and world.
func (r *runner) loadViews(opt Options, t targets, res *Result) error {
	if len(t.groups) > 0 {
		if err := load.NeedGo(); err != nil {
			return err
		}
	}
	platforms := opt.Platforms
	if len(platforms) == 0 {
		platforms = []string{""}
	}
	included := make(map[string]bool)
	for _, platform := range platforms {
		r.stage(strings.TrimSpace("loading " + platform))
		for _, world := range t.worlds() {
			v, err := r.loadView(opt, world, platform, res)
			if err != nil {
				return err
			}
			for _, p := range v.snap.Packages {
				for _, f := range p.Files {
					included[f.Path] = true
				}
			}
			r.views = append(r.views, v)
		}
	}
	res.Excluded = slices.DeleteFunc(res.Excluded, func(x Excluded) bool { return included[x.Path] })
	return nil
}

// loadView loads the candidates for one platform, "" for that of the
// environment. What could not be loaded is added to res.
func (r *runner) loadView(opt Options, t targets, platform string, res *Result) (*view, error) {
	cfg := opt.Config
	cfg.Emits = t.emits
	if goos, goarch, ok := strings.Cut(platform, "/"); ok {
		if cfg.Env == nil {
			cfg.Env = os.Environ()
		}
		cfg.Env = append(slices.Clone(cfg.Env), "GOOS="+goos, "GOARCH="+goarch)
	}
	l := load.NewLoader(r.ctx, cfg, opt.Overlay)
	l.Inputs, l.Disk, l.Cache = r.inputs, &r.disk, opt.Cache
	for path := range t.ignored {
		l.ReadOnly[path] = "git ignores it"
	}
	r.loaders = append(r.loaders, l)
	for _, g := range t.groups {
		res.Problems = append(res.Problems, addGroup(l, g)...)
		res.Problems = append(res.Problems, l.Problems()...)
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
	}
	l.Widen = func(names []string) (map[string][]string, error) { return r.mention(l, t, names) }
	snap := l.Snapshot(opt.Overlay, nil)
	for _, f := range t.texts {
		if err := snap.AddText(f); err != nil {
			res.Problems = append(res.Problems, problemAt(f.Path, "not read: "+load.Reason(err)))
		}
	}
	return &view{platform: platform, l: l, snap: snap}, nil
}

// addGroup makes the packages of g roots of l, those of a workspace module by
// module where the workspace as a whole cannot be listed.
func addGroup(l *load.Loader, g load.Group) []load.Problem {
	err := l.AddGroup(g)
	if err == nil {
		return nil
	}
	if len(g.Modules) == 0 {
		return []load.Problem{problemAt(g.Dir, "not checked: "+err.Error())}
	}
	out := []load.Problem{problemAt(g.Dir, "checked without the workspace: "+err.Error())}
	for _, m := range g.Modules {
		if err := l.AddGroup(*m); err != nil {
			out = append(out, problemAt(m.Dir, "not checked: "+err.Error()))
		}
	}
	return out
}

type mentionKey struct{ mod, names string }

// mentioned are the files of a module in which a name stands.
type mentioned struct {
	paths []string
	err   error
}

// mention returns the packages of the candidates' modules, by the directory to
// list them from, that are not loaded yet and in whose files one of names
// stands.
func (r *runner) mention(l *load.Loader, t targets, names []string) (map[string][]string, error) {
	loaded := l.Dirs()
	out := make(map[string][]string)
	for _, mod := range t.mods {
		got := inputs.Once(&r.disk, mentionKey{mod, strings.Join(names, " ")}, func() (m mentioned) {
			m.paths, m.err = scan.Grep(r.ctx, l.Inputs, []string{mod}, func(path string, data []byte) bool {
				return !strings.HasSuffix(path, "_test.go") && slices.ContainsFunc(names, func(n string) bool { return scan.HasWord(data, n) })
			})
			return m
		})
		if got.err != nil && !errors.Is(got.err, fs.ErrNotExist) {
			return out, got.err
		}
		for _, path := range got.paths {
			dir := filepath.Dir(path)
			if loaded[dir] {
				continue
			}
			loaded[dir] = true
			if rel, err := filepath.Rel(mod, dir); err == nil {
				out[mod] = append(out[mod], "./"+filepath.ToSlash(rel))
			}
		}
	}
	return out, nil
}
