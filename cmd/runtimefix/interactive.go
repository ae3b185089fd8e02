package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/git"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/diff"
)

// answers is what a run of --interactive led to.
type answers struct {
	accepted []rewrite.Found
	edited   [][]byte // patches that the user changed
}

const interactiveHelp = `y - apply this fix
n - do not apply it
a - apply it and all later ones in the file
d - do not apply it, nor any later one in the file
q - quit; apply what was accepted so far
e - edit the patch of this fix and apply that
? - help
`

// ask walks the findings that can be fixed one by one. The end of the input
// counts as q.
func ask(ctx context.Context, out *report, root string, in io.Reader, w io.Writer) (*answers, error) {
	list := slices.DeleteFunc(slices.Clone(out.res.Findings), func(f rewrite.Found) bool {
		return f.Chosen < 0 || len(f.Fixes[f.Chosen].Edits) == 0
	})
	lines := bufio.NewScanner(in)
	ans := &answers{}
	all, none := "", "" // files for which a or d was given
	for i, f := range list {
		file := f.Pos.Filename
		if file == none {
			continue
		}
		if file == all {
			ans.accepted = append(ans.accepted, f)
			continue
		}
		out.finding(w, f)
		patch, err := lonePatch(f, root, out.color, true)
		if err != nil {
			return nil, err
		}
		w.Write(patch)
	prompt:
		fmt.Fprint(w, out.paint(cyan, fmt.Sprintf("(%d/%d) Apply this fix [y,n,a,d,q,e,?]? ", i+1, len(list))))
		answer, more, err := nextLine(ctx, lines)
		if err != nil || !more {
			fmt.Fprintln(w)
			return ans, err
		}
		switch strings.TrimSpace(answer) {
		case "y":
			ans.accepted = append(ans.accepted, f)
		case "n":
		case "a":
			all = file
			ans.accepted = append(ans.accepted, f)
		case "d":
			none = file
		case "q":
			return ans, nil
		case "e":
			plain, err := lonePatch(f, root, false, false)
			if err != nil {
				return nil, err
			}
			changed, err := editPatch(plain)
			if err != nil {
				writeText(w, "%v", err)
				goto prompt
			}
			if len(changed) > 0 {
				ans.edited = append(ans.edited, changed)
			}
		default:
			fmt.Fprint(w, interactiveHelp)
			goto prompt
		}
	}
	return ans, nil
}

// nextLine reads a line while ctx lasts; more is false at the end of the input.
// It reads no more than that: an editor may be next.
func nextLine(ctx context.Context, lines *bufio.Scanner) (line string, more bool, err error) {
	type read struct {
		more bool
		err  error
	}
	got := make(chan read, 1)
	go func() { got <- read{lines.Scan(), lines.Err()} }()
	select {
	case r := <-got:
		return lines.Text(), r.more, r.err
	case <-ctx.Done():
		return "", false, errInterrupted // nothing is written yet
	}
}

// lonePatch returns the patch of the chosen fix of f, made alone.
func lonePatch(f rewrite.Found, root string, color, shown bool) ([]byte, error) {
	var files []diff.File
	edits := f.Fixes[f.Chosen].Edits
	for len(edits) > 0 {
		path, n := edits[0].Path, 0
		old, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var text []byte
		at := 0
		for ; n < len(edits) && edits[n].Path == path; n++ {
			e := edits[n]
			if e.End > len(old) {
				return nil, fmt.Errorf("%s: %w", path, rewrite.ErrChanged)
			}
			text = append(append(text, old[at:e.Start]...), e.New...)
			at = e.End
		}
		text = append(text, old[at:]...)
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		files = append(files, diff.File{Path: filepath.ToSlash(rel), Old: old, New: text})
		edits = edits[n:]
	}
	return unified(files, color, shown), nil
}

// editPatch lets the user edit a patch; the result is empty when nothing of it
// is left.
func editPatch(patch []byte) ([]byte, error) {
	f, err := os.CreateTemp("", "runtimefix-*.diff")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	head := "# Edit the patch: to keep a removed line turn its '-' into a space, to leave\n# out an added line delete it. Delete everything to skip the fix.\n"
	_, err = f.WriteString(head + string(patch))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	editor := "vi"
	for _, name := range []string{"GIT_EDITOR", "VISUAL", "EDITOR"} {
		if v := os.Getenv(name); v != "" {
			editor = v
			break
		}
	}
	// As git does, so that an editor with flags works.
	cmd := exec.Command("sh", "-c", editor+` "$@"`, editor, f.Name())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("running the editor: %w", err)
	}
	data, err := os.ReadFile(f.Name())
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "#") {
			out.WriteString(line)
		}
	}
	return bytes.TrimLeft(out.Bytes(), "\n"), nil
}

// applyPatch applies an edited patch below root.
func applyPatch(ctx context.Context, root string, patch []byte) error {
	cmd := git.Command(ctx, root, "apply", "--recount", "--whitespace=nowarn")
	cmd.Stdin = bytes.NewReader(patch)
	// Where root is in no repository, none above it is meant.
	cmd.Env = append(cmd.Env, "GIT_CEILING_DIRECTORIES="+filepath.Dir(root))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the edited patch does not apply: %s", bytes.TrimSpace(append(out, []byte(" ("+err.Error()+")")...)))
	}
	return nil
}

// interactive asks about the findings of a first run and makes the fixes that
// were accepted in a second one.
func interactive(ctx context.Context, opt rewrite.Options, finders []*rewrite.Finder, out *report, root string, in io.Reader, w io.Writer) (code int, err error) {
	ans, err := ask(ctx, out, root, in, w)
	if err != nil {
		return 0, err
	}
	written := make(map[string]bool)
	if len(ans.accepted) > 0 {
		if code, err = makeAccepted(ctx, opt, finders, ans.accepted, out, w, written); err != nil {
			return 0, err
		}
	}
	for _, patch := range ans.edited {
		if err := applyPatch(ctx, root, patch); err != nil {
			code = exitLoad
			writeText(w, "runtimefix: %v", err)
			continue
		}
		for line := range strings.Lines(string(patch)) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "+++ b/"); ok {
				written[filepath.Join(root, name)] = true
			}
		}
	}
	fmt.Fprintf(w, "%s changed\n", count(len(written), "file"))
	return code, nil
}

// makeAccepted makes the fixes of the accepted findings in a run of its own, and
// notes the files that it changed in written.
func makeAccepted(ctx context.Context, opt rewrite.Options, finders []*rewrite.Finder, accepted []rewrite.Found, out *report, w io.Writer, written map[string]bool) (code int, err error) {
	type spot struct {
		rule, message, path string
		offset              int
	}
	spotOf := func(f rewrite.Found) spot { return spot{f.Rule, f.Message, f.Pos.Filename, f.Pos.Offset} }
	wanted := make(map[spot]bool)
	for _, f := range accepted {
		wanted[spotOf(f)] = true
	}
	opt.Fix, opt.Edits = true, false
	opt.Select = func(list []rewrite.Found) []bool {
		keep := make([]bool, len(list))
		for i, f := range list {
			keep[i] = wanted[spotOf(f)]
		}
		return keep
	}
	res, err := rewrite.Run(ctx, opt, finders)
	if err != nil {
		return 0, err
	}
	done, failed, left := writeChanges(ctx, res.Changes)
	if left > 0 {
		return 0, fmt.Errorf("%w: %s changed, %d left as they were", errInterrupted, count(len(done), "file"), left)
	}
	for _, c := range done {
		written[c.Path] = true
	}
	for _, f := range res.Findings {
		if f.State == rewrite.Withheld {
			code = exitWithheld
			writeText(w, "%s: withheld: %s", out.place(f.Pos), f.Why)
		}
	}
	for _, p := range failed {
		code = exitLoad
		writeText(w, "runtimefix: %s", out.problem(p))
	}
	for _, p := range res.Untidy {
		writeText(w, "runtimefix: %s", out.problem(p))
	}
	return code, nil
}
