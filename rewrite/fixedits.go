package rewrite

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite/diff"
	"github.com/runtimefix/runtimefix/rewrite/edit"
	"github.com/runtimefix/runtimefix/rewrite/internal/guard"
	"github.com/runtimefix/runtimefix/rewrite/load"
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

// aloneFixes makes every fix of list for itself and checks the result on every
// platform.
func (r *runner) aloneFixes(s *load.Snapshot, list []Finding) {
	var made []*Fix
	var edits [][]TextEdit
	alone := loneEdits{s: s, base: r.overlay}
	for _, f := range list {
		for _, fix := range f.Fixes {
			if fix.Apply == nil || fix.Safety == Manual {
				continue
			}
			e, err := alone.of(f, fix)
			if err != nil {
				if p := (guard.Panic{}); errors.As(err, &p) {
					r.internal = append(r.internal, load.Problem{Pos: s.Position(f.Pos), Message: fmt.Sprintf("internal error in rule %s: %v", f.Rule, err)})
				}
				r.lone[fix] = loneFix{why: err.Error()}
				continue
			}
			made, edits = append(made, fix), append(edits, e)
		}
	}
	whys := checkEach(s, edits, func(changed map[string][]byte) string {
		overlay := maps.Clone(r.overlay)
		if overlay == nil {
			overlay = make(map[string][]byte)
		}
		maps.Copy(overlay, changed)
		for i, snap := range r.load(overlay) {
			if why := r.newError(i, snap); why != "" {
				return why
			}
		}
		return ""
	})
	for i, fix := range made {
		if whys[i] != "" {
			r.lone[fix] = loneFix{why: whys[i]}
		} else {
			r.lone[fix] = loneFix{edits: edits[i]}
		}
	}
}

// loneEdits makes fixes one by one. It keeps what fixes of the same file share.
type loneEdits struct {
	s    *load.Snapshot
	base map[string][]byte // what s shows over what is on disk
	path string            // the file of the last fix
	ts   *edit.Trees       // its trees, in which nothing is changed
}

// of applies fix, which is one for f, and returns what that changes, in order of
// path and offset.
func (l *loneEdits) of(f Finding, fix *Fix) ([]TextEdit, error) {
	if path := l.s.Position(f.Pos).Filename; l.ts == nil || path != l.path {
		l.path, l.ts = path, edit.NewTrees(l.s)
	}
	e, err := l.ts.Record(fix.Apply)
	if err != nil {
		return nil, err
	}
	near := edit.NewTrees(l.s)
	near.NearTo(e)
	if edits, ok := partEdits(near, fix); ok {
		return edits, nil
	}
	// What is wrong, if anything, the whole file shows.
	return l.ofWhole(fix)
}

// partEdits returns what fix changes in trees of parts of the files, if that goes
// without the rest.
func partEdits(ts *edit.Trees, fix *Fix) (edits []TextEdit, ok bool) {
	e, err := ts.Record(fix.Apply)
	if err != nil || e.Perform() != nil {
		return nil, false
	}
	ts.Claim(e)
	parts, err := ts.Parts()
	if err != nil {
		return nil, false
	}
	for _, p := range parts {
		list := lineEdits(p.Path, p.Before, p.After)
		for i, x := range list {
			pos, end, line, ok := p.Place(x.Start, x.End)
			if !ok {
				return nil, false
			}
			list[i].EndLine += line - x.StartLine
			list[i].Start, list[i].End, list[i].StartLine = pos, end, line
		}
		edits = append(edits, list...)
	}
	return edits, len(edits) > 0
}

// ofWhole applies fix to the whole files that it touches.
func (l *loneEdits) ofWhole(fix *Fix) ([]TextEdit, error) {
	before, overlay, err := renderedAlone(l.s, fix, l.base)
	if err != nil {
		return nil, err
	}
	var edits []TextEdit
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if after, ok := overlay[path]; ok {
			edits = append(edits, lineEdits(path, before[path], after)...)
		}
	}
	if len(edits) == 0 {
		return nil, errors.New("the fix changes nothing")
	}
	return edits, nil
}

// renderedAlone returns what the files that fix touches held, and base with what they
// hold when no other fix is made.
func renderedAlone(s *load.Snapshot, fix *Fix, base map[string][]byte) (before, overlay map[string][]byte, err error) {
	ts := edit.NewTrees(s)
	e, err := ts.Record(fix.Apply)
	if err != nil {
		return nil, nil, err
	}
	if err := e.Perform(); err != nil {
		return nil, nil, err
	}
	ts.Claim(e)
	overlay, _, err = ts.Render(base)
	return ts.Originals(), overlay, err
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
