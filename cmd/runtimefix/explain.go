package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/page"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules"
	"github.com/urfave/cli/v2"
)

// ruleJSON is a rule in the output of rules and explain for programs. Fields are
// only ever added.
type ruleJSON struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Symptom  string `json:"symptom"`
	Cause    string `json:"cause"`
	Fix      string `json:"fix"`
	Found    string `json:"found"`
	Silent   string `json:"silent"`
	Before   string `json:"before"`
	After    string `json:"after"`
	Since    string `json:"since"`
	URL      string `json:"url"`
	Markdown string `json:"markdown,omitempty"`
}

func describe(p page.Page, markdown bool) ruleJSON {
	r := ruleJSON{
		Name: p.Name, Title: p.Title, Symptom: p.Symptom, Cause: p.Cause, Fix: p.Fix, Found: p.Found, Silent: p.Silent,
		Before: p.Before, After: p.After, Since: p.Since, URL: p.URL,
	}
	if markdown {
		r.Markdown = p.Markdown()
	}
	return r
}

// textOrJSON is the flag of commands that print for people or for programs.
func textOrJSON() cli.Flag {
	return &cli.StringFlag{Name: "format", Usage: "text or json", Value: "text"}
}

// asJSON reports whether c is to print for programs.
func asJSON(c *cli.Context) (bool, error) {
	f := c.String("format")
	if f != "text" && f != "json" {
		return false, usagef("--format takes text or json here, not %q", f)
	}
	return f == "json", nil
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func rulesCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "rules",
		Usage:           "list the rules",
		HideHelpCommand: true,
		Flags:           []cli.Flag{textOrJSON()},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("rules takes no arguments; try runtimefix explain %s", c.Args().First())
			}
			programs, err := asJSON(c)
			if err != nil {
				return err
			}
			if programs {
				var list []ruleJSON
				for _, r := range rules.All {
					list = append(list, describe(page.Of(r), false))
				}
				return writeJSON(stdout, list)
			}
			w := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
			for _, r := range rules.All {
				fmt.Fprintf(w, "%s\t%s\n", r.Name, r.Title)
			}
			return w.Flush()
		},
	}
}

// pageOf returns the page of the rule called name; ok is false when there is none.
func pageOf(name string) (p page.Page, ok bool) {
	if name == rewrite.IgnoreRule {
		return page.Ignore, true
	}
	i := slices.IndexFunc(rules.All, func(r *rules.Rule) bool { return r.Name == name })
	if i < 0 {
		return p, false
	}
	return page.Of(rules.All[i]), true
}

func explainCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "explain",
		Usage:           "tell a rule's symptom, cause and fix, with an example",
		ArgsUsage:       "RULE",
		HideHelpCommand: true,
		Flags:           []cli.Flag{textOrJSON()},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("explain takes the name of one rule; runtimefix rules lists them")
			}
			programs, err := asJSON(c)
			if err != nil {
				return err
			}
			p, ok := pageOf(c.Args().First())
			if !ok {
				return unknownRule(c.Args().First())
			}
			if programs {
				return writeJSON(stdout, describe(p, true))
			}
			_, err = io.WriteString(stdout, p.Text())
			return err
		},
	}
}
