package rewrite

import (
	"slices"

	"github.com/runtimefix/runtimefix/rewrite/load"
)

// Unit is one type-checked package that another program loaded, see load.Unit.
type Unit load.Unit

// UnitFinding is a finding in a Unit with the edits of its first fix that the
// admitted safety selects and that stays within the Unit.
type UnitFinding struct {
	Finding
	Fix   *Fix // nil when there is none
	Edits []TextEdit
}

// Find runs a rule on the unit. Ignore comments hold; faults in them are not
// reported, because other rules may use them. A finding keeps no fix when the
// rule asked for something outside of the unit, when the fix changes a file
// outside of it, or when its result does not type-check. The error says that
// the rule failed.
func (u *Unit) Find(f *Finder, admit Safety) ([]UnitFinding, error) {
	s, err := (*load.Unit)(u).Snapshot()
	if err != nil {
		return nil, err
	}
	r := &runner{finders: []*Finder{f}, admit: admit}
	list := r.findOne(f, s)
	if len(r.internal) > 0 {
		return nil, r.internal[0]
	}
	list, _ = r.suppress(s, list)
	blind := s.TakeAsked()
	out := make([]UnitFinding, len(list))
	var made []int
	var edits [][]TextEdit
	alone := loneEdits{s: s}
	for n, finding := range list {
		out[n] = UnitFinding{Finding: finding}
		if i := r.choose(finding.Fixes); i >= 0 && !blind {
			e, err := alone.of(finding, finding.Fixes[i])
			if asked := s.TakeAsked(); err == nil && !asked && holds(s, e) {
				out[n].Fix = finding.Fixes[i]
				made, edits = append(made, n), append(edits, e)
			}
		}
	}
	whys := checkEach(s, edits, func(changed map[string][]byte) string { return (*load.Unit)(u).Compile(s, changed) })
	for i, n := range made {
		if whys[i] != "" {
			out[n].Fix = nil
		} else {
			out[n].Edits = edits[i]
		}
	}
	return out, nil
}

// holds reports whether all files that edits change are among those loaded.
func holds(s *load.Snapshot, edits []TextEdit) bool {
	return !slices.ContainsFunc(edits, func(e TextEdit) bool { return s.FileAt(e.Path) == nil })
}
