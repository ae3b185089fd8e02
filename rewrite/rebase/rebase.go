// Package rebase carries a change that was made on the formatted text of a Go
// file over to the file as its author laid it out.
//
// The engine edits a syntax tree and prints it, which leaves nothing of the
// author's layout. Rebase takes the printed text before and after the edit, and
// makes the same edit in the file's own bytes.
//
// A text is a sequence of tokens, comments among them, and of gaps between
// them. Tokens that the file and both printed texts share are fixed points. The
// file's bytes between two neighbouring fixed points stay, unless before and
// after differ there: in tokens, in line ends or in depth, but not in mere
// alignment. Where they do, the tokens of after come in, and the gaps around
// them are made from those of the file as far as they fit.
package rebase

import (
	"bytes"
	"fmt"
	"go/printer"

	"github.com/dave/dst/decorator"
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
// after that holds something that is no Go token. The result may share memory
// with the arguments.
func Rebase(orig, before, after []byte) (out []byte, exact bool, err error) {
	if bytes.Equal(before, after) {
		return orig, true, nil
	}
	a := scan(after)
	if a.illegal > 0 {
		return nil, false, fmt.Errorf("rebase: the changed text has %d places that are no Go tokens", a.illegal)
	}
	if bytes.Equal(orig, before) {
		return after, true, nil
	}
	content, marked := bytes.CutPrefix(orig, bom)
	o, b := scan(content), scan(before)
	toOrig := matchTokens(b, o)
	for _, narrow := range []bool{true, false} {
		out, ok := carry(o, b, a, toOrig, matchEdit(b, a, narrow))
		if !ok || !means(out, a) {
			continue
		}
		if marked {
			out = append(bytes.Clone(bom), out...)
		}
		return out, true, nil
	}
	return reprint(orig, after), false, nil
}

// means reports whether out has the tokens of after: as it is or, where the
// file's own layout has brackets, commas or comments that the printer moves,
// once it is printed as after was. (A printer that gets the tree from the parser
// rather than from dst would also reformat doc comments.)
func means(out []byte, after *text) bool {
	t := scan(out)
	if sameTokens(t, after) {
		return true
	}
	tree, err := decorator.Parse(out)
	if err != nil {
		return false
	}
	fset, file, err := decorator.RestoreFile(tree)
	if err != nil {
		return false
	}
	var printed bytes.Buffer
	config := printer.Config{Mode: printer.UseSpaces | printer.TabIndent, Tabwidth: 8}
	if config.Fprint(&printed, fset, file) != nil {
		return false
	}
	return sameTokens(scan(printed.Bytes()), after)
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
