package gctrace

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// makefileTraces reports the lines of a Makefile that switch the trace on: an
// assignment to GODEBUG, or a command in a recipe. Targets whose name says that
// they trace or measure are passed over. Nothing is fixed: a Makefile is for
// developers.
func makefileTraces(t *rewrite.TextFile) []traceSite {
	const why = "a Makefile is for developers, who may want the trace; remove gctrace by hand if it is left over"
	var out []traceSite
	target := ""
	for off := 0; off < len(t.Src); off = span.LineEnd(t.Src, off) {
		line := string(bytes.TrimRight(t.Src[off:span.LineEnd(t.Src, off)], "\r\n"))
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '\t' {
			if traceTarget.MatchString(target) || !strings.Contains(line, "GODEBUG") {
				continue
			}
			lead := len(line) - len(strings.TrimLeft(line, "\t @-+"))
			// make gives the shell $ for $$; a line may go on.
			command := strings.TrimSuffix(strings.ReplaceAll(line[lead:], "$(", "${"), "\\")
			command = strings.ReplaceAll(command, ")", "}")
			s := &script{t: t, text: span.WholeText([]byte(command), span.Span{Off: 0, End: len(command)}), where: "a command of target " + target, names: []string{target}}
			for i := range s.text.Offs {
				s.text.Offs[i] = off + lead + i
			}
			for _, x := range s.traces() {
				x.fix, x.why = nil, why
				out = append(out, x)
			}
			continue
		}
		head, v, ok := strings.Cut(line, "=")
		fields := strings.Fields(strings.TrimRight(head, ":?+ \t"))
		if ok && len(fields) > 0 && fields[len(fields)-1] == "GODEBUG" {
			if g := readGodebug(strings.Trim(strings.TrimSpace(v), `"'`)); g.on() {
				at := off + strings.Index(line, "GODEBUG")
				out = append(out, traceSite{file: t, off: at, end: at + len("GODEBUG"), value: g, where: "the commands of the Makefile", why: why})
			}
			continue
		}
		if name, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
			target = strings.TrimSpace(name)
		}
	}
	return out
}

// traceTarget matches names of targets that are there to trace or to measure.
var traceTarget = regexp.MustCompile(`(?i)trace|gc|bench|prof|debug|perf|stress|test`)
