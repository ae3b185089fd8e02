package yamledit

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// content returns the offset at which n begins behind its anchor and tag.
func (f *File) content(n *yaml.Node) int {
	off := f.Offset(n)
	for off < len(f.Src) && (f.Src[off] == '&' || f.Src[off] == '!') && n.Kind != yaml.AliasNode {
		end := off
		for end < len(f.Src) && strings.IndexByte(" \t\r\n", f.Src[end]) < 0 {
			if n.Style&yaml.FlowStyle == 0 || strings.IndexByte(",]}", f.Src[end]) < 0 {
				end++
				continue
			}
			break
		}
		off = f.skip(end, "")
	}
	return off
}

// Span returns the bytes that n takes, its anchor and tag included. It is not
// ok when they cannot be told: the parser says where a node begins but not where
// it ends.
func (f *File) Span(n *yaml.Node) (off, end int, ok bool) {
	off = f.Offset(n)
	end, ok = f.end(n)
	return off, end, ok && off <= end
}

func (f *File) end(n *yaml.Node) (int, bool) {
	switch n.Kind {
	case yaml.AliasNode:
		off := f.Offset(n)
		name := "*" + n.Value
		return off + len(name), bytes.HasPrefix(f.Src[off:], []byte(name))
	case yaml.ScalarNode:
		m, ok := f.scalar(n)
		return m.end, ok
	case yaml.MappingNode, yaml.SequenceNode:
		if n.Style&yaml.FlowStyle != 0 {
			return f.flowEnd(n)
		}
		if len(n.Content) == 0 {
			return 0, false
		}
		last := n.Content[len(n.Content)-1]
		if n.Kind == yaml.MappingNode {
			return f.entryEnd(n.Content[len(n.Content)-2], last)
		}
		if isEmpty(last) {
			return 0, false
		}
		return f.end(last)
	}
	return 0, false
}

// isEmpty reports whether n is a null value that is not written at all.
func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

// entryEnd returns where a mapping entry ends.
func (f *File) entryEnd(key, value *yaml.Node) (int, bool) {
	if !isEmpty(value) {
		return f.end(value)
	}
	colon, ok := f.colon(key)
	if !ok || value.Anchor != "" || value.Style&yaml.TaggedStyle != 0 {
		return 0, false
	}
	return colon + 1, true
}

// colon returns the offset of the colon behind key.
func (f *File) colon(key *yaml.Node) (int, bool) {
	end, ok := f.end(key)
	if !ok {
		return 0, false
	}
	for end < len(f.Src) && (f.Src[end] == ' ' || f.Src[end] == '\t') {
		end++
	}
	return end, end < len(f.Src) && f.Src[end] == ':'
}

func (f *File) flowEnd(n *yaml.Node) (int, bool) {
	off := f.content(n)
	open, end := byte('['), byte(']')
	if n.Kind == yaml.MappingNode {
		open, end = '{', '}'
	}
	if off >= len(f.Src) || f.Src[off] != open {
		return 0, false
	}
	off++
	if len(n.Content) > 0 {
		last := n.Content[len(n.Content)-1]
		if isEmpty(last) {
			return 0, false
		}
		e, ok := f.end(last)
		if !ok {
			return 0, false
		}
		off = e
	}
	off = f.skip(off, ",")
	return off + 1, off < len(f.Src) && f.Src[off] == end
}

// placed says where a scalar stands: its bytes in the source, quotes or block
// header included, and for each byte of its value the offset at which that is
// written. at has one offset more, that of the end of the content.
type placed struct {
	off, end int
	at       []int
	indent   string // of the lines of a block scalar
}

// located is what block said.
type located struct {
	placed
	ok bool
}

// scalar locates n. It is not ok for scalars that are written in ways that it
// does not follow; ok means that the source was decoded to exactly n.Value.
func (f *File) scalar(n *yaml.Node) (placed, bool) {
	off := f.content(n)
	if off >= len(f.Src) {
		return placed{}, false
	}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return f.quoted(n.Value, off, '"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		return f.quoted(n.Value, off, '\'')
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		l, seen := f.blocks[n]
		if !seen {
			mark := byte('|')
			if n.Style&yaml.FoldedStyle != 0 {
				mark = '>'
			}
			l.placed, l.ok = f.block(n, off, mark)
			f.blocks[n] = l
		}
		return l.placed, l.ok
	case n.Value == "":
		return placed{}, false
	}
	p := placed{off: off}
	i, ok := f.fold(&p, off, n.Value, 0, 0)
	if !ok || i != len(n.Value) {
		return placed{}, false
	}
	return p, true
}

// fold follows value from its byte i on through the source at pos, in which a
// line break stands for a space, up to the byte stop or the end of value. It
// returns how far in value it got and sets p.end behind it.
func (f *File) fold(p *placed, pos int, value string, i int, stop byte) (int, bool) {
	for i < len(value) && pos < len(f.Src) {
		b := f.Src[pos]
		if value[i] == ' ' {
			if next, ok := f.folded(pos); ok {
				p.at = append(p.at, pos)
				i++
				pos = next
				continue
			}
		}
		if stop != 0 && (b == stop || b == '\\' && stop == '"') {
			break
		}
		if b != value[i] || b == '\n' || b == '\r' {
			return i, false
		}
		p.at = append(p.at, pos)
		i++
		pos++
	}
	p.at = append(p.at, pos)
	p.end = pos
	return i, true
}

// folded returns where the text goes on when the white space at pos holds
// exactly one line break.
func (f *File) folded(pos int) (int, bool) {
	breaks := 0
	for pos < len(f.Src) && strings.IndexByte(" \t\r\n", f.Src[pos]) >= 0 {
		if f.Src[pos] == '\n' {
			breaks++
		}
		pos++
	}
	return pos, breaks == 1
}

func (f *File) quoted(value string, off int, quote byte) (placed, bool) {
	p := placed{off: off}
	if f.Src[off] != quote {
		return p, false
	}
	pos, i := off+1, 0
	for {
		var ok bool
		if i, ok = f.fold(&p, pos, value, i, quote); !ok {
			return p, false
		}
		pos = p.end
		if pos >= len(f.Src) {
			return p, false
		}
		text, size := f.escape(pos, quote)
		if size == 0 {
			// Have: the closing quote.
			p.end = pos + 1
			return p, i == len(value) && f.Src[pos] == quote
		}
		if !strings.HasPrefix(value[i:], text) {
			return p, false
		}
		p.at = p.at[:len(p.at)-1]
		for range len(text) {
			p.at = append(p.at, pos)
		}
		i += len(text)
		pos += size
	}
}

// escape returns what the escape sequence at pos stands for and how many bytes
// it takes; none when there is no sequence that is known here.
func (f *File) escape(pos int, quote byte) (text string, size int) {
	rest := f.Src[pos:]
	if len(rest) < 2 {
		return "", 0
	}
	if quote == '\'' {
		if rest[0] == '\'' && rest[1] == '\'' {
			return "'", 2
		}
		return "", 0
	}
	if rest[0] != '\\' {
		return "", 0
	}
	switch rest[1] {
	case '"', '\\', '/', ' ':
		return string(rest[1:2]), 2
	case 'n':
		return "\n", 2
	case 't':
		return "\t", 2
	case 'r':
		return "\r", 2
	case 'u':
		if len(rest) >= 6 {
			if r, err := strconv.ParseUint(string(rest[2:6]), 16, 32); err == nil && utf8.ValidRune(rune(r)) {
				return string(rune(r)), 6
			}
		}
	}
	return "", 0
}

// block locates a literal or folded scalar whose indentation is that of its
// first line.
func (f *File) block(n *yaml.Node, off int, mark byte) (placed, bool) {
	p := placed{off: off}
	if f.Src[off] != mark {
		return p, false
	}
	header := off + 1
	for header < len(f.Src) && (f.Src[header] == '-' || f.Src[header] == '+') {
		header++
	}
	if !f.restIsEmpty(header) {
		return p, false
	}
	pos := f.nextLine(header)
	first := pos
	for first < len(f.Src) && f.Src[first] == ' ' {
		first++
	}
	indent := string(f.Src[pos:first])
	if indent == "" || first >= len(f.Src) || strings.IndexByte("\r\n", f.Src[first]) >= 0 {
		return p, false
	}
	p.indent = indent
	value := strings.TrimRight(n.Value, "\n")
	if value == "" {
		return p, false
	}
	i := 0
	for {
		line := value[i:]
		end := f.lineEnd(pos)
		src := string(f.Src[pos:end])
		text, ok := strings.CutPrefix(src, indent)
		if !ok {
			if strings.Trim(src, " ") != "" {
				return p, false
			}
			text = ""
		}
		if mark == '>' && (strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t") || text == "") || !strings.HasPrefix(line, text) {
			return p, false
		}
		for k := range len(text) {
			p.at = append(p.at, end-len(text)+k)
		}
		i += len(text)
		if i == len(value) {
			p.at = append(p.at, end)
			p.end = end
			// What follows are the line breaks that end the scalar.
			for range len(n.Value) - len(value) {
				p.at = append(p.at, end)
			}
			return p, true
		}
		want := byte('\n')
		if mark == '>' {
			want = ' '
		}
		if value[i] != want {
			return p, false
		}
		p.at = append(p.at, end)
		i++
		if end == len(f.Src) {
			return p, false
		}
		pos = f.nextLine(end)
	}
}
