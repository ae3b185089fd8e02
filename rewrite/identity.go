package rewrite

import (
	"github.com/runtimefix/runtimefix/rewrite/load"
)

// key identifies a finding over the rounds of a run, in which positions move.
type key struct {
	likeness
	nth int // among those alike
}

// likeness is what findings have in common that differ in nothing but position.
type likeness struct{ rule, path, text, message string }

func like(s *load.Snapshot, f Finding) likeness {
	k := likeness{rule: f.Rule, message: f.Message, path: s.Position(f.Pos).Filename}
	if !f.End.IsValid() {
		return k
	}
	if file := s.File(f.Pos); file != nil {
		k.text = file.TextRange(f.Pos, f.End)
	} else if t := s.Text(f.Pos); t != nil {
		k.text = string(t.Src[t.Offset(f.Pos):t.Offset(f.End)])
	}
	return k
}

// identify returns the keys of the findings of s. One that reads like others is
// told from them by the line on which it stood before the first edit, and where
// an edit wrote the line, by being the next that was not fixed yet.
//
// r.known has these lines for all findings so far, in the order of their numbers:
// that of the first call, which sees the files as they are.
func (r *runner) identify(s *load.Snapshot, list []Finding) []key {
	keys := make([]key, len(list))
	taken := make(map[key]bool)
	var moved []int
	for i, f := range list {
		keys[i] = key{likeness: like(s, f), nth: -1}
		line, ok := r.lineBefore(s, s.Position(f.Pos))
		if !ok {
			moved = append(moved, i)
			continue
		}
		keys[i].nth = r.number(keys[i].likeness, taken, func(n, at int) bool { return at == line }, line)
		taken[keys[i]] = true
	}
	for _, i := range moved {
		alike := keys[i].likeness
		keys[i].nth = r.number(alike, taken, func(n, _ int) bool { return !r.fixed[key{alike, n}] }, 0)
		taken[keys[i]] = true
	}
	return keys
}

// number returns the first number among the findings that are alike that is not
// taken and that fits, a new one for the line when there is none.
func (r *runner) number(alike likeness, taken map[key]bool, fits func(n, line int) bool, line int) int {
	lines := r.known[alike]
	for n, at := range lines {
		if !taken[key{alike, n}] && fits(n, at) {
			return n
		}
	}
	r.known[alike] = append(lines, line)
	return len(lines)
}

// fixAlike notes as fixed what reads like a finding that was fixed, where none of
// those is left: of lines that read alike nobody can tell afterwards which ones
// went, only that all did.
func (r *runner) fixAlike() {
	left := make(map[likeness]bool)
	for _, v := range r.views {
		for _, f := range r.find(v) {
			left[like(v.snap, f)] = true
		}
	}
	gone := make(map[likeness]bool)
	for k := range r.fixed {
		gone[k.likeness] = !left[k.likeness]
	}
	for alike, all := range gone {
		for n := range r.known[alike] {
			if k := (key{alike, n}); all && r.withheld[k] == "" {
				r.fixed[k] = true
			}
		}
	}
}
