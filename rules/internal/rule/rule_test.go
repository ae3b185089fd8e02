package rule

import (
	"slices"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
)

// The engine gets what the rule says, and nothing of its words.
func TestFinder(t *testing.T) {
	r := &Rule{
		Name: "stray", Title: "a title", Doc: "It fires when it fires.",
		Needs:     []rewrite.Need{{Import: "runtime", Idents: []string{"GC"}}},
		TextNeeds: []rewrite.TextNeed{{Kinds: []rewrite.TextKind{rewrite.YAML}}},
		Emits:     []string{"time"},
		Find:      func(*rewrite.Snapshot) []rewrite.Finding { return []rewrite.Finding{{Message: "found"}} },
	}
	f := r.Finder()
	if f.Name != "stray" || !slices.Equal(f.Emits, r.Emits) || f.Needs[0].Import != "runtime" || f.TextNeeds[0].Kinds[0] != rewrite.YAML {
		t.Errorf("the engine gets %+v", f)
	}
	if got := f.Find(nil); len(got) != 1 || got[0].Message != "found" {
		t.Errorf("it finds %v", got)
	}
}
