// Package about answers which comments speak of what a fix removes, so that they
// go with it.
package about

import (
	"regexp"
	"slices"
	"strings"
)

// hooks matches comments that speak of what the runtime's hooks are called for.
var hooks = regexp.MustCompile(`(?i)\bgc\b|garbage|collect|memory|\bheap\b|\bfree\b|\brss\b|\bcores?\b|\bcpus?\b|\bfaults?\b|finali[sz]|cleanup`)

// Removed returns what tells a comment about a removed statement: one of words
// stands in it, in any case, or a word for what the runtime's hooks are there for.
func Removed(words ...string) func(comment string) bool {
	return func(comment string) bool {
		return hooks.MatchString(comment) || slices.ContainsFunc(words, func(w string) bool {
			return strings.Contains(strings.ToLower(comment), strings.ToLower(w))
		})
	}
}
