package manifest

import (
	"slices"
	"strings"
	"unicode"
)

// DevelopmentWord returns the word in name that says that it is not for
// production, "" when there is none.
func DevelopmentWord(name string) string {
	for _, w := range pathWords(name) {
		switch {
		case strings.Contains(w, "debug"), strings.Contains(w, "bench"), strings.HasPrefix(w, "local"),
			strings.HasPrefix(w, "example"), strings.HasPrefix(w, "sample"), strings.HasPrefix(w, "demo"),
			strings.HasPrefix(w, "dev") && !strings.HasPrefix(w, "devic") && !strings.HasPrefix(w, "devop"),
			strings.HasPrefix(w, "test"), strings.HasSuffix(w, "test") && !slices.Contains([]string{"latest", "contest", "attest", "protest"}, w), strings.HasSuffix(w, "tests"),
			w == "doc", w == "docs", w == "documentation":
			return w
		}
	}
	return ""
}

// pathWords returns the words of a path or name in lower case: loadTest, say,
// is load and test.
func pathWords(name string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }) {
		begin := 0
		for i, r := range part {
			if i > 0 && unicode.IsUpper(r) && !unicode.IsUpper(rune(part[i-1])) {
				out = append(out, strings.ToLower(part[begin:i]))
				begin = i
			}
		}
		out = append(out, strings.ToLower(part[begin:]))
	}
	return out
}

// containerLists are the keys of the lists of containers in a pod.
var ContainerLists = []string{"containers", "initContainers", "ephemeralContainers"}
