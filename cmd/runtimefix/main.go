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
	"slices"
	"strings"
	"syscall"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/completion"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/heap"
	"github.com/urfave/cli/v2"
)

// Exit codes.
const (
	exitOK       = 0
	exitFindings = 1 // findings in report and diff mode, or what --fail-on names
	exitUsage    = 2 // wrong arguments
	exitLoad     = 3 // something could not be loaded or written; the rest was done
	exitWithheld = 4 // a fix did not pass verification

	exitInterrupted = 130 // as shells have it
)

func main() {
	heap.Spare()
	ctx, stop := interruptible()
	defer stop()
	os.Exit(guarded(os.Stderr, func() int { return run(ctx, os.Args[1:], os.Stdout, os.Stderr) }))
}

// interruptible returns a context that the first interrupt ends: the run stops
// between two files, none is ever half written. The second ends the process.
func interruptible() (context.Context, context.CancelFunc) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		// The terminal is gone: the go command, which has a process group of its own,
		// would work on for nobody.
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// errInterrupted says that the user ended the run.
var errInterrupted = errors.New("interrupted")

// usageError is a mistake in the arguments.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	code := exitOK
	app := newApp(stdout, stderr, &code)
	if n := len(args) - 1; n >= 0 && args[n] == completion.Flag {
		for _, word := range completion.Words(app, args[:n]) {
			fmt.Fprintln(stdout, word)
		}
		return exitOK
	}
	args, err := arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, append([]string{"runtimefix"}, args...))
	}
	var usage usageError
	switch {
	case err == nil:
		return code
	case errors.As(err, &usage):
		writeText(stderr, "runtimefix: %v", err)
		writeText(stderr, "Run runtimefix --help for usage.")
		return exitUsage
	case errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled):
		if !errors.Is(err, errInterrupted) {
			err = errInterrupted // how it got here says nothing to the user
		}
		writeText(stderr, "runtimefix: %v", err)
		return exitInterrupted
	}
	writeText(stderr, "runtimefix: %v", err)
	return exitLoad
}

// guarded returns what f returns; a panic becomes a message with what a report of
// it needs, and exit code 3.
func guarded(stderr io.Writer, f func() int) (code int) {
	defer func() {
		if v := recover(); v != nil {
			writeText(stderr, "runtimefix: internal error: %v; please report it with what follows\n%s", v, debug.Stack())
			code = exitLoad
		}
	}()
	return f()
}

// arrange puts the flags before the other arguments, and looks for mistakes that
// the flag parser and the go command would report in their own words.
func arrange(app *cli.App, args []string) ([]string, error) {
	flags, rest := app.Flags, args
	sub := completion.Subcommand(app, args)
	if sub != nil {
		flags, rest = sub.Flags, args[1:]
	}
	ordered, err := flagsFirst(rest, append(slices.Clone(flags), cli.HelpFlag, cli.VersionFlag))
	if err != nil {
		return nil, usageError{err}
	}
	if wantsHelp(ordered) {
		ordered = []string{"--help"}
	} else if word := firstArgument(ordered); sub == nil && word != "" {
		if err := mistyped(word, valueOf(ordered, "C"), completion.CommandNames(app)); err != nil {
			return nil, err
		}
	}
	if sub != nil {
		return append([]string{args[0]}, ordered...), nil
	}
	return ordered, nil
}

// firstArgument returns the first argument that is no flag, of arguments whose
// flags stand before "--".
func firstArgument(ordered []string) string {
	if i := slices.Index(ordered, "--"); i >= 0 && i+1 < len(ordered) {
		return ordered[i+1]
	}
	return ""
}

// valueOf returns the value of a flag among ordered arguments, "" without it.
func valueOf(ordered []string, flag string) string {
	for i, a := range ordered {
		name, value, has := strings.Cut(strings.TrimLeft(a, "-"), "=")
		switch {
		case a == "--":
			return ""
		case name != flag:
		case has:
			return value
		case i+1 < len(ordered):
			return ordered[i+1]
		}
	}
	return ""
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

func newApp(stdout, stderr io.Writer, code *int) *cli.App {
	return &cli.App{
		Name:  "runtimefix",
		Usage: "find and fix misuse of the Go runtime's hooks",
		UsageText: strings.Join([]string{
			"runtimefix [flags] [packages | files]",
			"runtimefix rules",
			"runtimefix explain RULE",
			"runtimefix ignore --rule RULE --reason TEXT [packages | files]",
			"runtimefix evidence FILE...",
			"runtimefix migrate [flags] [packages | files]",
			"runtimefix report --html FILE SUMMARY.json...",
			"runtimefix lsp",
			"runtimefix help [TOPIC]",
			"runtimefix completion SHELL",
		}, "\n   "),
		Description: "Without --diff or --apply it reports what it finds in the packages named, \"./...\" if none is.\n" +
			"Exit codes: 0 nothing found or all applied, 1 findings (without --apply), 2 usage,\n" +
			"3 something could not be loaded or written, 4 a fix was withheld because its result does not compile,\n" +
			"130 interrupted.",
		Version:         version(),
		HideHelpCommand: true,
		Writer:          stdout,
		ErrWriter:       stderr,
		Flags:           append(mainFlags(), cli.HelpFlag), // the help command keeps the library from adding it
		Commands: []*cli.Command{
			rulesCommand(stdout),
			explainCommand(stdout),
			ignoreCommand(stderr, code),
			evidenceCommand(stdout, stderr),
			migrateCommand(stdout, stderr, code),
			reportCommand(stderr),
			lspCommand(stdout),
			helpCommand(stdout),
			manCommand(stdout),
			completionCommand(stdout),
		},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		ExitErrHandler: func(*cli.Context, error) {},
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

// toolVersion is the module version that the binary was built from, else the
// commit.
func toolVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	commit, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if commit == "" {
		return "unknown"
	}
	return commit + dirty
}
