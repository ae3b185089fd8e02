package rewrite_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
)

// dropWord is a finder that removes the word drop, one a fix, from text files.
// Fixes hold the line, so that those of one line take turns.
var dropWord = &rewrite.Finder{
	Name: "wordless",
	TextNeeds: []rewrite.TextNeed{{
		Kinds:    []rewrite.TextKind{rewrite.Dockerfile, rewrite.YAML, rewrite.Shell, rewrite.HelmTemplate},
		Contains: []string{"drop"},
	}},
	Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		var out []rewrite.Finding
		for _, t := range s.Texts {
			if bytes.Contains(t.Src, []byte("panic")) {
				panic("as asked")
			}
			for off := 0; ; {
				i := bytes.Index(t.Src[off:], []byte("drop"))
				if i < 0 {
					break
				}
				i += off
				off = i + 4
				end := off + bytes.IndexByte(t.Src[off:], '\n')
				out = append(out, rewrite.Finding{
					Pos: t.Pos(i), End: t.Pos(i + 4), Message: "a drop in " + s.Rel(t.Path),
					Fixes: []*rewrite.Fix{{Message: "remove it", Safety: rewrite.Safe, Apply: func(e *rewrite.Edit) error {
						e.Hold(t, bytes.LastIndexByte(t.Src[:i], '\n')+1, end)
						e.Splice(t, i, i+4, "")
						return nil
					}}},
				})
			}
		}
		return out
	},
}

func runTexts(t *testing.T, dir string, patterns ...string) *rewrite.Result {
	t.Helper()
	res, err := rewrite.Run(context.Background(), rewrite.Options{
		Config: rewrite.Config{Dir: dir, Tests: true}, Patterns: patterns, Admit: rewrite.Safe, Fix: true,
	}, []*rewrite.Finder{dropWord})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// A tree without any go.mod goes all the way from the scan to the changes, a
// line that several fixes change included.
func TestTextOnlyTree(t *testing.T) {
	dir, _ := tree(t, `
-- Dockerfile --
FROM drop drop
RUN drop
-- deploy/app.yml --
a: 1
-- .github/workflows/ci.yml --
a: drop
-- .cache/x.yaml --
a: drop
-- scripts/run --
#!/usr/bin/env bash
echo drop
-- scripts/data --
drop
-- vendor/Dockerfile --
drop
`)
	res := runTexts(t, dir, "./...")
	if len(res.Problems)+len(res.Internal) > 0 {
		t.Errorf("problems: %v %v", res.Problems, res.Internal)
	}
	got := make(map[string]string)
	for _, c := range res.Changes {
		rel, _ := filepath.Rel(dir, c.Path)
		got[filepath.ToSlash(rel)] = string(c.New)
	}
	want := map[string]string{
		"Dockerfile":               "FROM  \nRUN \n",
		".github/workflows/ci.yml": "a: \n",
		"scripts/run":              "#!/usr/bin/env bash\necho \n",
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s: got %q, want %q", name, got[name], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("changed: %v", got)
	}
	if len(res.Findings) != 5 || len(res.Remaining) != 0 {
		t.Errorf("findings: %v, remaining: %v", res.Findings, res.Remaining)
	}
	if written, failed := rewrite.Write(res.Changes); len(written) != len(want) || len(failed) > 0 {
		t.Errorf("written: %v, failed: %v", written, failed)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "Dockerfile")); err != nil || string(data) != want["Dockerfile"] {
		t.Errorf("Dockerfile on disk: %q %v", data, err)
	}
}

// Nothing to find in a tree of text files is no problem.
func TestTextTreeClean(t *testing.T) {
	dir, _ := tree(t, "-- Dockerfile --\nFROM x\n")
	if res := runTexts(t, dir, "./..."); len(res.Problems)+len(res.Findings) > 0 {
		t.Errorf("%v %v", res.Problems, res.Findings)
	}
}

// Files and directories are named in every way that shells and hooks use.
func TestTextFilesNamed(t *testing.T) {
	dir, _ := tree(t, "-- Dockerfile --\nFROM drop\n-- deploy/Dockerfile --\nFROM drop\n-- deploy/templates/a.yaml --\na: drop\n")
	for _, test := range []struct {
		patterns []string
		want     int
	}{
		{[]string{"Dockerfile"}, 1},
		{[]string{"./deploy/Dockerfile", "Dockerfile"}, 2},
		{[]string{filepath.Join(dir, "Dockerfile")}, 1},
		{[]string{"deploy"}, 1},
		{[]string{"./deploy/..."}, 2},
		{[]string{"deploy/templates/a.yaml", "./deploy/..."}, 2},
	} {
		if res := runTexts(t, dir, test.patterns...); len(res.Findings) != test.want || len(res.Problems) > 0 {
			t.Errorf("%v: %v %v", test.patterns, res.Findings, res.Problems)
		}
	}
}

// Ignore comments hold in text files, and say so when they are of no use.
func TestTextIgnore(t *testing.T) {
	dir, _ := tree(t, `
-- Dockerfile --
# runtimefix:ignore wordless it is wanted
FROM drop
FROM drop
-- clean.sh --
#runtimefix:ignore wordless nothing is here
true
`)
	res := runTexts(t, dir, "./...")
	var got []string
	for _, f := range res.Findings {
		got = append(got, filepath.Base(f.Pos.Filename)+" "+f.Rule)
	}
	if want := []string{"Dockerfile wordless", "clean.sh ignore"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v; %v", got, want, res.Findings)
	}
}

// A rule that panics on a text file is reported, and says where.
func TestTextPanic(t *testing.T) {
	dir, _ := tree(t, "-- Dockerfile --\nFROM drop panic\n")
	res := runTexts(t, dir, "./...")
	if len(res.Internal) != 1 || !strings.Contains(res.Internal[0].Error(), "as asked (text_test.go:") {
		t.Errorf("internal: %v", res.Internal)
	}
}
