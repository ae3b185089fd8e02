package rebase

import (
	"go/token"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/diff"
)

// run is a stretch of elements that two sequences share.
type run struct{ a, b, n int }

// runs returns what hunks leave equal, for sequences of the given lengths.
func runs(hunks []diff.Hunk, lenA, lenB int) []run {
	var rs []run
	a, b := 0, 0
	for _, h := range append(hunks, diff.Hunk{OldStart: lenA, OldEnd: lenA, NewStart: lenB, NewEnd: lenB}) {
		if n := h.OldStart - a; n > 0 {
			rs = append(rs, run{a, b, n})
		}
		a, b = h.OldEnd, h.NewEnd
	}
	return rs
}

func keys(toks []tok) []key {
	ks := make([]key, len(toks))
	for i, t := range toks {
		ks[i] = t.key
	}
	return ks
}

// pairs maps the index of a token to its twin in another text, -1 for none.
type pairs []int

func newPairs(n int) pairs {
	p := make(pairs, n)
	for i := range p {
		p[i] = -1
	}
	return p
}

func (p pairs) add(r run) {
	for i := range r.n {
		p[r.a+i] = r.b + i
	}
}

// matchTokens pairs the tokens of two layouts of the same file. They differ
// only where the printer moves a comment, or drops a bracket or comma.
func matchTokens(from, to *text) pairs {
	p := newPairs(len(from.toks))
	for _, r := range runs(diff.Sequences(keys(from.toks), keys(to.toks)), len(from.toks), len(to.toks)) {
		p.add(r)
	}
	return p
}

// line is the tokens toks[first:end] that begin in one line.
type line struct {
	lineKey
	first, end int
}

type lineKey struct {
	depth int
	text  string
}

func lines(t *text) []line {
	var ls []line
	var b strings.Builder
	for i := 0; i < len(t.toks); {
		first := i
		b.Reset()
		for ; i < len(t.toks) && (i == first || t.toks[i].newlines == 0); i++ {
			b.WriteString(t.toks[i].tok.String() + " " + t.toks[i].text + "\x00")
		}
		ls = append(ls, line{lineKey{t.toks[first].depth, b.String()}, first, i})
	}
	return ls
}

// matchEdit pairs the tokens that a change left alone, as from becomes to: by
// line with its depth first, then by line at another depth, as when statements
// get wrapped, and last, if narrow is set, by token within what is left.
func matchEdit(from, to *text, narrow bool) pairs {
	p := newPairs(len(from.toks))
	a, b := lines(from), lines(to)
	hunks := diff.Sequences(exactKeys(a), exactKeys(b))
	slide(hunks, a, b, from, to)
	for _, r := range runs(hunks, len(a), len(b)) {
		p.addLines(a, b, r)
	}
	for _, h := range hunks {
		a, b := a[h.OldStart:h.OldEnd], b[h.NewStart:h.NewEnd]
		var kept []run
		for _, r := range runs(diff.Sequences(textKeys(a), textKeys(b)), len(a), len(b)) {
			if _, toks := lineTokens(from, a[r.a:r.a+r.n]); telling(toks) {
				p.addLines(a, b, r)
				kept = append(kept, r)
			}
		}
		if !narrow {
			continue
		}
		atA, atB := 0, 0
		for _, r := range append(kept, run{len(a), len(b), 0}) {
			firstA, toksA := lineTokens(from, a[atA:r.a])
			firstB, toksB := lineTokens(to, b[atB:r.b])
			atA, atB = r.a+r.n, r.b+r.n
			for _, r := range runs(diff.Sequences(keys(toksA), keys(toksB)), len(toksA), len(toksB)) {
				atStart := r.a == 0 && r.b == 0
				atEnd := r.a+r.n == len(toksA) && r.b+r.n == len(toksB)
				if atStart || atEnd || telling(toksA[r.a:r.a+r.n]) {
					p.add(run{firstA + r.a, firstB + r.b, r.n})
				}
			}
		}
	}
	return p
}

// addLines pairs the tokens of the lines of r.
func (p pairs) addLines(a, b []line, r run) {
	for i := range r.n {
		x, y := a[r.a+i], b[r.b+i]
		p.add(run{x.first, y.first, x.end - x.first})
	}
}

// exactKeys and textKeys are what lines are compared by: with their depth and
// without.
func exactKeys(ls []line) []lineKey {
	ks := make([]lineKey, len(ls))
	for i, l := range ls {
		ks[i] = l.lineKey
	}
	return ks
}

func textKeys(ls []line) []string {
	ks := make([]string, len(ls))
	for i, l := range ls {
		ks[i] = l.text
	}
	return ks
}

// lineTokens returns the tokens of lines that follow each other, and where in t
// they begin.
func lineTokens(t *text, ls []line) (first int, toks []tok) {
	if len(ls) == 0 {
		return 0, nil
	}
	first = ls[0].first
	return first, t.toks[first:ls[len(ls)-1].end]
}

// slide moves hunks that only delete or only insert to where a reader would see
// them. Next to lines like its own, as where one of two similar loops goes, such
// a hunk has several places; which lines keep the author's layout hangs on it.
func slide(hunks []diff.Hunk, a, b []line, from, to *text) {
	for i := range hunks {
		h := &hunks[i]
		ls, t, start, end := a, from, h.OldStart, h.OldEnd
		low, high := 0, len(a)
		if i > 0 {
			low = hunks[i-1].OldEnd
		}
		if i+1 < len(hunks) {
			high = hunks[i+1].OldStart
		}
		if h.OldStart == h.OldEnd {
			ls, t, start, end = b, to, h.NewStart, h.NewEnd
			low, high = 0, len(b)
			if i > 0 {
				low = hunks[i-1].NewEnd
			}
			if i+1 < len(hunks) {
				high = hunks[i+1].NewStart
			}
		} else if h.NewStart != h.NewEnd {
			continue
		}
		best := 0
		for n := -1; start+n >= low && ls[start+n].lineKey == ls[end+n].lineKey; n-- {
			if betterStart(t, ls[start+n], ls[start+best]) {
				best = n
			}
		}
		for n := 1; end+n <= high && ls[start+n-1].lineKey == ls[end+n-1].lineKey; n++ {
			if !betterStart(t, ls[start+best], ls[start+n]) {
				best = n
			}
		}
		h.OldStart, h.OldEnd = h.OldStart+best, h.OldEnd+best
		h.NewStart, h.NewEnd = h.NewStart+best, h.NewEnd+best
	}
}

// betterStart reports whether x is a likelier first line of a deleted or
// inserted stretch than y: one that closes nothing, stands further out, or comes
// after a blank line.
func betterStart(t *text, x, y line) bool {
	first, other := t.toks[x.first], t.toks[y.first]
	switch {
	case first.isCloser() != other.isCloser():
		return other.isCloser()
	case first.depth != other.depth:
		return first.depth < other.depth
	}
	return first.newlines > 1 && other.newlines <= 1
}

// telling reports whether toks holds more than punctuation, so that finding it
// in both texts is no accident.
func telling(toks []tok) bool {
	for _, t := range toks {
		if t.tok.IsLiteral() || t.tok.IsKeyword() || t.tok == token.COMMENT {
			return true
		}
	}
	return false
}
