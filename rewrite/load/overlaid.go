package load

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// onlyGo reports whether the overlay holds, of what the go command reads, nothing
// but Go files that are there on disk, too.
func (l *Loader) onlyGo() bool {
	for path := range l.overlay {
		ext := filepath.Ext(path)
		switch {
		case ext == ".go":
			if _, err := safefile.Read(path, safefile.Source); err != nil {
				return false
			}
		case slices.Contains([]string{".mod", ".sum", ".work", ".c", ".h", ".s", ".S", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".m", ".f", ".F", ".for", ".f90", ".swig", ".swigcxx", ".syso"}, ext),
			filepath.Base(path) == "modules.txt":
			return false
		}
	}
	return true
}

// sameFiles reports whether go list -find, which knows no overlay, tells the same
// as if it did: build constraints and package clauses are those on disk, and so is
// what is special about a file.
func (l *Loader) sameFiles() bool {
	if !l.onlyGo() {
		return false
	}
	for path, data := range l.overlay {
		if filepath.Ext(path) != ".go" {
			continue
		}
		disk, err := safefile.Read(path, safefile.Source)
		if err != nil {
			return false
		}
		was, ok1 := headOf(disk)
		is, ok2 := headOf(data)
		if !ok1 || !ok2 || was != is {
			return false
		}
	}
	return true
}

// head is what the go command looks at to choose a file.
type head struct {
	text  string // up to the package clause
	cgo   bool
	embed bool
}

func headOf(src []byte) (h head, ok bool) {
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ImportsOnly)
	if err != nil {
		return h, false
	}
	h.text = string(bytes.TrimSpace(src[:int(f.Name.End())-1]))
	has := func(path string) bool {
		return slices.ContainsFunc(f.Imports, func(s *ast.ImportSpec) bool { return strings.Trim(s.Path.Value, "\"`") == path })
	}
	h.cgo, h.embed = has("C"), has("embed")
	// cgo directives and embed patterns are not looked at here.
	return h, !h.cgo && !h.embed
}
