package main

import (
	"fmt"
	"strings"

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
			return nil, fmt.Errorf("unknown flag %s", arg)
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

// isPattern reports whether arg can only be meant as a package pattern.
func isPattern(arg string) bool {
	return strings.Contains(arg, "...") || arg == "." || strings.HasPrefix(arg, "./") && strings.HasSuffix(arg, ".go")
}
