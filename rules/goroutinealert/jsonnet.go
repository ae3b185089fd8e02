package goroutinealert

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// Rules in Jsonnet, mixins say, are found by their keys, and only reported.

var (
	// jsonnetExpr matches the expression of a rule: a block, or a string in quotes.
	jsonnetExpr = regexp.MustCompile(`(?s)\bexpr\s*:\s*(?:\|\|\|-?[ \t]*\r?\n(.*?)\n[ \t]*\|\|\||'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")`)
	jsonnetName = regexp.MustCompile(`\b(alert|record)\s*:\s*['"]([^'"\n]*)['"]`)
	// jsonnetMatcher matches what a format puts in for a matcher of labels,
	// jsonnetLabels for the names of some, and jsonnetValue for anything else.
	jsonnetMatcher = regexp.MustCompile(`([{,]\s*)%\(\w+\)s`)
	jsonnetLabels  = regexp.MustCompile(`(\(\s*)%\(\w+\)s(\s*[,)])`)
	jsonnetValue   = regexp.MustCompile(`%(?:\(\w+\))?[0-9.]*[a-z]`)
)

// jsonnetAlerts finds alerts on the level of go_goroutines in Jsonnet.
func jsonnetAlerts(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for _, t := range s.TextsOf("goroutinealert", rewrite.Jsonnet) {
		all := jsonnetExpr.FindAllSubmatchIndex(t.Src, -1)
		for i, m := range all {
			from, to := 0, len(t.Src)
			if i > 0 {
				from = all[i-1][1]
			}
			if i+1 < len(all) {
				to = all[i+1][0]
			}
			name := jsonnetAlert(t.Src, from, m[0], m[1], to)
			if name == "" || commentedOut(t.Src, m[0]) {
				continue
			}
			for k := 2; k < len(m); k += 2 {
				if m[k] < 0 || !onLevel(filledIn(string(t.Src[m[k]:m[k+1]]))) {
					continue
				}
				out = append(out, rewrite.Finding{
					Pos: t.Pos(m[k]), End: t.Pos(m[k+1]),
					Message: fmt.Sprintf("alert %s fires on the level of go_goroutines: it does not tell a leak from load that levels off", name),
					NoFix:   "the rules are made by Jsonnet" + byHand,
				})
			}
		}
	}
	return out
}

// filledIn returns the expression with something in each place where a format puts
// in a value.
func filledIn(expr string) string {
	expr = jsonnetMatcher.ReplaceAllString(expr, `${1}a="b"`)
	expr = jsonnetLabels.ReplaceAllString(expr, `${1}a${2}`)
	return jsonnetValue.ReplaceAllString(expr, "1")
}

// jsonnetAlert returns the name of the alert of which src[begin:end] is the
// expression, "" where it is that of a recording rule: the name stands before it,
// behind that of the rule before, or else behind it.
func jsonnetAlert(src []byte, from, begin, end, to int) string {
	var m [][]byte
	if before := jsonnetName.FindAllSubmatch(src[from:begin], -1); len(before) > 0 {
		m = before[len(before)-1]
	} else {
		m = jsonnetName.FindSubmatch(src[end:to])
	}
	if m == nil || string(m[1]) != "alert" {
		return ""
	}
	return string(m[2])
}

// commentedOut reports whether the line up to off is a comment.
func commentedOut(src []byte, off int) bool {
	line := strings.TrimSpace(string(src[bytes.LastIndexByte(src[:off], '\n')+1 : off]))
	return strings.HasPrefix(line, "//") || strings.HasPrefix(line, "#")
}
