package main

import (
	"bytes"
	"context"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// fixes makes the fixes in the scratch copy and checks what must hold of them:
// the patch applies and says what is written, a second run changes nothing,
// nothing that built stops building, no comment gets lost unsaid.
func (j *judging) fixes(ctx context.Context) error {
	_, patch, _, err := j.runtimefix(ctx, "--diff", "--unsafe")
	if err != nil {
		return err
	}
	patchFile := filepath.Join(j.opt.out, j.repo.dirName()+".patch")
	if err := os.WriteFile(patchFile, patch, 0o666); err != nil {
		return err
	}
	if dirty := j.changed(ctx); len(dirty) > 0 {
		j.problem("--diff wrote %s", strings.Join(dirty, ", "))
	}
	if len(patch) > 0 {
		if err := git(ctx, j.tree, "apply", "--check", patchFile); err != nil {
			j.problem("%v", err)
		}
	}
	if j.out.Fixed, err = j.apply(ctx, "--apply"); err != nil {
		return err
	}
	if j.out.Unsafe, err = j.apply(ctx, "--apply", "--unsafe"); err != nil {
		return err
	}
	j.out.Files = len(j.changed(ctx))
	return j.samePatch(ctx, patch, patchFile)
}

// nothingToFix checks that a run that may fix leaves the tree alone where the
// report offered no fix.
func (j *judging) nothingToFix(ctx context.Context) error {
	rep, _, _, err := j.runtimefix(ctx, "--apply", "--unsafe")
	if err != nil {
		return err
	}
	if dirty := j.changed(ctx); len(dirty) > 0 || len(rep.Fixed) > 0 {
		j.problem("no fix was offered, --apply --unsafe wrote %s", strings.Join(dirty, ", "))
	}
	return nil
}

// apply makes fixes in the clean tree, checks the result, and leaves it there.
// It returns how many findings were fixed.
func (j *judging) apply(ctx context.Context, args ...string) (int, error) {
	if err := j.reset(ctx); err != nil {
		return 0, err
	}
	rep, _, code, err := j.runtimefix(ctx, args...)
	if err != nil {
		return 0, err
	}
	name := strings.Join(args, " ")
	for _, f := range rep.Findings {
		if strings.Contains(f.State, "withheld") {
			j.out.Withheld++
			j.problem("%s: withheld: %s: %s: %s", name, f.Path, f.Rule, f.Message)
		}
	}
	if code != 0 && code != 3 {
		j.problem("%s: exit code %d", name, code)
	}
	changed := j.changed(ctx)
	if len(changed) == 0 {
		return len(rep.Fixed), nil
	}
	before := j.diff(ctx)
	if bytes.Equal(before, j.checked) {
		return len(rep.Fixed), nil // --unsafe added nothing
	}
	j.checked = before
	j.comments(ctx, name, changed, rep)
	j.vet(ctx, name, changed)
	again, _, _, err := j.runtimefix(ctx, args...)
	if err != nil {
		return len(rep.Fixed), err
	}
	if len(again.Fixed) > 0 || !bytes.Equal(before, j.diff(ctx)) {
		j.problem("%s: the second run changes something", name)
	}
	return len(rep.Fixed), nil
}

func (j *judging) reset(ctx context.Context) error {
	if err := git(ctx, j.tree, "checkout", "-q", "--", "."); err != nil {
		return err
	}
	return git(ctx, j.tree, "clean", "-q", "-fd")
}

// changed returns the paths that differ from the commit.
func (j *judging) changed(ctx context.Context) []string {
	cmd := exec.CommandContext(ctx, "git", "diff", "--name-only", "-z", "HEAD")
	cmd.Dir = j.tree
	out, _ := cmd.Output()
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}

func (j *judging) diff(ctx context.Context) []byte {
	cmd := exec.CommandContext(ctx, "git", "diff", "--binary", "HEAD")
	cmd.Dir = j.tree
	out, _ := cmd.Output()
	return out
}

// samePatch checks that the patch makes the very bytes that were written.
func (j *judging) samePatch(ctx context.Context, patch []byte, file string) error {
	written := j.diff(ctx)
	if err := j.reset(ctx); err != nil {
		return err
	}
	if len(patch) == 0 {
		if len(written) > 0 {
			j.problem("--diff is empty, --apply writes")
		}
		return nil
	}
	if err := git(ctx, j.tree, "apply", file); err != nil {
		j.problem("%v", err)
		return nil
	}
	if !bytes.Equal(written, j.diff(ctx)) {
		j.problem("the patch and --apply differ")
	}
	return j.reset(ctx)
}

// comments reports the comments of changed files that are gone and that the
// report does not speak of.
func (j *judging) comments(ctx context.Context, name string, changed []string, rep *report) {
	said := new(strings.Builder)
	for _, f := range rep.Fixed {
		said.WriteString(f.Message)
		for _, n := range f.Notes {
			said.WriteString(n.Message)
		}
		for _, x := range f.Fixes {
			said.WriteString(x.Message)
		}
	}
	for _, path := range changed {
		if !strings.HasSuffix(path, ".go") {
			continue
		}
		cmd := exec.CommandContext(ctx, "git", "show", "HEAD:"+path)
		cmd.Dir = j.tree
		before, err := cmd.Output()
		if err != nil {
			continue
		}
		after, _ := os.ReadFile(filepath.Join(j.tree, filepath.FromSlash(path)))
		left := goComments(after)
		for _, c := range goComments(before) {
			if i := slices.Index(left, c); i >= 0 {
				left = slices.Delete(left, i, i+1)
				continue
			}
			text := strings.TrimSpace(strings.Trim(c, "/* \t"))
			if !strings.Contains(said.String(), text) {
				j.problem("%s: %s: comment lost: %s", name, path, firstLine([]byte(c)))
			}
		}
	}
}

func goComments(src []byte) []string {
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(src)), src, func(token.Position, string) {}, scanner.ScanComments)
	var out []string
	for {
		_, tok, lit := s.Scan()
		if tok == token.EOF {
			return out
		}
		if tok == token.COMMENT {
			out = append(out, lit)
		}
	}
}
