// Package yamledit changes YAML and JSON documents by splicing bytes. A parser
// finds the places; layout, comments, quoting, anchors and line ends outside of
// the change stay what they are.
//
// No method edits anything: each returns splices, and only after it has parsed
// the result again and found the tree that the change is meant to give. What
// cannot be changed in that way is an error.
package yamledit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// File is a parsed stream of YAML documents.
type File struct {
	Src []byte
	// Docs are the top nodes of the documents, in order. Empty documents are
	// left out.
	Docs []*yaml.Node

	lines []int // offsets at which lines begin
	up    map[*yaml.Node]*yaml.Node
	order []*yaml.Node        // all nodes, from the top
	uses  map[*yaml.Node]bool // anchored nodes that an alias refers to
	// blocks says where block scalars stand that were asked for, which takes as long
	// as they are.
	blocks map[*yaml.Node]located
}

// Splice replaces the bytes from Off to End by Text.
type Splice struct {
	Off, End int
	Text     string
}

// Parse reads src, which is YAML or JSON in UTF-8 with LF or CRLF line ends.
func Parse(src []byte) (f *File, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, fmt.Errorf("the YAML parser failed: %v", r)
		}
	}()
	f = &File{Src: src, up: make(map[*yaml.Node]*yaml.Node), uses: make(map[*yaml.Node]bool), blocks: make(map[*yaml.Node]located)}
	if err := f.index(); err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	for {
		doc := new(yaml.Node)
		err := dec.Decode(doc)
		if err == io.EOF {
			return f, nil
		}
		if err != nil {
			return nil, err
		}
		if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
			continue
		}
		f.Docs = append(f.Docs, doc.Content[0])
		f.link(doc.Content[0])
	}
}

// index notes where lines begin. The YAML parser also breaks lines at carriage
// returns and at Unicode's line separators; files with those are refused rather
// than miscounted.
func (f *File) index() error {
	if !utf8.Valid(f.Src) {
		return errors.New("not UTF-8")
	}
	start := 0
	if bytes.HasPrefix(f.Src, []byte("\ufeff")) {
		start = len("\ufeff")
	}
	f.lines = append(f.lines, start)
	for i, b := range f.Src {
		switch {
		case b == '\n':
			f.lines = append(f.lines, i+1)
		case b == '\r' && (i+1 == len(f.Src) || f.Src[i+1] != '\n'):
			return errors.New("a carriage return within a line")
		}
	}
	for _, sep := range []string{"\u0085", "\u2028", "\u2029"} {
		if bytes.Contains(f.Src, []byte(sep)) {
			return errors.New("a Unicode line separator")
		}
	}
	return nil
}

func (f *File) link(n *yaml.Node) {
	f.order = append(f.order, n)
	if n.Kind == yaml.AliasNode {
		f.uses[n.Alias] = true
		return
	}
	for _, c := range n.Content {
		f.up[c] = n
		f.link(c)
	}
}

// Parent returns the mapping or sequence that holds n as a key, value or item,
// nil for the top of a document.
func (f *File) Parent(n *yaml.Node) *yaml.Node { return f.up[n] }

// Key returns the key whose value n is, nil when n is no value of a mapping.
func (f *File) Key(n *yaml.Node) *yaml.Node {
	m := f.up[n]
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 1; i < len(m.Content); i += 2 {
		if m.Content[i] == n {
			return m.Content[i-1]
		}
	}
	return nil
}

// Entry returns the entry of mapping m with the key name, nil nodes when there
// is none or m is no mapping. Merge keys are not followed.
func Entry(m *yaml.Node, name string) (key, value *yaml.Node) {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if k := m.Content[i]; k.Kind == yaml.ScalarNode && k.Value == name {
			return k, m.Content[i+1]
		}
	}
	return nil, nil
}

// Get returns the value at the path of keys below n, nil when there is none.
// Aliases are followed.
func Get(n *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		if n != nil && n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		_, n = Entry(n, name)
	}
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// Text returns the value of the scalar at the path of keys below n, "" when
// there is none.
func Text(n *yaml.Node, path ...string) string {
	if n = Get(n, path...); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// Items returns the items of a sequence, nil when n is none. An alias stands
// for the sequence it refers to.
func Items(n *yaml.Node) []*yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// Aliased reports whether an alias refers to n itself.
func (f *File) Aliased(n *yaml.Node) bool { return f.uses[n] }

// Shared reports whether n or a node around it has an anchor that an alias
// refers to, so that a change in it takes effect elsewhere too.
func (f *File) Shared(n *yaml.Node) bool {
	for ; n != nil; n = f.up[n] {
		if f.uses[n] {
			return true
		}
	}
	return false
}

// Offset returns the offset in bytes at which n begins, its anchor and tag
// included.
func (f *File) Offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(f.lines) {
		return len(f.Src)
	}
	off := f.lines[n.Line-1]
	for i := 1; i < n.Column && off < len(f.Src); i++ {
		_, size := utf8.DecodeRune(f.Src[off:])
		off += size
	}
	return off
}

// Apply returns the source with the splices made. They must not overlap.
func (f *File) Apply(list []Splice) []byte { return apply(f.Src, list) }

func apply(src []byte, list []Splice) []byte {
	var out []byte
	at := 0
	for _, s := range sorted(list) {
		if s.Off < at {
			return nil
		}
		out = append(out, src[at:s.Off]...)
		out = append(out, s.Text...)
		at = s.End
	}
	return append(out, src[at:]...)
}

// lineStart returns where the line of off begins.
func (f *File) lineStart(off int) int {
	start := bytes.LastIndexByte(f.Src[:off], '\n') + 1
	if start == 0 {
		start = f.lines[0]
	}
	return start
}

// lineEnd returns where the text of the line of off ends, before its line end.
func (f *File) lineEnd(off int) int {
	i := bytes.IndexByte(f.Src[off:], '\n')
	if i < 0 {
		return len(f.Src)
	}
	if i > 0 && f.Src[off+i-1] == '\r' {
		i--
	}
	return off + i
}

// nextLine returns where the line after that of off begins.
func (f *File) nextLine(off int) int {
	i := bytes.IndexByte(f.Src[off:], '\n')
	if i < 0 {
		return len(f.Src)
	}
	return off + i + 1
}

// eol returns the line end in use around off.
func (f *File) eol(off int) string {
	end := f.lineEnd(off)
	if end == len(f.Src) && f.lineStart(off) > 0 {
		end = f.lineEnd(f.lineStart(off) - 1)
		if end > 0 && f.Src[end-1] == '\r' {
			end--
		}
	}
	if strings.HasPrefix(string(f.Src[end:min(end+2, len(f.Src))]), "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// restIsEmpty reports whether nothing but a comment follows on the line of off.
func (f *File) restIsEmpty(off int) bool {
	rest := string(f.Src[off:f.lineEnd(off)])
	trimmed := strings.TrimLeft(rest, " \t")
	return trimmed == "" || trimmed[0] == '#' && len(trimmed) < len(rest)
}

// skip returns the first offset from off on that is not white space, part of a
// comment or one of the bytes in also.
func (f *File) skip(off int, also string) int {
	for off < len(f.Src) {
		b := f.Src[off]
		switch {
		case b == ' ' || b == '\t' || b == '\r' || b == '\n' || strings.IndexByte(also, b) >= 0:
			off++
		case b == '#' && (off == 0 || strings.IndexByte(" \t\n", f.Src[off-1]) >= 0):
			off = f.lineEnd(off)
		default:
			return off
		}
	}
	return off
}
