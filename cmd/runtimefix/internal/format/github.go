package format

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
)

// writeGitHub writes workflow commands, which GitHub Actions shows as
// annotations on the lines of a pull request.
func writeGitHub(w io.Writer, r *Report) error {
	b := bufio.NewWriter(w)
	for _, f := range r.Findings {
		command := "warning"
		switch f.Severity {
		case Error:
			command = "error"
		case Info:
			command = "notice"
		}
		fmt.Fprintf(b, "::%s file=%s,line=%d,endLine=%d", command, property(r.path(f.Pos.Filename)), f.Pos.Line, max(f.Pos.Line, f.End.Line))
		// Columns are taken only when all is on one line.
		if f.End.Line == f.Pos.Line && f.End.Column > f.Pos.Column {
			fmt.Fprintf(b, ",col=%d,endColumn=%d", runeColumn(f.Source, f.Pos.Offset, f.Pos.Column), runeColumn(f.Source, f.End.Offset, f.End.Column))
		}
		fmt.Fprintf(b, ",title=%s::%s\n", property("runtimefix "+f.Rule), data(f.Message+advice(f)))
	}
	return b.Flush()
}

// data escapes the text of a workflow command. The log shows it: lines stay
// lines, nothing else of it steers a terminal.
func data(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable.Line(line)
	}
	s = strings.Join(lines, "\n")
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// property escapes a property of a workflow command.
func property(s string) string {
	s = printable.Line(s)
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
