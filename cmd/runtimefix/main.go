// Runtimefix finds misuse of the Go runtime's hooks and repairs it in source.
//
// See "runtimefix --help" and the README for how to use it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v2"
)

// Exit codes.
const (
	exitOK       = 0
	exitFindings = 1 // findings in report and diff mode, or what --fail-on names
	exitUsage    = 2 // wrong arguments
	exitLoad     = 3 // something could not be loaded or written; the rest was done
	exitWithheld = 4 // a fix did not pass verification
)

func main() {
	// An interrupt ends the run between two files; none is ever half written.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// usageError is a mistake in the arguments.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	code := exitOK
	app := newApp(stdout, stderr, &code)
	flags := app.Flags
	rest := args
	sub := subcommand(app, args)
	if sub != nil {
		flags, rest = append(sub.Flags, cli.HelpFlag), args[1:]
	}
	if len(args) > 0 && args[len(args)-1] == "--generate-bash-completion" {
		// Completion asks about an unfinished command line.
	} else {
		ordered, err := flagsFirst(rest, append(flags, cli.HelpFlag, cli.VersionFlag))
		if err != nil {
			fmt.Fprintf(stderr, "runtimefix: %v\nRun runtimefix --help for usage.\n", err)
			return exitUsage
		}
		if wantsHelp(ordered) {
			ordered = []string{"--help"}
		}
		if sub != nil {
			ordered = append([]string{args[0]}, ordered...)
		}
		args = ordered
	}
	if err := app.RunContext(ctx, append([]string{"runtimefix"}, args...)); err != nil {
		var usage usageError
		if errors.As(err, &usage) {
			fmt.Fprintf(stderr, "runtimefix: %v\nRun runtimefix --help for usage.\n", err)
			return exitUsage
		}
		fmt.Fprintf(stderr, "runtimefix: %v\n", err)
		return exitLoad
	}
	return code
}

// wantsHelp reports whether a help flag stands anywhere among the flags. The
// flag parser would take an argument beside it for a help topic.
func wantsHelp(args []string) bool {
	for _, a := range args {
		switch a {
		case "--":
			return false
		case "-h", "--h", "-help", "--help":
			return true
		}
	}
	return false
}

// subcommand returns the command that args begin with, nil for the main job.
func subcommand(app *cli.App, args []string) *cli.Command {
	if len(args) == 0 {
		return nil
	}
	for _, c := range app.Commands {
		if c.HasName(args[0]) {
			return c
		}
	}
	return nil
}

func newApp(stdout, stderr io.Writer, code *int) *cli.App {
	return &cli.App{
		Name:      "runtimefix",
		Usage:     "find and fix misuse of the Go runtime's hooks",
		UsageText: "runtimefix [flags] [packages | files]\n   runtimefix rules\n   runtimefix explain RULE\n   runtimefix completion SHELL",
		Description: "Without --diff or --apply it reports what it finds in the packages named, \"./...\" if none is.\n" +
			"Exit codes: 0 nothing found or all applied, 1 findings (without --apply), 2 usage,\n" +
			"3 something could not be loaded or written, 4 a fix was withheld because its result does not compile.",
		Version:              version(),
		HideHelpCommand:      true,
		EnableBashCompletion: true,
		Writer:               stdout,
		ErrWriter:            stderr,
		Flags:                mainFlags(),
		Commands:             []*cli.Command{rulesCommand(stdout), explainCommand(stdout), completionCommand(stdout)},
		OnUsageError:         func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		ExitErrHandler:       func(*cli.Context, error) {},
		Action: func(c *cli.Context) error {
			o, err := readOptions(c)
			if err != nil {
				return err
			}
			*code, err = fix(c.Context, o, stdout, stderr)
			return err
		},
	}
}

// version is the module version that the binary was built from, and Go's.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return toolVersion() + " " + info.GoVersion
	}
	return toolVersion()
}

// toolVersion is the module version that the binary was built from.
func toolVersion() string {
	info, ok := debug.ReadBuildInfo()
	switch {
	case !ok:
		return "unknown"
	case info.Main.Version == "":
		return "(devel)"
	}
	return info.Main.Version
}
