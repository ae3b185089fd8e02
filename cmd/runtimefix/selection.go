package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/baseline"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/config"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/fingerprint"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/gitlines"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules"
)

// readConfig reads the configuration and applies what it says about rules.
func (o *options) readConfig(dir, root string) (*config.Config, error) {
	path := o.config
	switch path {
	case "none":
		return &config.Config{}, nil
	case "":
		if path = config.Find(dir, root); path == "" {
			return &config.Config{}, nil
		}
	}
	cfg, err := config.Read(path, rules.Names())
	if err != nil {
		return nil, usageError{err}
	}
	if o.baseline == "" && o.writeBaseline == "" {
		if _, err := os.Stat(cfg.Baseline); cfg.Baseline != "" && !errors.Is(err, fs.ErrNotExist) {
			o.baseline = cfg.Baseline
		}
	}
	o.rules, err = selectRules(o.only, o.skip, cfg)
	return cfg, err
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
	known    int // findings that the baseline hides
}

func newSelection(ctx context.Context, o *options, cfg *config.Config, root string) (*selection, error) {
	s := &selection{cfg: cfg, root: root}
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
	if o.baseline != "" {
		if s.baseline, err = baseline.Read(o.baseline); err != nil {
			return nil, usageError{err}
		}
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
