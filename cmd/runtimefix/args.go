package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/suggest"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves flags before the other arguments, because the flag parser
// stops at the first argument that is none: in "runtimefix ./... --diff" it
// would take --diff for a package. What follows "--" stays behind it. A flag
// that takes a value and has none is an error, and so is one that would take a
// package pattern for its value.
func flagsFirst(args []string, flags []cli.Flag) ([]string, error) {
	takesValue := make(map[string]bool)
	known := make(map[string]bool)
	for _, f := range flags {
		v, _ := f.(cli.DocGenerationFlag)
		for _, name := range f.Names() {
			known[name] = true
			takesValue[name] = v != nil && v.TakesValue()
		}
	}
	var front, back []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(append(front, "--"), append(back, args[i+1:]...)...), nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			back = append(back, arg)
			continue
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !known[name] {
			return nil, fmt.Errorf("unknown flag %s%s", arg, suggest.Flag(name, dashed(known)))
		}
		front = append(front, arg)
		if !takesValue[name] || hasValue {
			continue
		}
		if i+1 == len(args) || isPattern(args[i+1]) || strings.HasPrefix(args[i+1], "-") && len(args[i+1]) > 1 {
			return nil, fmt.Errorf("flag %s needs a value", arg)
		}
		i++
		front = append(front, args[i])
	}
	if len(back) > 0 {
		front = append(front, "--")
	}
	return append(front, back...), nil
}

// dashed returns the names of flags as they are written.
func dashed(known map[string]bool) []string {
	var out []string
	for name := range known {
		if len(name) > 1 {
			out = append(out, "--"+name)
		}
	}
	slices.Sort(out)
	return out
}

// mistyped returns an error when word, the first argument, can only be meant for
// a command: it names neither a command nor a file, and is not the name of
// a package either that anybody would check.
func mistyped(word, dir string, commands []string) error {
	if word == "" || strings.ContainsAny(word, "./\\@") || slices.Contains([]string{"std", "cmd", "all", "work", "tool"}, word) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, word)); err == nil {
		return nil
	}
	if as := suggest.Command(word); as != "" {
		return usagef("there is no command %q; did you mean runtimefix %s?", word, as)
	}
	if near := suggest.Nearest(word, commands); near != "" {
		return usagef("there is no command %q; did you mean runtimefix %s?", word, near)
	}
	return nil
}

// isPattern reports whether arg can only be meant as a package pattern.
func isPattern(arg string) bool {
	return strings.Contains(arg, "...") || arg == "." || strings.HasPrefix(arg, "./") && strings.HasSuffix(arg, ".go")
}
