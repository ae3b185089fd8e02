package maxprocs

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"golang.org/x/tools/txtar"
)

// TestMemoryNote checks the words about a memory limit, and where they stand: a
// golden tree has no notes.
func TestMemoryNote(t *testing.T) {
	a, err := txtar.ParseFile(ruletest.TestData(t, "rules", "maxprocs", "environment.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, f := range a.Files {
		if f.Name != "findings" && !strings.HasPrefix(f.Name, "want/") {
			files[f.Name] = f.Data
		}
	}
	dir := t.TempDir()
	ruletest.WriteTree(t, dir, files)
	res, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir, Emits: Rule.Emits}, Patterns: []string{"./..."}}, []*rewrite.Finder{Rule.Finder()})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range res.Findings {
		for _, n := range f.Notes {
			if strings.Contains(n.Message, "memory limit") {
				got = append(got, n.Message)
			}
		}
	}
	slices.Sort(got)
	of := func(limit string) string {
		return "its memory limit of " + limit + " is unknown to the runtime, too, whatever the Go version: GOMEMLIMIT a little below it, 90 % say, makes the collector work harder before the kernel kills the program"
	}
	// The container that is told by envFrom may hear of it there, and one sets
	// GOMEMLIMIT.
	if want := []string{of("256m"), of("512Mi")}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
