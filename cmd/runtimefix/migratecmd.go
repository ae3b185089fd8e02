package main

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/config"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/migrate"
	"github.com/urfave/cli/v2"
)

// migrateOptions are the flags of runtimefix migrate beside those of the main job.
type migrateOptions struct {
	*options
	commit               string
	allowDirty           bool
	commitOpt            migrate.CommitOptions
	template             *template.Template
	limit                int
	summary, summaryJSON string
	shard, owner         string
	maxFiles             int
	verify               migrate.Level
}

func migrateCommand(stdout, stderr io.Writer, code *int) *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "commit", Usage: "none, one, or per-rule", Value: "none"},
		&cli.BoolFlag{Name: "allow-dirty", Usage: "go on where files differ from the last commit"},
		&cli.StringFlag{Name: "verify", Usage: "how the change is proved: none, build, vet, or test", Value: "vet"},
		&cli.BoolFlag{Name: "signoff", Usage: "add a Signed-off-by trailer"},
		&cli.StringSliceFlag{Name: "trailer", Usage: "add the trailer `KEY: VALUE`; may be repeated"},
		&cli.BoolFlag{Name: "change-id", Usage: "add a Change-Id trailer for Gerrit"},
		&cli.StringFlag{Name: "template", Usage: "word the change by the text/template in `FILE`; its first line is the subject"},
		&cli.StringFlag{Name: "limit", Usage: "how many `CHARACTERS` subject and body may have, or github, gerrit, codecommit", Value: "github"},
		&cli.StringFlag{Name: "summary", Usage: "write what was done as Markdown to `FILE`, outside of the checkout"},
		&cli.StringFlag{Name: "summary-json", Usage: "write what was done as JSON to `FILE`, outside of the checkout"},
		&cli.StringFlag{Name: "shard", Usage: "only the part `I/N` of the packages"},
		&cli.StringFlag{Name: "owner", Usage: "only files that CODEOWNERS gives to `OWNER`, @org/team say"},
		&cli.IntFlag{Name: "max-files", Usage: "change at most `N` files"},
	}
	for _, f := range mainFlags() {
		if slices.Contains([]string{"unsafe", "rules", "skip", "only", "tests", "tags", "platforms", "baseline", "config", "config-from", "trace", "profile", "min-rate", "C", "color", "quiet", "no-cache"}, f.Names()[0]) {
			flags = append(flags, f)
		}
	}
	return &cli.Command{
		Name:            "migrate",
		Usage:           "fix, prove, word and commit: one repository's part of a bulk migration",
		ArgsUsage:       "[packages | files]",
		Description:     "Exit codes: 0 done or clean, 10 only findings without an admitted fix are left, 11 it was broken before,\n12 a fix was rolled back, 3 not all could be checked, 2 usage, 130 interrupted. See runtimefix help migrate.",
		HideHelpCommand: true,
		Flags:           flags,
		Action: func(c *cli.Context) error {
			o, err := readMigrateOptions(c)
			if err != nil {
				return err
			}
			m := &migration{o: o, stdout: stdout, stderr: stderr}
			*code, err = m.run(c.Context)
			return err
		},
	}
}

func readMigrateOptions(c *cli.Context) (*migrateOptions, error) {
	o := &migrateOptions{
		options: &options{
			unsafe: c.Bool("unsafe"), only: c.String("rules"), skip: c.String("skip"), fingerprints: splitList(c.String("only")),
			tests: c.Bool("tests"), tags: splitList(c.String("tags")), platforms: splitList(c.String("platforms")),
			baseline: c.String("baseline"), config: c.String("config"), configFrom: c.String("config-from"),
			dir: c.String("C"), color: c.String("color"), quiet: c.Bool("quiet"), noCache: c.Bool("no-cache"), patterns: c.Args().Slice(), apply: true,
			traces: c.StringSlice("trace"), profiles: c.StringSlice("profile"),
		},
		commit: c.String("commit"), allowDirty: c.Bool("allow-dirty"),
		commitOpt: migrate.CommitOptions{Signoff: c.Bool("signoff"), Trailers: c.StringSlice("trailer"), ChangeID: c.Bool("change-id")},
		summary:   c.String("summary"), summaryJSON: c.String("summary-json"),
		shard: c.String("shard"), owner: c.String("owner"), maxFiles: c.Int("max-files"), verify: migrate.Level(c.String("verify")),
	}
	if !slices.Contains([]string{"none", "one", "per-rule"}, o.commit) {
		return nil, usagef("--commit takes none, one or per-rule, not %q", o.commit)
	}
	if !slices.Contains(migrate.Levels, o.verify) {
		return nil, usagef("--verify takes none, build, vet or test, not %q", o.verify)
	}
	if o.maxFiles < 0 {
		return nil, usagef("--max-files takes a number above 0")
	}
	for _, t := range o.commitOpt.Trailers {
		if key, _, ok := strings.Cut(t, ":"); !ok || strings.ContainsAny(key, " \n") || strings.Contains(t, "\n") {
			return nil, usagef("--trailer takes KEY: VALUE, not %q", t)
		}
	}
	if o.commit == "none" && (o.commitOpt.Signoff || o.commitOpt.ChangeID || len(o.commitOpt.Trailers) > 0) {
		return nil, usagef("--signoff, --trailer and --change-id go with --commit one or per-rule")
	}
	limit := c.String("limit")
	if n, ok := migrate.Limits[limit]; ok {
		o.limit = n
	} else if n, err := strconv.Atoi(limit); err == nil && n >= 200 {
		o.limit = n
	} else {
		return nil, usagef("--limit takes github, gerrit, codecommit or a number from 200, not %q", limit)
	}
	var err error
	if o.minRate, err = readRate(c.String("min-rate"), len(o.traces) > 0); err != nil {
		return nil, err
	}
	if path := c.String("template"); path != "" {
		if o.template, err = migrate.ReadTemplate(path); err != nil {
			return nil, usageError{err}
		}
	}
	o.rules, err = selectRules(o.only, o.skip, &config.Config{})
	return o, err
}
