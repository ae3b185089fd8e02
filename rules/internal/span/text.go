package span

// FileText is text that stands in a file, in one piece or in several: the
// continuation lines of an instruction, joined.
type FileText struct {
	Text string
	Offs []int // the offset in the file of every byte of text
}

// WholeText returns src[s.off:s.end] as one piece.
func WholeText(src []byte, s Span) FileText {
	offs := make([]int, s.End-s.Off)
	for i := range offs {
		offs[i] = s.Off + i
	}
	return FileText{string(src[s.Off:s.End]), offs}
}

// At returns the part of t in s, a range of its text.
func (t FileText) At(s Span) FileText { return FileText{t.Text[s.Off:s.End], t.Offs[s.Off:s.End]} }

// File returns the range of the file from the first to the last byte of s.
func (t FileText) File(s Span) Span {
	if s.Off == s.End {
		switch {
		case s.Off < len(t.Offs):
			return Span{t.Offs[s.Off], t.Offs[s.Off]}
		case len(t.Offs) > 0:
			return Span{t.Offs[len(t.Offs)-1] + 1, t.Offs[len(t.Offs)-1] + 1}
		}
		return Span{}
	}
	return Span{t.Offs[s.Off], t.Offs[s.End-1] + 1}
}

// Cut returns the edits that remove s, a range of the text, from the file, and
// leave what stands between its pieces.
func (t FileText) Cut(s Span) []TextEdit {
	var out []TextEdit
	for i := s.Off; i < s.End; i++ {
		if n := len(out); n > 0 && out[n-1].End == t.Offs[i] {
			out[n-1].End++
		} else {
			out = append(out, TextEdit{Span: Span{t.Offs[i], t.Offs[i] + 1}})
		}
	}
	return out
}
