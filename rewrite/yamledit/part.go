package yamledit

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// part is a stretch of a file that can be parsed by itself: a flow collection, or
// the lines of one entry of a block collection. What a change makes of a part is
// what it makes of the file there, which spares parsing all of a long file for
// each of many changes.
type part struct {
	from, to int
	nodes    []*yaml.Node // a collection, an item, or a key and its value
	kind     yaml.Kind    // of the collection around the entries, 0 for a whole flow collection
	flow     bool         // that collection is in flow style
}

// partAround returns the smallest part that holds node n and the splices. ok is
// false when there is none but the whole file.
func (f *File) partAround(n *yaml.Node, list []Splice) (p part, ok bool) {
	for ; f.up[n] != nil; n = f.up[n] {
		p, ok := f.flowPart(n)
		if !ok || !p.holds(list) {
			p, ok = f.entryPart(n)
		}
		if ok && p.holds(list) {
			return p, true
		}
	}
	return part{}, false
}

func (p part) holds(list []Splice) bool {
	for _, s := range list {
		if s.Off < p.from || s.End > p.to {
			return false
		}
	}
	return true
}

// flowPart returns n as a part if it is a flow collection and no key.
func (f *File) flowPart(n *yaml.Node) (part, bool) {
	if n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode || n.Style&yaml.FlowStyle == 0 {
		return part{}, false
	}
	if up := f.up[n]; up.Kind == yaml.MappingNode && f.Key(n) == nil {
		return part{}, false
	}
	off, end, ok := f.Span(n)
	return part{from: off, to: end, nodes: []*yaml.Node{n}}, ok
}

// entryPart returns the lines of the entry of a block collection that n is the
// item, the key or the value of.
func (f *File) entryPart(n *yaml.Node) (part, bool) {
	up := f.up[n]
	if up.Style&yaml.FlowStyle != 0 {
		return part{}, false
	}
	i, step := entryOf(up, n)
	return f.linesOf(up, i, i+step)
}

// linesOf returns the lines of the entries of a block collection that are nodes i
// to j of its content.
func (f *File) linesOf(coll *yaml.Node, i, j int) (part, bool) {
	p := part{nodes: coll.Content[i:j], kind: coll.Kind}
	var ok bool
	if p.from, ok = f.entryStart(coll, coll.Content[i]); !ok {
		return part{}, false
	}
	if j < len(coll.Content) {
		p.to, ok = f.entryStart(coll, coll.Content[j])
		return p, ok && p.from < p.to
	}
	end, ok := f.endAt(coll, j)
	if !ok {
		return part{}, false
	}
	// Comments behind the last entry count: a block scalar that becomes the last one
	// would take them for its text.
	for p.to = f.nextLine(end); p.to < len(f.Src); p.to = f.nextLine(p.to) {
		if line := bytes.TrimLeft(f.Src[p.to:f.lineEnd(p.to)], " \t"); len(line) > 0 && line[0] != '#' {
			break
		}
	}
	return p, true
}

// endAt returns where the entry ends that is the last before node j of the content
// of coll.
func (f *File) endAt(coll *yaml.Node, j int) (int, bool) {
	if coll.Kind == yaml.MappingNode {
		return f.entryEnd(coll.Content[j-2], coll.Content[j-1])
	}
	if coll.Style&yaml.FlowStyle == 0 && isEmpty(coll.Content[j-1]) {
		return 0, false
	}
	return f.end(coll.Content[j-1])
}

// entryOf returns which nodes of the content of coll the entry of n is, the item
// or the key.
func entryOf(coll, n *yaml.Node) (i, step int) {
	i, step = slices.Index(coll.Content, n), 1
	if coll.Kind == yaml.MappingNode {
		step = 2
	}
	return i - i%step, step
}

// around returns the part that the removal of n, an item or a key, can be judged by:
// its entry and one beside it. In block style that is the one before, to which the
// comments above n belong; in flow style it is the one behind, whose comma goes.
func (f *File) around(n *yaml.Node) (part, bool) {
	coll := f.up[n]
	i, step := entryOf(coll, n)
	j := i + step
	flow := coll.Style&yaml.FlowStyle != 0
	switch {
	case i > 0 && (!flow || j == len(coll.Content)):
		i -= step
	case j < len(coll.Content):
		j += step
	default:
		return part{}, false
	}
	if !flow {
		return f.linesOf(coll, i, j)
	}
	end, ok := f.endAt(coll, j)
	return part{from: f.Offset(coll.Content[i]), to: end, nodes: coll.Content[i:j], kind: coll.Kind, flow: true}, ok
}

// Beside returns the bytes of the entry of n, an item or a key, and of one beside
// it: the next, or the one before the last. As long as they stay, the entry can be
// changed or removed whatever becomes of the others of its collection, which
// is not left empty. It is not ok for an only entry.
func (f *File) Beside(n *yaml.Node) (off, end int, ok bool) {
	coll := f.up[n]
	if coll == nil {
		return 0, 0, false
	}
	i, step := entryOf(coll, n)
	j := i + step
	switch {
	case j < len(coll.Content):
		j += step
	case i > 0:
		i -= step
	default:
		return 0, 0, false
	}
	end, ok = f.endAt(coll, j)
	return f.Offset(coll.Content[i]), end, ok
}

// entryStart returns where the line begins that an entry of coll begins with, if
// nothing else does.
func (f *File) entryStart(coll, first *yaml.Node) (off int, ok bool) {
	at := f.Offset(first)
	off = f.lineStart(at)
	lead := strings.TrimLeft(string(f.Src[off:at]), " ")
	if coll.Kind == yaml.SequenceNode {
		if lead, ok = strings.CutPrefix(lead, "-"); !ok {
			return 0, false
		}
		lead = strings.TrimLeft(lead, " ")
	}
	return off, lead == ""
}

// turnsInto reports whether the splices turn the part into what change makes of
// its nodes.
func (f *File) turnsInto(p part, list []Splice, change func(want *copied)) bool {
	want := f.copy(p.nodes)
	change(want)
	moved := make([]Splice, len(list))
	for i, s := range list {
		moved[i] = Splice{s.Off - p.from, s.End - p.from, s.Text}
	}
	src := apply(f.Src[p.from:p.to], moved)
	switch {
	case p.flow && p.kind == yaml.MappingNode:
		src = slices.Concat([]byte("{"), src, []byte("}"))
	case p.flow:
		src = slices.Concat([]byte("["), src, []byte("]"))
	}
	g, err := Parse(src)
	if err != nil || len(g.Docs) != 1 {
		return false
	}
	got := []*yaml.Node{g.Docs[0]}
	if p.kind != 0 {
		if top := got[0]; top.Kind != p.kind || top.Anchor != "" || top.Style&yaml.TaggedStyle != 0 || top.Style&yaml.FlowStyle != 0 != p.flow {
			return false
		}
		got = got[0].Content
	}
	if len(got) != len(want.docs) {
		return false
	}
	for i := range got {
		if !Equal(got[i], want.docs[i]) {
			return false
		}
	}
	return true
}
