package rewrite

import (
	"slices"

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
		alike := like(s, f)
		keys[i] = key{alike, -1}
		line, ok := r.lineBefore(s, s.Position(f.Pos))
		if !ok {
			moved = append(moved, i)
			continue
		}
		known := r.numbered(alike)
		at := slices.IndexFunc(known.at[line], func(n int) bool { return !taken[key{alike, n}] })
		if at < 0 {
			at = len(known.at[line])
			known.add(line)
		}
		keys[i].nth = known.at[line][at]
		taken[keys[i]] = true
	}
	next := make(map[likeness]int) // those before are taken or fixed
	for _, i := range moved {
		alike := keys[i].likeness
		known := r.numbered(alike)
		n := next[alike]
		for n < known.count && (taken[key{alike, n}] || r.fixed[key{alike, n}]) {
			n++
		}
		if n == known.count {
			known.add(0)
		}
		next[alike] = n
		keys[i].nth = n
		taken[keys[i]] = true
	}
	return keys
}

// numbers are the numbers of findings that are alike: how many there are, and those
// of each line on which one stood.
type numbers struct {
	count int
	at    map[int][]int
}

// add gives the next number to a finding on line.
func (k *numbers) add(line int) {
	k.at[line] = append(k.at[line], k.count)
	k.count++
}

func (r *runner) numbered(alike likeness) *numbers {
	k := r.known[alike]
	if k == nil {
		k = &numbers{at: make(map[int][]int)}
		r.known[alike] = k
	}
	return k
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
		for n := range r.numbered(alike).count {
			if k := (key{alike, n}); all && r.withheld[k] == "" {
				r.fixed[k] = true
			}
		}
	}
}
