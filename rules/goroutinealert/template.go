package goroutinealert

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/manifest"
)

// Rules in the templates of a chart are no YAML before Helm has been there. They
// are read line by line, and only reported.

var (
	alertLine = regexp.MustCompile(`^[ \t]*-?[ \t]*alert:[ \t]*(.+?)[ \t]*$`)
	exprLine  = regexp.MustCompile(`^([ \t]*(?:-[ \t]+)?)expr:[ \t]*(.*?)[ \t]*$`)
	blockMark = regexp.MustCompile(`^[|>][-+0-9]*$`)
	// control matches a line that holds nothing but what Helm decides by.
	control = regexp.MustCompile(`^[ \t]*\{\{-?[ \t]*(if|else|end|with|range|define|/\*)[^}]*\}\}[ \t]*$`)
	action  = regexp.MustCompile(`\{\{.*?\}\}`)
)

// templateAlerts finds alerts on the level of go_goroutines in the templates of
// charts.
func templateAlerts(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for _, t := range append(manifest.Texts(s, "goroutinealert"), s.TextsOf("goroutinealert", rewrite.HelmTemplate)...) {
		if bytes.Contains(t.Src, []byte("{{")) && manifest.Parse(s, t) == nil {
			out = append(out, alertsInTemplate(t)...)
		}
	}
	return out
}

func alertsInTemplate(t *rewrite.TextFile) []rewrite.Finding {
	var out []rewrite.Finding
	off := 0
	lines := strings.SplitAfter(string(t.Src), "\n")
	for i, line := range lines {
		m := exprLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		name := ""
		if m != nil {
			name = alertAt(lines, i)
		}
		if name != "" {
			text, from := m[2], off+strings.Index(line, m[2])
			if blockMark.MatchString(text) {
				text, from = scalarIn(lines[i+1:], len(m[1])), off
			}
			if onLevel(text) {
				out = append(out, rewrite.Finding{
					Pos: t.Pos(from), End: t.Pos(off + len(strings.TrimRight(line, "\r\n"))),
					Message: fmt.Sprintf("alert %s fires on the level of go_goroutines: it does not tell a leak from load that levels off", name),
					NoFix:   "the file is a template" + byHand,
				})
			}
		}
		off += len(line)
	}
	return out
}

// alertAt returns the name of the alert whose rule holds lines[i], "" where that
// is none: a rule goes from one item of the list to the next.
func alertAt(lines []string, i int) string {
	indent := func(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
	item := func(k int) bool { return strings.HasPrefix(strings.TrimLeft(lines[k], " "), "- ") }
	from := i
	for from > 0 && !(item(from) && (from == i || indent(lines[from]) < indent(lines[i]))) {
		from--
	}
	for k := from; k < len(lines) && (k == from || !(item(k) && indent(lines[k]) <= indent(lines[from]))); k++ {
		if m := alertLine.FindStringSubmatch(strings.TrimRight(lines[k], "\r\n")); m != nil {
			return strings.Trim(m[1], `"'`)
		}
	}
	return ""
}

// scalarIn returns the lines of a block scalar behind a key with that indentation.
func scalarIn(lines []string, indent int) string {
	var b strings.Builder
	for _, line := range lines {
		text := strings.TrimLeft(line, " ")
		if strings.TrimSpace(text) != "" && !control.MatchString(strings.TrimRight(line, "\r\n")) && len(line)-len(text) <= indent {
			break
		}
		if !control.MatchString(strings.TrimRight(line, "\r\n")) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// onLevel reports whether the expression, with a number in the place of each of
// the template's actions, compares go_goroutines with one and does not look at
// its growth.
func onLevel(text string) bool {
	if n := len(text); n > 1 && (text[0] == '\'' || text[0] == '"') && text[n-1] == text[0] {
		text = text[1 : n-1]
		if strings.Contains(text, `\"`) {
			text = strings.ReplaceAll(text, `\"`, `"`)
		}
	}
	expr := parsed(action.ReplaceAllString(text, "1"))
	if expr == nil || !namesGoroutines(expr) || asGrowth(expr) != "" {
		return false
	}
	_, total := levelComparisons(expr)
	return total > 0
}
