package rewrite

import (
	"bytes"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"

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
	type identity struct {
		path       string
		start, end int
		text       string
	}
	seen := make(map[identity]bool)
	byPath := make(map[string][]TextEdit)
	for _, i := range group {
		for _, e := range sets[i] {
			id := identity{e.Path, e.Start, e.End, string(e.New)}
			if s.FileAt(e.Path) != nil && !seen[id] {
				seen[id] = true
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
// change the bodies of different functions, or places of one body that lie one
// behind the other and have no variable or label in common, and agree on the
// imports of every file that several of them change: what is wrong in a
// function's body depends on nothing but the body, its file's imports, and the
// package's declarations.
func independent(s *load.Snapshot, sets [][]TextEdit) [][]int {
	var groups [][]int
	var reaches []reach
	locals := make(map[*ast.FuncDecl]map[string]bool)
	for i, edits := range sets {
		r, ok := reachOf(s, edits, locals)
		if !ok {
			groups, reaches = append(groups, []int{i}), append(reaches, reach{closed: true})
			continue
		}
		at := slices.IndexFunc(reaches, r.apart)
		if at < 0 {
			at = len(groups)
			groups, reaches = append(groups, nil), append(reaches, reach{bodies: make(map[*ast.FuncDecl]*places), imports: make(map[string][]TextEdit)})
		}
		groups[at] = append(groups[at], i)
		for body, p := range r.bodies {
			if all := reaches[at].bodies[body]; all != nil {
				all.add(p)
			} else {
				reaches[at].bodies[body] = p
			}
		}
		maps.Copy(reaches[at].imports, r.imports)
	}
	return groups
}

// reach says what edits change: places in the bodies of functions and, for every
// file, the imports, which may be none.
type reach struct {
	bodies  map[*ast.FuncDecl]*places
	imports map[string][]TextEdit
	closed  bool // nothing may be added
}

// places are what edits change in one body: lines of the file, from the first
// to the last that each set of edits changes, and the variables and labels that
// stand in what goes and what comes.
type places struct {
	spans [][2]int
	names map[string]bool
}

func (p *places) add(x *places) {
	p.spans = append(p.spans, x.spans...)
	maps.Copy(p.names, x.names)
}

// apart reports whether the edits of p and x do not matter to each other.
func (p *places) apart(x *places) bool {
	for _, a := range p.spans {
		for _, b := range x.spans {
			if a[0] <= b[1] && b[0] <= a[1] {
				return false
			}
		}
	}
	for name := range p.names {
		if x.names[name] {
			return false
		}
	}
	return true
}

// apart reports whether r and x can be checked together.
func (r reach) apart(x reach) bool {
	if x.closed {
		return false
	}
	for f, p := range r.bodies {
		if other := x.bodies[f]; other != nil && !p.apart(other) {
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
// which may matter to the whole package. locals holds what localNames said.
func reachOf(s *load.Snapshot, edits []TextEdit, locals map[*ast.FuncDecl]map[string]bool) (r reach, ok bool) {
	r = reach{bodies: make(map[*ast.FuncDecl]*places), imports: make(map[string][]TextEdit)}
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
			p := r.bodies[body]
			if p == nil {
				p = &places{spans: [][2]int{{e.Start, e.End}}, names: make(map[string]bool)}
				r.bodies[body] = p
			}
			p.spans[0][1] = max(p.spans[0][1], e.End)
			if locals[body] == nil {
				locals[body] = localNames(f, body)
			}
			for _, word := range words.FindAllString(string(f.Src[e.Start:e.End]), -1) {
				if locals[body][word] {
					p.names[word] = true
				}
			}
			addNew(p.names, e.New, func(word string) bool { return !locals[body][word] && known(f, edits, word) })
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
	decls := f.AST.Decls
	i := sort.Search(len(decls), func(i int) bool { return tf.Offset(decls[i].End()) > e.Start })
	if i == len(decls) {
		return nil
	}
	if fn, ok := decls[i].(*ast.FuncDecl); ok && fn.Body != nil && tf.Offset(fn.Body.Lbrace) < e.Start && e.End <= tf.Offset(fn.Body.Rbrace) {
		return fn
	}
	return nil
}

// localNames returns the names of what fn declares: parameters, variables, labels
// and the rest.
func localNames(f *load.File, fn *ast.FuncDecl) map[string]bool {
	out := make(map[string]bool)
	ast.Inspect(fn, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && f.Pkg.Info.Defs[id] != nil {
			out[id.Name] = true
		}
		return true
	})
	return out
}

// addNew adds to names the words of src, code that comes in, that may be variables
// or labels: those behind no dot that are not known to be something else.
func addNew(names map[string]bool, src []byte, known func(string) bool) {
	for _, at := range words.FindAllIndex(src, -1) {
		word := string(src[at[0]:at[1]])
		if (at[0] == 0 || src[at[0]-1] != '.') && !known(word) {
			names[word] = true
		}
	}
}

// known reports whether word is a keyword, predeclared, declared by the package, or
// the name of a package that f imports or the edits add.
func known(f *load.File, edits []TextEdit, word string) bool {
	if token.IsKeyword(word) || types.Universe.Lookup(word) != nil || f.Pkg.Types != nil && f.Pkg.Types.Scope().Lookup(word) != nil {
		return true
	}
	for _, spec := range f.AST.Imports {
		if spec.Name != nil && spec.Name.Name == word || spec.Name == nil && strings.HasSuffix(strings.Trim(spec.Path.Value, "\"`"), word) {
			return true
		}
	}
	return slices.ContainsFunc(edits, func(e TextEdit) bool {
		return inImports(f, e) && slices.Contains(words.FindAllString(string(e.New), -1), word)
	})
}

var words = regexp.MustCompile(`[\pL_][\pL\p{Nd}_]*`)

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
