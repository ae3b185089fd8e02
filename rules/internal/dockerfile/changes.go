package dockerfile

import (
	"bytes"
	"errors"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// Changes returns an error unless the edits, in the lines of in and directly around
// them, make of the file what env says of the variables of in, an ENV, and leave all
// else: it gets their numbers, names and values, and returns the new values and
// whether they stay.
func (d *File) Changes(in *Instruction, edits []span.TextEdit, env func(i int, name, value string) (string, bool)) error {
	mine := func(of *Instruction, i int, name, value string) (string, bool) {
		if of != in {
			return value, true
		}
		return env(i, name, value)
	}
	if d.changesHere(in, edits, mine) {
		return nil
	}
	after, err := Parse(span.Spliced(d.Src, edits))
	switch {
	case err != nil && len(d.List) > 1:
		return errors.New("the rest would not parse")
	case err == nil && !slices.Equal(d.Contents(mine), after.Contents(nil)):
		return errors.New("more than that would change")
	}
	return nil
}

// changesHere is Changes by the lines around in alone, between two instructions that
// stand in for the others: a long file is not parsed for each of its lines. It may
// say no where Changes says yes.
func (d *File) changesHere(in *Instruction, edits []span.TextEdit, env func(of *Instruction, i int, name, value string) (string, bool)) bool {
	from := span.LineStart(d.Src, min(in.Lines[0].Off, edits[0].Off))
	to := max(in.Lines[len(in.Lines)-1].End, span.LineEnd(d.Src, max(0, edits[len(edits)-1].End-1)))
	if from == 0 || bytes.Contains(d.Src[from:to], []byte("<<")) || d.Src[to-1] != '\n' {
		return false // directives, a byte order mark, here-documents, the end
	}
	moved := make([]span.TextEdit, len(edits))
	for i, e := range edits {
		moved[i] = e
		moved[i].Off, moved[i].End = e.Off-from, e.End-from
	}
	head, tail := []byte("# escape="+string(d.Escape)+"\nFROM a\n"), []byte("RUN b\n")
	frame, err := Parse(slices.Concat(head, tail))
	if err != nil || len(frame.List) != 2 {
		return false
	}
	before, err := Parse(slices.Concat(head, d.Src[from:to], tail))
	if err != nil {
		return false
	}
	after, err := Parse(slices.Concat(head, span.Spliced(d.Src[from:to], moved), tail))
	if err != nil {
		return false
	}
	lone := &File{List: []*Instruction{frame.List[0], in, frame.List[1]}}
	return slices.Equal(lone.Contents(nil), before.Contents(nil)) && slices.Equal(lone.Contents(env), after.Contents(nil))
}
