package rebase

import (
	"bytes"
	"strings"
)

// commonUnit returns one step of indentation as most lines of the original have
// it: a tab, or some blanks.
func (c *carrier) commonUnit(fixed []fixedPoint) string {
	votes := map[string]int{}
	best := "\t"
	outer, outerDepth := "", 0
	for _, f := range fixed {
		t := c.before.toks[f.b]
		if t.newlines == 0 {
			continue
		}
		indent, ok := c.origIndent(f.o)
		if !ok {
			continue
		}
		if u, ok := strings.CutPrefix(indent, outer); ok && u != "" && t.depth == outerDepth+1 {
			if votes[u]++; votes[u] > votes[best] {
				best = u
			}
		}
		outer, outerDepth = indent, t.depth
	}
	return best
}

// unitAt returns one step of indentation for a line that is depth steps deep in
// before, and indented like this in the original.
func (c *carrier) unitAt(indent string, depth int) string {
	switch {
	case strings.Contains(indent, "\t"):
		return "\t"
	case indent != "" && c.unit == "\t" && depth > 0 && len(indent) >= depth:
		return indent[:len(indent)/depth]
	}
	return c.unit
}

// origIndent returns the indentation of the original's line that token o
// begins, and whether it begins one.
func (c *carrier) origIndent(o int) (string, bool) {
	gap := c.orig.gap(o)
	i := strings.LastIndexByte(gap, '\n')
	if i < 0 || strings.Contains(gap[i:], ";") {
		return "", false
	}
	return gap[i+1:], true
}

// shiftGap moves the original's gap before token b of before to the depth of
// its twin a in after.
func (c *carrier) shiftGap(gap string, b, a int) string {
	indent := gap[strings.LastIndexByte(gap, '\n')+1:]
	return c.shift(gap, c.steps(a, b), c.unitAt(indent, c.before.toks[b].depth))
}

// shift moves all but the first line of s by steps of indentation.
func (c *carrier) shift(s string, steps int, unit string) string {
	if steps == 0 || !strings.Contains(s, "\n") {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		text := strings.TrimLeft(line, " \t")
		// The last line goes on behind s, so it counts even if it is blank here.
		if i == 0 || (i < len(lines)-1 && strings.Trim(text, "\r") == "") {
			continue
		}
		lines[i] = moved(line[:len(line)-len(text)], steps, unit) + text
	}
	return strings.Join(lines, "\n")
}

// shiftIndent returns an indentation that is depth steps deep with steps more,
// or fewer if steps is negative.
func (c *carrier) shiftIndent(indent string, steps, depth int) string {
	return moved(indent, steps, c.unitAt(indent, depth))
}

func moved(indent string, steps int, unit string) string {
	if steps < 0 {
		return indent[:len(indent)-min(len(indent), -steps*len(unit))]
	}
	return indent + strings.Repeat(unit, steps)
}

// indent returns the indentation for the line of token i of after: that of a
// line of the original at the same depth, in the same block or else in the same
// declaration, or one that is counted from the line around it.
func (c *carrier) indent(i int) string {
	depth := c.after.toks[i].depth
	outer, outerDepth := "", -1
	limit, sibling, haveSibling := depth, "", false
	search := func(j int) (indent string, found, done bool) {
		t := c.after.toks[j]
		if t.newlines == 0 {
			return "", false, false
		}
		indent, ok := c.lineIndent(j)
		if ok && t.depth == depth {
			if limit == depth {
				return indent, true, true
			}
			if !haveSibling {
				sibling, haveSibling = indent, true
			}
		}
		if t.depth < limit {
			limit = t.depth
			if ok && j < i && outerDepth < 0 {
				outer, outerDepth = indent, t.depth
			}
		}
		return "", false, t.depth == 0
	}
	for _, step := range []int{-1, 1} {
		limit = depth
		for j := i + step; j > 0 && j < len(c.after.toks)-1; j += step {
			if indent, found, done := search(j); found {
				return indent
			} else if done {
				break
			}
		}
	}
	if haveSibling {
		return sibling
	}
	outerDepth = max(outerDepth, 0)
	return c.shiftIndent(outer, depth-outerDepth, outerDepth)
}

// lineIndent returns the indentation that the line of token j of after gets
// from the original, and whether it gets one.
func (c *carrier) lineIndent(j int) (string, bool) {
	o, b := c.toOrig[j], c.toBefore[j]
	if o <= 0 || c.before.toks[b].newlines == 0 {
		return "", false
	}
	indent, ok := c.origIndent(o)
	return c.shiftIndent(indent, c.steps(j, b), c.before.toks[b].depth), ok
}

// lineEnd returns the line end that the original has nearest behind the place
// of token i of after.
func (c *carrier) lineEnd(i int) string {
	for i > 0 && c.toOrig[i] < 0 {
		i--
	}
	src := c.orig.src[1:]
	at := max(0, c.orig.toks[max(c.toOrig[i], 0)].end-1)
	n := bytes.IndexByte(src[at:], '\n') + at
	if n < at {
		n = bytes.LastIndexByte(src, '\n')
	}
	if n > 0 && src[n-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}
