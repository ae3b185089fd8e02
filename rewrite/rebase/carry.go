package rebase

import (
	"bytes"
	"go/token"
	"strings"
)

// carrier makes the change from before to after in the original.
type carrier struct {
	orig, before, after *text
	// For each token of after, its twins; -1 for none. A token that has both is
	// a fixed point.
	toOrig, toBefore pairs
	unit             string // one step of indentation of most lines of orig
	out              bytes.Buffer
}

// fixedPoint is one token in all three texts.
type fixedPoint struct{ o, b, a int }

// carry returns the original with the change, and whether it could be made.
// beforeToOrig and beforeToAfter pair the tokens of before with the others'.
func carry(orig, before, after *text, beforeToOrig, beforeToAfter pairs) ([]byte, bool) {
	c := &carrier{orig: orig, before: before, after: after,
		toOrig: newPairs(len(after.toks)), toBefore: newPairs(len(after.toks))}
	var fixed []fixedPoint
	for b, a := range beforeToAfter {
		if a < 0 {
			continue
		}
		c.toBefore[a] = b
		if o := beforeToOrig[b]; o >= 0 {
			c.toOrig[a] = o
			fixed = append(fixed, fixedPoint{o, b, a})
		}
	}
	c.unit = c.commonUnit(fixed)
	for i := 1; i < len(fixed); i++ {
		c.between(fixed[i-1], fixed[i])
		c.keepToken(fixed[i])
	}
	return bytes.CutPrefix(c.out.Bytes(), []byte("\n"))
}

// between writes what comes after fixed point p and before the next, q.
func (c *carrier) between(p, q fixedPoint) {
	own := string(c.orig.src[c.orig.toks[p.o].end:c.orig.toks[q.o].start])
	if c.unchanged(p, q) {
		c.out.WriteString(c.shiftGap(own, q.b, q.a))
		return
	}
	empty := q.o == p.o+1 // nothing but the gap in the original
	if q.a == p.a+1 {
		var gap string
		if empty {
			gap = c.keepGap(own, q.b, q.a)
		} else {
			gap = c.closeGap(c.orig.gap(p.o+1), c.orig.gap(q.o), p.b+1, q.b, q.a)
		}
		c.out.WriteString(c.fitting(p.a, gap, q.a))
		return
	}
	var left, right string
	if empty {
		left, right = c.openGap(own, p, q)
	} else {
		left = c.joinedGap(c.orig.gap(p.o+1), p.b+1, p.a+1, p, q)
		right = c.joinedGap(c.orig.gap(q.o), q.b, q.a, p, q)
	}
	c.out.WriteString(c.fitting(p.a, left, p.a+1))
	for i := p.a + 1; i < q.a; i++ {
		if i > p.a+1 {
			c.out.WriteString(c.newGap(i))
		}
		c.newToken(i)
	}
	c.out.WriteString(c.fitting(q.a-1, right, q.a))
}

// unchanged reports whether before and after have the same tokens, line ends
// and semicolons between two fixed points.
func (c *carrier) unchanged(p, q fixedPoint) bool {
	if q.a-p.a != q.b-p.b {
		return false
	}
	for i := 1; i <= q.a-p.a; i++ {
		x, y := c.after.toks[p.a+i], c.before.toks[p.b+i]
		if x.key != y.key || x.newlines != y.newlines || x.semis != y.semis {
			return false
		}
	}
	return true
}

// steps returns how much deeper token a of after stands than token b of before.
// It is zero unless both begin a line.
func (c *carrier) steps(a, b int) int {
	x, y := c.after.toks[a], c.before.toks[b]
	if x.newlines == 0 || y.newlines == 0 {
		return 0
	}
	return x.depth - y.depth
}

// keepToken writes the original's bytes of a token. A comment of several lines
// moves along with its first.
func (c *carrier) keepToken(f fixedPoint) {
	s := c.orig.bytes(f.o)
	if x, y := c.after.toks[f.a], c.before.toks[f.b]; x.tok == token.COMMENT {
		indent, _ := c.origIndent(f.o)
		s = c.shift(s, x.depth-y.depth, c.unitAt(indent, y.depth))
	}
	c.out.WriteString(s)
}

// newToken writes token i of after.
func (c *carrier) newToken(i int) {
	s := c.after.bytes(i)
	if strings.Contains(s, "\n") {
		if c.after.toks[i].tok == token.COMMENT {
			s = strings.ReplaceAll(s, "\n"+strings.Repeat("\t", c.after.toks[i].depth), "\n"+c.indent(i))
		}
		s = strings.ReplaceAll(s, "\n", c.lineEnd(i))
	}
	c.out.WriteString(s)
}

// newGap returns the gap before token i of after in the original's style.
func (c *carrier) newGap(i int) string {
	if n := c.after.toks[i].newlines; n > 0 {
		return strings.Repeat(c.lineEnd(i), n) + c.indent(i)
	}
	return c.after.gap(i)
}

// keepGap fits the original's gap to token a of after, if its twin b stood
// behind the gap in before.
func (c *carrier) keepGap(own string, b, a int) string {
	was, is := c.before.toks[b].newlines, c.after.toks[a].newlines
	if was == is {
		if is == 0 && (c.before.gap(b) == "") != (c.after.gap(a) == "") {
			return c.newGap(a)
		}
		return c.shiftGap(own, b, a)
	}
	has := strings.Count(own, "\n")
	if is == 0 || has == 0 {
		return c.newGap(a)
	}
	if was == 0 && has == is {
		return own
	}
	head, tail := own[:strings.IndexByte(own, '\n')+1], own[strings.LastIndexByte(own, '\n')+1:]
	if was == 0 {
		tail = c.indent(a)
	} else {
		tail = c.shiftIndent(tail, c.steps(a, b), c.before.toks[b].depth)
	}
	return head + strings.Repeat(c.lineEnd(a), is-1) + tail
}

// joinedGap is keepGap beside new tokens between p and q. Several lines do not
// go into a line that the original has several statements in.
func (c *carrier) joinedGap(own string, b, a int, p, q fixedPoint) string {
	if c.after.toks[a].newlines > 0 && !strings.Contains(own, "\n") && c.severalLines(p.a, q.a) && c.after.toks[a].tok != token.EOF {
		return c.newGap(a)
	}
	return c.keepGap(own, b, a)
}

// severalLines reports whether the tokens between p and q of after need lines
// of their own: there are several, or they begin or end a block.
func (c *carrier) severalLines(p, q int) bool {
	if c.after.toks[p+1].tok == token.RBRACE || c.after.toks[q-1].tok == token.LBRACE {
		return true
	}
	for i := p + 1; i < q; i++ {
		if i > p+1 && c.after.toks[i].newlines > 0 || c.after.toks[i].isLineComment() {
			return true
		}
	}
	return false
}

// closeGap returns the gap before token a of after, where all that stood in the
// original between two gaps is gone. bLeft and b are the tokens of before behind
// the two.
func (c *carrier) closeGap(left, right string, bLeft, b, a int) string {
	is := c.after.toks[a].newlines
	leftLines, rightLines := strings.Count(left, "\n"), strings.Count(right, "\n")
	if is == 0 && leftLines+rightLines > 0 {
		return c.newGap(a)
	}
	switch {
	case leftLines == 0 && rightLines == 0:
		prev, next := c.after.toks[a-1], c.after.toks[a]
		switch {
		case next.tok == token.RBRACE && strings.Contains(left, ";") && !strings.Contains(right, ";"):
			return left[:strings.IndexByte(left, ';')+1] + right // the semicolon belongs to the statement that stays
		case next.isCloser() || next.tok == token.EOF:
			return right
		case prev.isOpener() || strings.Contains(left, ";"):
			return left
		case strings.Contains(right, ";"):
			return right
		case prev.tok == token.COMMA || left != "":
			return left
		}
		return right
	case rightLines == 0 && c.after.toks[a].tok == token.EOF:
		return right // the file has no final line end
	case rightLines == 0:
		return c.shiftGap(left, bLeft, a)
	case leftLines == 0:
		return c.shiftGap(right, b, a)
	}
	firstLeft, lastLeft := strings.IndexByte(left, '\n')+1, strings.LastIndexByte(left, '\n')+1
	firstRight, lastRight := strings.IndexByte(right, '\n')+1, strings.LastIndexByte(right, '\n')+1
	tail := c.shiftIndent(right[lastRight:], c.steps(a, b), c.before.toks[b].depth)
	switch {
	case is == 1:
		return left[:firstLeft] + tail
	case c.before.toks[bLeft].newlines >= is:
		return left[:lastLeft] + tail
	case c.before.toks[b].newlines >= is:
		return left[:firstLeft] + right[firstRight:lastRight] + tail
	}
	return left[:firstLeft] + strings.Repeat(c.lineEnd(a), is-1) + tail
}

// openGap returns the gaps before and after the new tokens between p and q,
// where the original has nothing but the gap own.
func (c *carrier) openGap(own string, p, q fixedPoint) (left, right string) {
	leftLines, rightLines := c.after.toks[p.a+1].newlines, c.after.toks[q.a].newlines
	was := c.before.toks[q.b].newlines
	has := strings.Count(own, "\n")
	switch {
	case has == 0 && c.after.toks[q.a].tok == token.EOF:
		return c.newGap(p.a + 1), own // the file has no final line end
	case has == 0 && leftLines == 0 && rightLines == 0:
		before, l, r := c.before.gap(q.b), c.after.gap(p.a+1), c.after.gap(q.a)
		if l == before && !(r == before && (c.after.toks[q.a].isCloser() || c.after.toks[p.a+1].clings())) {
			return own, r
		}
		return l, own
	case has == 0 && was > 0 && leftLines > 0 && rightLines > 0 && !c.severalLines(p.a, q.a):
		return c.joining(own, p.a+1), c.joining(own, q.a) // several statements in a line
	case has == 0:
		return c.newGap(p.a + 1), c.newGap(q.a)
	case leftLines == 0 && rightLines > 0:
		return c.newGap(p.a + 1), c.keepGap(own, q.b, q.a)
	case leftLines > 0 && rightLines == 0:
		return c.keepGap(own, q.b, p.a+1), c.newGap(q.a)
	case leftLines == 0:
		return c.newGap(p.a + 1), c.newGap(q.a)
	}
	// Whole lines come in, after the first line end of the gap or the last.
	cut, wasBefore := strings.IndexByte(own, '\n')+1, 1
	if leftLines > 1 {
		cut, wasBefore = strings.LastIndexByte(own, '\n')+1, was
	}
	indent := strings.LastIndexByte(own, '\n') + 1
	eol := c.lineEnd(p.a + 1)
	has = strings.Count(own[:cut], "\n")
	left = own[:cut] + strings.Repeat(eol, max(0, leftLines-max(wasBefore, has))) + c.indent(p.a+1)
	tail := c.shiftIndent(own[indent:], c.steps(q.a, q.b), c.before.toks[q.b].depth)
	wasAfter := was - wasBefore + 1 // the new lines' own line end included
	if rightLines == 1 && wasAfter > 1 {
		return left, eol + tail
	}
	return left, eol + strings.Repeat(eol, max(0, rightLines-wasAfter)) + own[cut:indent] + tail
}

// joining returns the gap own if it can stand before token i of after, else one
// that goes on in the same line.
func (c *carrier) joining(own string, i int) string {
	if c.fits(i-1, own, i) {
		return own
	}
	return "; "
}

// fitting returns gap if it can stand before token a of after, else a new one.
func (c *carrier) fitting(prev int, gap string, a int) string {
	if c.fits(prev, gap, a) {
		return gap
	}
	return c.newGap(a)
}

// fits reports whether gap keeps the tokens at its ends apart, with the
// semicolon that after has there.
func (c *carrier) fits(prev int, gap string, i int) bool {
	x, y := c.after.toks[prev], c.after.toks[i]
	if x.isLineComment() {
		return strings.Contains(gap, "\n") || y.tok == token.EOF
	}
	if x.tok == token.EOF || y.tok == token.EOF || x.tok == token.COMMENT || y.tok == token.COMMENT {
		return true
	}
	t := scan([]byte(c.after.bytes(prev) + gap + c.after.bytes(i)))
	if len(t.toks) < 4 || t.toks[1].key != x.key || t.toks[len(t.toks)-2].key != y.key {
		return false
	}
	if len(t.toks) > 4 {
		return true // a bracket or comma that the printer drops
	}
	return (t.toks[2].semis > 0) == (y.semis > 0) || y.isCloser()
}
