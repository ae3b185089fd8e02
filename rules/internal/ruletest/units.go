package ruletest

import (
	"context"
	"go/types"
	"os"
	"path/filepath"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
)

// Units runs r over its golden trees one package at a time, as the analyzers do,
// and asserts that it finds nothing that the whole run does not.
func Units(t *testing.T, r *rule.Rule, more ...*rule.Rule) {
	if testing.Short() {
		t.Skip("loads every golden tree once more")
	}
	for _, path := range trees(t, r) {
		t.Run(treeName(r, path), func(t *testing.T) {
			g := readGolden(t, path)
			if g.broken || g.illTyped {
				t.Skip("does not type-check")
			}
			finders := g.finders(t, append(more, r))
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			input := make(map[string][]byte)
			for _, f := range g.archive.Files {
				input[f.Name] = f.Data
			}
			WriteTree(t, dir, input)
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
				WriteTree(t, dir, map[string][]byte{"go.mod": []byte("module example.com/m\n\ngo 1.24\n")})
			}
			s, err := rewrite.Load(context.Background(), rewrite.Config{Dir: dir, Tests: true}, "./...")
			if err != nil {
				t.Skip(err)
			}
			res, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir, Tests: true}, Admit: rewrite.Unsafe, Known: known(t)}, finders)
			if err != nil {
				t.Fatal(err)
			}
			known := make(map[string]bool)
			for _, f := range res.Findings {
				known[f.Pos.String()] = true
			}
			for _, p := range s.Packages {
				unit(t, s, p, finders, known)
			}
		})
	}
}

// unit runs the finders over one package alone, and asserts that known has what
// they find.
func unit(t *testing.T, s *rewrite.Snapshot, p *rewrite.Package, finders []*rewrite.Finder, known map[string]bool) {
	u := &rewrite.Unit{
		Fset: s.Fset, Types: p.Types, Info: p.Info, Inspector: p.Inspector, ReadFile: os.ReadFile,
		Sizes: types.SizesFor("gc", "amd64"), Module: p.Module,
	}
	for _, f := range p.Files {
		u.Files = append(u.Files, f.AST)
	}
	if len(u.Files) == 0 || len(p.Errors) > 0 {
		return
	}
	for _, f := range finders {
		if len(f.Needs) == 0 {
			continue
		}
		found, err := u.Find(f, rewrite.Unsafe)
		if err != nil {
			t.Error(err)
		}
		for _, x := range found {
			if pos := s.Position(x.Pos).String(); !known[pos] {
				t.Errorf("%s: %s: only the analyzer reports it", pos, x.Message)
			}
		}
	}
}
