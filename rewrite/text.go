package rewrite

import (
	"bytes"
	"go/token"
)

// TextFile is a file that is not Go source: a Dockerfile, a manifest, a shell
// script. It has positions in the Snapshot's FileSet like any Go file.
type TextFile struct {
	Path string // absolute
	Src  []byte
	tf   *token.File
}

// newTextFile registers src under path in fset.
func newTextFile(fset *token.FileSet, path string, src []byte) *TextFile {
	tf := fset.AddFile(path, -1, len(src))
	tf.SetLinesForContent(src)
	return &TextFile{Path: path, Src: src, tf: tf}
}

// Pos returns the position of the byte offset.
func (t *TextFile) Pos(offset int) token.Pos { return t.tf.Pos(offset) }

// texts returns the text files of prev as s sees them.
func (l *loader) texts(s *Snapshot, prev []*TextFile) []*TextFile {
	var out []*TextFile
	for _, t := range prev {
		if data, ok := s.overlay[t.Path]; ok && !bytes.Equal(data, t.Src) {
			t = newTextFile(l.fset, t.Path, data)
		}
		out = append(out, t)
	}
	return out
}
