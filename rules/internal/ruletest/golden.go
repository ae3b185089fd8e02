// Package ruletest runs the golden trees of a rule, and programs before and after
// its fixes.
package ruletest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/settings"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden trees: their want/ files and findings")

// A golden tree is a txtar archive below testdata/rules/RULE. Its comment is
// free text with these lines among it:
//
//	flags: --unsafe       the fixes that --unsafe admits are made too
//	flags: --tests=false  tests are not loaded
//	asked: cleanups       the configuration asks for what is offered on request
//	rules: a,b            rules to run instead of RULE alone
//	go: 1.27              run only by a toolchain of that release or later
//	broken                the input does not type-check, the result does
//	ill-typed             neither input nor result type-check
//
// Then come the input files, the files that change under want/, and in a
// section called findings what is reported on the input, one finding a line.
// Without that section the findings are not compared.
type goldenTree struct {
	path             string
	archive          *txtar.Archive
	unsafe, noTests  bool
	broken, illTyped bool
	cleanups         bool
	rules            []string
}

func readGolden(t *testing.T, path string) *goldenTree {
	t.Helper()
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := &goldenTree{path: path, archive: ar, rules: []string{filepath.Base(filepath.Dir(path))}}
	for line := range strings.Lines(string(ar.Comment)) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "flags:"); ok {
			for f := range strings.FieldsSeq(v) {
				switch f {
				case "--unsafe":
					g.unsafe = true
				case "--tests=false":
					g.noTests = true
				default:
					t.Fatalf("unknown flag %s", f)
				}
			}
		}
		if v, ok := strings.CutPrefix(line, "rules:"); ok {
			g.rules = strings.Split(strings.TrimSpace(v), ",")
		}
		if v, ok := strings.CutPrefix(line, "go:"); ok && version.Compare(runtime.Version(), "go"+strings.TrimSpace(v)) < 0 {
			t.Skipf("needs Go %s", strings.TrimSpace(v))
		}
		g.cleanups = g.cleanups || line == "asked: cleanups"
		g.broken = g.broken || line == "broken"
		g.illTyped = g.illTyped || line == "ill-typed"
	}
	return g
}

// finders returns what the tree runs, of list.
func (g *goldenTree) finders(t *testing.T, list []*rule.Rule) []*rewrite.Finder {
	var out []*rewrite.Finder
	for _, name := range g.rules {
		i := slices.IndexFunc(list, func(r *rule.Rule) bool { return r.Name == name })
		if i < 0 {
			t.Fatalf("the test does not know the rule %s", name)
		}
		out = append(out, list[i].Finder())
	}
	return out
}

// run runs the finders, partSize bytes of Go source at a time, 0 for all at once.
func (g *goldenTree) run(t *testing.T, dir string, partSize int64, finders []*rewrite.Finder) *rewrite.Result {
	t.Helper()
	opt := rewrite.Options{
		PartSize: partSize,
		Config:   rewrite.Config{Dir: dir, Tests: !g.noTests, Emits: emits(finders), Settings: &settings.Settings{Cleanups: g.cleanups}},
		Patterns: []string{"./..."},
		Admit:    rewrite.Safe,
		Fix:      true,
		Known:    known(t),
	}
	if g.unsafe {
		opt.Admit = rewrite.Unsafe
	}
	res, err := rewrite.Run(context.Background(), opt, finders)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Internal {
		t.Errorf("internal error: %v", p)
	}
	return res
}

func emits(finders []*rewrite.Finder) []string {
	var out []string
	for _, f := range finders {
		out = append(out, f.Emits...)
	}
	return out
}

// Golden runs the golden trees of r, testdata/rules/NAME, as subtests NAME/TREE.
// more are other rules that the trees name.
//
// For each tree it asserts the bytes of the result and the findings, that the
// result type-checks, that a second run changes nothing, that other files stay
// untouched, that git and patch make the same bytes of the patch, and that all comes
// out the same where one package is loaded at a time. -short leaves these two out:
// they do not depend on Go's release.
func Golden(t *testing.T, r *rule.Rule, more ...*rule.Rule) {
	for _, path := range trees(t, r) {
		t.Run(treeName(r, path), func(t *testing.T) {
			t.Parallel()
			testGolden(t, path, append(more, r))
		})
	}
}

func testGolden(t *testing.T, path string, list []*rule.Rule) {
	g := readGolden(t, path)
	finders := g.finders(t, list)
	dir := t.TempDir()
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	input, want, findings := g.split()
	WriteTree(t, dir, input)

	res := g.run(t, dir, 0, finders)
	AssertTree(t, "Run itself wrote", dir, input) // Run writes nothing
	if !g.broken && !g.illTyped {
		for _, p := range res.Problems {
			t.Errorf("the input does not load: %v", p)
		}
	}
	if g.broken && len(res.Problems) == 0 {
		t.Errorf("the input is marked broken but type-checks")
	}
	got := changed(t, dir, input, res)
	lines := describe(dir, res.Findings)
	if *update {
		g.update(t, input, got, lines)
		return
	}
	for _, name := range keys(want) {
		if !bytes.Equal(got[name], want[name]) {
			t.Errorf("%s: got\n%s\nwant\n%s%s", name, got[name], want[name], withheldText(res))
		}
	}
	if findings != nil && string(findings.Data) != lines {
		t.Errorf("findings: got\n%swant\n%s", lines, findings.Data)
	}
	if packages(input) > 1 && !testing.Short() {
		parts := g.run(t, dir, 1, finders)
		if text := describe(dir, parts.Findings); text != lines {
			t.Errorf("findings, a package at a time: got\n%swant\n%s", text, lines)
		}
		for name, data := range changed(t, dir, input, parts) {
			if !bytes.Equal(data, got[name]) {
				t.Errorf("%s, a package at a time: got\n%s\nwant\n%s%s", name, data, got[name], withheldText(parts))
			}
		}
	}
	if len(res.Changes) == 0 {
		return
	}
	if !testing.Short() {
		checkPatch(t, Patch(t, dir, res), input, got)
	}

	// The result compiles, and a second run leaves it alone.
	WriteTree(t, dir, got)
	again := g.run(t, dir, 0, finders)
	for _, c := range again.Changes {
		t.Errorf("a second run changes %s again to\n%s", c.Path, c.New)
	}
	if !g.illTyped {
		for _, p := range again.Problems {
			t.Errorf("the result does not type-check: %v", p)
		}
	}
}

// changed returns the files of input as they are after the changes of res.
func changed(t *testing.T, dir string, input map[string][]byte, res *rewrite.Result) map[string][]byte {
	out := clone(input)
	for _, c := range res.Changes {
		rel, err := filepath.Rel(dir, c.Path)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.ToSlash(rel)] = c.New
	}
	return out
}

// packages returns how many directories of the tree have Go files.
func packages(tree map[string][]byte) int {
	dirs := make(map[string]bool)
	for name := range tree {
		if strings.HasSuffix(name, ".go") {
			dirs[path.Dir(name)] = true
		}
	}
	return len(dirs)
}

// split returns the files of the tree: those before the fixes, those after them,
// and the list of findings, nil for none.
func (g *goldenTree) split() (input, want map[string][]byte, findings *txtar.File) {
	input, want = make(map[string][]byte), make(map[string][]byte)
	for i, f := range g.archive.Files {
		switch name, isWant := strings.CutPrefix(f.Name, "want/"); {
		case f.Name == "findings":
			findings = &g.archive.Files[i]
		case isWant:
			want[name] = f.Data
		default:
			input[f.Name] = f.Data
			want[f.Name] = cmpData(want[f.Name], f.Data)
		}
	}
	return input, want, findings
}

// checkPatch asserts that the patch, applied by git and by patch, makes got of
// input.
func checkPatch(t *testing.T, patch []byte, input, got map[string][]byte) {
	for _, tool := range [][]string{{"git", "apply", "--whitespace=nowarn"}, {"patch", "-p1", "-F0", "--binary", "-s"}} {
		if _, err := exec.LookPath(tool[0]); err != nil {
			continue
		}
		other := t.TempDir()
		WriteTree(t, other, input)
		cmd := exec.Command(tool[0], tool[1:]...)
		cmd.Dir, cmd.Stdin = other, bytes.NewReader(patch)
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(other))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s refuses the patch: %v\n%s\n%s", tool[0], err, out, patch)
			continue
		}
		AssertTree(t, "the patch applied by "+tool[0], other, got)
	}
}

func cmpData(have, def []byte) []byte {
	if have != nil {
		return have
	}
	return def
}

func withheldText(res *rewrite.Result) string {
	var b strings.Builder
	for _, f := range res.Findings {
		if f.Why != "" {
			fmt.Fprintf(&b, "\nwithheld: %s: %s", f.Message, f.Why)
		}
	}
	return b.String()
}

// describe writes findings as the golden trees hold them.
func describe(dir string, list []rewrite.Found) string {
	var b strings.Builder
	for _, f := range list {
		rel, err := filepath.Rel(dir, f.Pos.Filename)
		if err != nil {
			rel = f.Pos.Filename
		}
		fix := "no fix"
		if f.State == rewrite.Withheld {
			fix = "withheld"
		} else if len(f.Fixes) > 0 {
			var s []string
			for _, x := range f.Fixes {
				s = append(s, x.Safety.String())
			}
			fix = strings.Join(s, ", ")
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s: %s [%s]\n", filepath.ToSlash(rel), f.Pos.Line, f.Pos.Column, f.Rule, f.Message, fix)
	}
	return b.String()
}

// update rewrites the archive with what was found and made.
func (g *goldenTree) update(t *testing.T, input, got map[string][]byte, lines string) {
	var files []txtar.File
	for _, f := range g.archive.Files {
		if f.Name != "findings" && !strings.HasPrefix(f.Name, "want/") {
			files = append(files, f)
		}
	}
	for _, name := range keys(got) {
		if !bytes.Equal(got[name], input[name]) {
			files = append(files, txtar.File{Name: "want/" + name, Data: got[name]})
		}
	}
	files = append(files, txtar.File{Name: "findings", Data: []byte(lines)})
	g.archive.Files = files
	if err := os.WriteFile(g.path, txtar.Format(g.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
