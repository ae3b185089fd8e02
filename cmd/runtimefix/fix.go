package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/baseline"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/diff"
	"github.com/runtimefix/runtimefix/rules"
)

// fix does the main job: find, then report, print a patch or apply.
func fix(ctx context.Context, o *options, stdout, stderr io.Writer) (int, error) {
	start := time.Now()
	dir, err := workDir(o.dir)
	if err != nil {
		return 0, err
	}
	root := repoRoot(dir)
	cfg, err := o.readConfig(dir, root)
	if err != nil {
		return 0, err
	}
	sel, err := newSelection(ctx, o, cfg, root)
	if err != nil {
		return 0, err
	}
	bar := newProgress(stderr)
	opt := rewrite.Options{
		Config:    rewrite.Config{Dir: dir, Tests: o.tests, Tags: o.tags, Settings: &rules.Settings{Handlers: cfg.Handlers, AsyncC: cfg.AsyncC}},
		Patterns:  o.patterns,
		Platforms: o.platforms,
		Admit:     rewrite.Safe,
		Fix:       o.diff || o.apply,
		Known:     rules.Names(),
		Edits:     o.needsEdits(),
		Select:    sel.keep,
		Dirs:      sel.dirs,
		Overlay:   sel.overlay,
		Progress:  bar.stage,
	}
	if o.interactive {
		// A person looks at each fix, which says what it changes.
		opt.Edits, opt.Admit = true, rewrite.Unsafe
	}
	if o.unsafe {
		opt.Admit = rewrite.Unsafe
	}
	var finders []*rewrite.Finder
	for _, r := range o.rules {
		finders = append(finders, withSafety(r.Finder(), cfg))
	}
	res, err := rewrite.Run(ctx, opt, finders)
	bar.clear()
	if err != nil {
		return 0, err
	}
	if o.writeBaseline != "" {
		if err := baseline.Write(o.writeBaseline, root, res.Findings); err != nil {
			return 0, fmt.Errorf("writing the baseline: %w", err)
		}
		fmt.Fprintf(stderr, "%s written to %s\n", count(len(res.Findings), "finding"), o.writeBaseline)
		if len(res.Problems)+len(res.Internal) == 0 {
			return exitOK, nil
		}
		res.Findings = nil // they are known now; what was not checked is not
	}
	out := &report{o: o, res: res, dir: dir, color: useColor(o.color, stdout)}
	if o.interactive {
		out.problems(stderr)
		code, err := interactive(ctx, opt, finders, out, root, os.Stdin, stdout)
		if err == nil && len(res.Problems)+len(res.Internal) > 0 {
			code = exitLoad
		}
		return code, err
	}
	code := exitOK
	switch {
	case o.diff:
		patch, outside := patchOf(res.Changes, dir, out.color)
		if _, err := stdout.Write(patch); err != nil {
			return 0, err
		}
		for _, path := range outside {
			fmt.Fprintf(stderr, "runtimefix: %s is outside of the repository: its change is not in the patch\n", path)
		}
		out.color = useColor(o.color, stderr)
		out.open(stderr)
		if len(res.Findings) > 0 {
			code = exitFindings
		}
	case o.apply:
		written, failed := rewrite.Write(res.Changes)
		res.Problems = append(res.Problems, failed...)
		res.Remaining = unwritten(res, failed)
		out.written = len(written)
		out.color = useColor(o.color, stderr)
		out.remaining(stderr)
		if o.failOn == "fixed" && len(written) > 0 || o.failOn == "remaining" && len(res.Remaining) > 0 {
			code = exitFindings
		}
	default:
		if o.text() {
			if err := out.findings(stdout); err != nil {
				return 0, err
			}
		}
		out.color = useColor(o.color, stderr)
		if len(res.Findings) > 0 {
			code = exitFindings
		}
	}
	if err := o.writeFormats(stdout, machineReport(o, cfg, res, root)); err != nil {
		return 0, err
	}
	out.problems(stderr)
	out.summary(stderr)
	if sel.known > 0 {
		fmt.Fprintf(stderr, "%s in the baseline not shown\n", count(sel.known, "finding"))
	}
	if o.verbose {
		fmt.Fprintf(stderr, "%s\n", out.stats(time.Since(start)))
	}
	for _, f := range res.Findings {
		if f.State == rewrite.Withheld {
			code = exitWithheld
		}
	}
	if len(res.Problems)+len(res.Internal) > 0 {
		code = exitLoad
	}
	return code, nil
}

// workDir returns the directory to work in, absolute, in the user's spelling.
func workDir(dir string) (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if dir != "" {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(wd, dir)
		}
		wd = filepath.Clean(dir)
	}
	info, err := os.Stat(wd)
	if err != nil {
		return "", usageError{err}
	}
	if !info.IsDir() {
		return "", usagef("%s is not a directory", wd)
	}
	return wd, nil
}

// unwritten returns the findings that are left when the files of failed stay as
// they are.
func unwritten(res *rewrite.Result, failed []rewrite.Problem) []rewrite.Found {
	if len(failed) == 0 {
		return res.Remaining
	}
	stays := make(map[string]bool)
	for _, p := range failed {
		stays[p.Pos.Filename] = true
	}
	var out []rewrite.Found
	for _, f := range res.Remaining {
		if !stays[f.Pos.Filename] {
			out = append(out, f)
		}
	}
	for _, f := range res.Findings {
		if stays[f.Pos.Filename] {
			if f.State == rewrite.Fixed {
				f.State = rewrite.Open
			}
			out = append(out, f)
		}
	}
	return out
}

// patchOf returns the patch of changes with paths relative to the repository
// that dir is in, and the files outside of it. Links are followed: git patches
// no file through them.
func patchOf(changes []rewrite.Change, dir string, color bool) (patch []byte, outside []string) {
	root := rewrite.RealPath(repoRoot(dir))
	seen := make(map[string]bool)
	var files []diff.File
	for _, c := range changes {
		path := rewrite.RealPath(c.Path)
		if seen[path] {
			continue
		}
		seen[path] = true
		rel, err := filepath.Rel(root, path)
		if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			outside = append(outside, c.Path)
			continue
		}
		files = append(files, diff.File{Path: filepath.ToSlash(rel), Old: c.Old, New: c.New})
	}
	slices.SortFunc(files, func(a, b diff.File) int { return strings.Compare(a.Path, b.Path) })
	return diff.Unified(files, diff.Options{Color: color}), outside
}

// repoRoot returns the top of the repository that dir is in, dir itself when it
// is in none.
func repoRoot(dir string) string {
	for d := dir; ; {
		if _, err := os.Stat(filepath.Join(d, ".git")); err == nil {
			return d
		}
		up := filepath.Dir(d)
		if up == d {
			return dir
		}
		d = up
	}
}
