package edit

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"sort"
	"strings"
)

// drop notes comments that an edit removes on purpose.
func (t *tree) drop(comments ...string) {
	for _, c := range comments {
		if c != "\n" {
			t.dropped = append(t.dropped, commentText(c))
		}
	}
}

// dropWithin notes the comments within a node that an edit removes.
func (t *tree) dropWithin(n ast.Node) {
	groups := t.f.AST.Comments
	first := sort.Search(len(groups), func(i int) bool { return groups[i].End() > n.Pos() })
	for _, g := range groups[first:] {
		if g.Pos() >= n.End() {
			break
		}
		for _, c := range g.List {
			if n.Pos() <= c.Pos() && c.End() <= n.End() {
				t.drop(c.Text)
			}
		}
	}
}

// checked returns the file after the edits that made claims, or what is wrong with
// it.
func (t *tree) checked(claims []claim) ([]byte, error) {
	out, err := t.finish()
	if err == nil {
		err = t.check(out, claims)
	}
	return out, err
}

// check returns what is wrong with out, the file after the edits that made
// claims: it has to parse, to hold every comment that no edit removed on purpose,
// and to hold the declarations that no edit touched byte for byte.
func (t *tree) check(out []byte, claims []claim) error {
	fset := token.NewFileSet()
	after, err := parser.ParseFile(fset, t.f.Path, out, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("the edited file does not parse: %w", err)
	}
	if lost := t.lostComment(after); lost != "" {
		return fmt.Errorf("%s: the comment %q would be lost", t.f.Path, lost)
	}
	texts := make(map[string]int)
	for _, d := range after.Decls {
		texts[string(out[fset.Position(d.Pos()).Offset:fset.Position(d.End()).Offset])]++
	}
	tf := t.f.Pkg.Snapshot().Fset.File(t.f.AST.FileStart)
	start := t.ast.FileStart
	for i, d := range t.decls() {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT || t.touches(claims, tf.Offset(d.Pos()), tf.Offset(d.End())) {
			continue
		}
		twin := t.ast.Decls[i]
		text := string(t.src[twin.Pos()-start : twin.End()-start])
		if texts[text] == 0 {
			return fmt.Errorf("%s: the edit would change a declaration beside its own", t.f.Pkg.Snapshot().Position(d.Pos()))
		}
		texts[text]--
	}
	return nil
}

// touches reports whether one of claims is about the bytes from pos to end.
func (t *tree) touches(claims []claim, pos, end int) bool {
	return slices.ContainsFunc(claims, func(c claim) bool {
		return c.path == t.f.Path && c.kind != claimRead && c.pos < end && pos < c.end
	})
}

// lostComment returns a comment of the file that after lacks though no edit
// removed it, "" when there is none.
func (t *tree) lostComment(after *ast.File) string {
	left := make(map[string]int)
	for _, g := range after.Comments {
		for _, c := range g.List {
			left[commentText(c.Text)]++
		}
	}
	for _, c := range t.dropped {
		left[c]++
	}
	for _, g := range t.ast.Comments {
		for _, c := range g.List {
			text := commentText(c.Text)
			if left[text] == 0 {
				return c.Text
			}
			left[text]--
		}
	}
	return ""
}

// commentText returns a comment without what a layout changes in it: the blanks
// around each line and the marks of a line's end.
func commentText(s string) string {
	var b bytes.Buffer
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}
