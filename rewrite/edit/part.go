package edit

import (
	"bytes"
	"slices"

	"golang.org/x/mod/modfile"
)

// Part is a part of a file before and after edits: whole lines, the rest of the
// file is the same.
type Part struct {
	Path          string
	Before, After []byte
	cuts          []cut // what of the file Before lacks, the end of the file aside
	line          func(off int) int
}

// Place returns where in the file the lines from start to end of Before begin and
// end, and the number of the first. It is not ok where that cannot be told
// because they are next to lines that Before lacks.
func (p Part) Place(start, end int) (pos, after, line int, ok bool) {
	skipped := 0
	for _, c := range p.cuts {
		switch at := c.pos - skipped; {
		case at < start || at == 0:
			skipped += c.end - c.pos
		case at <= end:
			return 0, 0, 0, false
		}
	}
	return start + skipped, end + skipped, p.line(start + skipped), true
}

// context is how many lines around a splice a part of a text file has, so that
// among equal lines the differences come out as they do for the whole file.
const context = 20

// Parts returns what the edits make of the files that they change, in order of
// path.
func (ts *Trees) Parts() ([]Part, error) {
	var out []Part
	for path, t := range ts.files {
		if !t.touched {
			continue
		}
		data, err := t.checked(ts.claimed)
		if err != nil {
			return nil, err
		}
		tf := ts.s.Fset.File(t.f.AST.FileStart)
		p := Part{Path: path, Before: t.src, After: data, line: func(off int) int { return tf.PositionFor(tf.Pos(off), false).Line }}
		if t.win != nil {
			p.cuts = t.win.cuts
		}
		out = append(out, p)
	}
	for path, list := range ts.splices {
		t := ts.texts[path]
		off, end := len(t.Src), 0
		for _, sp := range list {
			off, end = min(off, sp.off), max(end, sp.end)
		}
		off, end = linesAround(t.Src, off, end)
		out = append(out, Part{
			Path: path, Before: t.Src[off:end], After: ts.spliced(path, off, end), cuts: []cut{{0, off}},
			line: func(off int) int { return ts.s.Fset.PositionFor(t.Pos(off), false).Line },
		})
	}
	for path, m := range ts.mods {
		out = append(out, Part{
			Path: path, Before: m.orig, After: modfile.Format(m.file.Syntax),
			line: func(off int) int { return bytes.Count(m.orig[:off], []byte("\n")) + 1 },
		})
	}
	slices.SortFunc(out, func(a, b Part) int { return bytes.Compare([]byte(a.Path), []byte(b.Path)) })
	return out, nil
}

// linesAround widens a range of src to whole lines and those around them.
func linesAround(src []byte, off, end int) (int, int) {
	off = bytes.LastIndexByte(src[:off], '\n') + 1
	for range context {
		if off == 0 {
			break
		}
		off = bytes.LastIndexByte(src[:off-1], '\n') + 1
	}
	for range context + 1 {
		i := bytes.IndexByte(src[end:], '\n')
		if i < 0 {
			return off, len(src)
		}
		end += i + 1
	}
	return off, end
}
