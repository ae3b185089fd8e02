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
