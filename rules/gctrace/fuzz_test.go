package gctrace_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"golang.org/x/tools/txtar"
)

// textNames are names of files of every kind that gctrace edits, but YAML and
// JSON.
var textNames = []string{"Dockerfile", "app.service", "app.container", "supervisord.conf", ".env", "a.sh", "Procfile", "Makefile", "fly.toml", "web.nomad", "main.tf", "agent.plist", "app.default"}

// FuzzTextTraces checks for any file of each kind that the fixes of gctrace only
// take bytes away, that all lines without the trace stay but for continuation
// characters, and that a second run changes nothing.
func FuzzTextTraces(f *testing.F) {
	paths, err := filepath.Glob(ruletest.TestData(f, "rules", "gctrace", "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files {
			base := filepath.Base(file.Name)
			for i, name := range textNames {
				if base == name || filepath.Ext(base) == filepath.Ext(name) && filepath.Ext(name) != "" {
					f.Add(i, file.Data)
					f.Add(i, []byte(strings.ReplaceAll(string(file.Data), "\n", "\r\n")))
					f.Add(i, []byte(strings.TrimSuffix(string(file.Data), "\n")))
				}
			}
		}
	}
	finders := []*rewrite.Finder{gctrace.Rule.Finder()}
	f.Fuzz(func(t *testing.T, kind int, src []byte) {
		if kind < 0 || kind >= len(textNames) {
			return
		}
		dir := t.TempDir()
		path := filepath.Join(dir, textNames[kind])
		run := func(data []byte) []byte {
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			res, err := rewrite.Run(context.Background(), rewrite.Options{
				Config: rewrite.Config{Dir: dir}, Patterns: []string{textNames[kind]}, Admit: rewrite.Unsafe, Fix: true, Known: []string{"gctrace"},
			}, finders)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range res.Internal {
				t.Fatalf("%v", p)
			}
			for _, x := range res.Findings {
				if x.State == rewrite.Withheld {
					t.Fatalf("withheld: %s", x.Why)
				}
			}
			for _, c := range res.Changes {
				data = c.New
			}
			return data
		}
		got := run(src)
		if !subsequence(got, src) {
			t.Fatalf("more than bytes taken away:\n%q\n%q", src, got)
		}
		if again := run(got); string(again) != string(got) {
			t.Fatalf("a second run changes it again:\n%q\n%q", got, again)
		}
		joined := false
		for line := range strings.Lines(string(src)) {
			if joined { // its first word belongs to the last of the line above
				line = strings.TrimLeft(line, " \t")
				line = strings.TrimLeftFunc(line, func(r rune) bool { return r != ' ' && r != '\t' })
			}
			joined = cutWord.MatchString(line)
			line = strings.TrimRight(line, " \t\r\n\\`")
			lower := strings.ToLower(line)
			if !strings.Contains(lower, "gc") && !strings.Contains(lower, "godebug") && !strings.Contains(lower, "garbage") && !strings.Contains(lower, "env") &&
				!strings.Contains(lower, "run") && !strings.Contains(lower, "export") && kind != 5 && !strings.Contains(string(got), strings.TrimSpace(line)) {
				t.Fatalf("the line %q is gone:\n%q\n%q", line, src, got)
			}
		}
	})
}

// cutWord matches a line whose last word goes on in the next.
var cutWord = regexp.MustCompile("[^ \t][\\\\`][ \t\r]*\n$")

// subsequence reports whether a is b with bytes taken away.
func subsequence(a, b []byte) bool {
	for _, c := range b {
		if len(a) > 0 && a[0] == c {
			a = a[1:]
		}
	}
	return len(a) == 0
}
