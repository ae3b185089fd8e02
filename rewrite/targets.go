package rewrite

import (
	"cmp"
	"errors"
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
}

// wants reports whether findings in the file are.
func (t targets) wants(path string) bool {
	if len(t.named) == 0 || !strings.HasSuffix(path, ".go") {
		return true
	}
	names, ok := t.named[RealPath(filepath.Dir(path))]
	return !ok || slices.Contains(names, filepath.Base(path))
}

// RealPath returns path without symbolic links, path itself where that fails.
func RealPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// narrow returns a Select for the files that are wanted, on top of sel.
func (t targets) narrow(sel func([]Found) []bool) func([]Found) []bool {
	if len(t.named) == 0 {
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
	var t targets
	cfg := scan.Config{
		Dir:        opt.Dir,
		Tags:       opt.Tags,
		Tests:      opt.Tests,
		Dirs:       opt.Dirs,
		Overlay:    opt.Overlay,
		GOOS:       load.Getenv(opt.Env, "GOOS", build.Default.GOOS),
		GOARCH:     load.Getenv(opt.Env, "GOARCH", build.Default.GOARCH),
		CgoEnabled: load.Getenv(opt.Env, "CGO_ENABLED", "1") != "0",
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
	for _, n := range cfg.TextNeeds {
		cfg.TextNeeds = append(cfg.TextNeeds, scan.TextNeed{Rule: IgnoreRule, Kinds: n.Kinds, Contains: []string{"runtimefix:ignore"}})
	}
	patterns := opt.Patterns
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	found, err := scan.Run(r.ctx, cfg, patterns)
	if err != nil {
		return nil, t, err
	}
	if len(found.GoPatterns) > 0 {
		// Only the go command knows where these packages are.
		dirs, problems, err := load.Locate(r.ctx, opt.Config, found.GoPatterns)
		if err != nil {
			return nil, t, err
		}
		res.Problems = append(res.Problems, problems...)
		local := slices.DeleteFunc(slices.Clone(patterns), func(p string) bool { return slices.Contains(found.GoPatterns, p) })
		if found, err = scan.Run(r.ctx, cfg, append(local, dirs...)); err != nil {
			return nil, t, err
		}
	}
	res.Files, res.Bytes = found.Files, found.Bytes
	for _, p := range found.Unmatched {
		res.Problems = append(res.Problems, load.Unmatched(p))
	}
	for _, p := range found.Problems {
		prob := load.Problem{Message: "not read: " + load.Reason(p.Err)}
		prob.Pos.Filename = p.Path
		res.Problems = append(res.Problems, prob)
	}
	fires := make(map[string]bool)
	type origin struct {
		dir   string
		loose bool
	}
	byOrigin := make(map[origin]*load.Group)
	for _, p := range found.Packages {
		included := len(opt.Platforms) > 0
		for _, f := range p.Files {
			if f.Excluded == "" {
				included = true
			}
			for _, rule := range f.Rules {
				fires[rule] = true
			}
			if f.Excluded != "" {
				res.Excluded = append(res.Excluded, Excluded{Path: f.Path, Reason: f.Excluded})
			}
		}
		if !included {
			continue
		}
		if p.Named != nil {
			if t.named == nil {
				t.named = make(map[string][]string)
			}
			t.named[RealPath(p.Dir)] = p.Named
		}
		dir, noWork, pattern := p.Dir, false, "."
		if p.Module >= 0 {
			m := found.Modules[p.Module]
			dir, noWork = m.Dir, m.Work == ""
			if m.Work != "" {
				dir = filepath.Dir(m.Work)
			}
			if !slices.Contains(t.mods, m.Dir) {
				t.mods = append(t.mods, m.Dir)
			}
			rel, err := filepath.Rel(dir, p.Dir)
			if err != nil {
				return nil, t, err
			}
			pattern = "./" + filepath.ToSlash(rel)
		}
		from := origin{dir: dir, loose: p.Module < 0}
		g := byOrigin[from]
		if g == nil {
			g = &load.Group{Dir: dir, NoWork: noWork}
			byOrigin[from] = g
		}
		if from.loose {
			// Outside of a module the go command takes only files, and nothing
			// else beside them.
			g.Patterns = append(g.Patterns, looseFiles(p.Dir)...)
			continue
		}
		g.Patterns = append(g.Patterns, pattern)
		if p.Module >= 0 && found.Modules[p.Module].Work != "" {
			mod := found.Modules[p.Module].Dir
			rel, err := filepath.Rel(mod, p.Dir)
			if err != nil {
				return nil, t, err
			}
			m := g.Module(mod)
			m.Patterns = append(m.Patterns, "./"+filepath.ToSlash(rel))
		}
	}
	for _, g := range byOrigin {
		t.groups = append(t.groups, *g)
	}
	slices.SortFunc(t.groups, func(a, b load.Group) int {
		return cmp.Or(strings.Compare(a.Dir, b.Dir), slices.Compare(a.Patterns, b.Patterns))
	})
	t.texts, res.Modules = found.Text, len(t.mods)
	for _, f := range r.finders {
		if fires[f.Name] {
			t.emits = append(t.emits, f.Emits...)
		}
	}
	slices.Sort(t.emits)
	t.emits = slices.Compact(t.emits)
	return res, t, nil
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

// loadViews loads the candidates once for every platform.
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
		cfg := opt.Config
		cfg.Emits = t.emits
		if goos, goarch, ok := strings.Cut(platform, "/"); ok {
			if cfg.Env == nil {
				cfg.Env = os.Environ()
			}
			cfg.Env = append(slices.Clone(cfg.Env), "GOOS="+goos, "GOARCH="+goarch)
		}
		l := load.NewLoader(r.ctx, cfg, opt.Overlay)
		for _, g := range t.groups {
			err := l.AddGroup(g, opt.Tests)
			if cause := r.ctx.Err(); err != nil && cause != nil {
				return cause
			}
			if err == nil {
				continue
			}
			prob := load.Problem{Message: "not checked: " + err.Error()}
			if len(g.Modules) > 0 {
				prob.Message = "checked without the workspace: " + err.Error()
			}
			prob.Pos.Filename = g.Dir
			res.Problems = append(res.Problems, prob)
			for _, m := range g.Modules {
				if err := l.AddGroup(*m, opt.Tests); err != nil {
					prob := load.Problem{Message: "not checked: " + err.Error()}
					prob.Pos.Filename = m.Dir
					res.Problems = append(res.Problems, prob)
				}
			}
		}
		l.Widen = func(names []string) map[string][]string { return r.mention(l, t, names) }
		snap := l.Snapshot(r.overlay, nil)
		for _, f := range t.texts {
			if err := snap.AddText(f); err != nil {
				prob := load.Problem{Message: "not read: " + load.Reason(err)}
				prob.Pos.Filename = f.Path
				res.Problems = append(res.Problems, prob)
			}
		}
		for _, p := range snap.Packages {
			for _, f := range p.Files {
				included[f.Path] = true
			}
		}
		r.views = append(r.views, &view{platform: platform, l: l, snap: snap})
	}
	res.Excluded = slices.DeleteFunc(res.Excluded, func(x Excluded) bool { return included[x.Path] })
	return nil
}

// mention returns the packages of the candidates' modules, by the directory to
// list them from, that are not loaded yet and in whose files one of names
// stands.
func (r *runner) mention(l *load.Loader, t targets, names []string) map[string][]string {
	loaded := l.Dirs()
	out := make(map[string][]string)
	for _, mod := range t.mods {
		paths, err := scan.Grep(r.ctx, []string{mod}, func(path string, data []byte) bool {
			return !strings.HasSuffix(path, "_test.go") && slices.ContainsFunc(names, func(n string) bool { return scan.HasWord(data, n) })
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		for _, path := range paths {
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
	return out
}
