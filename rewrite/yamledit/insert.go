package yamledit

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Scalar returns a node for a plain string.
func Scalar(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

// Quoted returns a node for a string in quotes like those of like, or in double
// quotes when like has none.
func Quoted(value string, like *yaml.Node) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Style: yaml.DoubleQuotedStyle}
	if like != nil && like.Style&yaml.SingleQuotedStyle != 0 {
		n.Style = yaml.SingleQuotedStyle
	}
	return n
}

// Map returns a node for a mapping: keys and values in turn.
func Map(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: content}
}

// Seq returns a node for a sequence.
func Seq(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: content}
}

// Append adds item at the end of the sequence seq, in the style of its last
// item.
func (f *File) Append(seq, item *yaml.Node) ([]Splice, error) {
	if len(seq.Content) == 0 && seq.Style&yaml.FlowStyle == 0 {
		return nil, errors.New("the sequence is empty")
	}
	adding := func(json bool) func(*copied) {
		return func(want *copied) { want.of[seq].Content = append(want.of[seq].Content, styled(item, json)) }
	}
	if seq.Style&yaml.FlowStyle != 0 {
		list, json, err := f.flowInsert(seq, nil, item)
		if err != nil {
			return nil, err
		}
		return f.check(list, seq, adding(json))
	}
	last := seq.Content[len(seq.Content)-1]
	off := f.Offset(last)
	start := f.lineStart(off)
	prefix := string(f.Src[start:off])
	dash := strings.TrimLeft(prefix, " ")
	if !strings.HasPrefix(dash, "-") || strings.Trim(dash[1:], " ") != "" {
		return nil, errors.New("the dash of the last item is not on its line")
	}
	end, ok := f.end(last)
	if !ok || !f.restIsEmpty(end) {
		return nil, errors.New("the end of the last item cannot be told")
	}
	var lines []string
	json := false
	if last.Style&yaml.FlowStyle != 0 && last.Kind == yaml.MappingNode {
		json = len(last.Content) > 0 && last.Content[0].Style&yaml.DoubleQuotedStyle != 0
		lines = []string{prefix + inline(item, json)}
	} else {
		body := strings.Repeat(" ", len(prefix))
		lines = f.render(item, body)
		lines[0] = prefix + strings.TrimPrefix(lines[0], body)
	}
	return f.check([]Splice{f.newLines(end, lines)}, seq, adding(json))
}

// InsertAfter adds an entry to the mapping m behind that of the key after.
func (f *File) InsertAfter(m, after, key, value *yaml.Node) ([]Splice, error) {
	i := slices.Index(m.Content, after)
	if i < 0 || i%2 != 0 {
		return nil, errors.New("no such key")
	}
	adding := func(json bool) func(*copied) {
		return func(want *copied) {
			c := want.of[m]
			c.Content = slices.Insert(c.Content, i+2, styled(key, json), styled(value, json))
		}
	}
	if m.Style&yaml.FlowStyle != 0 {
		list, json, err := f.flowInsert(m, m.Content[i:i+2], key, value)
		if err != nil {
			return nil, err
		}
		return f.check(list, m, adding(json))
	}
	end, ok := f.entryEnd(after, m.Content[i+1])
	if !ok || !f.restIsEmpty(end) {
		return nil, errors.New("the end of the entry cannot be told")
	}
	off := f.Offset(after)
	indent := strings.Repeat(" ", off-f.lineStart(off))
	if lead := strings.TrimLeft(string(f.Src[f.lineStart(off):off]), " -"); lead != "" {
		return nil, errors.New("the mapping begins within a line")
	}
	return f.check([]Splice{f.newLines(end, f.render(Map(key, value), indent))}, m, adding(false))
}

// styled returns a copy of n with the keys and strings quoted as JSON has them.
func styled(n *yaml.Node, json bool) *yaml.Node {
	m := *n
	if json && m.Kind == yaml.ScalarNode && m.Tag == "!!str" {
		m.Style = yaml.DoubleQuotedStyle
	}
	m.Content = nil
	for _, c := range n.Content {
		m.Content = append(m.Content, styled(c, json))
	}
	return &m
}

// newLines returns the splice that adds lines below that of off.
func (f *File) newLines(off int, lines []string) Splice {
	eol := f.eol(off)
	at := f.nextLine(off)
	text := strings.Join(lines, eol)
	if at == len(f.Src) && !bytes.HasSuffix(f.Src, []byte("\n")) {
		return Splice{at, at, eol + text}
	}
	return Splice{at, at, text + eol}
}

// flowInsert adds what is in nodes, an item or a key and its value, to a flow
// collection, behind the nodes in after or at the end.
func (f *File) flowInsert(coll *yaml.Node, after []*yaml.Node, nodes ...*yaml.Node) (list []Splice, json bool, err error) {
	json = f.isJSON(coll)
	text := func(indent string, long bool) string {
		if !long {
			s := inline(nodes[0], json)
			if len(nodes) == 2 {
				s += ": " + inline(nodes[1], json)
			}
			return s
		}
		s := f.tall(nodes[0], indent)
		if len(nodes) == 2 {
			s += ": " + f.tall(nodes[1], indent)
		}
		return s
	}
	if len(coll.Content) == 0 {
		at := f.content(coll) + 1
		return []Splice{{at, at, text("", false)}}, json, nil
	}
	if after == nil {
		after = coll.Content[len(coll.Content)-1:]
	}
	off := f.Offset(after[0])
	last := after[len(after)-1]
	end, ok := f.end(last)
	if !ok || isEmpty(last) {
		return nil, false, errors.New("the end of the entry cannot be told")
	}
	start := f.lineStart(off)
	if lead := string(f.Src[start:off]); start > 0 && strings.Trim(lead, " \t") == "" {
		long := json && len(coll.Content) > 0 && bytes.Contains(f.Src[off:f.mustEnd(coll)], []byte("\n"))
		return []Splice{{end, end, "," + f.eol(off) + lead + text(lead, long)}}, json, nil
	}
	return []Splice{{end, end, ", " + text("", false)}}, json, nil
}

func (f *File) mustEnd(n *yaml.Node) int {
	if end, ok := f.end(n); ok {
		return end
	}
	return f.Offset(n)
}

// isJSON reports whether the nodes around coll quote their keys.
func (f *File) isJSON(coll *yaml.Node) bool {
	for n := coll; n != nil; n = f.up[n] {
		if n.Kind == yaml.MappingNode && len(n.Content) > 0 {
			return n.Content[0].Style&yaml.DoubleQuotedStyle != 0
		}
	}
	return false
}

// inline writes n on one line.
func inline(n *yaml.Node, json bool) string {
	var parts []string
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, inline(n.Content[i], json)+": "+inline(n.Content[i+1], json))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		for _, c := range n.Content {
			parts = append(parts, inline(c, json))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0 && !json:
		return "'" + strings.ReplaceAll(n.Value, "'", "''") + "'"
	case n.Style&yaml.DoubleQuotedStyle != 0 || json && n.Tag == "!!str":
		return strconv.Quote(n.Value)
	}
	return n.Value
}

// tall writes n as indented JSON whose first line stands behind indent.
func (f *File) tall(n *yaml.Node, indent string) string {
	open, end := "[", "]"
	step := 1
	switch n.Kind {
	case yaml.ScalarNode:
		return inline(n, true)
	case yaml.MappingNode:
		open, end, step = "{", "}", 2
	}
	eol := f.eol(0)
	inner := indent + f.step()
	var b strings.Builder
	b.WriteString(open)
	for i := 0; i < len(n.Content); i += step {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(eol + inner + f.tall(n.Content[i], inner))
		if step == 2 {
			b.WriteString(": " + f.tall(n.Content[i+1], inner))
		}
	}
	b.WriteString(eol + indent + end)
	return b.String()
}

// step returns one step of the file's indentation: by how much its first mapping
// in a mapping is indented, or else its first mapping in a sequence.
func (f *File) step() string {
	for _, n := range f.order {
		key := f.Key(n)
		if key == nil || n.Kind != yaml.MappingNode || len(n.Content) == 0 {
			continue
		}
		off := f.Offset(n.Content[0])
		start := f.lineStart(off)
		lead, outer := string(f.Src[start:off]), f.column(key)
		if start > f.Offset(key) && strings.Trim(lead, " \t") == "" && len(lead) > outer {
			return lead[outer:]
		}
	}
	for _, n := range f.order {
		if up := f.up[n]; n.Kind == yaml.MappingNode && up != nil && up.Kind == yaml.SequenceNode {
			off := f.Offset(n)
			if lead := strings.TrimLeft(string(f.Src[f.lineStart(off):off]), " "); strings.HasPrefix(lead, "-") && len(lead) <= 8 {
				return strings.Repeat(" ", len(lead))
			}
		}
	}
	return "  "
}

// column returns how far n stands from the beginning of its line, in bytes.
func (f *File) column(n *yaml.Node) int {
	off := f.Offset(n)
	return off - f.lineStart(off)
}

// dashes returns how far the dashes of sequences stand to the right of their
// keys, as the first sequence in the file has it.
func (f *File) dashes() string {
	for _, n := range f.order {
		key := f.Key(n)
		if n.Kind != yaml.SequenceNode || n.Style&yaml.FlowStyle != 0 || key == nil || len(n.Content) == 0 {
			continue
		}
		off := f.Offset(n.Content[0])
		lead := string(f.Src[f.lineStart(off):off])
		dash := strings.IndexByte(lead, '-')
		if d := dash - f.column(key); dash >= 0 && d >= 0 && d <= 8 {
			return strings.Repeat(" ", d)
		}
	}
	return ""
}

// render writes n in block style, each line behind indent.
func (f *File) render(n *yaml.Node, indent string) []string {
	var out []string
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if v.Kind == yaml.ScalarNode {
				out = append(out, indent+inline(k, false)+": "+inline(v, false))
				continue
			}
			out = append(out, indent+inline(k, false)+":")
			deeper := indent + f.step()
			if v.Kind == yaml.SequenceNode {
				deeper = indent + f.dashes()
			}
			out = append(out, f.render(v, deeper)...)
		}
	case yaml.SequenceNode:
		for _, c := range n.Content {
			lines := f.render(c, indent+"  ")
			lines[0] = indent + "- " + lines[0][len(indent)+2:]
			out = append(out, lines...)
		}
	default:
		out = append(out, indent+inline(n, false))
	}
	return out
}
