package rewrite

// Need is one way in which a rule can fire in a Go file: the file must contain
// the import path, quoted, and at least one of Idents, literally.
type Need struct {
	// Rule is filled in by the engine.
	Rule   string
	Import string
	Idents []string
	// Tests says whether the rule may fire in _test.go files.
	Tests bool
}

// TextNeed selects text files that a rule reads.
type TextNeed struct {
	Rule     string
	Contains []string
}
