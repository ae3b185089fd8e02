package evidence

import (
	"context"
	"fmt"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
)

// Recordings join findings to what execution traces and profiles of the running
// program show. A nil one joins nothing.
type Recordings struct {
	tree    *Tree
	recs    []*Recording
	minRate float64 // a second; what happened more rarely is left out
	items   map[key][]Item
}

// ReadAll reads the recordings that the paths name, and refuses those of a program
// whose source is not below root. Findings and sites that happened less than
// minRate times a second are left out. progress gets told, for a path, how many
// bytes of it are read. The result is nil when there are no paths.
func ReadAll(ctx context.Context, root string, traces, profiles []string, minRate float64, progress func(path string) func(int64)) (*Recordings, error) {
	if len(traces)+len(profiles) == 0 {
		return nil, nil
	}
	r := &Recordings{tree: NewTree(root), minRate: minRate, items: make(map[key][]Item)}
	for i, path := range slices.Concat(traces, profiles) {
		rec, err := Read(ctx, path, progress(path))
		if err != nil {
			return nil, err
		}
		if isTrace := rec.Form != Profile; isTrace != (i < len(traces)) {
			return nil, fmt.Errorf("%s is a %s: it goes with --%s", path, rec.Form, map[bool]string{true: "trace", false: "profile"}[isTrace])
		}
		if !r.tree.Holds(rec) {
			return nil, fmt.Errorf("%s: no frame of this module in it: it is of another program, or of another checkout without its paths", path)
		}
		r.recs = append(r.recs, rec)
	}
	return r, nil
}

// Cut says of which recordings the end is missing, and why: a line each.
func (r *Recordings) Cut() []string {
	var out []string
	for _, rec := range r.recs {
		if rec.Cut != "" {
			out = append(out, rec.File+": "+rec.Cut)
		}
	}
	return out
}

// A key names a finding within one run.
type key struct {
	rule, path, message string
	offset              int
}

func keyOf(f rewrite.Found) key {
	return key{f.Rule, f.Pos.Filename, f.Message, f.Pos.Offset}
}

// Of returns what is known of the finding.
func (r *Recordings) Of(f rewrite.Found) []Item {
	if r == nil {
		return nil
	}
	return r.items[keyOf(f)]
}

// Narrow returns a selection that also leaves out what happened more rarely than
// the lowest rate, of the rules that recordings tell something about.
func (r *Recordings) Narrow(keep func([]rewrite.Found) []bool) func([]rewrite.Found) []bool {
	if r == nil || r.minRate == 0 {
		return keep
	}
	return func(list []rewrite.Found) []bool {
		out := keep(list)
		for i, items := range r.tree.Match(list, r.recs) {
			if r.timed(list[i].Rule) && rateOf(items) < r.minRate {
				out[i] = false
			}
		}
		return out
	}
}

func rateOf(items []Item) float64 {
	rate := 0.0
	for _, x := range items {
		if !x.Ranks {
			rate = max(rate, x.PerSecond)
		}
	}
	return rate
}

// Tell reports whether one of the recordings says something of the rule.
func (r *Recordings) Tell(rule string) bool {
	return slices.ContainsFunc(r.recs, func(rec *Recording) bool { return rec.tells(rule) })
}

// timed reports whether a trace says how often what the rule is about happens.
func (r *Recordings) timed(rule string) bool {
	return slices.ContainsFunc(r.recs, func(rec *Recording) bool { return rec.Form == Trace && rec.tells(rule) })
}

// Join adds to the result what the recordings alone show, and puts the findings in
// the order of their measured cost.
func (r *Recordings) Join(res *rewrite.Result, rules []string) {
	if r == nil {
		return
	}
	r.Match(res.Findings)
	shown := r.Alone(res.Findings, rules)
	res.Findings = append(res.Findings, shown...)
	res.Remaining = append(res.Remaining, shown...)
	byCost := func(a, b rewrite.Found) int { return Cost(r.Of(a), r.Of(b)) }
	slices.SortStableFunc(res.Findings, byCost)
	slices.SortStableFunc(res.Remaining, byCost)
}

// Match notes what the recordings show of the findings.
func (r *Recordings) Match(list []rewrite.Found) {
	if r == nil {
		return
	}
	for i, items := range r.tree.Match(list, r.recs) {
		r.items[keyOf(list[i])] = items
	}
}

// Alone returns what the recordings show of the rules that run and the findings do
// not say.
func (r *Recordings) Alone(findings []rewrite.Found, rules []string) []rewrite.Found {
	if r == nil {
		return nil
	}
	shown, items := r.tree.Found(r.recs, findings, func(rule string) bool { return slices.Contains(rules, rule) })
	var out []rewrite.Found
	for i, f := range shown {
		if rateOf(items[i]) >= r.minRate {
			r.items[keyOf(f)] = items[i]
			out = append(out, f)
		}
	}
	return out
}
