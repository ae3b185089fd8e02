// Package suite holds all rules as one analyzer, in the variable that Bazel's
// nogo looks for.
package suite

import "github.com/runtimefix/runtimefix/rules"

// Analyzer runs all rules.
var Analyzer = rules.Analyzer()
