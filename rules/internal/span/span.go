// Package span answers where things stand in the bytes of a text file, and cuts and
// replaces such ranges.
package span

import "github.com/runtimefix/runtimefix/rewrite"

// TextEdit replaces the bytes from off to end of a text file.
type TextEdit struct {
	Span
	text string
}

// Spliced returns src with the edits made, which are in order and do not
// overlap.
func Spliced(src []byte, edits []TextEdit) []byte {
	var out []byte
	last := 0
	for _, e := range edits {
		out = append(out, src[last:e.Off]...)
		out = append(out, e.text...)
		last = e.End
	}
	return append(out, src[last:]...)
}

// SpliceFix returns a fix that makes the edits. Fixes that touch anything within
// hold take turns with it.
func SpliceFix(t *rewrite.TextFile, message string, safety rewrite.Safety, hold Span, edits []TextEdit) *rewrite.Fix {
	return &rewrite.Fix{Message: message, Safety: safety, Apply: func(e *rewrite.Edit) error {
		e.Hold(t, hold.Off, hold.End)
		for _, x := range edits {
			e.Splice(t, x.Off, x.End, x.text)
		}
		return nil
	}}
}

// Span is a range of bytes.
type Span struct{ Off, End int }
