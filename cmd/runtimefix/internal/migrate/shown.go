package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/evidence"
	"github.com/runtimefix/runtimefix/rewrite"
)

// Shown counts what happened at findings' places while the module's own tests ran.
// Each trace is read once.
type Shown struct {
	tree *evidence.Tree
	recs map[string]*evidence.Recording // by path, nil where it cannot be read
}

// NewShown returns one for the module or repository at root.
func NewShown(root string) *Shown {
	return &Shown{tree: evidence.NewTree(root), recs: make(map[string]*evidence.Recording)}
}

// Lines says of each rule that findings are of what happened at their places before
// and after.
func (s *Shown) Lines(ctx context.Context, before, after *Outcome, fixed []rewrite.Found) []string {
	was, is := s.count(ctx, before, fixed), s.count(ctx, after, fixed)
	var out []string
	for _, k := range []evidence.Kind{evidence.Collections, evidence.Releases, evidence.Reads, evidence.Threads, evidence.Timers} {
		if !slices.ContainsFunc(fixed, func(f rewrite.Found) bool { return f.Rule == k.Rule() }) {
			continue
		}
		if was[k] == 0 {
			out = append(out, fmt.Sprintf("The tests do not reach the places of %s.", k.Rule()))
			continue
		}
		out = append(out, fmt.Sprintf("The module's own tests: %d %s before, %d after (%s).", was[k], k.Words(), is[k], k.Rule()))
	}
	return out
}

func (s *Shown) count(ctx context.Context, o *Outcome, fixed []rewrite.Found) map[evidence.Kind]int {
	out := make(map[evidence.Kind]int)
	for _, path := range o.Traces {
		rec, ok := s.recs[path]
		if !ok {
			rec, _ = evidence.Read(ctx, path, nil) // one that the tracer cannot follow shows nothing
			s.recs[path] = rec
		}
		if rec == nil {
			continue
		}
		for i, items := range s.tree.Match(fixed, []*evidence.Recording{rec}) {
			for _, x := range items {
				if x.Kind.Rule() == fixed[i].Rule {
					out[x.Kind] += x.Count
				}
			}
		}
	}
	return out
}
