package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules"
)

// The README shows what its first command prints, and has every rule in its
// table, in order.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"-C", "../../thumbnails", "--diff", "./..."}, &stdout, &stderr)
	if code != exitFindings {
		t.Errorf("exit code %d\n%s", code, stderr.String())
	}
	if !strings.Contains(readme, "```diff\n"+stdout.String()+"```\n") {
		t.Errorf("the README does not show this diff:\n%s", stdout.String())
	}
	at := 0
	for _, r := range rules.All {
		row := fmt.Sprintf("\n| [`%s`](rules/%s/README.md) | %s | ", r.Name, r.Name, r.Title)
		i := strings.Index(readme, row)
		if i < at {
			t.Errorf("the table of rules lacks %q at its place", row)
			continue
		}
		at = i
	}
}

// The commands under "Use" do what stands beside them, on a copy of the sample with the
// folders that they name.
func TestReadmeUse(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, use, _ := strings.Cut(string(data), "\n## Use\n\n")
	use, _, _ = strings.Cut(use, "\n\n")
	sample, err := filepath.Abs("../../thumbnails")
	if err != nil {
		t.Fatal(err)
	}
	hot := "package %s\n\nimport \"runtime\"\n\nfunc each(list []int) {\n\tfor range list {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n"
	want := []struct {
		code   int
		says   string // on standard output or standard error
		writes bool
	}{
		{exitFindings, "\nmain.go:16:12: crashoutput: ", false},
		{exitFindings, "-\truntime.GC() // pictures are big\n", false},
		{exitOK, "files changed", true},
		{exitOK, "files changed", true},
		{exitFindings, "\npkg/x.go:8:3: forcedgc: ", false},
	}
	lines := strings.Split(strings.TrimSpace(use), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d commands", len(lines))
	}
	for i, line := range lines {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(sample)); err != nil {
			t.Fatal(err)
		}
		writeTree(t, dir, map[string]string{"cmd/a/a.go": fmt.Sprintf(hot, "a"), "pkg/x.go": fmt.Sprintf(hot, "pkg")})
		command, _, _ := strings.Cut(line, "#")
		t.Chdir(dir)
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), append([]string{"--no-cache"}, strings.Fields(command)[1:]...), &stdout, &stderr)
		said := stdout.String() + stderr.String()
		after, err := os.ReadFile(filepath.Join(dir, "pkg", "x.go"))
		if err != nil {
			t.Fatal(err)
		}
		if w := want[i]; code != w.code || !strings.Contains(said, w.says) || (string(after) != fmt.Sprintf(hot, "pkg")) != w.writes {
			t.Errorf("%s: exit %d, writes: %v\n%s", line, code, string(after) != fmt.Sprintf(hot, "pkg"), said)
		}
	}
}

// writeTree writes the files of a tree into dir.
func writeTree(t testing.TB, dir string, tree map[string]string) {
	t.Helper()
	for name, text := range tree {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What SECURITY.md names is there: flags and guides.
func TestSecurity(t *testing.T) {
	data, err := os.ReadFile("../../.github/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	code := exitOK
	app := newApp(nil, nil, &code)
	seen := 0
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(string(data), -1) {
		switch words := strings.Fields(m[1]); {
		case strings.HasPrefix(words[0], "--"):
			args := append([]string{words[0]}, "none")
			if len(words) > 1 {
				args = words
			}
			if _, err := arrange(app, args); err != nil {
				t.Errorf("%s: %v", m[1], err)
			}
			seen++
		case words[0] == "runtimefix":
			var stdout, stderr bytes.Buffer
			if code := run(context.Background(), words[1:], &stdout, &stderr); code != exitOK || stdout.Len() < 1000 {
				t.Errorf("%s: exit %d\n%s", m[1], code, stderr.String())
			}
			seen++
		}
	}
	if seen < 3 {
		t.Errorf("%d flags and commands found", seen)
	}
}

// commandLine matches a line of a code block that calls the command.
var commandLine = regexp.MustCompile(`(?m)^(?:    |      - |  "command": ")?(runtimefix (?:[^#|>"\n]|"[^"\n]*")*)`)

var quoted = regexp.MustCompile(`"[^"]*"`)

// TestDocumentedCommands checks that the command lines in README and guides have
// flags and commands that there are.
func TestDocumentedCommands(t *testing.T) {
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range append(files, "../../README.md") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commandLine.FindAllStringSubmatch(string(data), -1) {
			seen++
			code := exitOK
			args := strings.Fields(quoted.ReplaceAllString(strings.ReplaceAll(m[1], "`", " "), "x"))[1:]
			if _, err := arrange(newApp(nil, nil, &code), args); err != nil {
				t.Errorf("%s: %s: %v", name, m[1], err)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d command lines found", seen)
	}
}

// The map of CONTRIBUTING.md names every package, a rule's by its folder NAME.
func TestMap(t *testing.T) {
	data, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), "## The map of the house\n\n")
	drawn, _, found2 := strings.Cut(rest, "\n\n")
	if !found || !found2 {
		t.Fatal("CONTRIBUTING.md has no map")
	}
	named := make(map[string]bool)
	for _, word := range strings.FieldsFunc(drawn, func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-') }) {
		named[word] = true
	}
	for _, name := range rules.Names() {
		named[name] = true
	}
	packages := 0
	for _, top := range []string{"cmd", "rewrite", "rules"} {
		err := filepath.WalkDir("../../"+top, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if d.Name() == "testdata" {
				return filepath.SkipDir
			}
			if files, _ := filepath.Glob(filepath.Join(path, "*.go")); len(files) > 0 {
				packages++
				if !named[d.Name()] {
					t.Errorf("the map of CONTRIBUTING.md does not name %s", strings.TrimPrefix(filepath.ToSlash(path), "../../"))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if packages < len(rules.All) {
		t.Errorf("%d packages found", packages)
	}
}
