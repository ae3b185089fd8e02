package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/evidence"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/fingerprint"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/migrate"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/page"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"github.com/runtimefix/runtimefix/rules"
)

// migration is one run of runtimefix migrate.
type migration struct {
	job
	o              *migrateOptions
	opt            rewrite.Options
	finders        []*rewrite.Finder
	repo           *migrate.Repo
	part           *migrate.Part
	verifier       *migrate.Verifier
	scope          migrate.Scope
	broken         int // fixes in packages that did not build before
	before, after  *migrate.Outcome
	rolledBack     []blamed
	postponed      []blamed // fixes that this run does not bring
	commits        []migrate.SummaryCommit
	shown          *migrate.Shown // nil until it is asked
	stdout, stderr io.Writer
}

// blamed is a fix that was taken back or left out, and why.
type blamed struct {
	rewrite.Found
	why string
}

func (m *migration) stage(text string) {
	if !m.o.quiet {
		writeText(m.stderr, "%s", text)
	}
}

// run carries the migration out and returns the exit code.
func (m *migration) run(ctx context.Context) (code int, err error) {
	m.job.o, m.job.stdout, m.job.stderr = m.o.options, m.stdout, m.stderr
	if m.dir, err = workDir(m.o.dir); err != nil {
		return 0, err
	}
	m.repo = migrate.Open(ctx, m.dir)
	if err := m.check(ctx); err != nil {
		return 0, err
	}
	if m.opt, m.finders, err = m.prepare(ctx); err != nil {
		return 0, err
	}
	if m.rec, err = readRecordings(ctx, m.o.options, m.root, m.stderr); err != nil {
		return 0, err
	}
	if m.part, err = migrate.NewPart(m.root, m.o.shard, m.o.owner); err != nil {
		return 0, usageError{err}
	}
	if m.verifier, err = migrate.NewVerifier(m.o.verify, m.o.tags); err != nil {
		return 0, err
	}
	defer m.verifier.Close()
	p, err := m.proved(ctx)
	if ctx.Err() != nil {
		return 0, errInterrupted
	}
	if err != nil {
		return 0, err
	}
	p.left = append(p.left, m.rec.Alone(p.first.Findings, m.o.ruleNames())...)
	if err := m.carryOut(ctx, p); err != nil {
		return 0, err
	}
	return m.tell(ctx, p)
}

// check refuses what an engine would commit by mistake.
func (m *migration) check(ctx context.Context) error {
	for _, file := range []string{m.o.summary, m.o.summaryJSON} {
		if file != "" && m.repo.Inside(file) {
			return usagef("%s is inside the checkout, where it would be committed: write it elsewhere", file)
		}
	}
	if m.o.commit != "none" && !m.repo.Git {
		return usagef("--commit %s: %s is not in a git repository", m.o.commit, m.dir)
	}
	if m.o.allowDirty {
		return nil
	}
	file, err := m.repo.Dirty(ctx)
	if err != nil {
		return err
	}
	if file != "" {
		return usagef("the tree is dirty: %s differs from the last commit; commit or stash it, or say --allow-dirty", file)
	}
	return nil
}

// carryOut writes and commits the steps.
func (m *migration) carryOut(ctx context.Context, p *plan) error {
	for i, s := range p.steps {
		written, failed, left := writeChanges(ctx, s.changes)
		if left > 0 {
			return fmt.Errorf("%w: %s changed, %d left as they were; run again", errInterrupted, count(len(written), "file"), left)
		}
		p.first.Problems = append(p.first.Problems, failed...)
		var paths []string
		for _, c := range written {
			paths = append(paths, c.Path)
		}
		if m.o.commit == "none" {
			if err := m.repo.AddNew(ctx, paths); err != nil {
				return err
			}
			continue
		}
		if len(paths) == 0 {
			continue
		}
		msg := m.message(ctx, p, s.rules)
		if i == 0 && len(p.steps) > 1 {
			msg = m.message(ctx, p, nil) // engines take the first one as title and body of all
		}
		subject, body, err := msg.Text(m.o.template, m.o.commitOpt.Room(m.o.limit))
		if err != nil {
			return usageError{err}
		}
		hash, err := m.repo.Commit(ctx, subject+"\n\n"+body, paths, m.o.commitOpt)
		if err != nil {
			return fmt.Errorf("%w; the files stay changed", err)
		}
		m.commits = append(m.commits, migrate.SummaryCommit{Hash: hash, Subject: subject, Body: body, Rules: s.rules})
	}
	return nil
}

// message words what was done for the rules called names, for all when there are
// none.
func (m *migration) message(ctx context.Context, p *plan, names []string) *migrate.Message {
	msg := &migrate.Message{Repository: m.repo.Name, Tool: toolName(), Verified: m.verification(ctx, p, names)}
	files := make(map[string]bool)
	fixed := m.byCost(p.fixed())
	cost := make(map[string][]evidence.Item) // of the dearest place of each rule
	for _, r := range rules.All {
		if names != nil && !slices.Contains(names, r.Name) {
			continue
		}
		about := page.Of(r)
		part := migrate.RulePart{Name: r.Name, Title: r.Title, Symptom: about.Symptom, Cause: about.Cause, Fix: about.Fix, URL: about.URL}
		for _, f := range fixed {
			if f.Rule == r.Name {
				if len(part.Places) == 0 {
					cost[r.Name] = m.rec.Of(f)
				}
				part.Places = append(part.Places, m.place(f))
				files[f.Pos.Filename] = true
				msg.Unsafe = msg.Unsafe || f.Fixes[f.Chosen].Safety == rewrite.Unsafe
			}
		}
		if len(part.Places) > 0 {
			msg.Rules = append(msg.Rules, part)
			msg.Fixed += len(part.Places)
		}
	}
	slices.SortStableFunc(msg.Rules, func(a, b migrate.RulePart) int {
		return cmp.Or(evidence.Cost(cost[a.Name], cost[b.Name]), len(b.Places)-len(a.Places))
	})
	msg.Files = len(files)
	for _, b := range m.rolledBack {
		q := m.place(b.Found)
		q.Why = b.why
		msg.RolledBack = append(msg.RolledBack, q)
	}
	for _, f := range p.left {
		why := m.whyLeft(f)
		i := slices.IndexFunc(msg.Left, func(l migrate.Left) bool { return l.Rule == f.Rule && l.Why == why })
		if i < 0 {
			i = len(msg.Left)
			msg.Left = append(msg.Left, migrate.Left{Rule: f.Rule, Why: why})
		}
		msg.Left[i].Count++
	}
	var rels []string
	for _, path := range p.files() {
		rels = append(rels, m.relative(path))
	}
	msg.OtherOwner = m.part.Others(rels)
	msg.ToDo = m.toDo(p)
	return msg
}

// toolName returns name and version of the program, the name alone where it was
// built without one.
func toolName() string {
	return strings.TrimSuffix("runtimefix "+toolVersion(), " unknown")
}

// toDo says what is left to run by hand.
func (m *migration) toDo(p *plan) []string {
	out := []string{}
	for _, x := range p.untidy {
		if line := m.relative(x.Pos.Filename) + ": " + x.Message; !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

func (m *migration) place(f rewrite.Found) migrate.Place {
	p := migrate.Place{Rule: f.Rule, Path: m.relative(f.Pos.Filename), Line: f.Pos.Line, Message: f.Message}
	if f.Chosen >= 0 && f.Chosen < len(f.Fixes) {
		p.Fix, p.Safety = f.Fixes[f.Chosen].Message, f.Fixes[f.Chosen].Safety.String()
	}
	for _, x := range m.rec.Of(f) {
		p.Evidence = append(p.Evidence, fmt.Sprintf("%s: %s (%s)", x.Verdict(), x.Text(), x.File))
	}
	return p
}

// byCost joins findings to what recordings show of them, and returns them with the
// dearest first.
func (m *migration) byCost(list []rewrite.Found) []rewrite.Found {
	m.rec.Match(list)
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b rewrite.Found) int { return evidence.Cost(m.rec.Of(a), m.rec.Of(b)) })
	return list
}

// whyLeft says why the finding stays.
func (m *migration) whyLeft(f rewrite.Found) string {
	if i := slices.IndexFunc(m.postponed, func(x blamed) bool { return x.Rule == f.Rule && x.Pos == f.Pos }); i >= 0 {
		return m.postponed[i].why
	}
	switch {
	case f.State == rewrite.Withheld:
		return "the fix does not compile here"
	case slices.ContainsFunc(f.Fixes, func(x rewrite.FoundFix) bool { return x.Safety == rewrite.Unsafe }) && !m.o.unsafe:
		return "the fix changes behaviour on purpose: --unsafe"
	case f.Rule == rewrite.IgnoreRule:
		return f.Message
	case f.NoFix != "":
		return f.NoFix
	}
	return "to be fixed by hand"
}

// verification says how the plan was proved, and what the module's own tests show
// of the places that were fixed, of the rules called names or of all.
func (m *migration) verification(ctx context.Context, p *plan, names []string) migrate.Verification {
	v := migrate.Verification{Level: string(m.o.verify), Packages: m.scope.Len()}
	if m.before == nil {
		if len(p.state) > 0 && m.o.verify != migrate.None {
			v.Level = string(migrate.None)
		}
		return v
	}
	v.Before = migrate.Once(m.before.All())
	if m.o.verify == migrate.Test && m.after != nil {
		v.Flaky = slices.Clone(m.after.Flaky)
		list := p.fixed()
		if names != nil {
			list = slices.DeleteFunc(list, func(f rewrite.Found) bool { return !slices.Contains(names, f.Rule) })
		}
		if m.shown == nil {
			m.shown = migrate.NewShown(m.root)
		}
		v.Tests = m.shown.Lines(ctx, m.before, m.after, list)
	}
	return v
}

// tell prints and writes down what was done, and returns the exit code.
func (m *migration) tell(ctx context.Context, p *plan) (int, error) {
	s := m.summarize(ctx, p)
	for file, write := range map[string]func(io.Writer) error{m.o.summary: s.WriteMarkdown, m.o.summaryJSON: s.WriteJSON} {
		if file == "" {
			continue
		}
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return 0, err
		}
		if err := safefile.Write(file, b.Bytes()); err != nil {
			return 0, fmt.Errorf("writing the summary: %w", err)
		}
	}
	m.out = &report{o: m.o.options, res: p.first, dir: m.dir, known: m.sel.known, overlay: m.sel.overlay}
	m.out.style(m.o.color, m.stderr)
	m.out.problems(m.stderr)
	for _, b := range m.rolledBack {
		m.note("%s: %s: rolled back: %s", m.out.place(b.Pos), b.Rule, b.why)
	}
	for _, c := range (migrate.Verification{Before: s.Verified.Before}).First() {
		m.note("broken before: %s", c)
	}
	for _, name := range s.Verified.Flaky {
		m.note("flaky, and not blamed: the test %s fails sometimes", name)
	}
	recordingRemarks(m.stderr, m.rec, m.o.options)
	for _, t := range slices.Concat(s.Verified.Tests, s.ToDo) {
		m.note("%s", t)
	}
	if !m.o.quiet {
		m.note("%s: %s fixed in %s, %d left, %d rolled back, %s (exit %d)", s.Outcome, count(len(s.Fixed), "finding"), count(len(s.Changes), "file"),
			len(s.Left), len(s.RolledBack), count(len(s.Commits), "commit"), s.Exit)
	}
	return s.Exit, nil
}

func (m *migration) summarize(ctx context.Context, p *plan) *migrate.Summary {
	v := m.verification(ctx, p, nil)
	s := &migrate.Summary{
		Version: 1, Tool: toolName(), Repository: m.repo.Name, Base: m.repo.Base, Part: strings.Trim(m.o.shard+" "+m.o.owner, " "),
		Commits: append([]migrate.SummaryCommit{}, m.commits...), Fixed: m.places(m.byCost(p.fixed())), Left: m.places(m.byCost(p.left)), RolledBack: []migrate.SummaryPlace{},
		Verified: migrate.SummaryVerified{Level: v.Level, Packages: v.Packages, Before: append([]string{}, v.Before...), Tests: append([]string{}, v.Tests...), Flaky: v.Flaky},
		Changes:  []migrate.SummaryChange{}, Problems: []string{}, ToDo: m.toDo(p),
	}
	for i, f := range m.byCost(p.left) {
		s.Left[i].Why = m.whyLeft(f)
	}
	for _, b := range m.rolledBack {
		q := m.places([]rewrite.Found{b.Found})[0]
		q.Why = b.why
		s.RolledBack = append(s.RolledBack, q)
	}
	s.Changes = append(s.Changes, m.changes(p)...)
	for _, x := range slices.Concat(p.first.Problems, p.first.Internal) {
		if x.Pos.Filename != "" {
			x.Pos.Filename = m.relative(x.Pos.Filename)
		}
		s.Problems = append(s.Problems, x.Error())
	}
	typeErrors := func(x rewrite.Problem) bool { return x.Package != "" && strings.HasSuffix(x.Pos.Filename, ".go") }
	switch {
	case len(p.first.Internal) > 0 || slices.ContainsFunc(p.first.Problems, func(x rewrite.Problem) bool { return !typeErrors(x) }):
		s.Outcome = migrate.NotAll
	case len(s.RolledBack) > 0:
		s.Outcome = migrate.RolledBack
	case m.broken > 0 || len(s.Fixed) == 0 && len(p.first.Problems) > 0:
		s.Outcome = migrate.WasBroken
	case len(s.Fixed) > 0:
		s.Outcome = migrate.Fixed
	case len(s.Left) > 0:
		s.Outcome = migrate.LeftOver
	default:
		s.Outcome = migrate.Clean
	}
	s.Exit = migrate.ExitCodes[s.Outcome]
	return s
}

func (m *migration) places(list []rewrite.Found) []migrate.SummaryPlace {
	out := []migrate.SummaryPlace{}
	prints := fingerprint.Of(m.root, list)
	for i, f := range list {
		p := m.place(f)
		out = append(out, migrate.SummaryPlace{
			Rule: p.Rule, Path: p.Path, Line: p.Line, Message: p.Message, Fix: p.Fix, Safety: p.Safety, Evidence: p.Evidence, Fingerprint: prints[i], Owners: m.part.Owners(p.Path),
		})
	}
	return out
}

// changes returns each file's patch, from what it was to what the last step makes
// of it.
func (m *migration) changes(p *plan) []migrate.SummaryChange {
	old := make(map[string][]byte)
	for _, s := range p.steps {
		for _, c := range s.changes {
			if _, ok := old[c.Path]; !ok {
				old[c.Path] = c.Old
			}
		}
	}
	var out []migrate.SummaryChange
	for _, path := range p.files() {
		patch, _ := patchOf([]rewrite.Change{{Path: path, Old: old[path], New: p.state[path]}}, filepath.Dir(path), false, false)
		if len(patch) == 0 {
			continue
		}
		c := migrate.SummaryChange{Path: m.relative(path), Patch: string(patch), Rules: []string{}}
		for _, f := range p.fixed() {
			if f.Pos.Filename == path && !slices.Contains(c.Rules, f.Rule) {
				c.Rules = append(c.Rules, f.Rule)
			}
		}
		out = append(out, c)
	}
	return out
}
