package rewrite

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite/rebase"
	"golang.org/x/mod/modfile"
)

// edited is the outcome of applying fixes to one snapshot.
type edited struct {
	applied []candidate
	overlay map[string][]byte
	orig    map[string][]byte // what the touched files held before
	groups  [][]string
}

// edit applies the fixes of list that do not touch the same places, in order.
// Those that cannot be applied at all are withheld; those that overlap with an
// earlier one wait for the next round.
func (r *runner) edit(s *Snapshot, list []candidate) edited {
	out := make(map[key]bool)
	for {
		ts := newTrees(s)
		var claimed []claim
		var done []candidate
		var touched [][]string
		retry := false
		for _, c := range list {
			if out[c.key] {
				continue
			}
			e, err := record(s, ts, c.fix)
			if err != nil {
				r.refuse(s, c, err)
				out[c.key] = true
				continue
			}
			if overlaps(claimed, e.claims) {
				continue
			}
			if err := e.perform(); err != nil {
				if !errors.Is(err, errOverlap) {
					r.refuse(s, c, err)
				}
				out[c.key] = true
				retry = true
				break
			}
			claimed = append(claimed, e.claims...)
			done = append(done, c)
			touched = append(touched, e.paths())
		}
		if retry {
			continue
		}
		overlay, path, err := ts.render(r.overlay)
		if err == nil {
			return edited{applied: done, overlay: overlay, orig: ts.originals(), groups: touched}
		}
		// The file named by path cannot be written: do without its fixes.
		n := len(out)
		for i, c := range done {
			if slices.Contains(touched[i], path) {
				r.refuse(s, c, err)
				out[c.key] = true
			}
		}
		if len(out) == n {
			return edited{overlay: r.overlay}
		}
	}
}

// refuse withholds a fix that could not be applied.
func (r *runner) refuse(s *Snapshot, c candidate, err error) {
	r.withheld[c.key] = err.Error()
	var p panicError
	if errors.As(err, &p) {
		r.internal = append(r.internal, Problem{Pos: s.Position(c.finding.Pos), Message: fmt.Sprintf("internal error in rule %s: %v", c.finding.Rule, err)})
	}
}

// panicError is a panic in a rule's code, turned into an error.
type panicError struct{ error }

// record lets a fix record its operations.
func record(s *Snapshot, ts *trees, fix *Fix) (*Edit, error) {
	e := &Edit{s: s, trees: ts}
	err, caught := safely(func() error { return fix.Apply(e) })
	switch {
	case caught != nil:
		return nil, panicError{caught}
	case err != nil:
		return nil, err
	case e.err != nil:
		return nil, e.err
	case len(e.ops) == 0:
		return nil, errors.New("the fix changes nothing")
	}
	return e, nil
}

// perform carries out what was recorded.
func (e *Edit) perform() error {
	for _, op := range e.ops {
		err, caught := safely(op)
		if caught != nil {
			return panicError{caught}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// paths returns the files that the edit touches, in order.
func (e *Edit) paths() []string {
	var out []string
	for _, c := range e.claims {
		if c.kind != claimRead {
			out = append(out, c.path)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func overlaps(claimed, more []claim) bool {
	for _, a := range claimed {
		for _, b := range more {
			if a.conflicts(b) {
				return true
			}
		}
	}
	return false
}

// render returns the overlay that the edited trees make on top of base. On an
// error it names the file that could not be made.
func (ts *trees) render(base map[string][]byte) (overlay map[string][]byte, path string, err error) {
	overlay = maps.Clone(base)
	if overlay == nil {
		overlay = make(map[string][]byte)
	}
	for _, path := range sortedKeys(ts.files) {
		t := ts.files[path]
		if !t.touched {
			continue
		}
		data, err := t.finish()
		if err != nil {
			return nil, path, err
		}
		overlay[path] = data
	}
	for _, path := range sortedKeys(ts.splices) {
		list := ts.splices[path]
		slices.SortStableFunc(list, func(a, b splice) int { return b.off - a.off })
		data := slices.Clone(ts.texts[path].Src)
		for _, sp := range list {
			data = slices.Concat(data[:sp.off], []byte(sp.text), data[sp.end:])
		}
		overlay[path] = data
	}
	for _, path := range sortedKeys(ts.mods) {
		overlay[path] = modfile.Format(ts.mods[path].file.Syntax)
	}
	return overlay, "", nil
}

// originals returns what the touched files held before the edit.
func (ts *trees) originals() map[string][]byte {
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
	if bytes.Equal(t.before, t.f.Src) {
		return after, nil
	}
	out, _, err := rebase.Rebase(t.f.Src, t.before, after)
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
			return ok && id.Name != "_" && info.Defs[id] != nil && !occurs(twin.Body, id.Name)
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
