package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/page"
	"github.com/runtimefix/runtimefix/rules"
)

// reasons checks that the first message says of all commits why, where, how safely
// and how it was proved.
func reasons(t *testing.T, text string, s summaryFile) {
	t.Helper()
	for _, c := range s.Commits {
		for _, name := range c.Rules {
			i := slices.IndexFunc(rules.All, func(r *rules.Rule) bool { return r.Name == name })
			if why := page.Of(rules.All[i]); !strings.Contains(text, why.Symptom+"\n\n"+why.Cause+"\n") || !strings.Contains(text, "More on "+name+": "+why.URL) {
				t.Errorf("the message does not say why %s:\n%s", name, text)
			}
		}
	}
	for _, c := range s.Changes {
		if i := strings.Index(text, "* "+c.Path+":"); i < 0 || !strings.Contains(text[i:], "safe)\n") {
			t.Errorf("the message does not say what changes in %s:\n%s", c.Path, text)
		}
	}
	if !strings.Contains(text, "\nVerified (") && !strings.Contains(text, "\nNo Go package changes; ") {
		t.Errorf("the message does not say how it was proved:\n%s", text)
	}
}
