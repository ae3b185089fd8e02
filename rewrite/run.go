package rewrite

import (
	"cmp"
	"context"
	"fmt"
	"go/token"
	"math"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/guard"
	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
	"github.com/runtimefix/runtimefix/rewrite/load"
	"github.com/runtimefix/runtimefix/rewrite/scan"
)

// Finder is a rule as the engine sees it.
type Finder struct {
	Name      string
	Needs     []scan.Need
	TextNeeds []scan.TextNeed
	Emits     []string
	// Together says that what stands in one candidate decides about another, so that
	// all of them have to be in the snapshot, however many there are.
	Together bool
	Find     func(*load.Snapshot) []Finding
}

// maxRounds bounds the rounds of find, edit and verify on end after which neither
// fewer fixes are to be made than ever before nor the files are smaller. Fixes
// that touch the same place take turns; but where nothing gets less, two rules
// undo each other's work.
const maxRounds = 10

// Found is a Finding with resolved positions and what became of it.
type Found struct {
	Rule     string
	Pos, End token.Position
	Message  string
	// Source is the content of the file of Pos as the finding sees it, nil when
	// the file is not among those loaded.
	Source []byte
	// Notes are the finding's. NoFix stands among them, too, as the last one:
	// "no fix: " and the reason.
	Notes []FoundNote
	// NoFix says why there is no fix, and what to do by hand.
	NoFix string
	// Fixes are the ways to repair it, in order of preference.
	Fixes []FoundFix
	// Chosen is the index in Fixes of the fix that the admitted safety
	// selects, -1 when there is none.
	Chosen int
	State  State
	// Why says why a chosen fix was withheld.
	Why string
}

// FoundNote is a Note with a resolved position; Filename is "" where it
// concerns no place of its own.
type FoundNote struct {
	Pos     token.Position
	Message string
}

// FoundFix describes a Fix.
type FoundFix struct {
	Message string
	Safety  Safety
	// Edits are what the fix changes when no other is applied with it, in order
	// of path and offset. They are there when Options.Edits asks for them.
	Edits []TextEdit
	// Why says why there are no edits though they were asked for: the result
	// would not compile, say.
	Why string
}

// State says what became of a finding.
type State int

const (
	// Open findings have no fix that the admitted safety selects.
	Open State = iota
	// Fixed findings have a fix that is part of the changes.
	Fixed
	// Withheld findings have a fix that did not pass verification.
	Withheld
)

// String returns "open", "fixed" or "withheld".
func (s State) String() string {
	return [...]string{"open", "fixed", "withheld"}[s]
}

// candidate is a finding of the present round with the fix to be applied.
type candidate struct {
	finding Finding
	fix     *Fix
	key     key
}

// view is what one platform sees of one world (see targets.worlds): its own package metadata and snapshot.
type view struct {
	platform string
	l        *load.Loader
	snap     *load.Snapshot
	base     map[string]map[string]int // type errors before the first edit, by package ID

	// found are the findings in the snapshot seen, which had so many packages.
	found []Finding
	seen  *load.Snapshot
	size  int
}

// A runner carries out the rounds.
type runner struct {
	ctx      context.Context
	finders  []*Finder
	admit    Safety
	views    []*view
	loaders  []*load.Loader
	part     string // which of several is at work, for the user
	last     bool   // it is the last one
	overlay  map[string][]byte
	made     map[string][]byte     // the overlay that earlier parts made, while it is set aside
	orig     map[string][]byte     // what the files of overlay held before the first edit
	known    map[likeness]*numbers // see identify
	withheld map[key]string
	fixed    map[key]bool
	groups   [][]string // files that one fix changed together
	internal []load.Problem
	progress func(stage string)
	// scanned is what the scan found, apart from what git ignores.
	scanned *scan.Result
	beside  Result // what it says beside the candidates
	// firing has the rules for which each file is looked at.
	firing   map[string][]string
	disabled map[string]bool // rules named in ignore comments that exist but do not run
	lone     map[*Fix]loneFix
	sel      func([]Found) []bool
	unwanted map[place]bool // nil when all findings are wanted
	inputs   *inputs.Set    // nil when the result is not kept
	disk     inputs.Answers // for all parts and platforms
}

// find returns the findings of all finders in v's snapshot, sorted by position and
// with their rule. The finders run once for a snapshot: only Widen changes one,
// and it only adds packages.
func (r *runner) find(v *view) []Finding {
	if v.seen != v.snap || v.size != len(v.snap.Packages) {
		v.found = r.findAll(v)
		v.seen, v.size = v.snap, len(v.snap.Packages)
	}
	return slices.Clone(v.found)
}

func (r *runner) findAll(v *view) []Finding {
	var out []Finding
	for _, f := range r.finders {
		out = append(out, r.findOne(f, v.snap)...)
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		pa, pb := v.snap.Position(a.Pos), v.snap.Position(b.Pos)
		return cmp.Or(strings.Compare(pa.Filename, pb.Filename), cmp.Compare(pa.Offset, pb.Offset), strings.Compare(a.Rule, b.Rule))
	})
	return slices.CompactFunc(out, func(a, b Finding) bool {
		return a.Rule == b.Rule && a.Pos == b.Pos && a.Message == b.Message
	})
}

// findOne runs one finder. When it panics, the packages are tried one by one
// and then the text files, so that only what makes it panic is lost.
func (r *runner) findOne(f *Finder, s *load.Snapshot) []Finding {
	s.Blind()
	out, err := guard.Call(func() []Finding { return f.Find(s) })
	if s.Blind() {
		for i := range out {
			out[i].Fixes, out[i].NoFix = nil, "other packages, which matter here, could not be loaded"
		}
	}
	if err != nil {
		out = nil
		failed := 0
		for _, p := range s.Packages {
			one, err := guard.Call(func() []Finding { return f.Find(s.Only(p)) })
			if err != nil {
				failed++
				pos := token.Position{Filename: p.Dir}
				if len(p.Files) > 0 {
					pos = s.Position(p.Files[0].AST.Package)
				}
				r.internal = append(r.internal, load.Problem{Pos: pos, Package: p.Path, Message: fmt.Sprintf("internal error in rule %s: %v", f.Name, err)})
				continue
			}
			out = append(out, one...)
		}
		if len(s.Texts) > 0 {
			texts, err := guard.Call(func() []Finding { return f.Find(s.OnlyTexts()) })
			if err != nil {
				failed++
				pos := token.Position{Filename: s.Texts[0].Path}
				if len(s.Texts) > 1 {
					pos.Filename = "" // any of them
				}
				r.internal = append(r.internal, load.Problem{Pos: pos, Message: fmt.Sprintf("internal error in rule %s: %v", f.Name, err)})
			}
			out = append(out, texts...)
		}
		if failed == 0 {
			r.internal = append(r.internal, load.Problem{Message: fmt.Sprintf("internal error in rule %s: %v", f.Name, err)})
		}
	}
	kept := out[:0]
	for _, x := range out {
		if file := s.File(x.Pos); file != nil && (file.Generated || file.Pkg.Wide || len(file.Src) > scan.MaxSize) {
			continue // the scan says of one that is too big that it is not looked at
		}
		x.Rule = f.Name
		kept = append(kept, x)
	}
	return kept
}

// choose returns the first of fixes that the admitted safety selects.
func (r *runner) choose(fixes []*Fix) int {
	for i, x := range fixes {
		if x.Safety >= r.admit && x.Safety > Manual && x.Apply != nil {
			return i
		}
	}
	return -1
}

// candidates returns what is to be fixed in v's snapshot.
func (r *runner) candidates(v *view) []candidate {
	var out []candidate
	live, _ := r.suppress(v.snap, r.find(v))
	wanted := r.keepWanted(v.snap, live)
	keys := r.identify(v.snap, wanted)
	for n, f := range wanted {
		i := r.choose(f.Fixes)
		if i < 0 {
			continue
		}
		k := keys[n]
		if _, no := r.withheld[k]; no {
			continue
		}
		out = append(out, candidate{finding: f, fix: f.Fixes[i], key: k})
	}
	return out
}

// rounds finds, edits and verifies until nothing is left to do.
func (r *runner) rounds() error {
	least, smallest := math.MaxInt, math.MaxInt
	for idle := 0; idle < maxRounds; idle++ {
		progress, left := false, 0
		for _, v := range r.views {
			if err := r.ctx.Err(); err != nil {
				return err
			}
			list := r.candidates(v)
			left += len(list)
			for len(list) > 0 {
				res := r.edit(v.snap, list)
				if len(res.applied) == 0 {
					break
				}
				snaps := r.load(res.overlay)
				if !r.broken(snaps) {
					r.accept(res, snaps)
					progress = true
					break
				}
				list = r.isolate(v, res.applied)
			}
		}
		if !progress {
			return nil
		}
		size := 0
		for _, data := range r.overlay {
			size += len(data)
		}
		if left < least || size < smallest {
			least, smallest, idle = min(left, least), min(size, smallest), -1
		}
	}
	for _, v := range r.views {
		for _, c := range r.candidates(v) {
			r.internal = append(r.internal, load.Problem{Pos: v.snap.Position(c.finding.Pos), Message: fmt.Sprintf("internal error in rule %s: its fixes did not settle after %d rounds", c.finding.Rule, maxRounds)})
			r.withheld[c.key] = "its fixes did not settle"
		}
	}
	return nil
}

// load makes every view's snapshot under overlay.
func (r *runner) load(overlay map[string][]byte) []*load.Snapshot {
	out := make([]*load.Snapshot, len(r.views))
	for i, v := range r.views {
		out[i] = v.l.Snapshot(overlay, v.snap)
	}
	return out
}

// accept makes the result of a round the state that the next one starts from.
func (r *runner) accept(res edited, snaps []*load.Snapshot) {
	for path, data := range res.orig {
		if _, ok := r.orig[path]; !ok {
			r.orig[path] = data
		}
	}
	r.overlay = res.overlay
	for i, v := range r.views {
		v.snap = snaps[i]
	}
	for _, c := range res.applied {
		r.fixed[c.key] = true
	}
	r.groups = append(r.groups, res.groups...)
}

// broken reports whether a snapshot has an error that was not there before.
func (r *runner) broken(snaps []*load.Snapshot) bool {
	for i := range snaps {
		if r.newError(i, snaps[i]) != "" {
			return true
		}
	}
	return false
}

// newError returns the first error in s, a new state of view i, that was not
// there before the first edit, and "" when there is none.
func (r *runner) newError(i int, s *load.Snapshot) string {
	v := r.views[i]
	for _, p := range s.Packages {
		if why := firstNew(p.Errors, v.base[p.ID]); why != "" {
			return why
		}
		if old := v.snap.ByID(p.ID); old != nil && old.Types != p.Types {
			if name := apiChange(old, p); name != "" {
				return fmt.Sprintf("%s: the exported %s would change", p.Path, name)
			}
			if why := newTestError(v.snap, old, s, p); why != "" {
				return why
			}
		}
	}
	return ""
}

// firstNew returns the first of list that is not among the errors counted in base,
// by message; "" when there is none.
func firstNew(list []load.Problem, base map[string]int) string {
	seen := make(map[string]int)
	for _, e := range list {
		seen[e.Message]++
		if seen[e.Message] > base[e.Message] {
			return fmt.Sprintf("%s:%d:%d: %s", e.Pos.Filename, e.Pos.Line, e.Pos.Column, e.Message)
		}
	}
	return ""
}

// isolate finds the guilty among fixes that break something together: they are
// tried on top of those that work, all at once, and halved while that fails.
// The guilty are withheld; the others come back to be applied.
func (r *runner) isolate(v *view, list []candidate) []candidate {
	var good []candidate
	var settle func(part []candidate)
	settle = func(part []candidate) {
		try := slices.Concat(good, part)
		res := r.edit(v.snap, try)
		waits := len(part) == 1 && len(res.applied) < len(try)
		why := ""
		if !waits {
			for i, snap := range r.load(res.overlay) {
				if why = r.newError(i, snap); why != "" {
					break
				}
			}
		}
		switch {
		case why == "":
			for _, c := range part {
				if _, no := r.withheld[c.key]; !no {
					good = append(good, c) // where it waits, its turn comes in a later round
				}
			}
		case len(part) == 1:
			r.withheld[part[0].key] = why
		default:
			half := len(part) / 2
			settle(part[:half])
			settle(part[half:])
		}
	}
	settle(list)
	return good
}

// typeErrors counts the errors of each package by message.
func typeErrors(s *load.Snapshot) map[string]map[string]int {
	out := make(map[string]map[string]int)
	for _, p := range s.Packages {
		out[p.ID] = count(p.Errors)
	}
	return out
}

// count counts errors by message.
func count(list []load.Problem) map[string]int {
	out := make(map[string]int)
	for _, e := range list {
		out[e.Message]++
	}
	return out
}

// resolve turns findings of s into Founds.
func (r *runner) resolve(s *load.Snapshot, list []Finding) []Found {
	var out []Found
	keys := r.identify(s, list)
	for n, f := range list {
		x := Found{
			Rule: f.Rule, Pos: s.Position(f.Pos), End: s.Position(f.End), Message: f.Message,
			Chosen: r.choose(f.Fixes), Source: s.Source(f.Pos),
		}
		if !f.End.IsValid() {
			x.End = x.Pos
		}
		for _, n := range f.Notes {
			note := FoundNote{Message: n.Message}
			if n.Pos.IsValid() {
				note.Pos = s.Position(n.Pos)
			}
			x.Notes = append(x.Notes, note)
		}
		if f.NoFix != "" {
			x.NoFix = f.NoFix
			x.Notes = append(x.Notes, FoundNote{Message: "no fix: " + f.NoFix})
		}
		for _, fix := range f.Fixes {
			lone := r.lone[fix]
			x.Fixes = append(x.Fixes, FoundFix{Message: fix.Message, Safety: fix.Safety, Edits: lone.edits, Why: lone.why})
		}
		k := keys[n]
		switch why, no := r.withheld[k]; {
		case x.Chosen < 0: // another one of the file may read the same and be fixed
		case no:
			x.State, x.Why = Withheld, why
		case r.fixed[k]:
			x.State = Fixed
		}
		out = append(out, x)
	}
	return out
}
