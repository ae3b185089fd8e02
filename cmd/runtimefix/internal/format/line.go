package format

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
)

// writeLine writes a line for each finding, "path:line:column: severity:
// message [rule]" as the C compilers do: problem matchers and error formats of
// editors know it. Paths are relative to the directory of the process where
// that is shorter.
func writeLine(w io.Writer, r *Report) error {
	b := bufio.NewWriter(w)
	for _, f := range r.Findings {
		severity := string(f.Severity)
		if f.Severity == Info {
			severity = "note"
		}
		message := printable.Line(strings.ReplaceAll(f.Message, "\n", " "))
		fmt.Fprintf(b, "%s:%d:%d: %s: %s [%s]\n", printable.Path(r.nearPath(f.Pos.Filename)), f.Pos.Line, f.Pos.Column, severity, message, f.Rule)
	}
	return b.Flush()
}
