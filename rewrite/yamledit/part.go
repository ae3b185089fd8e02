package yamledit

import (
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
	kind     yaml.Kind    // of the collection around the entry, 0 for a flow collection
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
	i, step := 0, 1
	if up.Kind == yaml.MappingNode {
		step = 2
	}
	for up.Content[i] != n {
		i++
	}
	i -= i % step
	p := part{nodes: up.Content[i : i+step], kind: up.Kind}
	var ok bool
	if p.from, ok = f.entryStart(up, p.nodes[0]); !ok {
		return part{}, false
	}
	if i+step < len(up.Content) {
		p.to, ok = f.entryStart(up, up.Content[i+step])
		return p, ok && p.from < p.to
	}
	end, ok := f.entryEnd(p.nodes[0], p.nodes[step-1])
	if !ok {
		return part{}, false
	}
	p.to = f.nextLine(end)
	return p, true
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

// turnsInto reports whether the splices turn the part into the wanted nodes.
func (f *File) turnsInto(p part, list []Splice, want *copied) bool {
	moved := make([]Splice, len(list))
	for i, s := range list {
		moved[i] = Splice{s.Off - p.from, s.End - p.from, s.Text}
	}
	g, err := Parse(apply(f.Src[p.from:p.to], moved))
	if err != nil || len(g.Docs) != 1 {
		return false
	}
	got := []*yaml.Node{g.Docs[0]}
	if p.kind != 0 {
		if top := got[0]; top.Kind != p.kind || top.Anchor != "" || top.Style&(yaml.FlowStyle|yaml.TaggedStyle) != 0 {
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
