package edit

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"sort"

	"github.com/runtimefix/runtimefix/rewrite/load"
)

// cut is a range of a file's bytes, whole lines, that a window leaves out.
type cut struct{ pos, end int }

// window finds what of a file a fix has nothing to do with: declarations, and
// statements in lists, that it does not touch and that are not next to what it
// touches. To decorate and print all of a long file for each of many fixes would
// take minutes.
type window struct {
	f    *load.File
	tf   *token.File
	near []claim // what the fix touches in the file, in order
	cuts []cut   // in order, once the window is made
}

// windowOf returns the window around claims. atEnd says that declarations come in
// at the end of the file.
func windowOf(f *load.File, claims []claim, atEnd bool) *window {
	w := &window{f: f, tf: f.Pkg.Snapshot().Fset.File(f.AST.FileStart)}
	for _, c := range claims {
		if c.path == f.Path {
			w.near = append(w.near, c)
		}
	}
	// The imports may change, and what is next to them.
	var kept []int
	for i, d := range f.AST.Decls {
		kept = append(kept, i)
		if g, ok := d.(*ast.GenDecl); !ok || g.Tok != token.IMPORT {
			break
		}
	}
	if atEnd {
		kept = append(kept, len(f.AST.Decls)-1)
	}
	cutList(w, f.AST.Decls, w.tf.Offset(f.AST.Name.End()), len(f.Src), kept)
	slices.SortFunc(w.cuts, func(a, b cut) int { return a.pos - b.pos })
	return w
}

// lacks reports whether n lies in a cut.
func (w *window) lacks(n ast.Node) bool {
	if w == nil || n == nil {
		return false
	}
	off := w.tf.Offset(n.Pos())
	i := sort.Search(len(w.cuts), func(i int) bool { return w.cuts[i].end > off })
	return i < len(w.cuts) && w.cuts[i].pos <= off
}

// touched reports whether the fix touches something from pos to end.
func (w *window) touched(pos, end int) bool {
	return slices.ContainsFunc(w.near, func(c claim) bool { return c.pos <= end && pos <= c.end })
}

// cutList leaves out nodes, the elements of a list between the offsets lo and hi,
// that are neither touched nor next to one that is, nor among the kept.
func cutList[N ast.Node](w *window, nodes []N, lo, hi int, kept []int) {
	for _, c := range w.near {
		// What is touched lies in or beside the nodes from i to j.
		i := sort.Search(len(nodes), func(i int) bool { return w.tf.Offset(nodes[i].End()) >= c.pos })
		kept = append(kept, i-1, i)
		for ; i < len(nodes) && w.tf.Offset(nodes[i].Pos()) <= c.end; i++ {
			kept = append(kept, i, i+1)
		}
	}
	slices.Sort(kept)
	next := 0
	for _, i := range append(slices.Compact(kept), len(nodes)) {
		if i < 0 || i > len(nodes) {
			continue
		}
		cutRun(w, nodes, next, i-1, lo, hi)
		if i < len(nodes) {
			w.inside(nodes[i])
		}
		next = i + 1
	}
}

// cutRun leaves out the nodes from i to j, or fewer where these share lines with
// others.
func cutRun[N ast.Node](w *window, nodes []N, i, j, lo, hi int) {
	for ; i <= j; i++ {
		before := lo
		if i > 0 {
			before = w.tf.Offset(nodes[i-1].End())
		}
		pos, ok := w.lineAfter(before, w.tf.Offset(nodes[i].Pos()))
		if !ok {
			continue
		}
		for k := j; k >= i; k-- {
			after := hi
			if k+1 < len(nodes) {
				after = w.tf.Offset(nodes[k+1].Pos())
			}
			if end, ok := w.lineAfter(w.tf.Offset(nodes[k].End()), after); ok {
				w.cuts = append(w.cuts, cut{pos, end})
				return
			}
		}
		return
	}
}

// lineAfter returns where the line after that of off begins, if that is not
// behind limit and in no comment.
func (w *window) lineAfter(off, limit int) (int, bool) {
	i := bytes.IndexByte(w.f.Src[off:limit], '\n')
	if i < 0 {
		return 0, false
	}
	at := off + i + 1
	groups := w.f.AST.Comments
	n := sort.Search(len(groups), func(i int) bool { return w.tf.Offset(groups[i].End()) > at })
	if n == len(groups) {
		return at, true
	}
	return at, !slices.ContainsFunc(groups[n].List, func(c *ast.Comment) bool { return w.tf.Offset(c.Pos()) < at && at < w.tf.Offset(c.End()) })
}

// inside leaves out statements in the lists of n that the fix touches a part of.
// Lists beside that, such as those of an else branch, stay: a fix may move them.
func (w *window) inside(n ast.Node) {
	within := func(n ast.Node) bool {
		pos, end := w.tf.Offset(n.Pos()), w.tf.Offset(n.End())
		return w.touched(pos, end) && !slices.ContainsFunc(w.near, func(c claim) bool { return c.pos <= pos && end <= c.end })
	}
	if !within(n) {
		return
	}
	ast.Inspect(n, func(n ast.Node) bool {
		var list []ast.Stmt
		var lo token.Pos
		switch n := n.(type) {
		case *ast.BlockStmt:
			list, lo = n.List, n.Lbrace
		case *ast.CaseClause:
			list, lo = n.Body, n.Colon
		case *ast.CommClause:
			list, lo = n.Body, n.Colon
		default:
			return n != nil
		}
		if !within(n) {
			return false
		}
		cutList(w, list, w.tf.Offset(lo), w.tf.Offset(n.End()), nil)
		return false
	})
}

// text returns the file's bytes without the cuts.
func (w *window) text() []byte {
	var out []byte
	at := 0
	for _, c := range w.cuts {
		out = append(out, w.f.Src[at:c.pos]...)
		at = c.end
	}
	return append(out, w.f.Src[at:]...)
}

// tree decorates the window. The nodes of the file's own tree have twins in it
// unless they lie in a cut.
func (w *window) tree() (*tree, error) {
	src := w.text()
	fset := token.NewFileSet()
	af, err := parser.ParseFile(fset, w.f.Path, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("%s: a part of it: %w", w.f.Path, err)
	}
	t, err := decorate(w.f, af, src)
	if err != nil {
		return nil, err
	}
	t.win = w
	whole, part := nodesOf(w.f.AST, w), nodesOf(af, nil)
	if len(whole) != len(part) {
		return nil, fmt.Errorf("%s: a part of it reads otherwise", w.f.Path)
	}
	for i, n := range whole {
		if reflect.TypeOf(n) != reflect.TypeOf(part[i]) {
			return nil, fmt.Errorf("%s: a part of it reads otherwise", w.f.Path)
		}
		if twin := t.dec.Dst.Nodes[part[i]]; twin != nil {
			t.dec.Dst.Nodes[n] = twin
		}
	}
	t.before, err = t.render()
	return t, err
}

// nodesOf returns the nodes of f that w does not lack, from the top.
func nodesOf(f *ast.File, w *window) (list []ast.Node) {
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil || n != ast.Node(f) && w.lacks(n) {
			return false
		}
		list = append(list, n)
		return true
	})
	return list
}

// hides reports whether one of the places, in order, lies in a cut between pos
// and end.
func (w *window) hides(places []token.Pos, pos, end token.Pos) bool {
	if w == nil {
		return false
	}
	for _, c := range w.cuts {
		from, to := max(pos, w.tf.Pos(c.pos)), min(end, w.tf.Pos(c.end))
		if i, _ := slices.BinarySearch(places, from); i < len(places) && places[i] < to {
			return true
		}
	}
	return false
}

// decls returns the declarations of the file that do not lie in a cut.
func (t *tree) decls() []ast.Decl {
	if t.win == nil {
		return t.f.AST.Decls
	}
	return slices.DeleteFunc(slices.Clone(t.f.AST.Decls), func(d ast.Decl) bool { return t.win.lacks(d) })
}

// names returns where each name stands in the file, in order.
func (t *tree) names() map[string][]token.Pos {
	return load.Memo(t.f.Pkg.Snapshot(), namesKey{t.f}, func() map[string][]token.Pos {
		out := make(map[string][]token.Pos)
		ast.Inspect(t.f.AST, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				out[id.Name] = append(out[id.Name], id.Pos())
			}
			return true
		})
		for _, list := range out {
			slices.Sort(list)
		}
		return out
	})
}

type namesKey struct{ f *load.File }
