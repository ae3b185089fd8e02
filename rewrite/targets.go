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

	"github.com/runtimefix/runtimefix/rewrite/scan"
)

// targets are what the scan left to be loaded.
type targets struct {
	groups []group
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
		GOOS:       lookup(opt.Env, "GOOS", build.Default.GOOS),
		GOARCH:     lookup(opt.Env, "GOARCH", build.Default.GOARCH),
		CgoEnabled: lookup(opt.Env, "CGO_ENABLED", "1") != "0",
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
		dirs, problems, err := locate(r.ctx, opt.Config, found.GoPatterns)
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
		res.Problems = append(res.Problems, unmatched(p))
	}
	for _, p := range found.Problems {
		prob := Problem{Message: "not read: " + errText(p.Err)}
		prob.Pos.Filename = p.Path
		res.Problems = append(res.Problems, prob)
	}
	fires := make(map[string]bool)
	type origin struct {
		dir   string
		loose bool
	}
	byOrigin := make(map[origin]*group)
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
			g = &group{dir: dir, noWork: noWork}
			byOrigin[from] = g
		}
		if from.loose {
			// Outside of a module the go command takes only files, and nothing
			// else beside them.
			g.patterns = append(g.patterns, looseFiles(p.Dir)...)
			continue
		}
		g.patterns = append(g.patterns, pattern)
		if p.Module >= 0 && found.Modules[p.Module].Work != "" {
			mod := found.Modules[p.Module].Dir
			rel, err := filepath.Rel(mod, p.Dir)
			if err != nil {
				return nil, t, err
			}
			m := g.module(mod)
			m.patterns = append(m.patterns, "./"+filepath.ToSlash(rel))
		}
	}
	for _, g := range byOrigin {
		t.groups = append(t.groups, *g)
	}
	slices.SortFunc(t.groups, func(a, b group) int {
		return cmp.Or(strings.Compare(a.dir, b.dir), slices.Compare(a.patterns, b.patterns))
	})
	t.texts = found.Text
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
		if err := needGo(); err != nil {
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
		l := newLoader(r.ctx, cfg, opt.Overlay)
		for _, g := range t.groups {
			err := l.addGroup(g, opt.Tests)
			if cause := r.ctx.Err(); err != nil && cause != nil {
				return cause
			}
			if err == nil {
				continue
			}
			prob := Problem{Message: "not checked: " + err.Error()}
			if len(g.modules) > 0 {
				prob.Message = "checked without the workspace: " + err.Error()
			}
			prob.Pos.Filename = g.dir
			res.Problems = append(res.Problems, prob)
			for _, m := range g.modules {
				if err := l.addGroup(*m, opt.Tests); err != nil {
					prob := Problem{Message: "not checked: " + err.Error()}
					prob.Pos.Filename = m.dir
					res.Problems = append(res.Problems, prob)
				}
			}
		}
		l.widen = func(names []string) map[string][]string { return r.mention(l, t, names) }
		snap := l.snapshot(r.overlay, nil)
		for _, f := range t.texts {
			if err := snap.addText(f); err != nil {
				prob := Problem{Message: "not read: " + errText(err)}
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
func (r *runner) mention(l *loader, t targets, names []string) map[string][]string {
	loaded := l.dirs()
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
