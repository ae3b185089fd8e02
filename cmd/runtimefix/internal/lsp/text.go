package lsp

import (
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/diff"
)

// text is the content of a file with the starts of its lines.
type text struct {
	data  []byte
	lines []int
	utf8  bool // characters of positions are bytes, not UTF-16 code units
}

func newText(data []byte, inUTF8 bool) *text {
	t := &text{data: data, lines: []int{0}, utf8: inUTF8}
	for i, c := range data {
		if c == '\n' {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

// at returns the position of a byte offset.
func (t *text) at(offset int) position {
	offset = min(max(offset, 0), len(t.data))
	line, found := slices.BinarySearch(t.lines, offset)
	if !found {
		line--
	}
	before := t.data[t.lines[line]:offset]
	if t.utf8 {
		return position{line, len(before)}
	}
	return position{line, units(before)}
}

// units returns the number of UTF-16 code units of s.
func units(s []byte) int {
	n := 0
	for len(s) > 0 {
		c, size := utf8.DecodeRune(s)
		if n++; c > 0xffff {
			n++
		}
		s = s[size:]
	}
	return n
}

func (t *text) span(start, end int) span { return span{t.at(start), t.at(end)} }

// edits returns what turns the text into the content after.
func (t *text) edits(after []byte) []textEdit {
	var out []textEdit
	now := diff.SplitLines(after)
	for _, h := range diff.Lines(t.data, after) {
		out = append(out, textEdit{Range: t.span(t.lineStart(h.OldStart), t.lineStart(h.OldEnd)), NewText: strings.Join(now[h.NewStart:h.NewEnd], "")})
	}
	return out
}

// lineStart returns the offset at which a line begins, counted from zero, the
// end of the text for the one behind the last.
func (t *text) lineStart(line int) int {
	if line >= len(t.lines) {
		return len(t.data)
	}
	return t.lines[line]
}

// ofFix returns what a fix changes in the text.
func (t *text) ofFix(list []rewrite.TextEdit) []textEdit {
	var out []textEdit
	for _, e := range list {
		out = append(out, textEdit{Range: t.span(e.Start, e.End), NewText: string(e.New)})
	}
	return out
}

// overlaps reports whether two ranges share a place; an empty range is one.
func overlaps(a, b span) bool { return !after(a.Start, b.End) && !after(b.Start, a.End) }

func after(a, b position) bool {
	return a.Line > b.Line || a.Line == b.Line && a.Character > b.Character
}

// toPath returns the file that a URI names, "" when it names none.
func toPath(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	path := u.Path
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/")
	}
	return filepath.Clean(filepath.FromSlash(path))
}

// toURI returns the URI of a file.
func toURI(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path}
	return u.String()
}

// isUTF8 reports whether the edits can be sent: strings of JSON are UTF-8.
func isUTF8(list []rewrite.TextEdit) bool {
	return !slices.ContainsFunc(list, func(e rewrite.TextEdit) bool { return !utf8.Valid(e.New) })
}
