package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"slices"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/cachedir"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/config"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/lsp"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"github.com/urfave/cli/v2"
)

func lspCommand(stdout io.Writer) *cli.Command {
	var flags []cli.Flag
	for _, f := range mainFlags() {
		if slices.Contains([]string{"rules", "skip", "tests", "tags", "baseline", "config", "config-from"}, f.Names()[0]) {
			flags = append(flags, f)
		}
	}
	return &cli.Command{
		Name:            "lsp",
		Usage:           "serve an editor over standard input and output (Language Server Protocol)",
		HideHelpCommand: true,
		Flags:           flags,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("lsp takes no arguments: the editor says which files are open")
			}
			base := options{
				only: c.String("rules"), skip: c.String("skip"), tests: c.Bool("tests"), tags: splitList(c.String("tags")),
				baseline: c.String("baseline"), config: c.String("config"), configFrom: c.String("config-from"),
				memory: new(cachedir.Memory),
			}
			var err error
			if base.rules, err = selectRules(base.only, base.skip, &config.Config{}); err != nil {
				return err
			}
			return lsp.Serve(c.Context, os.Stdin, nopCloser{stdout}, toolVersion(), base.checkFile)
		},
	}
}

// unsaved returns the buffers that differ from the files.
func unsaved(buffers map[string][]byte) map[string][]byte {
	out := make(map[string][]byte)
	for path, data := range buffers {
		if disk, err := safefile.Read(path, maxStdin); err != nil || !bytes.Equal(disk, data) {
			out[path] = data
		}
	}
	return out
}

// shows reports whether the findings are about the buffers: a file may have changed
// since it was compared.
func shows(list []rewrite.Found, buffers map[string][]byte) bool {
	for _, f := range list {
		if data, ok := buffers[f.Pos.Filename]; ok && !bytes.Equal(data, f.Source) {
			return false
		}
	}
	return true
}

// nopCloser keeps standard output open for as long as the process lives.
type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// checkFile answers a question of the language server.
func (o options) checkFile(ctx context.Context, q lsp.Query) (*lsp.Answer, error) {
	o.dir, o.patterns, o.apply = q.Dir, []string{q.File}, q.Fix
	j := &job{o: &o}
	opt, finders, err := j.prepare(ctx)
	if err != nil {
		return nil, err
	}
	opt.Edits = !q.Fix
	j.keepResults(&opt)
	if opt.Cache == nil {
		opt.Cache = o.memory // the go command is not asked again at each key that is pressed
	}
	if opt.Overlay = unsaved(q.Overlay); len(opt.Overlay) > 0 {
		opt.Basis = nil // while one types, no text comes twice
	}
	res, err := rewrite.Run(ctx, opt, finders)
	if err == nil && !shows(res.Findings, q.Overlay) {
		opt.Overlay, opt.Basis = q.Overlay, nil
		res, err = rewrite.Run(ctx, opt, finders)
	}
	if err != nil {
		return nil, err
	}
	a := &lsp.Answer{Findings: decorate(j.cfg, j.root, res.Findings, nil), Changes: res.Changes}
	for _, p := range slices.Concat(res.Problems, res.Internal) {
		a.Problems = append(a.Problems, p.Error())
	}
	return a, nil
}
