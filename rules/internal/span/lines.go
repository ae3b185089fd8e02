package span

import (
	"bytes"
	"regexp"
	"strings"
)

// LineStart returns the offset of the first byte of the line that off is in.
func LineStart(src []byte, off int) int { return bytes.LastIndexByte(src[:off], '\n') + 1 }

// LineEnd returns the offset behind the line break of the line that off is in.
func LineEnd(src []byte, off int) int {
	if i := bytes.IndexByte(src[off:], '\n'); i >= 0 {
		return off + i + 1
	}
	return len(src)
}

// Blank reports whether there is nothing to see in b.
func Blank(b []byte) bool { return len(bytes.TrimSpace(b)) == 0 }

// CutLines returns the range to remove so that the lines of s go, with the
// comment lines directly above that are about it, and without leaving
// two blank lines in a row or one at the beginning or end of the file. comment
// holds the characters that begin a comment line.
func CutLines(src []byte, s Span, comment string, about func(string) bool) Span {
	out := Span{LineStart(src, s.Off), LineEnd(src, max(s.Off, s.End-1))}
	out.Off = WithComments(src, out.Off, comment, about)
	before := out.Off == 0 || Blank(src[LineStart(src, out.Off-1):out.Off])
	after := out.End == len(src) || Blank(src[out.End:LineEnd(src, out.End)])
	switch {
	case !before || !after:
	case out.End < len(src):
		out.End = LineEnd(src, out.End)
	case out.Off > 0:
		out.Off = LineStart(src, out.Off-1)
	}
	return out
}

// WithComments returns the offset of the first of the comment lines directly
// above the line that begins at off that are about it, off if there are none.
func WithComments(src []byte, off int, comment string, about func(string) bool) int {
	for off > 0 {
		above := LineStart(src, off-1)
		line := strings.TrimSpace(string(src[above:off]))
		if line == "" || !strings.ContainsRune(comment, rune(line[0])) || strings.HasPrefix(line, "#!") || !about(line) || pendingComment.MatchString(line) {
			break
		}
		off = above
	}
	return off
}

var pendingComment = regexp.MustCompile(`TODO|FIXME|BUG|XXX|runtimefix:`)

// DropItem returns the edits that remove the i-th of several items, apart by
// blanks, which follow a keyword and may go on over lines that end in a
// continuation character. An item that has its line for itself goes with it, and
// with the comment lines directly above that are about the trace.
func DropItem(src []byte, keyword Span, items []Span, i int, comment string, about func(string) bool) []TextEdit {
	p := items[i]
	line := LineStart(src, p.Off)
	var prev, next *Span
	if i > 0 {
		prev = &items[i-1]
	}
	if i+1 < len(items) {
		next = &items[i+1]
	}
	switch {
	case prev != nil && prev.End > line:
		return []TextEdit{{Span: Span{prev.End, p.End}}}
	case next != nil && next.Off < LineEnd(src, p.End-1):
		return []TextEdit{{Span: Span{p.Off, next.Off}}}
	case line <= keyword.Off && next != nil:
		if !bytes.ContainsAny(src[p.End:next.Off], comment) {
			return []TextEdit{{Span: Span{p.Off, next.Off}}}
		}
		// The keyword stays on its line, before the comment.
		return []TextEdit{{Span: Span{keyword.End, p.End}}}
	case next != nil:
		return []TextEdit{{Span: Span{WithComments(src, line, comment, about), LineEnd(src, p.End-1)}}}
	case prev != nil:
		// The line before has nothing to go on with.
		end := LineEnd(src, prev.End)
		for end > prev.End && (src[end-1] == '\n' || src[end-1] == '\r') {
			end--
		}
		own := TextEdit{Span: Span{WithComments(src, line, comment, about), LineEnd(src, p.End-1)}}
		return []TextEdit{{Span: Span{prev.End, min(end, own.Off)}}, own}
	}
	return nil
}

// PlainValue returns the part of the raw text of a value between its quotes. It
// reports whether every byte of that stands for itself, as it does without
// further quotes and escapes.
func PlainValue(raw string) (Span, bool) {
	s := Span{0, len(raw)}
	if len(raw) >= 2 && (raw[0] == '"' || raw[0] == '\'') && raw[len(raw)-1] == raw[0] {
		s = Span{1, len(raw) - 1}
	}
	return s, !strings.ContainsAny(raw[s.Off:s.End], "\"'\\`")
}
