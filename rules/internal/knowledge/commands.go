package knowledge

import (
	"go/types"
	"slices"
)

// commandLibraries are libraries of command lines, without their major versions:
// what they are given they call in the goroutine that runs main, which waits.
var commandLibraries = []string{"github.com/spf13/cobra", "github.com/urfave/cli"}

// commandFields are the fields by which libraries of command lines are told what
// a command runs.
var commandFields = []string{"Run", "RunE", "Action", "PreRun", "PreRunE", "Before", "PersistentPreRun", "PersistentPreRunE"}

// OfCommand reports whether obj is a field or function of a library of command
// lines, which calls what it gets where main waits. nil is none.
func OfCommand(obj types.Object) bool {
	return obj != nil && obj.Pkg() != nil && slices.Contains(commandLibraries, unversioned(obj.Pkg().Path()))
}

// CommandField reports whether a field of that name tells what a command runs, in
// any library.
func CommandField(name string) bool { return slices.Contains(commandFields, name) }
