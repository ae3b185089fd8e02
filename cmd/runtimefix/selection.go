package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/baseline"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/config"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/fingerprint"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/gitlines"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules"
)

// readConfig reads the configuration and the baseline, and applies what the
// former says about rules.
func (o *options) readConfig(ctx context.Context, dir, root string) (*config.Config, error) {
	src := config.Source(config.Disk)
	if o.configFrom != "" {
		rev, err := config.Revision(ctx, root, o.configFrom)
		if err != nil {
			return nil, usageError{err}
		}
		src = rev
	}
	src = o.consulting(src)
	wd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	cfg := &config.Config{}
	path := absolute(wd, o.config)
	if o.config == "" {
		if path, err = config.Find(src, dir, root); err != nil {
			return nil, usageError{err}
		}
	}
	if path != "" && o.config != "none" {
		if cfg, err = config.Read(src, path, root, rules.Names()); err != nil {
			return nil, usageError{err}
		}
		if o.rules, err = selectRules(o.only, o.skip, cfg); err != nil {
			return nil, err
		}
	}
	return cfg, o.readBaseline(src, cfg, wd)
}

// readBaseline reads the baseline that the command line or else cfg names.
func (o *options) readBaseline(src config.Source, cfg *config.Config, wd string) error {
	path, at := o.baseline, ""
	if path == "" && o.writeBaseline == "" {
		path, at = cfg.Baseline, cfg.BaselineAt+": "
	}
	if path == "" {
		return nil
	}
	data, err := src(absolute(wd, path))
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("%sthe baseline %s does not exist; runtimefix --write-baseline %s writes it", at, path, path)
	}
	if err != nil {
		return usagef("%sreading the baseline: %w", at, err)
	}
	if o.known, err = baseline.Parse(path, data); err != nil {
		return usageError{err}
	}
	return nil
}

// absolute returns path in dir.
func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// withSafety changes the safety of the finder's fixes as cfg says. A fix that is
// to be made by hand stays one.
func withSafety(f *rewrite.Finder, cfg *config.Config) *rewrite.Finder {
	safety, ok := cfg.Safety[f.Name]
	if !ok {
		return f
	}
	find := f.Find
	f.Find = func(s *rewrite.Snapshot) []rewrite.Finding {
		list := find(s)
		for i := range list {
			var fixes []*rewrite.Fix
			for _, x := range list[i].Fixes {
				y := *x
				if y.Safety != rewrite.Manual {
					y.Safety = safety
				}
				fixes = append(fixes, &y)
			}
			list[i].Fixes = fixes
		}
		return list
	}
	return f
}

// selection says which findings the user wants to see.
type selection struct {
	cfg      *config.Config
	root     string
	lines    *gitlines.Lines // nil for all
	overlay  map[string][]byte
	baseline map[string]bool
	only     []string // fingerprints, all when there are none
	known    int      // findings that the baseline hides
}

func newSelection(ctx context.Context, o *options, cfg *config.Config, root string) (*selection, error) {
	s := &selection{cfg: cfg, root: root, baseline: o.known, only: o.fingerprints}
	var err error
	switch {
	case o.changedSince != "":
		s.lines, err = gitlines.Since(ctx, root, o.changedSince)
	case o.staged:
		s.lines, s.overlay, err = gitlines.Staged(ctx, root)
	}
	if err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

// keep reports for each finding whether it is wanted.
func (s *selection) keep(list []rewrite.Found) []bool {
	out := make([]bool, len(list))
	prints := fingerprint.Of(s.root, list)
	for i, f := range list {
		if s.cfg.Excluded(fingerprint.RelPath(s.root, f.Pos.Filename), f.Rule) {
			continue
		}
		if s.lines != nil && !s.lines.Touches(f.Pos.Filename, f.Pos.Line, max(f.Pos.Line, f.End.Line)) {
			continue
		}
		if len(s.only) > 0 && !slices.Contains(s.only, prints[i]) {
			continue
		}
		if s.baseline[prints[i]] {
			s.known++
			continue
		}
		out[i] = true
	}
	return out
}

// dirs reports whether a finding in dir can be wanted.
func (s *selection) dirs(dir string) bool { return s.lines == nil || s.lines.Dir(dir) }
