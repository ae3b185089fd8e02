package rules

import (
	"bytes"
	"regexp"
	"strings"
)

// fileText is text that stands in a file, in one piece or in several: the
// continuation lines of an instruction, joined.
type fileText struct {
	text string
	offs []int // the offset in the file of every byte of text
}

// wholeText returns src[s.off:s.end] as one piece.
func wholeText(src []byte, s span) fileText {
	offs := make([]int, s.end-s.off)
	for i := range offs {
		offs[i] = s.off + i
	}
	return fileText{string(src[s.off:s.end]), offs}
}

// at returns the part of t in s, a range of its text.
func (t fileText) at(s span) fileText { return fileText{t.text[s.off:s.end], t.offs[s.off:s.end]} }

// file returns the range of the file from the first to the last byte of s.
func (t fileText) file(s span) span {
	if s.off == s.end {
		switch {
		case s.off < len(t.offs):
			return span{t.offs[s.off], t.offs[s.off]}
		case len(t.offs) > 0:
			return span{t.offs[len(t.offs)-1] + 1, t.offs[len(t.offs)-1] + 1}
		}
		return span{}
	}
	return span{t.offs[s.off], t.offs[s.end-1] + 1}
}

// cut returns the edits that remove s, a range of the text, from the file, and
// leave what stands between its pieces.
func (t fileText) cut(s span) []textEdit {
	var out []textEdit
	for i := s.off; i < s.end; i++ {
		if n := len(out); n > 0 && out[n-1].end == t.offs[i] {
			out[n-1].end++
		} else {
			out = append(out, textEdit{span: span{t.offs[i], t.offs[i] + 1}})
		}
	}
	return out
}

// lineStart returns the offset of the first byte of the line that off is in.
func lineStart(src []byte, off int) int { return bytes.LastIndexByte(src[:off], '\n') + 1 }

// lineEnd returns the offset behind the line break of the line that off is in.
func lineEnd(src []byte, off int) int {
	if i := bytes.IndexByte(src[off:], '\n'); i >= 0 {
		return off + i + 1
	}
	return len(src)
}

// blank reports whether there is nothing to see in b.
func blank(b []byte) bool { return len(bytes.TrimSpace(b)) == 0 }

// cutLines returns the range to remove so that the lines of s go, with the
// comment lines directly above that are about it, and without leaving
// two blank lines in a row or one at the beginning or end of the file. comment
// holds the characters that begin a comment line.
func cutLines(src []byte, s span, comment string, about func(string) bool) span {
	out := span{lineStart(src, s.off), lineEnd(src, max(s.off, s.end-1))}
	out.off = withComments(src, out.off, comment, about)
	before := out.off == 0 || blank(src[lineStart(src, out.off-1):out.off])
	after := out.end == len(src) || blank(src[out.end:lineEnd(src, out.end)])
	switch {
	case !before || !after:
	case out.end < len(src):
		out.end = lineEnd(src, out.end)
	case out.off > 0:
		out.off = lineStart(src, out.off-1)
	}
	return out
}

// withComments returns the offset of the first of the comment lines directly
// above the line that begins at off that are about it, off if there are none.
func withComments(src []byte, off int, comment string, about func(string) bool) int {
	for off > 0 {
		above := lineStart(src, off-1)
		line := strings.TrimSpace(string(src[above:off]))
		if line == "" || !strings.ContainsRune(comment, rune(line[0])) || strings.HasPrefix(line, "#!") || !about(line) || pendingComment.MatchString(line) {
			break
		}
		off = above
	}
	return off
}

var pendingComment = regexp.MustCompile(`TODO|FIXME|BUG|XXX|runtimefix:`)

// dropItem returns the edits that remove the i-th of several items, apart by
// blanks, which follow a keyword and may go on over lines that end in a
// continuation character. An item that has its line for itself goes with it, and
// with the comment lines directly above that are about the trace.
func dropItem(src []byte, keyword span, items []span, i int, comment string, about func(string) bool) []textEdit {
	p := items[i]
	line := lineStart(src, p.off)
	var prev, next *span
	if i > 0 {
		prev = &items[i-1]
	}
	if i+1 < len(items) {
		next = &items[i+1]
	}
	switch {
	case prev != nil && prev.end > line:
		return []textEdit{{span: span{prev.end, p.end}}}
	case next != nil && next.off < lineEnd(src, p.end-1):
		return []textEdit{{span: span{p.off, next.off}}}
	case line <= keyword.off && next != nil:
		if !bytes.ContainsAny(src[p.end:next.off], comment) {
			return []textEdit{{span: span{p.off, next.off}}}
		}
		// The keyword stays on its line, before the comment.
		return []textEdit{{span: span{keyword.end, p.end}}}
	case next != nil:
		return []textEdit{{span: span{withComments(src, line, comment, about), lineEnd(src, p.end-1)}}}
	case prev != nil:
		// The line before has nothing to go on with.
		end := lineEnd(src, prev.end)
		for end > prev.end && (src[end-1] == '\n' || src[end-1] == '\r') {
			end--
		}
		own := textEdit{span: span{withComments(src, line, comment, about), lineEnd(src, p.end-1)}}
		return []textEdit{{span: span{prev.end, min(end, own.off)}}, own}
	}
	return nil
}

// plainValue returns the part of the raw text of a value between its quotes. It
// reports whether every byte of that stands for itself, as it does without
// further quotes and escapes.
func plainValue(raw string) (span, bool) {
	s := span{0, len(raw)}
	if len(raw) >= 2 && (raw[0] == '"' || raw[0] == '\'') && raw[len(raw)-1] == raw[0] {
		s = span{1, len(raw) - 1}
	}
	return s, !strings.ContainsAny(raw[s.off:s.end], "\"'\\`")
}
