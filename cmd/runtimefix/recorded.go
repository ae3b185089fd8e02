package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/evidence"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules"
)

// recorded joins findings to what recordings of the running program show. A nil
// one joins nothing.
type recorded struct {
	tree    *evidence.Tree
	recs    []*evidence.Recording
	minRate float64
	items   map[recordedKey][]evidence.Item
}

type recordedKey struct {
	rule, path, message string
	offset              int
}

func keyOf(f rewrite.Found) recordedKey {
	return recordedKey{f.Rule, f.Pos.Filename, f.Message, f.Pos.Offset}
}

// of returns what is known of the finding.
func (r *recorded) of(f rewrite.Found) []evidence.Item {
	if r == nil {
		return nil
	}
	return r.items[keyOf(f)]
}

// narrow returns a selection that also leaves out what happened more rarely than
// --min-rate says, of the rules that recordings tell something about.
func (r *recorded) narrow(keep func([]rewrite.Found) []bool) func([]rewrite.Found) []bool {
	if r == nil || r.minRate == 0 {
		return keep
	}
	return func(list []rewrite.Found) []bool {
		out := keep(list)
		for i, items := range r.tree.Match(list, r.recs) {
			if told(list[i].Rule) && rateOf(items) < r.minRate {
				out[i] = false
			}
		}
		return out
	}
}

func rateOf(items []evidence.Item) float64 {
	rate := 0.0
	for _, x := range items {
		if !x.Ranks {
			rate = max(rate, x.PerSecond)
		}
	}
	return rate
}

// told reports whether an execution trace says something of the rule.
func told(rule string) bool {
	return slices.ContainsFunc([]evidence.Kind{evidence.Collections, evidence.Releases, evidence.Reads, evidence.Threads, evidence.Timers},
		func(k evidence.Kind) bool { return k.Rule() == rule })
}

// join adds to the result what the recordings alone show, and puts the findings in
// the order of their measured cost.
func (r *recorded) join(res *rewrite.Result, o *options) {
	if r == nil {
		return
	}
	r.match(res.Findings)
	shown := r.alone(res.Findings, o)
	res.Findings = append(res.Findings, shown...)
	res.Remaining = append(res.Remaining, shown...)
	byCost := func(a, b rewrite.Found) int { return evidence.Cost(r.of(a), r.of(b)) }
	slices.SortStableFunc(res.Findings, byCost)
	slices.SortStableFunc(res.Remaining, byCost)
}

// match notes what the recordings show of the findings.
func (r *recorded) match(list []rewrite.Found) {
	if r == nil {
		return
	}
	for i, items := range r.tree.Match(list, r.recs) {
		r.items[keyOf(list[i])] = items
	}
}

// alone returns what the recordings show of the rules that run and the findings do
// not say.
func (r *recorded) alone(findings []rewrite.Found, o *options) []rewrite.Found {
	if r == nil {
		return nil
	}
	shown, items := r.tree.Found(r.recs, findings, func(rule string) bool {
		return slices.ContainsFunc(o.rules, func(x *rules.Rule) bool { return x.Name == rule })
	})
	var out []rewrite.Found
	for i, f := range shown {
		if rateOf(items[i]) >= r.minRate {
			r.items[keyOf(f)] = items[i]
			out = append(out, f)
		}
	}
	return out
}

// evidence writes what the recordings say of a finding.
func (r *report) evidence(w io.Writer, f rewrite.Found) {
	for _, x := range r.rec.of(f) {
		r.remark(w, bold, x.Verdict()+":", printable.Line(x.File+": "+x.Text()))
	}
}

// remarks says which recordings were cut, and of which findings no trace tells.
func (r *recorded) remarks(w io.Writer, o *options) {
	if r == nil || o.quiet {
		return
	}
	for _, rec := range r.recs {
		if rec.Cut != "" {
			writeText(w, "runtimefix: %s: %s", rec.File, rec.Cut)
		}
	}
	var silent []string
	for _, rule := range o.rules {
		if !told(rule.Name) {
			silent = append(silent, rule.Name)
		}
	}
	if len(o.traces) > 0 && len(silent) > 0 {
		fmt.Fprintf(w, "a trace cannot tell about %s\n", strings.Join(silent, ", "))
	}
}
