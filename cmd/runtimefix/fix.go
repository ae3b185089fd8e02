package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/baseline"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/config"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/evidence"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/terminal"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules"
)

// job is one run of the main command.
type job struct {
	o              *options
	dir, root      string
	cfg            *config.Config
	sel            *selection
	res            *rewrite.Result
	out            *report
	rec            *evidence.Recordings
	stdout, stderr io.Writer
	start          time.Time
}

// fix does the main job: find, then report, print a patch or apply.
func fix(ctx context.Context, o *options, stdout, stderr io.Writer) (int, error) {
	j := &job{o: o, stdout: stdout, stderr: stderr, start: time.Now()}
	opt, finders, err := j.prepare(ctx)
	if err != nil {
		return 0, err
	}
	if j.rec, err = readRecordings(ctx, o, j.root, stderr); err != nil {
		return 0, err
	}
	if opt.Select = j.rec.Narrow(opt.Select); j.rec == nil && !o.interactive {
		j.keepResults(&opt)
	}
	if j.res, err = runEngine(ctx, opt, finders, stderr); err != nil {
		return 0, err
	}
	j.rec.Join(j.res, o.ruleNames())
	if o.writeBaseline != "" {
		if err := baseline.Write(o.writeBaseline, j.root, j.res.Findings); err != nil {
			return 0, fmt.Errorf("writing the baseline: %w", err)
		}
		j.note("%s written to %s", count(len(j.res.Findings), "finding"), o.writeBaseline)
		j.res.Findings = nil // they are known now; what was not checked is not
	}
	j.out = &report{o: o, res: j.res, dir: j.dir, known: j.sel.known, rec: j.rec, overlay: j.sel.overlay}
	j.out.style(o.color, stdout)
	switch {
	case o.interactive:
		j.out.problems(stderr)
		code, err := interactive(ctx, opt, finders, j.out, j.root, os.Stdin, stdout)
		if err == nil && len(j.res.Problems)+len(j.res.Internal) > 0 {
			code = exitLoad
		}
		if err == nil && !o.quiet {
			j.out.last(stderr)
		}
		return code, err
	case o.diff:
		return j.diff()
	case o.apply:
		return j.apply(ctx)
	}
	return j.show()
}

// prepare reads what says what to look for and where.
func (j *job) prepare(ctx context.Context) (opt rewrite.Options, finders []*rewrite.Finder, err error) {
	o := j.o
	if j.dir, err = workDir(o.dir); err != nil {
		return opt, nil, err
	}
	j.root = repoRoot(j.dir)
	if j.cfg, err = o.readConfig(ctx, j.dir, j.root); err != nil {
		return opt, nil, err
	}
	if j.sel, err = newSelection(ctx, o, j.cfg, j.root); err != nil {
		return opt, nil, err
	}
	if o.stdinFilename != "" {
		if err := j.readStdin(os.Stdin); err != nil {
			return opt, nil, err
		}
	}
	opt = rewrite.Options{
		Config:    rewrite.Config{Dir: j.dir, Tests: o.tests, Tags: o.tags, Settings: settingsOf(j.cfg)},
		Patterns:  o.patterns,
		Platforms: o.platforms,
		Admit:     rewrite.Safe,
		Fix:       o.diff || o.apply,
		Write:     o.apply,
		Tidy:      o.diff || o.apply || o.interactive,
		Known:     rules.Names(),
		Edits:     o.needsEdits(),
		Select:    j.sel.keep,
		Dirs:      j.sel.dirs,
		Overlay:   j.sel.overlay,
	}
	if o.interactive {
		// A person looks at each fix, which says what it changes.
		opt.Edits, opt.Admit = true, rewrite.Unsafe
	}
	if o.unsafe {
		opt.Admit = rewrite.Unsafe
	}
	for _, r := range o.rules {
		finders = append(finders, withSafety(r.Finder(), j.cfg))
	}
	return opt, finders, nil
}

// maxStdin bounds what is read: no larger file is looked at on disk either.
const maxStdin = 16 << 20

// readStdin makes what in holds the content of the file that the user named.
func (j *job) readStdin(in io.Reader) error {
	path := absolute(j.dir, j.o.stdinFilename)
	if _, err := os.Stat(path); err != nil {
		return usagef("--stdin-filename: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(in, maxStdin+1))
	if err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	if len(data) > maxStdin {
		return usagef("standard input is larger than %d bytes", maxStdin)
	}
	j.sel.overlay = map[string][]byte{path: data}
	j.o.patterns = []string{path}
	return nil
}

// show reports the findings.
func (j *job) show() (int, error) {
	if j.o.text() {
		if err := j.o.writeText(j.stdout, j.out, j.res.Findings); err != nil {
			return 0, err
		}
	}
	code := exitOK
	if len(j.res.Findings) > 0 && j.o.failOn != "never" {
		code = exitFindings
	}
	return j.finish(code)
}

// diff prints the patch.
func (j *job) diff() (int, error) {
	patch, outside := patchOf(j.res.Changes, j.dir, j.out.color, j.out.color || terminal.Is(j.stdout))
	if _, err := j.stdout.Write(patch); err != nil {
		return 0, err
	}
	for _, path := range outside {
		j.note("runtimefix: %s is outside of the repository: its change is not in the patch", path)
	}
	j.out.style(j.o.color, j.stderr)
	var open []rewrite.Found
	for _, f := range j.res.Findings {
		if f.State != rewrite.Fixed {
			open = append(open, f)
		}
	}
	if err := j.o.writeText(j.stderr, j.out, open); err != nil {
		return 0, err
	}
	code := exitOK
	if len(j.res.Findings) > 0 && j.o.failOn != "never" {
		code = exitFindings
	}
	return j.finish(code)
}

// apply writes the fixes.
func (j *job) apply(ctx context.Context) (int, error) {
	written, failed, left := writeChanges(ctx, j.res.Changes)
	if left > 0 {
		return 0, fmt.Errorf("%w: %s changed, %d left as they were; run again", errInterrupted, count(len(written), "file"), left)
	}
	j.res.Problems = append(j.res.Problems, failed...)
	j.res.Remaining = unwritten(j.res, failed)
	j.out.written = len(written)
	j.out.style(j.o.color, j.stderr)
	if err := j.o.writeText(j.stderr, j.out, j.res.Remaining); err != nil {
		return 0, err
	}
	code := exitOK
	if j.o.failOn == "fixed" && len(written) > 0 || j.o.failOn == "remaining" && len(j.res.Remaining) > 0 {
		code = exitFindings
	}
	return j.finish(code)
}

// finish writes the reports for programs and the summary; code is the exit code
// unless something is worse.
func (j *job) finish(code int) (int, error) {
	if err := j.o.writeFormats(j.stdout, machineReport(j.o, j.cfg, j.res, j.root, j.rec)); err != nil {
		return 0, err
	}
	j.out.style(j.o.color, j.stderr)
	j.out.problems(j.stderr)
	j.out.untidy(j.stderr)
	j.out.leftOut(j.stderr)
	recordingRemarks(j.stderr, j.rec, j.o)
	if !j.o.quiet {
		j.out.summary(j.stderr)
	}
	if j.o.verbose {
		j.note("%s", j.out.stats(time.Since(j.start)))
	}
	if !j.o.quiet {
		j.out.last(j.stderr)
	}
	for _, f := range j.res.Findings {
		if f.State == rewrite.Withheld {
			code = exitWithheld
		}
	}
	if len(j.res.Problems)+len(j.res.Internal) > 0 {
		code = exitLoad
	}
	return code, nil
}

// note writes a line for people.
func (j *job) note(format string, args ...any) {
	writeText(j.stderr, format, args...)
}

// settingsOf returns what the configuration tells the rules. One that takes
// finalizercycle's unsafe fixes for safe asks for all of them.
func settingsOf(c *config.Config) *rules.Settings {
	safety, set := c.Safety["finalizercycle"]
	return &rules.Settings{Handlers: c.Handlers, AsyncC: c.AsyncC, Cleanups: set && safety == rewrite.Safe}
}
