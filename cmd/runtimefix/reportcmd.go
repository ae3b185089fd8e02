package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/campaign"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/migrate"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"github.com/urfave/cli/v2"
)

// maxSummary bounds one summary that is read.
const maxSummary = 256 << 20

// reportCommand merges the summaries of a campaign into a page.
func reportCommand(stderr io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "report",
		Usage:           "merge summaries of runtimefix migrate into one page, with a CSV and a JSON file beside it",
		ArgsUsage:       "SUMMARY.json...",
		HideHelpCommand: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "html", Usage: "write the page to `FILE`, which needs no network to be read"},
		},
		Action: func(c *cli.Context) error {
			out := c.String("html")
			if out == "" || c.NArg() == 0 {
				return usagef("report needs --html FILE and the summaries that migrate --summary-json wrote")
			}
			var list []*migrate.Summary
			for _, path := range c.Args().Slice() {
				data, err := safefile.Read(path, maxSummary)
				if err != nil {
					return usageError{err}
				}
				s, err := campaign.Read(data)
				if err != nil {
					return usagef("%s: %w", path, err)
				}
				list = append(list, s)
			}
			r := campaign.Merge("runtimefix "+toolVersion(), list)
			base := strings.TrimSuffix(out, filepath.Ext(out))
			for _, f := range []struct {
				path  string
				write func(io.Writer) error
			}{{out, r.WriteHTML}, {base + ".csv", r.WriteCSV}, {base + ".json", r.WriteJSON}} {
				var b bytes.Buffer
				if err := f.write(&b); err != nil {
					return err
				}
				if err := safefile.Write(f.path, b.Bytes()); err != nil {
					return fmt.Errorf("writing the report: %w", err)
				}
			}
			writeText(stderr, "%s, %s, %s in %s: %s", count(len(r.Repositories), "repository"), count(len(r.Findings), "finding"), count(len(r.Patches), "patch"), count(len(r.Shapes), "shape"), out)
			return nil
		},
	}
}
