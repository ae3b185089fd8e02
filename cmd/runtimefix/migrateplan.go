package main

import (
	"context"
	"fmt"
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

// make runs the engine once for all rules. For one commit a rule what it made is
// taken apart.
func (m *migration) make(ctx context.Context, f filter) (*plan, error) {
	opt := m.opt
	opt.Fix = true
	opt.Select = func(list []rewrite.Found) []bool { return m.selected(list, f) }
	if m.rec == nil && f.files == nil && f.prints == nil && m.o.shard == "" && m.o.owner == "" {
		m.keepResults(&opt)
	} else {
		m.keepAnswers(&opt)
	}
	res, err := runEngine(ctx, opt, m.finders, m.stderr)
	if err != nil {
		return nil, err
	}
	p := &plan{state: make(map[string][]byte), first: res, left: res.Remaining}
	if m.o.commit == "per-rule" {
		err = m.steps(ctx, p, opt)
	} else {
		p.add(res, nil)
	}
	return p, err
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

// bounded makes a plan that changes no more than --max-files files: fixes are
// taken on by the order of their files, each with all that it changes.
func (m *migration) bounded(ctx context.Context) (*plan, error) {
	p, err := m.make(ctx, filter{})
	if err != nil || m.o.maxFiles == 0 || len(p.state) <= m.o.maxFiles {
		return p, err
	}
	q, f, groups := p, filter{}, p.together()
	// Once, unless the fewer fixes change other files than they did among the others.
	for n := m.o.maxFiles; len(q.state) > m.o.maxFiles && n >= 0; n-- {
		f.files = filesWithin(groups, n)
		if q, err = m.make(ctx, f); err != nil {
			return nil, err
		}
	}
	return m.postpone(p, q, f, func(x rewrite.Found) string {
		if filesWith(groups, x.Pos.Filename) > m.o.maxFiles {
			return fmt.Sprintf("its fix changes more than %s at once: --max-files", count(m.o.maxFiles, "file"))
		}
		return fmt.Sprintf("not among the first %s: --max-files", count(m.o.maxFiles, "file"))
	}), nil
}

// postpone returns q, which is p without the fixes in files that f leaves out:
// their findings stay, and why says why.
func (m *migration) postpone(p, q *plan, f filter, why func(rewrite.Found) string) *plan {
	q.first, q.left = p.first, p.left
	for _, x := range p.fixed() {
		if !f.files[x.Pos.Filename] {
			x.State = rewrite.Open
			q.left = append(q.left, x)
			m.postponed = append(m.postponed, blamed{x, why(x)})
		}
	}
	return q
}

// together returns the files that change together, in order, and those of the
// groups in order of the first of them.
func (p *plan) together() [][]string {
	var out [][]string
	for _, path := range p.files() {
		var with []string
		for _, s := range p.steps {
			i := slices.IndexFunc(s.changes, func(c rewrite.Change) bool { return c.Path == path })
			for _, c := range s.changes {
				if i >= 0 && c.Group == s.changes[i].Group {
					with = append(with, c.Path)
				}
			}
		}
		// What several steps change binds their groups together.
		at := slices.IndexFunc(out, func(g []string) bool {
			return slices.ContainsFunc(with, func(w string) bool { return slices.Contains(g, w) })
		})
		if at < 0 {
			out = append(out, nil)
			at = len(out) - 1
		}
		for _, w := range with {
			if !slices.Contains(out[at], w) {
				out[at] = append(out[at], w)
			}
		}
	}
	return out
}

// filesWithin returns at most n of the files in groups, with each all those that
// change together with it.
func filesWithin(groups [][]string, n int) map[string]bool {
	out := make(map[string]bool)
	for _, g := range groups {
		if len(out)+len(g) <= n {
			for _, path := range g {
				out[path] = true
			}
		}
	}
	return out
}

// filesWith returns how many files change together with the file, itself included.
func filesWith(groups [][]string, path string) int {
	for _, g := range groups {
		if slices.Contains(g, path) {
			return len(g)
		}
	}
	return 0
}

// proved makes a plan and proves it. Where the go command complains of something
// that it did not complain of before, the guilty fixes are found by halving and
// left out.
func (m *migration) proved(ctx context.Context) (*plan, error) {
	p, err := m.bounded(ctx)
	if err != nil || len(p.state) == 0 || m.o.verify == migrate.None {
		return p, err
	}
	if m.scope, err = m.verifier.ScopeOf(ctx, p.files()); err != nil {
		return nil, err
	}
	m.stage("proving: as it was")
	if m.before, err = m.verifier.Check(ctx, m.scope, nil); err != nil {
		return nil, err
	}
	if m.before.Broken() {
		// Nothing can be proved in packages that do not build: they stay as they are.
		m.scope = m.scope.Without(m.before.Unbuilt)
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

// without makes p again without the fixes that change packages in the directories;
// their findings are left.
func (m *migration) without(ctx context.Context, p *plan, dirs map[string]bool) (*plan, error) {
	f := filter{files: make(map[string]bool)}
	for _, g := range p.together() {
		if !slices.ContainsFunc(g, func(path string) bool { return dirs[filepath.Dir(path)] && filepath.Ext(path) == ".go" }) {
			for _, path := range g {
				f.files[path] = true
			}
		}
	}
	for _, x := range p.fixed() {
		if !f.files[x.Pos.Filename] {
			m.broken++
		}
	}
	if m.broken == 0 {
		return p, nil
	}
	q, err := m.make(ctx, f)
	if err != nil {
		return nil, err
	}
	return m.postpone(p, q, f, func(rewrite.Found) string { return "its package does not build, so nothing can be proved" }), nil
}

// worse returns what the go command says of the plan and not of the files as they
// are.
func (m *migration) worse(ctx context.Context, p *plan) ([]string, *migrate.Outcome, error) {
	after, err := m.verifier.Check(ctx, m.scope, p.state)
	if err == nil {
		err = m.verifier.Settle(ctx, m.scope, p.state, m.before, after)
	}
	if err != nil {
		return nil, nil, err
	}
	return migrate.Worse(m.before, after), after, nil
}

// relative returns the path below the repository's root, with slashes.
func (m *migration) relative(path string) string {
	return filepath.ToSlash(fingerprint.RelPath(m.root, path))
}
