package main

import (
	"fmt"
	"go/build"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/leftout"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// tally counts findings by what there is to be done about them.
type tally struct{ all, safe, unsafe, manual, withheld int }

func (t *tally) add(f rewrite.Found) {
	t.all++
	best := rewrite.Manual
	for _, x := range f.Fixes {
		best = max(best, x.Safety)
	}
	switch {
	case f.State == rewrite.Withheld:
		t.withheld++
	case best == rewrite.Safe:
		t.safe++
	case best == rewrite.Unsafe:
		t.unsafe++
	default:
		t.manual++
	}
}

// summary writes the counts and the next commands.
func (r *report) summary(w io.Writer) {
	if r.known > 0 {
		fmt.Fprintf(w, "%s in the baseline not shown\n", count(r.known, "finding"))
	}
	if len(r.res.Findings) == 0 {
		return
	}
	var t tally
	for _, f := range r.res.Findings {
		t.add(f)
	}
	if r.o.apply {
		left := "nothing left"
		if n := len(r.res.Remaining); n > 0 {
			left = count(n, "finding") + " left"
		}
		fmt.Fprintf(w, "%s changed, %s\n", count(r.written, "file"), left)
	} else {
		var parts []string
		add := func(n int, text string) {
			if n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, text))
			}
		}
		add(t.safe, "with a safe fix")
		add(t.unsafe, "with a fix that needs --unsafe")
		add(t.manual, "to be fixed by hand")
		add(t.withheld, "with a fix that was withheld")
		fmt.Fprintf(w, "%s: %s\n", count(t.all, "finding"), strings.Join(parts, ", "))
	}
	r.hints(w, t)
}

// hints writes the commands that do something about the findings, the one that
// changes no behaviour first.
func (r *report) hints(w io.Writer, t tally) {
	if r.o.stdinFilename != "" {
		return // the editor has other ways
	}
	apply, include, tail := []string{"--apply"}, []string{"--apply", "--unsafe"}, ""
	switch {
	case r.o.staged:
		// The index is not written: git does that.
		apply, include, tail = []string{"--staged", "--diff"}, []string{"--staged", "--diff", "--unsafe"}, " | git apply --cached"
	case r.o.diff:
		include = []string{"--diff", "--unsafe"}
	}
	fixable := t.safe
	if r.o.unsafe {
		fixable += t.unsafe
		apply = append(apply, "--unsafe")
	}
	if fixable > 0 && !r.o.apply {
		fmt.Fprintf(w, "Apply: %s%s\n", r.command(apply...), tail)
	}
	if t.unsafe > 0 && !r.o.unsafe {
		fmt.Fprintf(w, "Include the fixes that change behaviour: %s%s\n", r.command(include...), tail)
	}
}

// command returns the command line that repeats this run with flags.
func (r *report) command(flags ...string) string {
	args := append([]string{"runtimefix"}, flags...)
	args = append(args, r.o.flags...)
	args = append(args, r.o.patterns...)
	for i, a := range args {
		args[i] = printable.Line(shellQuote(a))
	}
	return strings.Join(args, " ")
}

// shellQuote quotes s for a POSIX shell where that is needed.
func shellQuote(s string) string {
	plain := s != "" && strings.IndexFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-./,=:@%+", c))
	}) < 0
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if stem, ok := strings.CutSuffix(what, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	if strings.HasSuffix(what, "ch") {
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (r *report) stats(d time.Duration) string {
	how := "type-checked"
	if r.res.Kept {
		how = "known from an earlier run"
	}
	return fmt.Sprintf("%s scanned (%d bytes), %s %s, %v", count(r.res.Files, "file"), r.res.Bytes, count(r.res.Packages, "package"), how, d.Round(time.Millisecond))
}

// left are the files in which something may be found but that this run leaves
// out, by what would include them.
type left struct {
	platforms, tags, cgo, never int
	allPlatforms, allTags       []string
}

// leftOut says which files that the user named, or with --verbose which files at
// all, were left out, and why.
func (r *report) leftOut(w io.Writer) {
	for _, dir := range r.res.Nested {
		writeText(w, "%s: not checked: it is a repository of its own", printable.Path(r.path(dir)))
	}
	if r.o.verbose {
		for _, path := range r.res.Ignored {
			writeText(w, "%s: not checked: git ignores it", printable.Path(r.path(path)))
		}
	}
	for _, x := range r.res.Excluded {
		named := slices.ContainsFunc(r.o.patterns, func(p string) bool {
			return p == x.Path || filepath.Join(r.dir, p) == x.Path
		})
		if !named && !r.o.verbose {
			continue
		}
		how := ""
		if flags, ok := leftout.For(x.Path, r.content(x.Path), r.build()); ok {
			var add []string
			if flags.Platform != "" {
				add = append(add, "--platforms "+flags.Platform)
			}
			if len(flags.Tags) > 0 {
				add = append(add, "--tags "+strings.Join(append(slices.Clone(r.o.tags), flags.Tags...), ","))
			}
			how = "; checked with " + strings.Join(add, " ")
			if add == nil {
				how = "; checked with CGO_ENABLED=1"
			}
		}
		writeText(w, "%s: not checked: %s%s", printable.Path(r.path(x.Path)), x.Reason, how)
	}
}

// content returns what the run takes for the file's content.
func (r *report) content(path string) []byte {
	if data, ok := r.overlay[path]; ok {
		return data
	}
	data, _ := safefile.Read(path, maxExcerpt)
	return data
}

// build returns what the run builds for when --platforms does not say.
func (r *report) build() leftout.Build {
	b := leftout.Build{GOOS: os.Getenv("GOOS"), GOARCH: os.Getenv("GOARCH"), Tags: r.o.tags}
	if b.GOOS == "" {
		b.GOOS = build.Default.GOOS
	}
	if b.GOARCH == "" {
		b.GOARCH = build.Default.GOARCH
	}
	return b
}

// sortLeft counts the files that were left out.
func (r *report) sortLeft() left {
	var l left
	note := func(list *[]string, more ...string) {
		for _, s := range more {
			if !slices.Contains(*list, s) {
				*list = append(*list, s)
			}
		}
	}
	for _, x := range r.res.Excluded {
		flags, ok := leftout.For(x.Path, r.content(x.Path), r.build())
		switch {
		case !ok:
			l.never++
			continue
		case flags.Platform != "":
			l.platforms++
		case len(flags.Tags) > 0:
			l.tags++
		default:
			l.cgo++
		}
		if flags.Platform != "" {
			note(&l.allPlatforms, flags.Platform)
		}
		note(&l.allTags, flags.Tags...)
	}
	slices.Sort(l.allPlatforms)
	slices.Sort(l.allTags)
	return l
}

// last writes the line that says what was looked at.
func (r *report) last(w io.Writer) {
	text := "checked " + count(r.res.Files, "file")
	if r.res.Packages > 0 {
		text += ", " + count(r.res.Packages, "package")
	}
	if r.res.Packages > 0 && r.res.Modules > 0 {
		text += " in " + count(r.res.Modules, "module")
	}
	n := len(r.res.Findings)
	if r.o.apply {
		n = len(r.res.Remaining)
	}
	switch {
	case r.res.Files == 0:
		text += ": nothing to check"
	case n > 0:
		text += ": " + count(n, "finding")
	case r.o.writeBaseline != "":
		text += ": all findings are in the baseline now"
	case r.o.apply && len(r.res.Findings) > 0:
		text += ": nothing left"
	case r.known > 0:
		text += ": nothing new found"
	case len(r.o.fingerprints) > 0:
		text += ": nothing found by that fingerprint"
	default:
		text += ": nothing found"
	}
	if r.o.apply && n > 0 {
		text += " left"
	}
	l := r.sortLeft()
	var parts []string
	add := func(n int, what, flags string) {
		if n > 0 {
			parts = append(parts, count(n, "file")+" "+what+flags)
		}
	}
	b := r.build()
	present := append([]string{b.GOOS + "/" + b.GOARCH}, r.o.platforms...)
	if len(r.o.platforms) > 0 {
		present = r.o.platforms
	}
	add(l.platforms, "for other platforms: ", printable.Line("--platforms "+strings.Join(append(slices.Clone(present), l.allPlatforms...), ",")))
	add(l.tags, "behind tags: ", printable.Line("--tags "+strings.Join(append(slices.Clone(r.o.tags), l.allTags...), ",")))
	add(l.cgo, "that need cgo", "")
	add(l.never, "that no build takes", "")
	if n := len(r.res.Problems); n > 0 {
		parts = append(parts, "not everything could be checked: see above")
	}
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, "; ") + ")"
	}
	fmt.Fprintln(w, text)
}
