// Package edit records what fixes change and makes the changed files: fixes edit
// decorated trees, the change is carried over to the file's own bytes, and
// imports are added and removed.
package edit

import (
	"errors"
	"fmt"
	"go/ast"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite/load"
	"golang.org/x/mod/modfile"
)

// Edit records what one fix changes. Its methods take nodes of the Snapshot's
// syntax trees and new nodes of decorated trees; they record operations that
// the engine carries out on the decorated twins once it is clear that no other
// fix of the round touches the same places.
//
// New code names what it imports by dst.Ident{Name, Path} (Stmts, Expr and
// Decls make such identifiers): the engine finds the name that the package has
// at that place, and adds and removes imports.
type Edit struct {
	s      *load.Snapshot
	trees  *Trees
	ops    []func() error
	claims []claim
	ends   map[string]bool // files that get declarations at their end
	err    error           // the first error in recording
}

// claim says what a fix does to a range of a file.
type claim struct {
	path     string
	pos, end int // byte offsets
	kind     claimKind
}

type claimKind int

const (
	claimRead   claimKind = iota // its content is copied
	claimAnchor                  // something is inserted before or after it
	claimWrite                   // it is replaced, removed or modified
)

// conflicts reports whether two fixes cannot both be applied in one round.
func (a claim) conflicts(b claim) bool {
	if a.path != b.path || a.kind != claimWrite && b.kind != claimWrite {
		return false
	}
	if a.kind != claimWrite {
		a, b = b, a
	}
	if b.kind == claimAnchor {
		return a.pos <= b.pos && b.end <= a.end
	}
	return a.pos < b.end && b.pos < a.end || a.pos == b.pos && a.end == b.end
}

// errOverlap says that a fix touches what another fix of the round touches; it
// gets its turn in the next round.
var ErrOverlap = errors.New("overlaps with another fix")

// Snapshot returns what the edit applies to.
func (e *Edit) Snapshot() *load.Snapshot { return e.s }

// fail notes the first error of the recording.
func (e *Edit) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}

func (e *Edit) claim(n ast.Node, kind claimKind) (*tree, bool) {
	f := e.s.File(n.Pos())
	if f == nil {
		e.fail("no loaded file holds the node at %s", e.s.Position(n.Pos()))
		return nil, false
	}
	t, err := e.trees.of(f)
	if err != nil {
		e.fail("%w", err)
		return nil, false
	}
	tf := e.s.Fset.File(f.AST.FileStart)
	e.claims = append(e.claims, claim{path: f.Path, pos: tf.Offset(n.Pos()), end: tf.Offset(n.End()), kind: kind})
	return t, true
}

// Twin returns the decorated node that n stands for, to be read; use Modify to
// change it and Clone to put a copy of it elsewhere.
func Twin[N dst.Node](e *Edit, n ast.Node) (N, error) {
	var zero N
	t, ok := e.claim(n, claimRead)
	if !ok {
		return zero, e.err
	}
	d, ok := t.dec.Dst.Nodes[n].(N)
	if !ok {
		return zero, fmt.Errorf("%s: %T has no twin of type %T", e.s.Position(n.Pos()), n, zero)
	}
	return d, nil
}

// Clone returns a deep copy of n's decorated twin without the line breaks
// around it, for use within new code of the same file. Comments inside it are
// copied too. Errors make the fix fail.
func (e *Edit) Clone(n ast.Expr) dst.Expr {
	d, err := Twin[dst.Expr](e, n)
	if err != nil {
		e.fail("%w", err)
		return dst.NewIdent("_")
	}
	c := dst.Clone(d).(dst.Expr)
	c.Decorations().Before, c.Decorations().After = dst.None, dst.None
	return c
}

// CloneStmts returns deep copies of statements of one list, comments included.
func (e *Edit) CloneStmts(list ...ast.Stmt) []dst.Stmt {
	var out []dst.Stmt
	for _, n := range list {
		d, err := Twin[dst.Stmt](e, n)
		if err != nil {
			e.fail("%w", err)
			return nil
		}
		out = append(out, dst.Clone(d).(dst.Stmt))
	}
	return out
}

// Modify changes n's twin in place: f gets it once all claims are settled.
// What f adds may name imports by Path.
func (e *Edit) Modify(n ast.Node, f func(dst.Node) error) {
	t, ok := e.claim(n, claimWrite)
	if !ok {
		return
	}
	e.ops = append(e.ops, func() error {
		d := t.dec.Dst.Nodes[n]
		if d == nil {
			return fmt.Errorf("%s: no twin of %T", e.s.Position(n.Pos()), n)
		}
		if err := f(d); err != nil {
			return err
		}
		t.note(d, n.Pos())
		return nil
	})
}

// Replace puts new in the place of old, which keeps its surroundings: the
// comments before and after it. Statements are replaced within statement
// lists; use ReplaceStmt for one by several.
func (e *Edit) Replace(old ast.Node, new dst.Node) {
	t, ok := e.claim(old, claimWrite)
	if !ok {
		return
	}
	e.ops = append(e.ops, func() error { return t.replace(old, new) })
}

// ReplaceStmt puts new statements in the place of old. The comments above old
// go to the first new statement, those behind it to the last.
func (e *Edit) ReplaceStmt(old ast.Stmt, new ...dst.Stmt) {
	t, ok := e.claim(old, claimWrite)
	if !ok {
		return
	}
	e.ops = append(e.ops, func() error { return t.replaceStmt(old, new) })
}

// InsertBefore inserts statements before stmt, which is in a statement list.
// Comments above stmt stay directly above it.
func (e *Edit) InsertBefore(stmt ast.Stmt, new ...dst.Stmt) {
	t, ok := e.claim(stmt, claimAnchor)
	if !ok {
		return
	}
	e.ops = append(e.ops, func() error { return t.insert(stmt, new, false) })
}

// InsertAfter inserts statements after stmt, which is in a statement list.
// Several insertions after the same statement stand in the order of their
// calls.
func (e *Edit) InsertAfter(stmt ast.Stmt, new ...dst.Stmt) {
	t, ok := e.claim(stmt, claimAnchor)
	if !ok {
		return
	}
	e.ops = append(e.ops, func() error { return t.insert(stmt, new, true) })
}

// Prepend inserts statements at the beginning of body.
func (e *Edit) Prepend(body *ast.BlockStmt, new ...dst.Stmt) {
	if len(body.List) > 0 {
		e.InsertBefore(body.List[0], new...)
		return
	}
	e.fill(body, new)
}

// Append inserts statements at the end of body.
func (e *Edit) Append(body *ast.BlockStmt, new ...dst.Stmt) {
	if len(body.List) > 0 {
		e.InsertAfter(body.List[len(body.List)-1], new...)
		return
	}
	e.fill(body, new)
}

func (e *Edit) fill(body *ast.BlockStmt, new []dst.Stmt) {
	e.Modify(body, func(n dst.Node) error {
		b := n.(*dst.BlockStmt)
		spaceOut(new)
		b.List = append(b.List, new...)
		return nil
	})
}

// About tells whether the comment block above a statement speaks of what is removed
// with it; alone says that no other statement follows directly, which it could be
// for as well.
type About func(comment string, alone bool) bool

// Delete removes stmt with its line: the comment behind it on the line and
// linter directives go too. A comment block directly above goes only when about
// says that it speaks of what is removed, nil for none; else it stays. What becomes empty and without effect by that goes as
// well: the go or defer statement around an emptied function literal, an if
// without an effect, an init function.
func (e *Edit) Delete(stmt ast.Stmt, about About) {
	t, ok := e.claim(stmt, claimWrite)
	if !ok {
		return
	}
	e.ops = append(e.ops, func() error { return t.delete(stmt, about) })
}

// Drops says that the fix removes or rewrites comments, nil ones aside. One that
// gets lost and was not named so, or removed by Delete or DeleteDecl, keeps the
// fix from being made.
func (e *Edit) Drops(groups ...*ast.CommentGroup) {
	for _, g := range groups {
		if g == nil {
			continue
		}
		t, ok := e.claim(g, claimRead)
		if !ok {
			return
		}
		e.ops = append(e.ops, func() error {
			for _, c := range g.List {
				t.drop(c.Text)
			}
			return nil
		})
	}
}

// AddDecls adds package-level declarations at the end of file.
func (e *Edit) AddDecls(file *load.File, decls ...dst.Decl) {
	t, err := e.trees.of(file)
	if err != nil {
		e.fail("%w", err)
		return
	}
	e.ends[file.Path] = true
	e.ops = append(e.ops, func() error {
		for _, d := range decls {
			d.Decorations().Before = dst.EmptyLine
			t.note(d, file.AST.FileEnd)
		}
		t.file.Decls = append(t.file.Decls, decls...)
		return nil
	})
}

// AddDeclsBefore adds package-level declarations before decl.
func (e *Edit) AddDeclsBefore(decl ast.Decl, decls ...dst.Decl) {
	t, ok := e.claim(decl, claimAnchor)
	if !ok {
		return
	}
	e.ops = append(e.ops, func() error { return t.addBefore(decl, decls) })
}

// DeleteDecl removes a package-level declaration with its doc comment.
func (e *Edit) DeleteDecl(decl ast.Decl) {
	t, ok := e.claim(decl, claimWrite)
	if !ok {
		return
	}
	e.ops = append(e.ops, func() error { return t.deleteDecl(decl) })
}

// DropImport removes the import of path under the name given ("_" for a blank
// import) from file, whether or not it is in use.
func (e *Edit) DropImport(file *load.File, path, name string) {
	t, err := e.trees.of(file)
	if err != nil {
		e.fail("%w", err)
		return
	}
	e.ops = append(e.ops, func() error { return t.dropImport(path, name) })
}

// Splice replaces the bytes from off to end of a text file by text.
func (e *Edit) Splice(t *load.TextFile, off, end int, text string) {
	if off < 0 || end < off || end > len(t.Src) {
		e.fail("%s: splice %d to %d is outside of the file", t.Path, off, end)
		return
	}
	if out := e.s.Outside(t.Path); out != "" {
		e.fail("%w", errOutside(t.Path, out))
		return
	}
	e.claims = append(e.claims, claim{path: t.Path, pos: off, end: end, kind: claimWrite})
	e.ops = append(e.ops, func() error {
		e.trees.splice(t, off, end, text)
		return nil
	})
}

// Hold makes fixes that change anything between off and end of a text file
// take turns: the splices of this one are right only as long as the rest of the
// range stays as it is.
func (e *Edit) Hold(t *load.TextFile, off, end int) {
	e.claims = append(e.claims, claim{path: t.Path, pos: off, end: end, kind: claimWrite})
}

// GoMod changes m's go.mod through f. The file is written in the go command's
// own format.
func (e *Edit) GoMod(m *load.Module, f func(*modfile.File) error) {
	if m == nil || m.GoMod == "" {
		e.fail("no go.mod to edit")
		return
	}
	if out := e.s.Outside(m.GoMod); out != "" {
		e.fail("%w", errOutside(m.GoMod, out))
		return
	}
	e.claims = append(e.claims, claim{path: m.GoMod, pos: 0, end: 1 << 30, kind: claimWrite})
	e.ops = append(e.ops, func() error { return e.trees.editGoMod(e.s, m.GoMod, f) })
}
