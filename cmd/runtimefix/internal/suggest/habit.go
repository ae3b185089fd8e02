package suggest

import (
	"slices"
	"strings"
)

// commands are the words that users of other tools try for commands, and what does
// the same here.
var commands = map[string]string{
	"version": "--version", "fix": "--apply", "apply": "--apply", "write": "--apply", "diff": "--diff", "patch": "--diff",
	"check": "./...", "run": "./...", "lint": "./...", "report": "./...", "list": "rules", "linters": "rules", "doc": "explain RULE", "docs": "help",
	"init": "--write-baseline FILE", "baseline": "--write-baseline FILE", "suppress": "ignore", "nolint": "ignore",
}

// flags are the flags that they try.
var flags = map[string]string{
	"fix": "--apply", "write": "--apply", "w": "--apply", "in-place": "--apply", "d": "--diff", "dry-run": "--diff", "n": "--diff", "patch": "--diff",
	"json": "--format json", "sarif": "--format sarif", "out-format": "--format", "o": "--output", "f": "--format",
	"list": "runtimefix rules", "enable": "--rules", "E": "--rules", "disable": "--skip", "D": "--skip", "exclude": "--skip", "rule": "--rules",
	"new-from-rev": "--changed-since", "since": "--changed-since", "c": "--config", "no-config": "--config none", "silent": "--quiet",
	"no-color": "--color never", "build-tags": "--tags", "stdin": "--stdin-filename", "exit-zero": "--fail-on never", "V": "--version",
}

// Command returns what word, which is no command, is in other tools, "" when it is
// nothing.
func Command(word string) string { return commands[word] }

// Flag returns a question to be put behind an error message about a flag that there
// is not, name without its dashes, "" where none is like it. known are the flags that
// there are, with their dashes.
func Flag(name string, known []string) string {
	as := flags[name]
	if first, _, _ := strings.Cut(as, " "); first == "runtimefix" || slices.Contains(known, first) {
		return "; did you mean " + as + "?"
	}
	return DidYouMean("--"+name, known)
}
