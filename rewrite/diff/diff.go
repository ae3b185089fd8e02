// Package diff writes changes as a unified diff that git apply and patch -p1
// accept, and computes the differences behind it.
//
// It keeps every byte: CRLF and lone CR, a byte order mark, invalid UTF-8 and a
// missing line end at the end of a file come out of the applied patch as they
// went in. A line ends at LF, as git and patch see it.
package diff

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// context is the number of unchanged lines shown around a change, the number
// that git and diff -u use.
const context = 3

// File is the change of one file.
type File struct {
	Path string // relative to the root of the repository, separated by slashes
	Old  []byte // contents before
	New  []byte // contents after, not looked at when Deleted
	// Deleted reports that the file goes away; without it an empty New leaves an
	// empty file.
	Deleted bool
	Mode    os.FileMode // of the file before; only a deletion shows it
}

// Options says how the diff is to look. The zero value gives a plain diff that
// tools can apply.
type Options struct {
	// Color adds terminal colours, and marks what changed within a line that
	// was replaced. The result is for reading, not for applying. Whether the
	// output is a terminal that wants it is the caller's decision.
	Color bool
}

// Unified returns the changes of files, in their order, as one unified diff
// with three lines of context. A file that does not change adds nothing. The
// paths get the prefixes a/ and b/; odd names are quoted as git quotes them.
func Unified(files []File, opts Options) []byte {
	w := writer{color: opts.Color}
	for _, f := range files {
		w.file(f)
	}
	return w.buf.Bytes()
}

type writer struct {
	buf   bytes.Buffer
	color bool
}

func (w *writer) file(f File) {
	if f.Deleted {
		f.New = nil
	} else if bytes.Equal(f.Old, f.New) {
		return
	}
	oldName, newName := quote("a/"+f.Path), quote("b/"+f.Path)
	w.header("diff --git " + oldName + " " + newName)
	if f.Deleted {
		mode := "100644"
		if f.Mode&0o111 != 0 {
			mode = "100755"
		}
		w.header("deleted file mode " + mode)
	}
	old, new := SplitLines(f.Old), SplitLines(f.New)
	hunks := Sequences(old, new)
	if len(hunks) == 0 {
		// An empty file goes away. patch takes that for already done unless it
		// sees git's hashes: of the empty contents, and none.
		w.header("index e69de29..0000000")
		return
	}
	w.header("--- " + endName(oldName))
	if f.Deleted {
		w.header("+++ /dev/null")
	} else {
		w.header("+++ " + endName(newName))
	}
	for len(hunks) > 0 {
		n := 1
		for n < len(hunks) && hunks[n].OldStart-hunks[n-1].OldEnd <= 2*context {
			n++
		}
		w.group(old, new, hunks[:n])
		hunks = hunks[n:]
	}
}

// group writes hunks that are near enough to share their context under one
// @@ line.
func (w *writer) group(old, new []string, hunks []Hunk) {
	first, last := hunks[0], hunks[len(hunks)-1]
	lead := min(context, first.OldStart)
	trail := min(context, len(old)-last.OldEnd)
	oldStart, oldEnd := first.OldStart-lead, last.OldEnd+trail
	newStart, newEnd := first.NewStart-lead, last.NewEnd+trail
	w.position("@@ -" + lineRange(oldStart, oldEnd) + " +" + lineRange(newStart, newEnd) + " @@")
	at := oldStart
	for _, h := range hunks {
		for _, line := range old[at:h.OldStart] {
			w.line(' ', line, nil)
		}
		gone, came := old[h.OldStart:h.OldEnd], new[h.NewStart:h.NewEnd]
		var goneMarks, cameMarks [][]span
		if w.color {
			goneMarks, cameMarks = highlight(gone, came)
		}
		for i, line := range gone {
			w.line('-', line, marksOf(goneMarks, i))
		}
		for i, line := range came {
			w.line('+', line, marksOf(cameMarks, i))
		}
		at = h.OldEnd
	}
	for _, line := range old[at:oldEnd] {
		w.line(' ', line, nil)
	}
}

// lineRange returns start and length as an @@ line gives them: lines count from
// one, a length of one is left out, and an empty range names the line before it.
func lineRange(start, end int) string {
	switch end - start {
	case 0:
		return strconv.Itoa(start) + ",0"
	case 1:
		return strconv.Itoa(start + 1)
	}
	return strconv.Itoa(start+1) + "," + strconv.Itoa(end-start)
}

// line writes one line of a hunk behind its sign; marks are the parts of it to
// highlight.
func (w *writer) line(sign byte, line string, marks []span) {
	text, ended := strings.CutSuffix(line, "\n")
	if w.color {
		w.colored(sign, text, marks)
	} else {
		w.buf.WriteByte(sign)
		w.buf.WriteString(text)
	}
	w.buf.WriteByte('\n')
	if !ended {
		w.buf.WriteString("\\ No newline at end of file\n")
	}
}
