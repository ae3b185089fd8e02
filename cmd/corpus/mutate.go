package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/load"
	"github.com/runtimefix/runtimefix/rules"
)

// A mutator changes one function that uses a hook rightly. Either it breaks it
// in a known way, or it makes right code that looks like the bug.
type mutator struct {
	name   string
	rule   string
	breaks bool
	// change edits the function in its file; it reports whether it could.
	change func(f *mutantFile, fn *ast.FuncDecl) bool
}

// A mutant is one function as a mutator left it.
type mutant struct {
	Mutator  string `json:"mutator"`
	Path     string `json:"path"`
	Func     string `json:"func"`
	Breaks   bool   `json:"breaks"`
	Found    bool   `json:"found"`
	Safety   string `json:"safety,omitempty"` // of the fix that was made
	Repaired bool   `json:"repaired"`         // a fix was made, and the rule says no more
	Equal    bool   `json:"equal"`            // the function is what it was before it was broken
	Why      string `json:"why,omitempty"`    // why it was not
	original string
	rule     string
	mark     string // a name that occurs in code added for this mutant
}

// mutate is the command of that name.
func mutate(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("corpus mutate", flag.ContinueOnError)
	only := flags.String("rules", "", "mutate for these rules only")
	asJSON := flags.Bool("json", false, "print the mutants as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	roots := flags.Args()
	if len(roots) == 0 {
		roots = []string{"testdata/corpus/seeds"}
	}
	var all []*mutant
	for _, root := range roots {
		root, err := filepath.Abs(root)
		if err != nil {
			return err
		}
		for _, m := range mutators {
			if *only != "" && !slices.Contains(strings.Split(*only, ","), m.rule) {
				continue
			}
			got, err := runMutator(ctx, root, m)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", root, m.name, err)
			}
			all = append(all, got...)
		}
	}
	if *asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", " ")
		return enc.Encode(all)
	}
	printMutants(os.Stdout, all)
	return nil
}

// printMutants prints what became of the mutants, by mutator, and names those
// that were not handled as they should be.
func printMutants(w io.Writer, all []*mutant) {
	type count struct{ n, found, repaired, equal int }
	counts := make(map[string]*count)
	for _, m := range all {
		c := counts[m.Mutator]
		if c == nil {
			c = new(count)
			counts[m.Mutator] = c
		}
		c.n++
		c.found += one(m.Found)
		c.repaired += one(m.Repaired)
		c.equal += one(m.Equal)
	}
	fmt.Fprintf(w, "%-44s %8s %6s %9s %6s\n", "mutator", "mutants", "found", "repaired", "equal")
	for _, m := range mutators {
		if c := counts[m.name]; c != nil {
			fmt.Fprintf(w, "%-44s %8d %6d %9d %6d\n", m.name, c.n, c.found, c.repaired, c.equal)
		}
	}
	for _, m := range all {
		if fault := m.fault(); fault != "" {
			fmt.Fprintf(w, "%s: %s: %s: %s\n", m.Mutator, m.Path, m.Func, fault)
		}
	}
}

// fault says what the rule did wrong with a mutant, "" if nothing.
func (m *mutant) fault() string {
	switch {
	case m.Breaks && !m.Found:
		return "missed"
	case m.Breaks && !m.Repaired:
		return "not repaired: " + m.Why
	case !m.Breaks && m.Safety != "":
		return "was right, and has a fix (" + m.Safety + ")"
	}
	return ""
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// runMutator mutates every function below root that it can, each once and all
// together, and runs the rule over the result.
func runMutator(ctx context.Context, root string, m *mutator) ([]*mutant, error) {
	files, err := readSeeds(root)
	if err != nil {
		return nil, err
	}
	overlay := make(map[string][]byte)
	var mutants []*mutant
	for _, f := range files {
		before := len(mutants)
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			f.mark = fmt.Sprintf("mutant%d", len(mutants))
			if m.change(f, fn) {
				mutants = append(mutants, &mutant{Mutator: m.name, Path: f.rel, Func: rewrite.DeclName(fn), Breaks: m.breaks,
					original: normalized(f.src, rewrite.DeclName(fn)), rule: m.rule, mark: f.mark})
			}
		}
		if len(mutants) > before {
			if overlay[f.path], err = f.result(); err != nil {
				return nil, fmt.Errorf("%s: %w", f.rel, err)
			}
		}
	}
	if len(mutants) == 0 {
		return nil, nil
	}
	return judgeMutants(ctx, root, overlay, mutants)
}

// judgeMutants runs the mutants' rule, with the fixes that --unsafe admits. It
// returns those that are Go: a mutator knows no types.
func judgeMutants(ctx context.Context, root string, overlay map[string][]byte, mutants []*mutant) ([]*mutant, error) {
	var finder []*rewrite.Finder
	var emits []string
	for _, r := range rules.All {
		if r.Name == mutants[0].rule {
			finder = append(finder, r.Finder())
			emits = append(emits, r.Emits...)
		}
	}
	var opt rewrite.Options
	opt.Dir, opt.Overlay, opt.Known = root, overlay, rules.Names()
	opt.Emits = emits
	opt.Admit, opt.Fix = rewrite.Unsafe, true
	dirs := make(map[string]bool)
	for _, m := range mutants {
		dirs["./"+filepath.ToSlash(filepath.Dir(m.Path))] = true
	}
	opt.Patterns = slices.Sorted(maps.Keys(dirs))
	res, err := rewrite.Run(ctx, opt, finder)
	if err != nil {
		return nil, err
	}
	for _, p := range res.Internal {
		return nil, fmt.Errorf("%v", p)
	}
	mutants = slices.DeleteFunc(mutants, func(m *mutant) bool {
		return slices.ContainsFunc(res.Problems, func(p load.Problem) bool {
			return p.Pos.Filename == filepath.Join(root, filepath.FromSlash(m.Path))
		})
	})
	after := maps.Clone(overlay)
	for _, c := range res.Changes {
		after[c.Path] = c.New
	}
	for _, m := range mutants {
		m.judge(root, res, overlay, after)
	}
	return mutants, nil
}

// judge fills in what became of the mutant.
func (m *mutant) judge(root string, res *rewrite.Result, before, after map[string][]byte) {
	path := filepath.Join(root, filepath.FromSlash(m.Path))
	for _, f := range res.Findings {
		if !m.owns(f, before[path], path) {
			continue
		}
		m.Found = true
		if f.State == rewrite.Fixed {
			m.Safety = f.Fixes[f.Chosen].Safety.String()
		}
		m.Why = cmp.Or(m.Why, f.Why, f.NoFix)
	}
	m.Repaired = m.Found && m.Safety != ""
	for _, f := range res.Remaining {
		if m.owns(f, after[path], path) {
			m.Repaired = false
		}
	}
	m.Equal = m.Breaks && normalized(after[path], m.Func) == m.original
}

// owns reports whether a finding stands in the mutated function, or in code
// that was added for it.
func (m *mutant) owns(f rewrite.Found, src []byte, path string) bool {
	if f.Pos.Filename != path {
		return false
	}
	name := enclosing(src, f.Pos.Line)
	return name == m.Func || name == m.mark || strings.HasPrefix(name, m.mark+"_")
}

// readSeeds parses the files below root that import a hook's package, those of
// other platforms and tests aside.
func readSeeds(root string) ([]*mutantFile, error) {
	var out []*mutantFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); path != root && (base == "vendor" || base == "testdata" || base == "cmd" || strings.HasPrefix(base, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := readMutantFile(root, path)
		if f != nil {
			out = append(out, f)
		}
		return err
	})
	slices.SortFunc(out, func(a, b *mutantFile) int { return cmp.Compare(a.path, b.path) })
	return out, err
}
