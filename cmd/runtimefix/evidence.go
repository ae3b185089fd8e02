package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/evidence"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/terminal"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/urfave/cli/v2"
)

// evidenceCommand prints what recordings hold, without loading source.
func evidenceCommand(stdout, stderr io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "evidence",
		Usage:           "print what the rules can read from execution traces and profiles, dearest first",
		ArgsUsage:       "FILE...",
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("evidence takes the files of execution traces or profiles")
			}
			for i, path := range c.Args().Slice() {
				bar := terminal.NewProgress(stderr)
				r, err := evidence.Read(c.Context, path, readProgress(path, bar.Stage))
				bar.Clear()
				if c.Context.Err() != nil {
					return errInterrupted
				}
				if err != nil {
					return usageError{err}
				}
				if i > 0 {
					fmt.Fprintln(stdout)
				}
				if err := printRecording(stdout, r); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// readProgress tells how far the reading of a trace is.
func readProgress(path string, stage func(string)) func(int64) {
	return func(n int64) { stage(fmt.Sprintf("reading %s: %d MiB", path, n>>20)) }
}

// printRecording writes a line a site.
func printRecording(w io.Writer, r *evidence.Recording) error {
	head := r.File + ": " + string(r.Form)
	if r.Duration > 0 {
		head += fmt.Sprintf(" of %.3g s", r.Duration.Seconds())
	}
	fmt.Fprintln(w, printable.Line(head))
	if r.Cut != "" {
		fmt.Fprintln(w, printable.Line(r.Cut))
	}
	if len(r.Sites) == 0 {
		_, err := fmt.Fprintln(w, "nothing in it that a rule is about")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "COST\tCOUNT\tPER SECOND\tWHAT\tRULE\tWHERE")
	for _, s := range r.Sites {
		cost, rate := "-", "-"
		if s.Cost() > 0 {
			cost = s.Cost().Round(10 * time.Microsecond).String()
		}
		if x := s.Rate(r.Duration); x > 0 {
			rate = fmt.Sprintf("%.3g", x)
		}
		rule := s.Kind.Rule()
		if rule == "" {
			rule = "-"
		}
		what := string(s.Kind)
		if s.Once(r.Duration) {
			what += " (once)"
		}
		if s.Burst > 1 {
			what += fmt.Sprintf(" (%d at once)", s.Burst)
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", cost, s.Count, rate, what, rule, printable.Line(fmt.Sprintf("%s %s:%d", s.Func, s.File, s.Line)))
	}
	return t.Flush()
}

// readRate reads --min-rate: a number, with or without "/s" behind it.
func readRate(text string, traced bool) (float64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	switch {
	case err != nil || n <= 0:
		return 0, usagef("--min-rate takes a rate as 0.5/s, not %q", text)
	case !traced:
		return 0, usagef("--min-rate goes with --trace")
	}
	return n, nil
}

// readRecordings reads the files that --trace and --profile name, and refuses
// those of another program. It returns nil when there are none.
func readRecordings(ctx context.Context, o *options, root string, stderr io.Writer) (*evidence.Recordings, error) {
	bar := terminal.NewProgress(stderr)
	defer bar.Clear()
	r, err := evidence.ReadAll(ctx, root, o.traces, o.profiles, o.minRate, func(path string) func(int64) { return readProgress(path, bar.Stage) })
	switch {
	case err == nil:
		return r, nil
	case ctx.Err() != nil:
		return nil, errInterrupted
	}
	return nil, usageError{err}
}

// evidence writes what the recordings say of a finding.
func (r *report) evidence(w io.Writer, f rewrite.Found) {
	for _, x := range r.rec.Of(f) {
		r.remark(w, bold, x.Verdict()+":", printable.Line(x.File+": "+x.Text()))
	}
}

// recordingRemarks says which recordings were cut, and of which findings no trace
// tells.
func recordingRemarks(w io.Writer, rec *evidence.Recordings, o *options) {
	if rec == nil || o.quiet {
		return
	}
	for _, line := range rec.Cut() {
		writeText(w, "runtimefix: %s", line)
	}
	silent := slices.DeleteFunc(o.ruleNames(), rec.Tell)
	if len(o.traces) > 0 && len(silent) > 0 {
		fmt.Fprintf(w, "a trace cannot tell about %s\n", strings.Join(silent, ", "))
	}
}
