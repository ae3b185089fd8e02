package main

import (
	"cmp"
	"slices"
	"strings"
)

// The verdicts of a label. The first three judge a finding, the others a
// silence: whether a maintainer of that code would call it a bug.
const (
	verdictRight    = "right"    // a bug, found
	verdictWrong    = "wrong"    // found, no bug
	verdictDoubtful = "doubtful" // counts neither way
	verdictSilent   = "silent"   // no bug, not found
	verdictMiss     = "miss"     // a bug, not found
)

// A label is what a person said of a place.
type label struct {
	place
	Verdict string
	Fix     string // "right:HASH" or "wrong:HASH" for the fix with that hash, "-" without
	Reason  string
}

// bug reports whether the place is a bug, and whether that is known.
func (l *label) bug() (bug, known bool) {
	switch l.Verdict {
	case verdictRight, verdictMiss:
		return true, true
	case verdictWrong, verdictSilent:
		return false, true
	}
	return false, false
}

// labels finds the label of a place, also after its file was moved.
type labels struct {
	all    []*label
	exact  map[place]*label
	moved  map[place]*label // without the path; nil where two would fit
	inFunc map[place]*label // without the hash; nil where two would fit
}

func readLabels(path string) (*labels, error) {
	rows, err := readTSV(path, 8)
	if err != nil {
		return nil, err
	}
	out := &labels{exact: make(map[place]*label), moved: make(map[place]*label), inFunc: make(map[place]*label)}
	add := func(m map[place]*label, p place, l *label) {
		if _, twice := m[p]; twice {
			l = nil
		}
		m[p] = l
	}
	for _, f := range rows {
		l := &label{place{Repo: f[0], Path: f[1], Rule: f[2], Func: f[3], Hash: f[4]}, f[5], f[6], f[7]}
		out.all = append(out.all, l)
		out.exact[l.place] = l
		p := l.place
		p.Path = ""
		add(out.moved, p, l)
		p = l.place
		p.Hash = ""
		if p.Func != "-" {
			add(out.inFunc, p, l)
		}
	}
	return out, nil
}

// of returns the label of a place, or nil.
func (ls *labels) of(p place) *label {
	if l := ls.exact[p]; l != nil {
		return l
	}
	q := p
	q.Path = ""
	if l := ls.moved[q]; l != nil {
		return l
	}
	q = p
	q.Hash = ""
	return ls.inFunc[q]
}

// A score counts a rule's findings and silences.
type score struct {
	Rule          string `json:"rule"`
	Right         int    `json:"right"`    // bugs found
	Wrong         int    `json:"wrong"`    // false alarms
	Doubtful      int    `json:"doubtful"` // findings that count neither way
	Missed        int    `json:"missed"`   // bugs not found
	Silent        int    `json:"silent"`   // rightly silent
	Unjudged      int    `json:"unjudged"` // findings without a label
	WrongSafe     int    `json:"wrongSafe"`
	WrongUnsafe   int    `json:"wrongUnsafe"`
	RightFixes    int    `json:"rightFixes"`
	UnjudgedFixes int    `json:"unjudgedFixes"`
}

// precision is the share of judged findings that are right, recall that of
// known bugs that are found; -1 where there are none.
func (s *score) precision() float64 { return share(s.Right, s.Right+s.Wrong) }
func (s *score) recall() float64    { return share(s.Right, s.Right+s.Missed) }

// findings is how many findings there are, judged or not.
func (s *score) findings() int { return s.Right + s.Wrong + s.Doubtful + s.Unjudged }

func share(part, whole int) float64 {
	if whole == 0 {
		return -1
	}
	return float64(part) / float64(whole)
}

// scores counts over the repositories that the run covered.
func (ls *labels) scores(repos []*repoResult) []*score {
	byRule := make(map[string]*score)
	get := func(rule string) *score {
		if byRule[rule] == nil {
			byRule[rule] = &score{Rule: rule}
		}
		return byRule[rule]
	}
	covered := make(map[string]bool)
	used := make(map[*label]bool)
	for _, r := range repos {
		covered[r.Repo] = r.Reported
		for _, f := range r.Findings {
			l := ls.of(f.place)
			if l != nil {
				used[l] = true
			}
			get(f.Rule).add(f, l)
		}
	}
	for _, l := range ls.all {
		if used[l] || !covered[l.Repo] {
			continue
		}
		switch bug, known := l.bug(); {
		case known && bug:
			get(l.Rule).Missed++
		case known:
			get(l.Rule).Silent++
		}
	}
	var out []*score
	for _, s := range byRule {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *score) int { return cmp.Compare(a.Rule, b.Rule) })
	return out
}

// add counts a finding.
func (s *score) add(f *finding, l *label) {
	if l == nil {
		s.Unjudged++
		return
	}
	bug, known := l.bug()
	switch {
	case !known:
		s.Doubtful++
	case bug:
		s.Right++
	default:
		s.Wrong++
	}
	if f.Safety == "none" {
		return
	}
	word, hash, _ := strings.Cut(l.Fix, ":")
	switch {
	case known && !bug && f.Safety == "safe":
		s.WrongSafe++
	case known && !bug:
		s.WrongUnsafe++
	case hash != f.FixHash:
		s.UnjudgedFixes++
	case word == verdictWrong && f.Safety == "safe":
		s.WrongSafe++
	case word == verdictWrong:
		s.WrongUnsafe++
	default:
		s.RightFixes++
	}
}
