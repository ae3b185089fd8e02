package rewrite

import (
	"bytes"
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite/load"
)

// checkEach says for every set of edits why its result does not compile when no
// other is made with it, "" when it does. check says it of changed files.
//
// Type-checking a package once for every fix takes minutes where there are
// hundreds. Sets that do not matter to each other are therefore checked
// together, and halved until the guilty is found when that fails.
func checkEach(s *load.Snapshot, sets [][]TextEdit, check func(changed map[string][]byte) (why string)) []string {
	whys := make([]string, len(sets))
	var settle func(group []int)
	settle = func(group []int) {
		changed := changes(s, sets, group)
		if len(changed) == 0 {
			return
		}
		why := check(changed)
		switch {
		case why == "":
		case len(group) == 1:
			whys[group[0]] = why
		default:
			half := len(group) / 2
			settle(group[:half])
			settle(group[half:])
		}
	}
	for _, group := range independent(s, sets) {
		settle(group)
	}
	return whys
}

// changes returns the Go files that the sets of edits named by group change,
// as they are after all of them. A set of independent ones repeats the edits of
// another only in the import block.
func changes(s *load.Snapshot, sets [][]TextEdit, group []int) map[string][]byte {
	byPath := make(map[string][]TextEdit)
	for _, i := range group {
		for _, e := range sets[i] {
			if s.FileAt(e.Path) != nil && !slices.ContainsFunc(byPath[e.Path], e.equal) {
				byPath[e.Path] = append(byPath[e.Path], e)
			}
		}
	}
	out := make(map[string][]byte)
	for path, edits := range byPath {
		slices.SortStableFunc(edits, func(a, b TextEdit) int { return a.Start - b.Start })
		src := s.FileAt(path).Src
		var data []byte
		at := 0
		for _, e := range edits {
			data = append(append(data, src[at:e.Start]...), e.New...)
			at = e.End
		}
		out[path] = append(data, src[at:]...)
	}
	return out
}

func (e TextEdit) equal(x TextEdit) bool {
	return e.Path == x.Path && e.Start == x.Start && e.End == x.End && bytes.Equal(e.New, x.New)
}

// independent groups the sets of edits so that a set compiles together with the
// others of its group exactly when it compiles alone. That is so where they
// change the bodies of different functions, and agree on the imports of every
// file that several of them change: what is wrong in a function's body depends
// on nothing but the body, its file's imports, and the package's declarations.
func independent(s *load.Snapshot, sets [][]TextEdit) [][]int {
	var groups [][]int
	var reaches []reach
	for i, edits := range sets {
		r, ok := reachOf(s, edits)
		if !ok {
			groups, reaches = append(groups, []int{i}), append(reaches, reach{closed: true})
			continue
		}
		at := slices.IndexFunc(reaches, r.apart)
		if at < 0 {
			at = len(groups)
			groups, reaches = append(groups, nil), append(reaches, reach{bodies: make(map[*ast.FuncDecl]bool), imports: make(map[string][]TextEdit)})
		}
		groups[at] = append(groups[at], i)
		maps.Copy(reaches[at].bodies, r.bodies)
		maps.Copy(reaches[at].imports, r.imports)
	}
	return groups
}

// reach says what edits change: the bodies of functions and, for every file,
// the imports, which may be none.
type reach struct {
	bodies  map[*ast.FuncDecl]bool
	imports map[string][]TextEdit
	closed  bool // nothing may be added
}

// apart reports whether r and x can be checked together.
func (r reach) apart(x reach) bool {
	if x.closed {
		return false
	}
	for f := range r.bodies {
		if x.bodies[f] {
			return false
		}
	}
	for path, edits := range r.imports {
		if other, both := x.imports[path]; both && !slices.EqualFunc(edits, other, TextEdit.equal) {
			return false
		}
	}
	return true
}

// reachOf returns what edits change. ok is false when they change declarations,
// which may matter to the whole package.
func reachOf(s *load.Snapshot, edits []TextEdit) (r reach, ok bool) {
	r = reach{bodies: make(map[*ast.FuncDecl]bool), imports: make(map[string][]TextEdit)}
	for _, e := range edits {
		f := s.FileAt(e.Path)
		if f == nil {
			continue // no Go file
		}
		if _, seen := r.imports[e.Path]; !seen {
			r.imports[e.Path] = nil
		}
		switch body := bodyAround(f, e); {
		case body != nil:
			r.bodies[body] = true
		case inImports(f, e):
			r.imports[e.Path] = append(r.imports[e.Path], e)
		default:
			return r, false
		}
	}
	return r, true
}

// bodyAround returns the function within whose braces e is, nil when there is
// none.
func bodyAround(f *load.File, e TextEdit) *ast.FuncDecl {
	tf := f.Pkg.Snapshot().Fset.File(f.AST.FileStart)
	for _, d := range f.AST.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if ok && fn.Body != nil && tf.Offset(fn.Body.Lbrace) < e.Start && e.End <= tf.Offset(fn.Body.Rbrace) {
			return fn
		}
	}
	return nil
}

// inImports reports whether e is above the first declaration that is no import,
// and adds none.
func inImports(f *load.File, e TextEdit) bool {
	if declares.Match(e.New) {
		return false
	}
	for _, d := range f.AST.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			continue
		}
		return e.EndLine < f.Pkg.Snapshot().Position(d.Pos()).Line
	}
	return true
}

// declares matches the first line of a declaration that is no import.
var declares = regexp.MustCompile(`(?m)^(const|func|type|var)\b`)
