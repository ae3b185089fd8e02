package rewrite

import (
	"bytes"
	"go/token"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite/diff"
	"github.com/runtimefix/runtimefix/rewrite/load"
)

// place identifies a finding by where it stands in the files as they were
// before the first edit.
type place struct {
	rule, path, message string
	line, column        int
}

func placeOf(f Found) place {
	return place{rule: f.Rule, path: f.Pos.Filename, message: f.Message, line: f.Pos.Line, column: f.Pos.Column}
}

// wanted applies Options.Select to the findings of the first round: those it
// does not want are neither reported nor fixed, in any round.
func (r *runner) wanted(sel func([]Found) []bool, views []perView) {
	var all []Found
	for _, pv := range views {
		all = append(all, r.resolve(pv.snap, pv.list)...)
	}
	// Other parts may have looked at the same text files.
	all = slices.DeleteFunc(merge(all), func(f Found) bool { _, known := r.unwanted[placeOf(f)]; return known })
	if r.unwanted == nil {
		r.unwanted = make(map[place]bool)
	}
	for i, keep := range sel(all) {
		r.unwanted[placeOf(all[i])] = !keep
	}
	r.sel = sel
}

// keepWanted drops the findings that Options.Select did not want.
func (r *runner) keepWanted(s *load.Snapshot, list []Finding) []Finding {
	if r.unwanted == nil {
		return list
	}
	var out []Finding
	for _, f := range list {
		if r.isWanted(s, f) {
			out = append(out, f)
		}
	}
	return out
}

// isWanted reports whether f is to be kept. A finding on a line that a fix of
// this run wrote stays: the fix was wanted. One that appears on another line
// only now is put to Options.Select by itself.
func (r *runner) isWanted(s *load.Snapshot, f Finding) bool {
	found := r.resolve(s, []Finding{f})[0]
	line, ok := r.lineBefore(s, found.Pos)
	if !ok {
		return true
	}
	shift := line - found.Pos.Line
	found.Pos.Line += shift
	found.End.Line += shift
	drop, known := r.unwanted[placeOf(found)]
	if !known {
		drop = !r.sel([]Found{found})[0]
	}
	return !drop
}

// lineBefore returns the line at which pos stood before the first edit; ok is
// false when an edit wrote the line.
func (r *runner) lineBefore(s *load.Snapshot, pos token.Position) (line int, ok bool) {
	before, edited := r.orig[pos.Filename]
	now, here := s.Overlaid(pos.Filename)
	if !edited || !here || bytes.Equal(before, now) {
		return pos.Line, true
	}
	shift := 0
	hunks := load.Memo(s, linesKey(pos.Filename), func() []diff.Hunk { return diff.Lines(before, now) })
	for _, h := range hunks {
		if pos.Line-1 < h.NewStart {
			break
		}
		if pos.Line-1 < h.NewEnd {
			return 0, false
		}
		shift = h.OldEnd - h.NewEnd
	}
	return pos.Line + shift, true
}

// linesKey is the key of the changed lines of a file. What the file held before
// the first edit is the same for all snapshots that show an edited one.
type linesKey string
