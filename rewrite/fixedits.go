package rewrite

import (
	"errors"
	"fmt"

	"github.com/runtimefix/runtimefix/rewrite/diff"
)

// TextEdit replaces bytes of one file. It covers whole lines, line ends
// included.
type TextEdit struct {
	Path string // absolute
	// Start and End are byte offsets in the file as the finding sees it.
	Start, End int
	// StartLine is the line at Start, counted from 1; EndLine is the last line
	// of which a byte goes, StartLine-1 for an insertion.
	StartLine, EndLine int
	New                []byte
}

// loneFix is what one fix does when no other is applied with it.
type loneFix struct {
	edits []TextEdit
	why   string // why it cannot be applied, "" when it can
}

// aloneFixes makes every fix of list for itself and checks the result.
func (r *runner) aloneFixes(s *Snapshot, list []Finding) {
	for _, f := range list {
		for _, fix := range f.Fixes {
			if fix.Apply == nil || fix.Safety == Manual {
				continue
			}
			edits, err := r.alone(s, f, fix)
			lone := loneFix{edits: edits}
			if err != nil {
				lone = loneFix{why: err.Error()}
			}
			r.lone[fix] = lone
		}
	}
}

// alone returns the edits that fix makes on the present state, in order of path
// and offset. The result is type-checked on every platform.
func (r *runner) alone(s *Snapshot, f Finding, fix *Fix) ([]TextEdit, error) {
	edits, overlay, err := editsOf(s, fix, r.overlay)
	if err != nil {
		if p := (panicError{}); errors.As(err, &p) {
			r.internal = append(r.internal, Problem{Pos: s.Position(f.Pos), Message: fmt.Sprintf("internal error in rule %s: %v", f.Rule, err)})
		}
		return nil, err
	}
	for i, snap := range r.load(overlay) {
		if why := r.newError(i, snap); why != "" {
			return nil, errors.New(why)
		}
	}
	return edits, nil
}

// editsOf applies fix to s, which shows base over what is on disk, and returns
// what that changes and the overlay that it makes.
func editsOf(s *Snapshot, fix *Fix, base map[string][]byte) (edits []TextEdit, overlay map[string][]byte, err error) {
	ts := newTrees(s)
	e, err := record(s, ts, fix)
	if err != nil {
		return nil, nil, err
	}
	if err := e.perform(); err != nil {
		return nil, nil, err
	}
	overlay, _, err = ts.render(base)
	if err != nil {
		return nil, nil, err
	}
	before := ts.originals()
	for _, path := range sortedKeys(before) {
		if after, ok := overlay[path]; ok {
			edits = append(edits, lineEdits(path, before[path], after)...)
		}
	}
	if len(edits) == 0 {
		return nil, nil, errors.New("the fix changes nothing")
	}
	return edits, overlay, nil
}

// lineEdits returns the edits that turn before into after.
func lineEdits(path string, before, after []byte) []TextEdit {
	old, new := diff.SplitLines(before), diff.SplitLines(after)
	offsets := make([]int, len(old)+1)
	for i, line := range old {
		offsets[i+1] = offsets[i] + len(line)
	}
	var out []TextEdit
	for _, h := range diff.Sequences(old, new) {
		var text []byte
		for _, line := range new[h.NewStart:h.NewEnd] {
			text = append(text, line...)
		}
		out = append(out, TextEdit{
			Path: path, Start: offsets[h.OldStart], End: offsets[h.OldEnd],
			StartLine: h.OldStart + 1, EndLine: h.OldEnd, New: text,
		})
	}
	return out
}
