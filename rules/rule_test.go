package rules_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules"
)

func TestRulesAreDescribed(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range rules.All {
		if seen[r.Name] {
			t.Errorf("rule %s is listed twice", r.Name)
		}
		seen[r.Name] = true
		for what, text := range map[string]string{"title": r.Title, "doc": r.Doc, "before": r.Before, "after": r.After} {
			if text == "" {
				t.Errorf("rule %s has no %s", r.Name, what)
			}
		}
	}
}
