package page

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/runtimefix/runtimefix/rules"
)

var update = flag.Bool("update", false, "write the pages")

// TestPages checks that rules/NAME/README.md says what the rule says:
//
//	go test ./cmd/runtimefix/internal/page -update
func TestPages(t *testing.T) {
	for _, r := range rules.All {
		p := Of(r)
		for part, text := range map[string]string{"symptom": p.Symptom, "cause": p.Cause, "fix": p.Fix, "It fires when": p.Found, "It stays silent when": p.Silent} {
			if text == "" {
				t.Errorf("the documentation of %s lacks the part %q", r.Name, part)
			}
		}
		path := filepath.Join("..", "..", "..", "..", "rules", r.Name, "README.md")
		if *update {
			if err := os.WriteFile(path, []byte(p.Markdown()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != p.Markdown() {
			t.Errorf("rules/%s/README.md is not what the rule says (%v): run go test ./cmd/runtimefix/internal/page -update", r.Name, err)
		}
	}
}
