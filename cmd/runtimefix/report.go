package main

import (
	"bufio"
	"fmt"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/evidence"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/page"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/terminal"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules"
)

// report writes what a run found, for people. Whatever comes from the files or
// from other programs goes through package printable.
type report struct {
	o         *options
	res       *rewrite.Result
	dir       string
	overlay   map[string][]byte // contents that stand in for those on disk
	color     bool
	width     int // columns to wrap at, 0 for none
	written   int
	known     int                  // findings that the baseline hides
	explained map[string]bool      // rules to whose page a line pointed
	rec       *evidence.Recordings // what recordings say of the findings
	sources   map[string][][]byte  // lines of the files that excerpts come from
}

const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	normal = "\x1b[0m"
)

// style fits the output to where it goes.
func (r *report) style(mode string, w io.Writer) {
	r.color, r.width = terminal.Color(mode, w), terminal.Width(w)
}

func (r *report) paint(style, s string) string {
	if !r.color {
		return s
	}
	return style + s + normal
}

// writeText writes a message for people, with what stands in args as it can be
// shown.
func writeText(w io.Writer, format string, args ...any) {
	fmt.Fprintln(w, printable.Text(fmt.Sprintf(format, args...)))
}

// findings writes list with an excerpt each, as the options group it.
func (r *report) findings(w io.Writer, list []rewrite.Found) error {
	b := bufio.NewWriter(w)
	if r.o.statistics {
		r.statistics(b, list)
		return b.Flush()
	}
	for _, g := range groups(list, r.o.groupBy) {
		r.heading(b, g)
		for _, f := range g {
			r.finding(b, f)
			fmt.Fprintln(b)
		}
	}
	return b.Flush()
}

// groups cuts list as --group-by says. The order in a group stays.
func groups(list []rewrite.Found, by string) [][]rewrite.Found {
	key := func(f rewrite.Found) string { return "" }
	switch by {
	case "file":
		key = func(f rewrite.Found) string { return f.Pos.Filename }
		var order []string
		for _, f := range list {
			if !slices.Contains(order, f.Pos.Filename) {
				order = append(order, f.Pos.Filename)
			}
		}
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b rewrite.Found) int {
			return slices.Index(order, a.Pos.Filename) - slices.Index(order, b.Pos.Filename)
		})
	case "rule":
		key = func(f rewrite.Found) string { return f.Rule }
		order := append(rules.Names(), rewrite.IgnoreRule)
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b rewrite.Found) int {
			return slices.Index(order, a.Rule) - slices.Index(order, b.Rule)
		})
	}
	var out [][]rewrite.Found
	for i, f := range list {
		if i == 0 || key(f) != key(list[i-1]) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], f)
	}
	return out
}

// heading writes the line above a group.
func (r *report) heading(w io.Writer, g []rewrite.Found) {
	switch r.o.groupBy {
	case "file":
		fmt.Fprintf(w, "%s (%s)\n\n", r.paint(bold, printable.Path(r.path(g[0].Pos.Filename))), count(len(g), "finding"))
	case "rule":
		title := page.Ignore.Title
		if i := slices.Index(rules.Names(), g[0].Rule); i >= 0 {
			title = rules.All[i].Title
		}
		fmt.Fprintf(w, "%s: %s (%s)\n\n", r.paint(bold, g[0].Rule), title, count(len(g), "finding"))
	}
}

// finding writes one finding: what it is and where, the line, notes, fixes.
func (r *report) finding(w io.Writer, f rewrite.Found) {
	place := r.place(f.Pos)
	head, width := r.paint(bold, place+":")+" "+r.paint(red, f.Rule)+":", utf8.RuneCountInString(place)+2+len(f.Rule)+1
	switch r.o.groupBy {
	case "rule":
		head, width = r.paint(bold, place+":"), utf8.RuneCountInString(place)+1
	case "file":
		place = fmt.Sprintf("%d:%d:", f.Pos.Line, f.Pos.Column)
		head, width = r.paint(bold, place)+" "+r.paint(red, f.Rule)+":", len(place)+1+len(f.Rule)+1
	}
	fmt.Fprintf(w, "%s %s\n", head, r.wrap(width+1, printable.Line(f.Message)))
	r.excerpt(w, f)
	r.evidence(w, f)
	for _, n := range f.Notes {
		text := printable.Line(n.Message)
		if n.Pos.Filename != "" {
			text = r.place(n.Pos) + ": " + text
		}
		r.remark(w, "", "note:", text)
	}
	for _, x := range f.Fixes {
		r.remark(w, safetyStyle[x.Safety], "fix ("+x.Safety.String()+"):", printable.Line(x.Message))
	}
	if f.State == rewrite.Withheld {
		fmt.Fprintf(w, "    withheld: %s\n", printable.Text(f.Why))
	}
	r.introduce(w, f.Rule)
}

// introduce writes below the first finding of a rule what a user of the program
// sees of the bug, and where more is said.
func (r *report) introduce(w io.Writer, rule string) {
	if r.explained[rule] || r.o.quiet {
		return
	}
	if r.explained == nil {
		r.explained = make(map[string]bool)
	}
	r.explained[rule] = true
	about := page.Ignore
	if i := slices.Index(rules.Names(), rule); i >= 0 {
		about = page.Of(rules.All[i])
	}
	r.remark(w, "", "symptom:", about.Symptom)
	r.remark(w, "", "more:", "runtimefix explain "+rule)
}

// safetyStyle tells fixes apart at a glance.
var safetyStyle = map[rewrite.Safety]string{rewrite.Safe: green, rewrite.Unsafe: yellow, rewrite.Manual: cyan}

// remark writes an indented line that begins with a painted word.
func (r *report) remark(w io.Writer, style, word, text string) {
	painted := word
	if style != "" {
		painted = r.paint(style, word)
	}
	fmt.Fprintf(w, "    %s %s\n", painted, r.wrap(4+len(word)+1, text))
}

// wrap breaks text at words so that it fits the terminal when it begins at the
// column; further lines are indented.
func (r *report) wrap(column int, text string) string {
	const indent = "      "
	if r.width == 0 || column+utf8.RuneCountInString(text) <= r.width {
		return text
	}
	var b strings.Builder
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > r.width && column > len(indent):
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

// place writes a position with the path relative to the working directory.
func (r *report) place(pos token.Position) string {
	pos.Filename = printable.Path(r.path(pos.Filename))
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
		writeText(w, "runtimefix: %s", r.problem(p))
	}
	for _, p := range r.res.Internal {
		writeText(w, "runtimefix: %s; please report it", r.problem(p))
	}
}

// untidy says what is left to run for go.mod and what belongs to it.
func (r *report) untidy(w io.Writer) {
	for _, p := range r.res.Untidy {
		writeText(w, "runtimefix: %s", r.problem(p))
	}
}

func (r *report) problem(p rewrite.Problem) string {
	if p.Pos.Filename != "" {
		p.Pos.Filename = r.path(p.Pos.Filename)
	}
	return p.Error()
}
