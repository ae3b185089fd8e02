// Package suggest finds the word that somebody who mistyped it meant.
package suggest

import (
	"fmt"
	"strings"

	"github.com/xrash/smetrics"
)

// Nearest returns the one of words that word was most likely meant to be, ""
// when none is near: one of which a few letters differ, or the only one that
// begins with word.
func Nearest(word string, words []string) string {
	best, found := len(word)/3+1, ""
	for _, w := range words {
		if d := smetrics.WagnerFischer(word, w, 1, 1, 1); d < best || d == best && found == "" {
			best, found = d, w
		}
	}
	if found != "" || len(word) < 3 {
		return found
	}
	for _, w := range words {
		switch {
		case !strings.HasPrefix(w, word):
		case found != "":
			return ""
		default:
			found = w
		}
	}
	return found
}

// DidYouMean returns a question to be put behind an error message, "" where no
// word is near.
func DidYouMean(word string, words []string) string {
	if w := Nearest(word, words); w != "" {
		return fmt.Sprintf("; did you mean %s?", w)
	}
	return ""
}
