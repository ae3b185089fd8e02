package diff

import (
	"strings"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"
)

const (
	bold    = "\x1b[1m"
	red     = "\x1b[31m"
	green   = "\x1b[32m"
	cyan    = "\x1b[36m"
	reverse = "\x1b[7m"
	forward = "\x1b[27m"
	plain   = "\x1b[m"
)

// highlightMax is the length in bytes above which lines are not compared
// character by character: that costs the square of it.
const highlightMax = 1000

// span is a part of a line, in bytes.
type span struct{ start, end int }

func (w *writer) header(text string) { w.painted(bold, text) }

func (w *writer) position(text string) { w.painted(cyan, text) }

func (w *writer) painted(color, text string) {
	if w.color {
		text = color + text + plain
	}
	w.buf.WriteString(text)
	w.buf.WriteByte('\n')
}

func (w *writer) colored(sign byte, text string, marks []span) {
	switch sign {
	case '-':
		w.buf.WriteString(red)
	case '+':
		w.buf.WriteString(green)
	}
	w.buf.WriteByte(sign)
	at := 0
	for _, m := range marks {
		w.buf.WriteString(text[at:m.start] + reverse + text[m.start:m.end] + forward)
		at = m.end
	}
	w.buf.WriteString(text[at:])
	if sign != ' ' {
		w.buf.WriteString(plain)
	}
}

// highlight returns the parts that differ between lines that replace each
// other. Lines are paired in order, and only when there are as many of both:
// otherwise which belongs to which is a guess. A pair that has less than half
// in common is not marked, that would only be noise.
func highlight(gone, came []string) (goneMarks, cameMarks [][]span) {
	if len(gone) != len(came) {
		return nil, nil
	}
	dmp := diffmatchpatch.New()
	dmp.DiffTimeout = 0
	goneMarks, cameMarks = make([][]span, len(gone)), make([][]span, len(came))
	for i := range gone {
		a, b := strings.TrimSuffix(gone[i], "\n"), strings.TrimSuffix(came[i], "\n")
		if max(len(a), len(b)) > highlightMax || !utf8.ValidString(a) || !utf8.ValidString(b) {
			continue // the library would replace invalid bytes
		}
		atA, atB, common := 0, 0, 0
		var marksA, marksB []span
		for _, d := range dmp.DiffCleanupSemantic(dmp.DiffMain(a, b, false)) {
			n := len(d.Text)
			switch d.Type {
			case diffmatchpatch.DiffDelete:
				marksA = append(marksA, span{atA, atA + n})
				atA += n
			case diffmatchpatch.DiffInsert:
				marksB = append(marksB, span{atB, atB + n})
				atB += n
			case diffmatchpatch.DiffEqual:
				if strings.TrimSpace(d.Text) != "" {
					common += n
				}
				atA += n
				atB += n
			}
		}
		if 2*common >= min(len(a), len(b)) {
			goneMarks[i], cameMarks[i] = marksA, marksB
		}
	}
	return goneMarks, cameMarks
}

// marksOf returns the marks of line i, none where the lines were not compared.
func marksOf(marks [][]span, i int) []span {
	if i < len(marks) {
		return marks[i]
	}
	return nil
}
