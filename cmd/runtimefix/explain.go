package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/runtimefix/runtimefix/rules"
	"github.com/urfave/cli/v2"
)

// The ignore comments' own mistakes are reported as those of a rule.
const (
	ignoreTitle = "an ignore comment without a reason, for an unknown rule, or of no use"
	ignoreDoc   = "Write //runtimefix:ignore RULE reason on the line of the finding or the one above it."
)

func rulesCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "rules",
		Usage:           "list the rules",
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("rules takes no arguments; try runtimefix explain %s", c.Args().First())
			}
			w := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
			for _, r := range rules.All {
				fmt.Fprintf(w, "%s\t%s\n", r.Name, r.Title)
			}
			return w.Flush()
		},
	}
}

func explainCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "explain",
		Usage:           "tell a rule's symptom, cause and fix, with an example",
		ArgsUsage:       "RULE",
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("explain takes the name of one rule; runtimefix rules lists them")
			}
			i := slices.IndexFunc(rules.All, func(r *rules.Rule) bool { return r.Name == c.Args().First() })
			if i < 0 {
				return usagef("unknown rule %q; runtimefix rules lists them", c.Args().First())
			}
			return explain(stdout, rules.All[i])
		},
	}
}

func explain(w io.Writer, r *rules.Rule) error {
	_, err := fmt.Fprintf(w, "%s: %s\n\n%s\n\nBefore:\n\n%s\n\nAfter:\n\n%s\n",
		r.Name, r.Title, strings.TrimSpace(r.Doc), indent(r.Before), indent(r.After))
	return err
}

func indent(s string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(s) + "\n") {
		if line != "\n" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return strings.TrimRight(b.String(), "\n")
}
