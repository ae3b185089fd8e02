package format

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
)

// maxRows bounds the table: a job summary may have a megabyte.
const maxRows = 500

// writeMarkdown writes a table for the summary of a CI job or a comment on a
// pull request.
func writeMarkdown(w io.Writer, r *Report) error {
	b := bufio.NewWriter(w)
	n := len(r.Findings)
	switch n {
	case 0:
		fmt.Fprintf(b, "### runtimefix: nothing found\n")
	case 1:
		fmt.Fprintf(b, "### runtimefix: 1 finding\n")
	default:
		fmt.Fprintf(b, "### runtimefix: %d findings\n", n)
	}
	if n > 0 {
		fmt.Fprintf(b, "\n| place | rule | finding | fix |\n| --- | --- | --- | --- |\n")
	}
	for i, f := range r.Findings {
		if i == maxRows {
			fmt.Fprintf(b, "\nand %d more\n", n-maxRows)
			break
		}
		fix := "by hand"
		if len(f.Fixes) > 0 {
			fix = f.Fixes[0].Safety.String() + ": " + f.Fixes[0].Message
		}
		fmt.Fprintf(b, "| %s:%d | %s | %s | %s |\n", markdown(r.path(f.Pos.Filename)), f.Pos.Line, f.Rule, markdown(f.Message), markdown(fix))
	}
	if len(r.Fixed) > 0 {
		fmt.Fprintf(b, "\nFixed by this run: %d\n", len(r.Fixed))
	}
	if len(r.Problems) > 0 {
		fmt.Fprintf(b, "\nNot everything could be checked:\n\n")
	}
	for i, p := range r.Problems {
		if i == maxRows {
			fmt.Fprintf(b, "* and %d more\n", len(r.Problems)-maxRows)
			break
		}
		if p.Pos.Filename != "" {
			p.Pos.Filename = r.path(p.Pos.Filename)
		}
		fmt.Fprintf(b, "* %s\n", markdown(p.Error()))
	}
	return b.Flush()
}

// markdown returns s as text that stays text in a cell of a table: no markup, no
// link, no mention of a user.
func markdown(s string) string {
	var b strings.Builder
	for _, c := range printable.Line(strings.ReplaceAll(s, "\n", " ")) {
		if strings.ContainsRune("\\`*_{}[]<>#|!~&@:$", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
