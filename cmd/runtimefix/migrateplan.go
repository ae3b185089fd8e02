package main

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/fingerprint"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/migrate"
	"github.com/runtimefix/runtimefix/rewrite"
)

// plan is a change that is not written yet.
type plan struct {
	steps []step
	// state is what the files hold after the last step, by absolute path.
	state map[string][]byte
	// first is what was found in the files as they are.
	first *rewrite.Result
	// left are the findings that the steps leave.
	left []rewrite.Found
	// untidy says what is left to run for go.mod and what belongs to it.
	untidy []rewrite.Problem
}

// step is what becomes one commit.
type step struct {
	rules   []string
	changes []rewrite.Change
	fixed   []rewrite.Found
}

// fixed returns the findings that the plan repairs.
func (p *plan) fixed() []rewrite.Found {
	var out []rewrite.Found
	for _, s := range p.steps {
		out = append(out, s.fixed...)
	}
	return out
}

// files returns the absolute paths of the files that change.
func (p *plan) files() []string {
	return slices.Sorted(maps.Keys(p.state))
}

// filter says which findings a plan takes on.
type filter struct {
	prints map[string]bool // fingerprints, nil for all
	files  map[string]bool // absolute paths, nil for all
}

// make runs the engine: once for all rules, or for one commit a rule once more for
// each of those that have something to fix, on top of what the others made.
func (m *migration) make(ctx context.Context, f filter) (*plan, error) {
	opt := m.opt
	opt.Select = func(list []rewrite.Found) []bool { return m.selected(list, f) }
	p := &plan{state: make(map[string][]byte)}
	perRule := m.o.commit == "per-rule"
	opt.Fix = !perRule
	res, err := runEngine(ctx, opt, m.finders, m.stderr)
	if err != nil {
		return nil, err
	}
	p.first = res
	if !perRule {
		p.add(res, nil)
		p.left = res.Remaining
		return p, nil
	}
	p.left = res.Findings
	opt.Fix = true
	for _, finder := range m.finders {
		if !slices.ContainsFunc(res.Findings, func(x rewrite.Found) bool { return x.Rule == finder.Name && x.Chosen >= 0 }) {
			continue
		}
		opt.Overlay = maps.Clone(p.state)
		one, err := runEngine(ctx, opt, []*rewrite.Finder{finder}, m.stderr)
		if err != nil {
			return nil, err
		}
		p.add(one, []string{finder.Name})
		p.left = slices.DeleteFunc(p.left, func(x rewrite.Found) bool { return x.Rule == finder.Name })
		p.left = append(p.left, one.Remaining...)
		res.Internal = append(res.Internal, one.Internal...)
	}
	return p, nil
}

// add takes the engine's changes on as a step. A file that a group of changes
// writes twice is written as the last of them says.
func (p *plan) add(res *rewrite.Result, names []string) {
	s := step{changes: res.Changes, rules: names}
	for _, f := range res.Findings {
		if f.State == rewrite.Fixed {
			s.fixed = append(s.fixed, f)
			if names == nil && !slices.Contains(s.rules, f.Rule) {
				s.rules = append(s.rules, f.Rule)
			}
		}
	}
	for _, c := range res.Changes {
		p.state[c.Path] = c.New
	}
	p.untidy = append(p.untidy, res.Untidy...)
	if len(s.changes) > 0 {
		p.steps = append(p.steps, s)
	}
}

// selected reports which findings belong to the plan: what the user selects, in
// the part that this run brings.
func (m *migration) selected(list []rewrite.Found, f filter) []bool {
	out := m.rec.Narrow(m.sel.keep)(list)
	prints := fingerprint.Of(m.root, list)
	for i, x := range list {
		out[i] = out[i] && m.part.Has(fingerprint.RelPath(m.root, x.Pos.Filename)) &&
			(f.prints == nil || f.prints[prints[i]]) && (f.files == nil || f.files[x.Pos.Filename])
	}
	return out
}

// bounded makes a plan that changes no more than --max-files files: findings are
// taken on by the order of their files.
func (m *migration) bounded(ctx context.Context, f filter) (*plan, error) {
	p, err := m.make(ctx, f)
	for err == nil && m.o.maxFiles > 0 && len(p.state) > m.o.maxFiles {
		var files []string
		for _, x := range p.fixed() {
			if !slices.Contains(files, x.Pos.Filename) {
				files = append(files, x.Pos.Filename)
			}
		}
		slices.Sort(files)
		keep := min(len(files)-1, m.o.maxFiles)
		f.files = make(map[string]bool)
		for _, name := range files[:max(0, keep)] {
			f.files[name] = true
		}
		p, err = m.make(ctx, f)
	}
	return p, err
}

// proved makes a plan and proves it. Where the go command complains of something
// that it did not complain of before, the guilty fixes are found by halving and
// left out.
func (m *migration) proved(ctx context.Context) (*plan, error) {
	p, err := m.bounded(ctx, filter{})
	if err != nil || len(p.state) == 0 || m.o.verify == migrate.None {
		return p, err
	}
	if m.scope, err = m.verifier.ScopeOf(ctx, p.files()); err != nil {
		return nil, err
	}
	for _, pkgs := range m.scope {
		m.packages += len(pkgs)
	}
	m.stage("proving: as it was")
	if m.before, err = m.verifier.Check(ctx, m.scope, nil); err != nil {
		return nil, err
	}
	if m.before.Broken() {
		// Nothing can be proved in modules that do not build: they stay as they are.
		if p, err = m.without(ctx, p, m.before.Unbuilt); err != nil || len(p.state) == 0 {
			return p, err
		}
	}
	m.stage("proving: with the fixes")
	worse, after, err := m.worse(ctx, p)
	if err != nil || len(worse) == 0 {
		m.after = after
		return p, err
	}
	h := halving{migration: m, list: p.fixed(), good: make(map[string]bool)}
	h.prints = fingerprint.Of(m.root, h.list)
	if err := h.settle(ctx, 0, len(h.list), worse); err != nil {
		return nil, err
	}
	best := h.best
	if best == nil {
		best = &plan{state: make(map[string][]byte), first: p.first}
	}
	best.first, best.left = p.first, p.left
	return best, nil
}

// halving finds out which of a plan's fixes break something.
type halving struct {
	*migration
	list   []rewrite.Found
	prints []string        // the list's fingerprints
	good   map[string]bool // those that break nothing together
	best   *plan           // what the good ones make, nil for nothing yet
}

// settle sorts the fixes list[from:to], of which some break something for the
// reasons why: the good ones into best, the others into rolledBack.
func (h *halving) settle(ctx context.Context, from, to int, why []string) error {
	if to-from == 1 && why != nil {
		h.rolledBack = append(h.rolledBack, blamed{h.list[from], why[0]})
		return nil
	}
	for _, half := range [][2]int{{from, (from + to) / 2}, {(from + to) / 2, to}} {
		if half[0] == half[1] {
			continue
		}
		try := maps.Clone(h.good)
		for _, fp := range h.prints[half[0]:half[1]] {
			try[fp] = true
		}
		q, err := h.make(ctx, filter{prints: try})
		if err != nil {
			return err
		}
		bad, out, err := h.worse(ctx, q)
		if err != nil {
			return err
		}
		if len(bad) == 0 {
			h.good, h.best, h.after = try, q, out
			continue
		}
		if err := h.settle(ctx, half[0], half[1], bad); err != nil {
			return err
		}
	}
	return nil
}

// without makes p again without the findings in files of the modules, by their
// directories; those are left.
func (m *migration) without(ctx context.Context, p *plan, modules map[string]bool) (*plan, error) {
	f := filter{files: make(map[string]bool)}
	for _, x := range p.fixed() {
		if !modules[rewrite.ModuleDir(filepath.Dir(x.Pos.Filename))] {
			f.files[x.Pos.Filename] = true
		}
	}
	q, err := m.make(ctx, f)
	if err != nil {
		return nil, err
	}
	q.first, q.left = p.first, p.left
	for _, x := range p.fixed() {
		if !f.files[x.Pos.Filename] {
			x.State = rewrite.Open
			q.left = append(q.left, x)
			m.unproved = append(m.unproved, x)
		}
	}
	return q, nil
}

// worse returns what the go command says of the plan and not of the files as they
// are.
func (m *migration) worse(ctx context.Context, p *plan) ([]string, *migrate.Outcome, error) {
	after, err := m.verifier.Check(ctx, m.scope, p.state)
	if err != nil {
		return nil, nil, err
	}
	return migrate.Worse(m.before, after), after, nil
}

// relative returns the path below the repository's root, with slashes.
func (m *migration) relative(path string) string {
	return filepath.ToSlash(fingerprint.RelPath(m.root, path))
}
