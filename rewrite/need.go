package rewrite

import "github.com/runtimefix/runtimefix/rewrite/scan"

// Need is one way in which a rule can fire in a Go file, see scan.Need. The
// engine fills in the rule.
type Need = scan.Need

// TextNeed selects text files that a rule reads, see scan.TextNeed.
type TextNeed = scan.TextNeed
