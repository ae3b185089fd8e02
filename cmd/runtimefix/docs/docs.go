// Package docs holds the guides that runtimefix help prints.
package docs

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed *.md
var files embed.FS

// Topics returns the names of the guides, sorted.
func Topics() []string {
	names, err := fs.Glob(files, "*.md")
	if err != nil {
		panic(err) // the pattern is part of the program
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(name, ".md")
	}
	return names
}

// Guide returns the guide called topic; ok is false when there is none.
func Guide(topic string) (text string, ok bool) {
	data, err := files.ReadFile(topic + ".md")
	return string(data), err == nil
}

// Title returns the heading of the guide called topic.
func Title(topic string) string {
	text, _ := Guide(topic)
	first, _, _ := strings.Cut(text, "\n")
	return strings.TrimPrefix(first, "# ")
}
