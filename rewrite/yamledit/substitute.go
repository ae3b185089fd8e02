package yamledit

import (
	"errors"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Written returns the bytes of the source at which bytes i to j of the value of the
// scalar n are written. It is not ok for a scalar that is written in a way that is
// not followed.
func (f *File) Written(n *yaml.Node, i, j int) (off, end int, ok bool) {
	p, ok := f.scalar(n)
	if !ok || i > j || j >= len(p.at) {
		return 0, 0, false
	}
	return p.at[i], p.at[j], true
}

// Substitute replaces the bytes from i to j of the value of scalar n by text. A
// plain scalar that would be left empty becomes "".
func (f *File) Substitute(n *yaml.Node, i, j int, text string) ([]Splice, error) {
	p, ok := f.scalar(n)
	if !ok || j >= len(p.at) {
		return nil, errors.New("the scalar is written in a way that is not followed")
	}
	change := func(want *copied) { want.of[n].Value = n.Value[:i] + text + n.Value[j:] }
	plain := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	if plain && text == "" && i == 0 && j == len(n.Value) {
		return f.check([]Splice{{p.off, p.end, `""`}}, n, func(want *copied) {
			change(want)
			want.of[n].Style |= yaml.DoubleQuotedStyle
		})
	}
	enc := text
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		if strings.ContainsAny(text, "\n\r\t") {
			return nil, errors.New("a line break in quotes")
		}
		enc = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
	case n.Style&yaml.SingleQuotedStyle != 0:
		enc = strings.ReplaceAll(text, "'", "''")
	case n.Style&yaml.LiteralStyle != 0:
		if text == "" && 0 < i && i < j && n.Value[i-1] == '\n' && n.Value[j-1] == '\n' {
			// Lines go with the break before them: their indentation does not stay.
			i, j = i-1, j-1
		}
		enc = strings.ReplaceAll(text, "\n", f.eol(p.at[i])+p.indent)
		if s := (Splice{p.at[i], p.at[j], enc}); f.linesTurnInto(n, p, i, j, text, s) {
			return []Splice{s}, nil
		}
	}
	return f.check([]Splice{{p.at[i], p.at[j], enc}}, n, change)
}

// linesTurnInto reports whether the splice s puts text in the place of bytes i to j
// of the literal scalar n, written as p, as far as the lines tell that s changes and
// those behind it up to one that is not empty. Every line of a literal says its part
// of the text by itself, but for the first, which may set the indentation, and the
// empty ones at the end. This spares parsing all of a long text for each of many
// changes.
func (f *File) linesTurnInto(n *yaml.Node, p placed, i, j int, text string, s Splice) bool {
	from := strings.LastIndexByte(n.Value[:i], '\n') + 1
	to := j
	for line := range strings.Lines(n.Value[j:]) {
		to += len(line)
		if strings.TrimSpace(line) != "" {
			to -= len(line) - len(strings.TrimSuffix(line, "\n"))
			break
		}
	}
	if from == 0 || strings.TrimSpace(n.Value[j:to]) == "" {
		return false
	}
	lines := slices.Concat([]byte("|-\n"+p.indent+"x\n"), f.Src[f.lineStart(p.at[from]):s.Off], []byte(s.Text), f.Src[s.End:p.at[to]])
	g, err := Parse(lines)
	return err == nil && len(g.Docs) == 1 && g.Docs[0].Style&yaml.LiteralStyle != 0 &&
		g.Docs[0].Value == "x\n"+n.Value[from:i]+text+n.Value[j:to]
}
