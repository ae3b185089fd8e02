// Package rule answers what a rule is: what it looks for, and what its users read.
package rule

import "github.com/runtimefix/runtimefix/rewrite"

// Rule is one documented misuse of the runtime's hooks.
type Rule struct {
	// Name identifies the rule on the command line and in ignore comments.
	Name string
	// Title says in a few words what it finds.
	Title string
	// Doc tells the symptom, the cause and the fix, and ends with "It fires
	// when ..." and "It stays silent when ...". Plain text, paragraphs apart by
	// blank lines.
	Doc string
	// Before and After are a short example, gofmt'd, without package clause.
	Before, After string
	// Needs are the ways in which the rule can fire: what must stand literally
	// in a file. Without any the rule reads no Go files.
	Needs []rewrite.Need
	// TextNeeds select the text files that the rule reads.
	TextNeeds []rewrite.TextNeed
	// Emits are the import paths that its fixes may add.
	Emits []string
	// Together says that the rule looks at all its candidates to judge one, without
	// asking for them by name: they are loaded together.
	Together bool
	// Find returns the findings in a snapshot, in any order. The engine fills
	// in Finding.Rule.
	Find func(*rewrite.Snapshot) []rewrite.Finding
}

// Finder returns the rule as the engine runs it.
func (r *Rule) Finder() *rewrite.Finder {
	return &rewrite.Finder{Name: r.Name, Needs: r.Needs, TextNeeds: r.TextNeeds, Emits: r.Emits, Together: r.Together, Find: r.Find}
}
