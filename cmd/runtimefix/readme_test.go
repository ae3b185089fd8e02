package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
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
	code := run(context.Background(), []string{"-C", "../../testdata/sample", "--diff", "./..."}, &stdout, &stderr)
	if code != exitFindings {
		t.Errorf("exit code %d\n%s", code, stderr.String())
	}
	if !strings.Contains(readme, "```diff\n"+stdout.String()+"```\n") {
		t.Errorf("the README does not show this diff:\n%s", stdout.String())
	}
	at := 0
	for _, r := range rules.All {
		row := fmt.Sprintf("\n| `%s` | %s | ", r.Name, r.Title)
		i := strings.Index(readme, row)
		if i < at {
			t.Errorf("the table of rules lacks %q at its place", row)
			continue
		}
		at = i
	}
}
