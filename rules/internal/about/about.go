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

// calls matches comments that name what is removed, not what it is good for.
var calls = regexp.MustCompile(`(?i)\bgc\b|garbage.collect|\bmax.?procs\b|\bcores?\b|\bcpus?\b|processors?\b`)

// maxWords is how many words a comment has that says no more than what the statement
// below it does.
const maxWords = 5

// Removed returns what tells a comment about a removed statement: one of words
// stands in it, in any case, or a word for what the runtime's hooks are there for.
// Where other statements follow directly it is a short one that names the hook.
func Removed(words ...string) func(comment string, alone bool) bool {
	return func(comment string, alone bool) bool {
		if !alone {
			return !strings.ContainsAny(comment, "\n,;") && len(strings.Fields(strings.Trim(comment, "/* "))) <= maxWords && calls.MatchString(comment)
		}
		return hooks.MatchString(comment) || slices.ContainsFunc(words, func(w string) bool {
			return strings.Contains(strings.ToLower(comment), strings.ToLower(w))
		})
	}
}
