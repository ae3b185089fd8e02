package rewrite

import (
	"errors"
	"fmt"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite/edit"
	"github.com/runtimefix/runtimefix/rewrite/internal/guard"
	"github.com/runtimefix/runtimefix/rewrite/load"
)

// edited is the outcome of applying fixes to one snapshot.
type edited struct {
	applied []candidate
	overlay map[string][]byte
	orig    map[string][]byte // what the touched files held before
	groups  [][]string
}

// edit applies the fixes of list that do not touch the same places, in order.
// Those that cannot be applied at all are withheld; those that overlap with an
// earlier one wait for the next round.
func (r *runner) edit(s *load.Snapshot, list []candidate) edited {
	out := make(map[key]bool)
	for {
		ts := edit.NewTrees(s)
		var done []candidate
		var touched [][]string
		retry := false
		for _, c := range list {
			if out[c.key] {
				continue
			}
			e, err := ts.Record(c.fix.Apply)
			if err != nil {
				r.refuse(s, c, err)
				out[c.key] = true
				continue
			}
			if ts.Overlaps(e) {
				continue
			}
			if err := e.Perform(); err != nil {
				if !errors.Is(err, edit.ErrOverlap) {
					r.refuse(s, c, err)
				}
				out[c.key] = true
				retry = true
				break
			}
			ts.Claim(e)
			done = append(done, c)
			touched = append(touched, e.Paths())
		}
		if retry {
			continue
		}
		overlay, path, err := ts.Render(r.overlay)
		if err == nil {
			return edited{applied: done, overlay: overlay, orig: ts.Originals(), groups: touched}
		}
		// The file named by path cannot be written: do without its fixes.
		var its []candidate
		for i, c := range done {
			if slices.Contains(touched[i], path) {
				its = append(its, c)
			}
		}
		if len(its) == 0 {
			return edited{overlay: r.overlay}
		}
		n := len(out)
		for _, c := range its {
			if alone := r.fails(s, c); alone != nil {
				r.refuse(s, c, alone)
				out[c.key] = true
			}
		}
		if len(out) > n {
			continue
		}
		for _, c := range its { // none of them by itself
			r.refuse(s, c, err)
			out[c.key] = true
		}
	}
}

// fails returns why a fix by itself cannot be written, nil where it can.
func (r *runner) fails(s *load.Snapshot, c candidate) error {
	_, _, err := renderedAlone(s, c.fix, r.overlay)
	return err
}

// refuse withholds a fix that could not be applied.
func (r *runner) refuse(s *load.Snapshot, c candidate, err error) {
	r.withheld[c.key] = err.Error()
	var p guard.Panic
	if errors.As(err, &p) {
		r.internal = append(r.internal, load.Problem{Pos: s.Position(c.finding.Pos), Message: fmt.Sprintf("internal error in rule %s: %v", c.finding.Rule, err)})
	}
}
