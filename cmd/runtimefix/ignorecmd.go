package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/config"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/ignores"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/terminal"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/urfave/cli/v2"
)

func ignoreCommand(stderr io.Writer, code *int) *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "rule", Usage: "the `RULES` whose findings are to be kept, separated by commas"},
		&cli.StringFlag{Name: "reason", Usage: "why: the `TEXT` stands in each comment"},
	}
	for _, f := range mainFlags() {
		if slices.Contains([]string{"tests", "tags", "platforms", "changed-since", "baseline", "config", "config-from", "C", "quiet"}, f.Names()[0]) {
			flags = append(flags, f)
		}
	}
	return &cli.Command{
		Name:            "ignore",
		Usage:           "write ignore comments for what is found now",
		ArgsUsage:       "[packages | files]",
		HideHelpCommand: true,
		Flags:           flags,
		Action: func(c *cli.Context) error {
			o, err := readIgnoreOptions(c)
			if err != nil {
				return err
			}
			*code, err = ignore(c.Context, o, strings.Join(strings.Fields(c.String("reason")), " "), stderr)
			return err
		},
	}
}

func readIgnoreOptions(c *cli.Context) (*options, error) {
	if c.String("rule") == "" || strings.TrimSpace(c.String("reason")) == "" {
		return nil, usagef("ignore needs --rule RULE and --reason TEXT")
	}
	o := &options{
		only: c.String("rule"), tests: c.Bool("tests"), tags: splitList(c.String("tags")), platforms: splitList(c.String("platforms")),
		changedSince: c.String("changed-since"), baseline: c.String("baseline"), config: c.String("config"), configFrom: c.String("config-from"),
		dir: c.String("C"), quiet: c.Bool("quiet"), patterns: c.Args().Slice(), color: "auto",
	}
	var err error
	o.rules, err = selectRules(o.only, "", &config.Config{})
	return o, err
}

// ignore puts an ignore comment with the reason where each finding stands.
func ignore(ctx context.Context, o *options, reason string, stderr io.Writer) (int, error) {
	j := &job{o: o, stderr: stderr}
	opt, finders, err := j.prepare(ctx)
	if err != nil {
		return 0, err
	}
	if j.res, err = runEngine(ctx, opt, finders, stderr); err != nil {
		return 0, err
	}
	j.out = &report{o: o, res: j.res, dir: j.dir, known: j.sel.known, overlay: j.sel.overlay}
	changes, refused := withComments(j.res.Findings, reason)

	// The comments must do what they are there for: look again with them.
	opt.Overlay = make(map[string][]byte)
	for _, c := range changes {
		opt.Overlay[c.Path] = c.New
	}
	again, err := runEngine(ctx, opt, finders, stderr)
	if err != nil {
		return 0, err
	}
	useless := make(map[string]bool)
	for _, f := range again.Findings {
		if !slices.ContainsFunc(refused, func(r rewrite.Found) bool { return r.Rule == f.Rule && r.Pos.Filename == f.Pos.Filename }) {
			useless[f.Pos.Filename] = true
		}
	}
	changes = slices.DeleteFunc(changes, func(c rewrite.Change) bool { return useless[c.Path] })
	written, failed, left := writeChanges(ctx, changes)
	if left > 0 {
		return 0, errInterrupted
	}
	j.res.Problems = append(j.res.Problems, failed...)
	j.out.problems(stderr)
	for _, f := range j.res.Findings {
		if f.Rule != rewrite.IgnoreRule && (useless[f.Pos.Filename] || slices.ContainsFunc(refused, func(r rewrite.Found) bool { return r.Pos == f.Pos && r.Rule == f.Rule })) {
			j.note("%s: %s: no place for a comment here: write it by hand, or exclude the file in .runtimefix.yaml", j.out.place(f.Pos), f.Rule)
		}
	}
	if !o.quiet {
		fmt.Fprintf(stderr, "%s changed\n", count(len(written), "file"))
	}
	if len(j.res.Problems)+len(j.res.Internal) > 0 {
		return exitLoad, nil
	}
	return exitOK, nil
}

// runEngine runs the engine with progress on stderr.
func runEngine(ctx context.Context, opt rewrite.Options, finders []*rewrite.Finder, stderr io.Writer) (*rewrite.Result, error) {
	bar := terminal.NewProgress(stderr)
	opt.Progress = bar.Stage
	res, err := leave(ctx, func() (*rewrite.Result, error) { return rewrite.Run(ctx, opt, finders) })
	bar.Clear()
	if ctx.Err() != nil {
		return nil, errInterrupted // what was found till then says nothing about the rest
	}
	return res, err
}

// withComments returns the files of the findings with comments, and the findings
// for which there is no place for one.
func withComments(list []rewrite.Found, reason string) (changes []rewrite.Change, refused []rewrite.Found) {
	for _, file := range groups(list, "file") {
		byLine := make(map[int]*ignores.Place)
		var places []ignores.Place
		for _, f := range file {
			if f.Rule == rewrite.IgnoreRule {
				continue
			}
			p := byLine[f.Pos.Line]
			if p == nil {
				p = &ignores.Place{Line: f.Pos.Line}
				byLine[f.Pos.Line] = p
			}
			if !slices.Contains(p.Rules, f.Rule) {
				p.Rules = append(p.Rules, f.Rule)
			}
		}
		for _, p := range byLine {
			places = append(places, *p)
		}
		src, path := file[0].Source, file[0].Pos.Filename
		if src == nil || len(places) == 0 {
			continue
		}
		out, no := ignores.Add(path, src, places, reason)
		for _, f := range file {
			if slices.ContainsFunc(no, func(p ignores.Place) bool { return p.Line == f.Pos.Line }) {
				refused = append(refused, f)
			}
		}
		if len(no) < len(places) {
			changes = append(changes, rewrite.Change{Path: path, Old: src, New: out, Group: len(changes)})
		}
	}
	return changes, refused
}
