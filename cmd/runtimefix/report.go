package main

import (
	"bufio"
	"bytes"
	"fmt"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/runtimefix/runtimefix/rewrite"
)

// report writes what a run found, for people.
type report struct {
	o       *options
	res     *rewrite.Result
	dir     string
	color   bool
	written int
	sources map[string][][]byte // lines of the files that excerpts come from
}

const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	cyan   = "\x1b[36m"
	normal = "\x1b[0m"
)

func (r *report) paint(style, s string) string {
	if !r.color {
		return s
	}
	return style + s + normal
}

// findings writes all findings with an excerpt each.
func (r *report) findings(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, f := range r.res.Findings {
		r.finding(b, f)
	}
	return b.Flush()
}

// open writes the findings that the patch does not fix.
func (r *report) open(w io.Writer) {
	b := bufio.NewWriter(w)
	defer b.Flush()
	for _, f := range r.res.Findings {
		if f.State != rewrite.Fixed {
			r.finding(b, f)
		}
	}
}

// remaining writes the findings that are left after the fixes.
func (r *report) remaining(w io.Writer) {
	b := bufio.NewWriter(w)
	defer b.Flush()
	for _, f := range r.res.Remaining {
		r.finding(b, f)
	}
}

func (r *report) finding(w io.Writer, f rewrite.Found) {
	fmt.Fprintf(w, "%s %s: %s\n", r.paint(bold, r.place(f.Pos)+":"), r.paint(red, f.Rule), f.Message)
	r.excerpt(w, f)
	for _, n := range f.Notes {
		if n.Pos.Filename != "" {
			fmt.Fprintf(w, "    note: %s: %s\n", r.place(n.Pos), n.Message)
		} else {
			fmt.Fprintf(w, "    note: %s\n", n.Message)
		}
	}
	for _, x := range f.Fixes {
		fmt.Fprintf(w, "    %s %s\n", r.paint(cyan, "fix ("+x.Safety.String()+"):"), x.Message)
	}
	if f.State == rewrite.Withheld {
		fmt.Fprintf(w, "    withheld: %s\n", f.Why)
	}
}

// excerpt writes the line of the finding with its range underlined.
func (r *report) excerpt(w io.Writer, f rewrite.Found) {
	line, ok := r.line(f.Pos, f.Source)
	if !ok {
		return
	}
	col := min(f.Pos.Column-1, len(line))
	end := len(line)
	if f.End.Line == f.Pos.Line && f.End.Filename == f.Pos.Filename {
		end = min(max(f.End.Column-1, col), len(line))
	}
	// Tabs stay tabs in the line that points, so that both lines align.
	pad := strings.Map(func(c rune) rune {
		if c == '\t' {
			return c
		}
		return ' '
	}, string(line[:col]))
	carets := max(1, utf8.RuneCount(line[col:end]))
	num := fmt.Sprint(f.Pos.Line)
	fmt.Fprintf(w, "  %s | %s\n", num, line)
	fmt.Fprintf(w, "  %s | %s%s\n", strings.Repeat(" ", len(num)), pad, r.paint(red, strings.Repeat("^", carets)))
}

// line returns the line of pos in source, the content of its file.
func (r *report) line(pos token.Position, source []byte) ([]byte, bool) {
	if pos.Filename == "" || pos.Line == 0 {
		return nil, false
	}
	if r.sources == nil {
		r.sources = make(map[string][][]byte)
	}
	lines, ok := r.sources[pos.Filename]
	if !ok {
		if source == nil {
			source, _ = os.ReadFile(pos.Filename) // the directory of a package, say
		}
		if source != nil {
			lines = bytes.Split(source, []byte("\n"))
		}
		r.sources[pos.Filename] = lines
	}
	if pos.Line > len(lines) {
		return nil, false
	}
	line := bytes.TrimSuffix(lines[pos.Line-1], []byte("\r"))
	if pos.Line == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return bytes.ToValidUTF8(line, []byte("\ufffd")), true
}

// place writes a position with the path relative to the working directory.
func (r *report) place(pos token.Position) string {
	pos.Filename = r.path(pos.Filename)
	return pos.String()
}

func (r *report) path(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, ".."+string(filepath.Separator)+"..") {
		return path
	}
	return rel
}

// problems writes what could not be checked.
func (r *report) problems(w io.Writer) {
	for _, p := range r.res.Problems {
		fmt.Fprintf(w, "runtimefix: %s\n", r.problem(p))
	}
	for _, p := range r.res.Internal {
		fmt.Fprintf(w, "runtimefix: %s; please report it\n", r.problem(p))
	}
}

func (r *report) problem(p rewrite.Problem) string {
	if p.Pos.Filename != "" {
		p.Pos.Filename = r.path(p.Pos.Filename)
	}
	return p.Error()
}

// summary writes the counts and the next command.
func (r *report) summary(w io.Writer) {
	if len(r.res.Excluded) > 0 {
		fmt.Fprintf(w, "%s not checked on this platform (--platforms adds others):\n", count(len(r.res.Excluded), "file"))
		for _, x := range r.res.Excluded {
			fmt.Fprintf(w, "    %s: %s\n", r.path(x.Path), x.Reason)
		}
	}
	if len(r.res.Findings) == 0 {
		if r.o.verbose {
			fmt.Fprintln(w, "nothing found")
		}
		return
	}
	var safe, unsafe, manual, withheld int
	for _, f := range r.res.Findings {
		best := rewrite.Manual
		for _, x := range f.Fixes {
			best = max(best, x.Safety)
		}
		switch {
		case f.State == rewrite.Withheld:
			withheld++
		case best == rewrite.Safe:
			safe++
		case best == rewrite.Unsafe:
			unsafe++
		default:
			manual++
		}
	}
	if r.o.apply {
		left := len(r.res.Remaining)
		fmt.Fprintf(w, "%s changed, %s\n", count(r.written, "file"), left2(left))
	} else {
		var parts []string
		add := func(n int, text string) {
			if n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, text))
			}
		}
		add(safe, "with a safe fix")
		add(unsafe, "with a fix that needs --unsafe")
		add(manual, "to be fixed by hand")
		add(withheld, "with a fix that was withheld")
		fmt.Fprintf(w, "%s: %s\n", count(len(r.res.Findings), "finding"), strings.Join(parts, ", "))
	}
	switch {
	case unsafe > 0 && !r.o.unsafe:
		verb := "--apply"
		if r.o.diff {
			verb = "--diff"
		}
		fmt.Fprintf(w, "Include the fixes that change behaviour: %s\n", r.command(verb, "--unsafe"))
	case !r.o.apply && safe+unsafe > 0:
		flags := []string{"--apply"}
		if r.o.unsafe {
			flags = append(flags, "--unsafe")
		}
		fmt.Fprintf(w, "Apply: %s\n", r.command(flags...))
	}
}

func left2(n int) string {
	if n == 0 {
		return "nothing left"
	}
	return count(n, "finding") + " left"
}

// command returns the command line that repeats this run with flags.
func (r *report) command(flags ...string) string {
	args := append([]string{"runtimefix"}, flags...)
	args = append(args, r.o.flags...)
	args = append(args, r.o.patterns...)
	for i, a := range args {
		args[i] = shellQuote(a)
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
	return fmt.Sprintf("%d %ss", n, what)
}

func (r *report) stats(d time.Duration) string {
	return fmt.Sprintf("%s scanned (%d bytes), %s type-checked, %v", count(r.res.Files, "file"), r.res.Bytes, count(r.res.Packages, "package"), d.Round(time.Millisecond))
}
