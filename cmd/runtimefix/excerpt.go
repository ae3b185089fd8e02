package main

import (
	"bytes"
	"fmt"
	"go/token"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// excerpt writes the line of the finding with its range underlined.
func (r *report) excerpt(w io.Writer, f rewrite.Found) {
	line, ok := r.line(f.Pos, f.Source)
	if !ok {
		return
	}
	col := min(f.Pos.Column-1, len(line))
	end := len(line)
	if f.End.Line == f.Pos.Line && f.End.Filename == f.Pos.Filename {
		end = min(max(f.End.Column-1, col), len(line))
	}
	before, marked := printable.Line(string(line[:col])), printable.Line(string(line[col:end]))
	// Tabs stay tabs in the line that points, so that both lines align.
	pad := strings.Map(func(c rune) rune {
		if c == '\t' {
			return c
		}
		return ' '
	}, before)
	carets := max(1, utf8.RuneCountInString(marked))
	num := fmt.Sprint(f.Pos.Line)
	fmt.Fprintf(w, "  %s | %s\n", num, printable.Line(string(line)))
	fmt.Fprintf(w, "  %s | %s%s\n", strings.Repeat(" ", len(num)), pad, r.paint(red, strings.Repeat("^", carets)))
}

// maxExcerpt is the size of the largest file that is read for an excerpt only.
const maxExcerpt = 16 << 20

// line returns the line of pos in source, the content of its file.
func (r *report) line(pos token.Position, source []byte) ([]byte, bool) {
	if pos.Filename == "" || pos.Line == 0 {
		return nil, false
	}
	if r.sources == nil {
		r.sources = make(map[string][][]byte)
	}
	lines, ok := r.sources[pos.Filename]
	if !ok {
		if source == nil {
			source, _ = safefile.Read(pos.Filename, maxExcerpt) // the directory of a package, say
		}
		if source != nil {
			lines = bytes.Split(source, []byte("\n"))
		}
		r.sources[pos.Filename] = lines
	}
	if pos.Line > len(lines) {
		return nil, false
	}
	line := bytes.TrimSuffix(lines[pos.Line-1], []byte("\r"))
	if pos.Line == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return line, true
}
