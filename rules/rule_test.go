package rules_test

import (
	"go/format"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules"
)

// The list is whole: each folder of golden trees has its rule, each rule its
// folder, its documentation and an example in gofmt's layout.
func TestAll(t *testing.T) {
	entries, err := os.ReadDir("../testdata/rules")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		folders = append(folders, e.Name())
	}
	names := rules.Names()
	slices.Sort(names)
	if !slices.Equal(names, folders) {
		t.Errorf("rules  %v\ntrees  %v", names, folders)
	}
	for _, r := range rules.All {
		if !strings.Contains(r.Doc, "\n\nIt fires when ") || !strings.Contains(r.Doc, "It stays silent ") {
			t.Errorf("%s: the documentation does not say when it fires and when it stays silent", r.Name)
		}
		if len(r.Needs)+len(r.TextNeeds) == 0 {
			t.Errorf("%s: nothing says in which files it can fire", r.Name)
		}
		for name, code := range map[string]string{"before": r.Before, "after": r.After} {
			if out, err := format.Source([]byte(code)); err != nil || string(out) != code {
				t.Errorf("%s: the example %s is not formatted: %v\n%s", r.Name, name, err, out)
			}
		}
		if trees, _ := filepath.Glob(filepath.Join("../testdata/rules", r.Name, "*.txtar")); len(trees) < 3 {
			t.Errorf("%s: only %d golden trees", r.Name, len(trees))
		}
	}
}
