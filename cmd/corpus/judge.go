package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// repoResult is what came out for one repository.
type repoResult struct {
	Repo     string     `json:"repo"`
	Kind     string     `json:"kind"`
	Commit   string     `json:"commit"` // of runtimefix
	Findings []*finding `json:"findings"`
	Reported bool       `json:"reported"` // the report came to its end
	Exit     int        `json:"exit"`     // of the report
	Seconds  float64    `json:"seconds"`
	CPU      float64    `json:"cpuSeconds"`
	PeakMB   int        `json:"peakMB"`
	Total    float64    `json:"totalSeconds"` // of all runs and checks
	Fixed    int        `json:"fixed"`        // by --apply
	Unsafe   int        `json:"fixedUnsafe"`  // by --apply --unsafe
	Withheld int        `json:"withheld"`
	Files    int        `json:"changedFiles"` // by --apply --unsafe
	Problems []string   `json:"problems"`

	sites   []site
	cleanup func()
}

func (r *repoResult) clean() {
	if r.cleanup != nil {
		r.cleanup()
	}
}

// line is the repository's row of the table.
func (r *repoResult) line() string {
	n := map[string]int{}
	for _, f := range r.Findings {
		n[f.Safety]++
	}
	return fmt.Sprintf("%-42s %4d found: %3d safe %3d unsafe %3d no fix; fixed %3d and %3d; withheld %d; exit %d; %6.1f s %6.1f s CPU %5d MB; %6.1f s in all; %d problems",
		r.Repo, len(r.Findings), n["safe"], n["unsafe"], n["none"], r.Fixed, r.Unsafe, r.Withheld, r.Exit, r.Seconds, r.CPU, r.PeakMB, r.Total, len(r.Problems))
}

// A judging is one repository's run.
type judging struct {
	opt  *options
	repo repo
	tree string
	env  []string
	dir  string // scratch
	out  *repoResult

	checked []byte // the diff that was checked last
}

// judgeRepo runs the binary over a scratch copy of the repository. The result
// is never nil.
func judgeRepo(ctx context.Context, opt *options, r repo) (*repoResult, error) {
	out := &repoResult{Repo: r.Name, Kind: r.Kind, Commit: opt.version}
	dir, err := r.scratchDir()
	if err != nil {
		return out, err
	}
	out.cleanup = func() { os.RemoveAll(dir) }
	j := &judging{opt: opt, repo: r, dir: resolved(dir), out: out}
	if j.tree, j.env, err = r.scratch(ctx, opt, j.dir); err != nil {
		return out, err
	}
	if err := j.report(ctx); err != nil {
		return out, err
	}
	if opt.sites {
		out.sites, err = findSites(r.Name, j.tree, out.Findings)
		return out, err
	}
	switch {
	case opt.quick:
		return out, nil
	case !slices.ContainsFunc(out.Findings, func(f *finding) bool { return f.Safety != "none" }):
		return out, j.nothingToFix(ctx)
	}
	return out, j.fixes(ctx)
}

// findSites fills in the sites of a result that an earlier run left.
func (r *repoResult) findSites(ctx context.Context, opt *options, from repo) error {
	dir, err := from.scratchDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tree, _, err := from.scratch(ctx, opt, resolved(dir))
	if err != nil {
		return err
	}
	r.sites, err = findSites(r.Repo, tree, r.Findings)
	return err
}

// The parts of the JSON report that matter here.
type (
	report struct {
		Findings, Fixed []reportFinding
		Problems        []struct{ Message, Path, Package string }
	}
	reportFinding struct {
		Rule, Message, Path, State, NoFix string
		Start                             struct{ Line int }
		Notes                             []struct{ Message string }
		Fixes                             []struct {
			Message, Safety string
			Edits           []struct {
				Path       string
				Start, End int
				Text       string
			}
		}
	}
)

// runtimefix runs the binary in the tree and returns its JSON report, stdout
// and exit code.
func (j *judging) runtimefix(ctx context.Context, args ...string) (*report, []byte, int, error) {
	file := filepath.Join(j.dir, "report.json")
	if !slices.Contains(args, "--diff") {
		args = append(args, "--format", "json="+file)
	}
	args = append(args, "--config", "none", "--color", "never", "./...")
	if j.opt.rules != "" {
		args = append([]string{"--rules", j.opt.rules}, args...)
	}
	cmd := exec.CommandContext(ctx, j.opt.binary, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends the go commands that it started
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir, cmd.Env = j.tree, j.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, nil, 0, ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, nil, 0, err
	}
	if j.out.Seconds == 0 {
		j.out.Seconds = time.Since(start).Seconds()
		j.out.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		j.out.PeakMB = peakMB(cmd.ProcessState)
	}
	code := cmd.ProcessState.ExitCode()
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, "internal error") || strings.HasPrefix(line, "panic:") {
			j.problem("%s: %s", strings.Join(args[:1], " "), strings.TrimSpace(line))
		}
	}
	if slices.Contains(args, "--diff") {
		return nil, stdout.Bytes(), code, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, code, fmt.Errorf("exit code %d without a report: %s", code, firstLine(stderr.Bytes()))
	}
	var rep report
	if err := json.Unmarshal(data, &rep); err != nil {
		return nil, nil, code, fmt.Errorf("the report: %w", err)
	}
	return &rep, stdout.Bytes(), code, os.Remove(file)
}

func (j *judging) problem(format string, args ...any) {
	j.out.Problems = append(j.out.Problems, fmt.Sprintf(format, args...))
}

// report fills in the findings.
func (j *judging) report(ctx context.Context) error {
	rep, _, code, err := j.runtimefix(ctx)
	if err != nil {
		return err
	}
	j.out.Reported, j.out.Exit = true, code
	for _, p := range rep.Problems {
		where := p.Path
		if where == "" {
			where = p.Package
		}
		j.problem("%s: %s", where, firstLine([]byte(p.Message)))
	}
	files := newLineReader(j.tree)
	seen := make(map[place]int)
	for _, f := range rep.Findings {
		n := newFinding(j.repo.Name, f, files)
		if seen[n.place]++; seen[n.place] > 1 {
			n.Hash += fmt.Sprintf("/%d", seen[n.place])
		}
		j.out.Findings = append(j.out.Findings, n)
	}
	return nil
}

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	return string(line)
}
