package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A result is what a run found, and what is committed as table.json.
type result struct {
	Date   string        `json:"date"`
	Commit string        `json:"commit"`
	Repos  []*repoResult `json:"repos"`
	Scores []*score      `json:"scores"`
}

// newResult names the binary by the last commit that changed more than the
// corpus: labels and tables may be written while a run goes on.
func newResult(ctx context.Context) *result {
	but := []string{"--", ".", ":!testdata/corpus", ":!cmd/corpus"}
	out, _ := exec.CommandContext(ctx, "git", append([]string{"log", "-1", "--format=%h"}, but...)...).Output()
	commit := strings.TrimSpace(string(out))
	if exec.CommandContext(ctx, "git", append([]string{"diff", "--quiet", "HEAD"}, but...)...).Run() != nil {
		commit += dirtySuffix
	}
	return &result{Date: time.Now().UTC().Format(time.DateOnly), Commit: commit}
}

// dirtySuffix marks a binary that no commit describes.
const dirtySuffix = "-dirty"

// committable says why a result must not be committed, or nil: it needs every rule
// with its fixes, and one binary of a commit.
func (r *result) committable(opt *options) error {
	if opt.rules != "" || opt.quick {
		return errors.New("-update needs a run with all rules and their fixes")
	}
	if strings.HasSuffix(r.Commit, dirtySuffix) {
		return errors.New("-update needs a binary of a commit: there are uncommitted changes")
	}
	for _, repo := range r.Repos {
		if repo.Commit != r.Commit {
			return fmt.Errorf("-update needs a run of one binary: %s was judged by %s", repo.Repo, repo.Commit)
		}
	}
	return nil
}

// keep takes the rows of the committed table for the repositories that the run left
// out: each names the commit that it is by. All are in the order of repos.
func (r *result) keep(old *result, repos []repo) {
	rows := make(map[string]*repoResult)
	for _, list := range [][]*repoResult{old.Repos, r.Repos} {
		for _, row := range list {
			rows[row.Repo] = row
		}
	}
	r.Repos = nil
	for _, repo := range repos {
		if row := rows[repo.Name]; row != nil {
			r.Repos = append(r.Repos, row)
		}
	}
}

// only leaves out the labels of rules that did not run.
func (ls *labels) only(rules string) {
	if rules == "" {
		return
	}
	names := strings.Split(rules, ",")
	ls.all = slices.DeleteFunc(ls.all, func(l *label) bool { return !slices.Contains(names, l.Rule) })
}

// label gives the findings their labels' words.
func (r *result) label(ls *labels) {
	for _, repo := range r.Repos {
		for _, f := range repo.Findings {
			f.Verdict, f.Fix = "?", ""
			l := ls.of(f.place)
			if l == nil {
				continue
			}
			f.Verdict = l.Verdict
			if word, hash, _ := strings.Cut(l.Fix, ":"); f.FixHash != "" && hash == f.FixHash {
				f.Fix = word
			}
		}
	}
	r.Scores = ls.scores(r.Repos)
}

// report prints the tables, what changed since the committed one, and writes
// both to the output folder, and to the data folder if asked.
func (r *result) report(opt *options, old *result) error {
	var text strings.Builder
	r.print(&text)
	fmt.Print(text.String())
	printChanges(os.Stdout, old, r, opt.rules)
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	dirs := []string{opt.out}
	if opt.commit {
		dirs = append(dirs, opt.data)
	}
	for _, dir := range dirs {
		if err := os.WriteFile(filepath.Join(dir, "table.txt"), []byte(text.String()), 0o666); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "table.json"), append(data, '\n'), 0o666); err != nil {
			return err
		}
	}
	fmt.Printf("\nTables and patches: %s\n", opt.out)
	return nil
}

func readResult(path string) (*result, error) {
	out := new(result)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

func (r *result) print(w io.Writer) {
	own := 0
	for _, repo := range r.Repos {
		if repo.Commit == r.Commit {
			own++
		}
	}
	fmt.Fprintf(w, "%s, commit %s: %d of %d repositories, the others by the commits in their lines\n\n", r.Date, r.Commit, own, len(r.Repos))
	for _, repo := range r.Repos {
		line := repo.line()
		if repo.Commit != r.Commit {
			line += "; by " + repo.Commit
		}
		if !repo.Reported {
			line += "; no report: not counted below"
		}
		fmt.Fprintln(w, line)
	}
	fmt.Fprintln(w)
	for _, repo := range r.Repos {
		for _, p := range repo.Problems {
			fmt.Fprintf(w, "%s: %s\n", repo.Repo, p)
		}
	}
	fmt.Fprintf(w, "\n%-15s %8s %6s %6s %8s %8s %6s %6s %9s %7s %11s %10s %12s %14s\n", "rule", "findings", "right", "wrong", "doubtful", "unjudged",
		"missed", "silent", "precision", "recall", "right fixes", "wrong safe", "wrong unsafe", "unjudged fixes")
	total := &score{Rule: "all"}
	for _, s := range r.Scores {
		s.print(w)
		total.plus(s)
	}
	total.print(w)
}

func (s *score) print(w io.Writer) {
	fmt.Fprintf(w, "%-15s %8d %6d %6d %8d %8d %6d %6d %9s %7s %11d %10d %12d %14d\n", s.Rule, s.findings(), s.Right, s.Wrong, s.Doubtful, s.Unjudged,
		s.Missed, s.Silent, ratio(s.precision()), ratio(s.recall()), s.RightFixes, s.WrongSafe, s.WrongUnsafe, s.UnjudgedFixes)
}

func ratio(x float64) string {
	if x < 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", x)
}

func (s *score) plus(t *score) {
	s.Right += t.Right
	s.Wrong += t.Wrong
	s.Doubtful += t.Doubtful
	s.Missed += t.Missed
	s.Silent += t.Silent
	s.Unjudged += t.Unjudged
	s.WrongSafe += t.WrongSafe
	s.WrongUnsafe += t.WrongUnsafe
	s.RightFixes += t.RightFixes
	s.UnjudgedFixes += t.UnjudgedFixes
}

// printChanges prints the findings that are new, gone or of another safety
// than in the committed table, for the repositories of this run.
func printChanges(w io.Writer, old, now *result, rules string) {
	before := make(map[place]*finding)
	covered := make(map[string]bool)
	for _, repo := range old.Repos {
		covered[repo.Repo] = true
		for _, f := range repo.Findings {
			before[f.place] = f
		}
	}
	var lines []string
	add := func(what string, f *finding) {
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s:%d\t%s\t%s\t%s", f.Rule, what, f.Path, f.Line, f.Repo, f.Verdict, f.Message))
	}
	for _, repo := range now.Repos {
		if !covered[repo.Repo] {
			continue
		}
		for _, f := range repo.Findings {
			switch o := before[f.place]; {
			case o == nil:
				add("new "+f.Safety, f)
			case o.Safety != f.Safety:
				add(o.Safety+" -> "+f.Safety, f)
			case o.FixHash != f.FixHash:
				add("other fix", f)
			}
			delete(before, f.place)
		}
	}
	ran := func(f *finding) bool { return rules == "" || slices.Contains(strings.Split(rules, ","), f.Rule) }
	for _, f := range before {
		if ran(f) && slices.ContainsFunc(now.Repos, func(r *repoResult) bool { return r.Repo == f.Repo }) {
			add("gone", f)
		}
	}
	if len(lines) == 0 {
		return
	}
	slices.Sort(lines)
	fmt.Fprintf(w, "\nSince %s, commit %s:\n%s\n", old.Date, old.Commit, strings.Join(lines, "\n"))
}

// printSites prints every site as a line of labels.tsv, with what is known.
func (r *result) printSites(w io.Writer, ls *labels) {
	for _, repo := range r.Repos {
		seen := make(map[place]bool)
		for _, f := range repo.Findings {
			seen[f.place] = true
			fix := "-"
			if f.FixHash != "" {
				fix = cmp.Or(f.Fix, "?") + ":" + f.FixHash
			}
			printSite(w, f.place, f.Line, cmp.Or(f.Verdict, "?"), fix, f.Safety+": "+f.Message)
		}
		for _, s := range repo.sites {
			if seen[s.place] {
				continue
			}
			verdict := "??"
			if l := ls.of(s.place); l != nil {
				verdict = l.Verdict
			}
			printSite(w, s.place, s.Line, verdict, "-", s.Text)
		}
	}
}

func printSite(w io.Writer, p place, line int, verdict, fix, text string) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d: %s\n", p.Repo, p.Path, p.Rule, p.Func, p.Hash, verdict, fix, line, text)
}
