package edit

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite/internal/guard"
	"github.com/runtimefix/runtimefix/rewrite/rebase"
	"golang.org/x/mod/modfile"
)

// Record lets a fix record its operations. The error is a guard.Panic where the
// fix panicked.
func (ts *Trees) Record(apply func(*Edit) error) (*Edit, error) {
	e := &Edit{s: ts.s, trees: ts, ends: make(map[string]bool)}
	err, caught := guard.Call(func() error { return apply(e) })
	switch {
	case caught != nil:
		return nil, caught
	case err != nil:
		return nil, err
	case e.err != nil:
		return nil, e.err
	case len(e.ops) == 0:
		return nil, errors.New("the fix changes nothing")
	}
	return e, nil
}

// Perform carries out what was recorded.
func (e *Edit) Perform() error {
	for _, op := range e.ops {
		err, caught := guard.Call(op)
		if caught != nil {
			return caught
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Paths returns the files that the edit touches, in order.
func (e *Edit) Paths() []string {
	var out []string
	for _, c := range e.claims {
		if c.kind != claimRead {
			out = append(out, c.path)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Overlaps reports whether e touches what an edit that was claimed touches.
func (ts *Trees) Overlaps(e *Edit) bool {
	for _, a := range ts.claimed {
		if slices.ContainsFunc(e.claims, a.conflicts) {
			return true
		}
	}
	return false
}

// Claim notes that e was performed.
func (ts *Trees) Claim(e *Edit) { ts.claimed = append(ts.claimed, e.claims...) }

// Render returns the overlay that the edited trees make on top of base. On an
// error it names the file that could not be made.
func (ts *Trees) Render(base map[string][]byte) (overlay map[string][]byte, path string, err error) {
	overlay = maps.Clone(base)
	if overlay == nil {
		overlay = make(map[string][]byte)
	}
	for _, path := range slices.Sorted(maps.Keys(ts.files)) {
		t := ts.files[path]
		if !t.touched {
			continue
		}
		data, err := t.checked(ts.claimed)
		if err != nil {
			return nil, path, err
		}
		overlay[path] = data
	}
	for _, path := range slices.Sorted(maps.Keys(ts.splices)) {
		overlay[path] = ts.spliced(path, 0, len(ts.texts[path].Src))
	}
	for _, path := range slices.Sorted(maps.Keys(ts.mods)) {
		overlay[path] = modfile.Format(ts.mods[path].file.Syntax)
	}
	return overlay, "", nil
}

// spliced returns the bytes from off to end of a text file with the splices made.
func (ts *Trees) spliced(path string, off, end int) []byte {
	list := slices.Clone(ts.splices[path])
	slices.SortStableFunc(list, func(a, b splice) int { return b.off - a.off })
	data := slices.Clone(ts.texts[path].Src[off:end])
	for _, sp := range list {
		data = slices.Concat(data[:sp.off-off], []byte(sp.text), data[sp.end-off:])
	}
	return data
}

// Originals returns what the touched files held before the edit.
func (ts *Trees) Originals() map[string][]byte {
	out := make(map[string][]byte)
	for path, t := range ts.files {
		out[path] = t.f.Src
	}
	for path, t := range ts.texts {
		out[path] = t.Src
	}
	for path, m := range ts.mods {
		out[path] = m.orig
	}
	return out
}

// finish settles imports and range variables, renders the tree, and carries the
// change over to the file's own bytes.
func (t *tree) finish() ([]byte, error) {
	if err := t.resolveImports(); err != nil {
		return nil, err
	}
	t.dropRangeVars()
	after, err := t.render()
	if err != nil {
		return nil, fmt.Errorf("%s: rendering: %w", t.f.Path, err)
	}
	dropped, err := t.dropUnused(after)
	if err != nil {
		return nil, err
	}
	if dropped {
		if after, err = t.render(); err != nil {
			return nil, fmt.Errorf("%s: rendering: %w", t.f.Path, err)
		}
	}
	if bytes.Equal(t.before, t.src) {
		return after, nil
	}
	out, _, err := rebase.Rebase(t.src, t.before, after)
	if err != nil {
		return nil, fmt.Errorf("%s: carrying the change over to the file: %w", t.f.Path, err)
	}
	return out, nil
}

// dropRangeVars gives up range variables whose last use an edit removed: the
// compiler would refuse them.
func (t *tree) dropRangeVars() {
	info := t.f.Pkg.Info
	ast.Inspect(t.f.AST, func(n ast.Node) bool {
		if n != ast.Node(t.f.AST) && t.win.lacks(n) {
			return false
		}
		rng, ok := n.(*ast.RangeStmt)
		if !ok || rng.Tok != token.DEFINE {
			return true
		}
		twin, _ := t.dec.Dst.Nodes[rng].(*dst.RangeStmt)
		if twin == nil {
			return true
		}
		drop := func(x ast.Expr) bool {
			id, ok := x.(*ast.Ident)
			return ok && id.Name != "_" && info.Defs[id] != nil && !occurs(twin.Body, id.Name) && !t.win.hides(t.names()[id.Name], rng.Body.Pos(), rng.Body.End())
		}
		if drop(rng.Value) {
			twin.Value = nil
		}
		if drop(rng.Key) {
			if twin.Value != nil {
				twin.Key.(*dst.Ident).Name = "_"
			} else {
				twin.Key, twin.Tok = nil, token.ILLEGAL
			}
		} else if id, ok := twin.Key.(*dst.Ident); ok && id.Name == "_" && twin.Value == nil && rng.Value != nil {
			twin.Key, twin.Tok = nil, token.ILLEGAL
		}
		return true
	})
}

// occurs reports whether an identifier called name stands in n.
func occurs(n dst.Node, name string) bool {
	found := false
	dst.Inspect(n, func(n dst.Node) bool {
		if id, ok := n.(*dst.Ident); ok && id.Name == name {
			found = true
		}
		return !found
	})
	return found
}
