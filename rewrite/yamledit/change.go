package yamledit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Options say how Remove deals with what is around the removed node.
type Options struct {
	// Comment reports whether the comment lines directly above what is removed
	// belong to it and go too. It gets their text; nil keeps all comments.
	Comment func(text string) bool
	// Prune removes the entry of a mapping whose value would be left without
	// entries; otherwise, and where a comment would be lost by it, an empty
	// mapping or sequence stays.
	Prune bool
}

// Remove removes n with its lines: an item of a sequence, or the entry of a
// mapping whose key n is. The range that the splices rely on goes from the
// beginning of the collection around n to its end, see Span.
func (f *File) Remove(n *yaml.Node, opt Options) ([]Splice, error) {
	parent := f.up[n]
	if parent == nil {
		return nil, errors.New("it is the whole document")
	}
	value := valueOf(parent, n)
	if value == nil {
		return nil, errors.New("it is no key")
	}
	if f.anchored(n) || f.anchored(value) {
		return nil, errors.New("an alias refers to it")
	}
	left := len(parent.Content) - 1
	if parent.Kind == yaml.MappingNode {
		left--
	}
	if left == 0 {
		return f.removeLast(parent, n, value, opt)
	}
	list, err := f.cut(parent, n, value, opt)
	if err != nil {
		return nil, err
	}
	list = sorted(list)
	if p, ok := f.around(n); ok && p.holds(list) && f.turnsInto(p, list, dropping(n)) {
		return list, nil
	}
	return f.check(list, parent, dropping(n))
}

// valueOf returns the value of the key n in a mapping, n itself in a sequence.
func valueOf(parent, n *yaml.Node) *yaml.Node {
	i := slices.Index(parent.Content, n)
	if parent.Kind == yaml.SequenceNode {
		return n
	}
	if i < 0 || i%2 != 0 {
		return nil
	}
	return parent.Content[i+1]
}

// anchored reports whether an alias refers to n or to something in it.
func (f *File) anchored(n *yaml.Node) bool {
	return f.uses[n] || n.Kind != yaml.AliasNode && slices.ContainsFunc(n.Content, f.anchored)
}

// removeLast removes the only entry of parent.
func (f *File) removeLast(parent, n, value *yaml.Node, opt Options) ([]Splice, error) {
	key := f.Key(parent)
	if opt.Prune && key != nil && parent.Anchor == "" && len(f.up[parent].Content) > 2 && !f.hidesComment(key, n, value, opt) {
		up := opt
		up.Prune = false
		if list, err := f.Remove(key, up); err == nil {
			return list, nil
		}
	}
	empty := "[]"
	if parent.Kind == yaml.MappingNode {
		empty = "{}"
	}
	if parent.Style&yaml.FlowStyle != 0 {
		off := f.content(parent)
		end, ok := f.end(parent)
		if !ok || bytes.Contains(f.Src[off:end], []byte("#")) {
			return nil, errors.New("the end of the collection cannot be told")
		}
		return f.check([]Splice{{off, end, empty}}, parent, dropping(n))
	}
	if key == nil {
		return nil, errors.New("it is the only entry of its collection")
	}
	// Have: a block collection that is the value of key.
	colon, ok := f.colon(key)
	if !ok {
		return nil, errors.New("the key is not followed by a colon")
	}
	at := colon + 1
	if parent.Anchor != "" || parent.Style&yaml.TaggedStyle != 0 {
		at = f.Offset(parent)
		end := f.lineEnd(at)
		if i := bytes.IndexByte(f.Src[at:end], '#'); i >= 0 {
			end = at + i
		}
		at += len(bytes.TrimRight(f.Src[at:end], " \t"))
	}
	list, err := f.cut(parent, n, value, opt)
	if err != nil {
		return nil, err
	}
	return f.check(append(list, Splice{at, at, " " + empty}), parent, dropping(n))
}

// hidesComment reports whether the entry of key, whose value holds nothing but
// the entry n, has comments that do not go with that.
func (f *File) hidesComment(key, n, value *yaml.Node, opt Options) bool {
	end, ok := f.entryEnd(n, value)
	if !ok {
		return true
	}
	first, _, err := f.lineRange(f.up[n], n, end, opt)
	if err != nil {
		return false // flow style: comments are looked for when it is cut
	}
	keyEnd, ok := f.colon(key)
	if !ok {
		return true
	}
	if first < keyEnd {
		return false
	}
	if bytes.Contains(f.Src[keyEnd:first], []byte("#")) {
		return true
	}
	// A comment below at the depth of the entries belongs to the collection.
	depth := f.Offset(n) - f.lineStart(f.Offset(n))
	if f.up[n].Kind == yaml.SequenceNode {
		depth = bytes.IndexByte(f.Src[f.lineStart(f.Offset(n)):], '-')
	}
	for pos := f.nextLine(end); pos < len(f.Src); pos = f.nextLine(pos) {
		line := string(f.Src[pos:f.lineEnd(pos)])
		text := strings.TrimLeft(line, " \t")
		if text == "" {
			continue
		}
		return text[0] == '#' && len(line)-len(text) >= max(depth, 1)
	}
	return false
}

// cut returns the splices that take the entry of n out of parent.
func (f *File) cut(parent, n, value *yaml.Node, opt Options) ([]Splice, error) {
	end, ok := f.entryEnd(n, value)
	if parent.Kind == yaml.SequenceNode && isEmpty(n) {
		ok = false
	}
	if !ok {
		return nil, errors.New("its end cannot be told")
	}
	off := f.Offset(n)
	i := slices.Index(parent.Content, n)
	step := 1
	if parent.Kind == yaml.MappingNode {
		step = 2
	}
	if parent.Style&yaml.FlowStyle != 0 {
		switch {
		case i+step < len(parent.Content):
			end = f.Offset(parent.Content[i+step])
		case i > 0:
			var ok bool
			if parent.Kind == yaml.MappingNode {
				off, ok = f.entryEnd(parent.Content[i-2], parent.Content[i-1])
			} else {
				off, ok = f.end(parent.Content[i-1])
			}
			if !ok {
				return nil, errors.New("the end of the entry before it cannot be told")
			}
		}
		if bytes.Contains(f.Src[off:end], []byte(" #")) {
			return nil, errors.New("a comment stands beside it")
		}
		return []Splice{{off, end, ""}}, nil
	}
	from, to, err := f.lineRange(parent, n, end, opt)
	if err == nil {
		return []Splice{{from, to, ""}}, nil
	}
	// The first key of a mapping that is an item: "- A: 1" over "  B: 2".
	if parent.Kind == yaml.MappingNode && i == 0 && step < len(parent.Content) && f.restIsEmpty(end) {
		next := f.Offset(parent.Content[step])
		if f.skip(end, "") == next && f.lineStart(next) == f.nextLine(end) && !bytes.Contains(f.Src[end:next], []byte("#")) {
			return []Splice{{off, next, ""}}, nil
		}
	}
	return nil, err
}

// lineRange returns the lines of a block entry, with the comment above it that
// goes with it.
func (f *File) lineRange(parent, n *yaml.Node, end int, opt Options) (from, to int, err error) {
	if parent.Style&yaml.FlowStyle != 0 {
		return 0, 0, errors.New("flow style")
	}
	off := f.Offset(n)
	from = f.lineStart(off)
	before := strings.TrimLeft(string(f.Src[from:off]), " ")
	if parent.Kind == yaml.SequenceNode {
		rest, ok := strings.CutPrefix(before, "-")
		if !ok {
			return 0, 0, errors.New("its dash is not on its line")
		}
		before = strings.TrimLeft(rest, " ")
	}
	if before != "" || !f.restIsEmpty(end) {
		return 0, 0, errors.New("something else stands on its line")
	}
	to = f.nextLine(end)
	top := from
	indent := len(f.Src[from:off]) - len(strings.TrimLeft(string(f.Src[from:off]), " "))
	for top > f.lines[0] {
		prev := f.lineStart(top - 1)
		line := string(f.Src[prev:f.lineEnd(prev)])
		text := strings.TrimLeft(line, " ")
		if !strings.HasPrefix(text, "#") || len(line)-len(text) != indent {
			break
		}
		top = prev
	}
	if top < from && opt.Comment != nil {
		text := string(f.Src[top:from])
		if !commentedOut(text) && opt.Comment(text) {
			from = top
		}
	}
	if to == len(f.Src) && !bytes.HasSuffix(f.Src, []byte("\n")) && from > f.lines[0] {
		// The file still ends without a line end.
		from = f.lineEnd(from - 1)
		if from > 0 && f.Src[from-1] == '\r' {
			from--
		}
	}
	return from, to, nil
}

// commentedOut reports whether one of the comment lines looks like an entry
// that somebody took out for the time being.
func commentedOut(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "#"))
		if strings.HasPrefix(line, "- ") {
			return true
		}
		if key, _, ok := strings.Cut(line, ":"); ok && key != "" && !strings.Contains(key, " ") {
			return true
		}
	}
	return false
}

// check returns the splices if they turn the file into the trees that change,
// which alters node n or what is below it, makes of copies.
func (f *File) check(list []Splice, n *yaml.Node, change func(want *copied)) ([]Splice, error) {
	list = sorted(list)
	if p, ok := f.partAround(n, list); ok && f.turnsInto(p, list, change) {
		return list, nil
	}
	// A part may refer to an anchor elsewhere: only the whole says for certain.
	out := f.Apply(list)
	if out == nil {
		return nil, errors.New("splices overlap")
	}
	g, err := Parse(out)
	if err != nil {
		return nil, fmt.Errorf("the result is not YAML: %w", err)
	}
	want := f.copy(f.Docs)
	change(want)
	if len(g.Docs) != len(want.docs) {
		return nil, errors.New("the result has another number of documents")
	}
	for i, d := range g.Docs {
		if !Equal(d, want.docs[i]) {
			return nil, errors.New("the result is not the tree that was meant")
		}
	}
	return list, nil
}

func sorted(list []Splice) []Splice {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Splice) int { return cmp.Compare(a.Off, b.Off) })
	return list
}

const scalarStyles = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle

// Equal reports whether two trees are the same but for positions, comments and
// the style of collections: tags, values, anchors and the style of scalars
// count.
func Equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return false
	}
	if a.Kind == yaml.ScalarNode && a.Style&scalarStyles != b.Style&scalarStyles {
		return false
	}
	for i := range a.Content {
		if !Equal(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

// copied is a copy of trees of a file, to be turned into what is wanted.
type copied struct {
	docs []*yaml.Node
	of   map[*yaml.Node]*yaml.Node
	f    *File
}

func (f *File) copy(tops []*yaml.Node) *copied {
	c := &copied{of: make(map[*yaml.Node]*yaml.Node), f: f}
	for _, d := range tops {
		c.docs = append(c.docs, c.node(d))
	}
	return c
}

func (c *copied) node(n *yaml.Node) *yaml.Node {
	m := *n
	m.Content = nil
	for _, k := range n.Content {
		m.Content = append(m.Content, c.node(k))
	}
	c.of[n] = &m
	return &m
}

// dropping returns the change that removes the item or the entry with the key n.
func dropping(n *yaml.Node) func(*copied) {
	return func(c *copied) {
		parent := c.f.up[n]
		if p := c.of[parent]; p != nil {
			i, step := entryOf(parent, n)
			p.Content = slices.Delete(p.Content, i, i+step)
			return
		}
		// Have: copies of some of the entries.
		i := slices.Index(c.docs, c.of[n])
		_, step := entryOf(parent, n)
		c.docs = slices.Delete(c.docs, i, i+step)
	}
}
