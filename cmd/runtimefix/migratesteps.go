package main

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
)

// steps takes what the engine made for all rules apart, a step a rule. A rule that
// changes packages of its own has what was made for it there. Where several rules
// change one package, the engine runs for each of them once more, on top of what
// the others made.
func (m *migration) steps(ctx context.Context, p *plan, opt rewrite.Options) error {
	all := p.first
	apart := changesByRule(all)
	var fixing []string
	for _, finder := range m.finders {
		if slices.ContainsFunc(all.Findings, func(x rewrite.Found) bool { return x.Rule == finder.Name && x.State == rewrite.Fixed }) {
			fixing = append(fixing, finder.Name)
		}
	}
	if len(fixing) < 2 {
		p.add(all, nil)
		return nil
	}
	p.untidy = all.Untidy
	opt.Basis = nil // what comes of an overlay comes once
	for _, finder := range m.finders {
		if changes := apart[finder.Name]; len(changes) > 0 {
			own := slices.DeleteFunc(slices.Clone(all.Findings), func(x rewrite.Found) bool { return x.Rule != finder.Name })
			p.add(&rewrite.Result{Findings: own, Changes: changes}, []string{finder.Name})
			continue
		}
		if !slices.Contains(fixing, finder.Name) {
			continue
		}
		opt.Overlay = maps.Clone(p.state)
		one, err := runEngine(ctx, opt, []*rewrite.Finder{finder}, m.stderr)
		if err != nil {
			return err
		}
		p.add(one, []string{finder.Name})
		p.left = slices.DeleteFunc(p.left, func(x rewrite.Found) bool { return x.Rule == finder.Name })
		p.left = append(p.left, one.Remaining...)
		all.Internal = append(all.Internal, one.Internal...)
	}
	return nil
}

// changesByRule returns the changes of each rule that alone changes the
// directories that it changes. Of the others there are none.
func changesByRule(res *rewrite.Result) map[string][]rewrite.Change {
	byGroup := make(map[int]map[string]bool) // which rules made a group of changes
	for _, c := range res.Changes {
		if byGroup[c.Group] == nil {
			byGroup[c.Group] = make(map[string]bool)
		}
	}
	for _, x := range res.Findings {
		if x.State != rewrite.Fixed {
			continue
		}
		i := slices.IndexFunc(res.Changes, func(c rewrite.Change) bool { return c.Path == x.Pos.Filename })
		if i < 0 {
			return nil // fixed somewhere else than where it was found
		}
		byGroup[res.Changes[i].Group][x.Rule] = true
	}
	byDir := make(map[string]map[string]bool)
	for _, c := range res.Changes {
		dir := filepath.Dir(c.Path)
		if byDir[dir] == nil {
			byDir[dir] = make(map[string]bool)
		}
		maps.Copy(byDir[dir], byGroup[c.Group])
		if len(byGroup[c.Group]) == 0 {
			return nil // whose it is cannot be told
		}
	}
	shared := make(map[string]bool)
	for _, names := range byDir {
		if len(names) > 1 {
			maps.Copy(shared, names)
		}
	}
	out := make(map[string][]rewrite.Change)
	for _, c := range res.Changes {
		for name := range byGroup[c.Group] {
			if !shared[name] {
				out[name] = append(out[name], c)
			}
		}
	}
	return out
}
