// Package format writes findings for programs: code hosts, review tools,
// editors. There is one file a format.
package format

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/evidence"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/fingerprint"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/page"
	"github.com/runtimefix/runtimefix/rewrite"
)

// Report is what a run found.
type Report struct {
	Version string
	// Root is the top of the repository, absolute; most formats write paths
	// relative to it.
	Root string
	// WorkDir is the directory of the process, absolute.
	WorkDir string
	// Rules describes the rules that findings may name.
	Rules []Rule
	// Findings are those in the files as they are now, in order of place.
	Findings []Finding
	// Fixed are the findings that this run repaired, at their places before.
	Fixed []Finding
	// Problems say what could not be checked.
	Problems []rewrite.Problem
	// Excluded are the files that no platform of the run includes.
	Excluded []rewrite.Excluded
}

// Rule describes a rule.
type Rule struct {
	page.Page
	Severity Severity
}

// Severity is how much a finding matters.
type Severity string

// The severities, as the configuration names them.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Finding is a finding with what the configuration and the fingerprints add.
type Finding struct {
	rewrite.Found
	Severity    Severity
	Fingerprint string
	// Evidence is what recordings of the running program say of it.
	Evidence []evidence.Item
}

var writers = map[string]func(io.Writer, *Report) error{
	"json":    writeJSON,
	"sarif":   writeSARIF,
	"rdjsonl": writeRDJSONL,
	"github":  writeGitHub,
	"gitlab":  writeGitLab,
	"line":    writeLine,

	"markdown": writeMarkdown,
}

// Names returns the names of the formats, in order.
func Names() []string {
	return []string{"json", "sarif", "rdjsonl", "github", "gitlab", "line", "markdown"}
}

// Write writes r in the format called name.
func Write(w io.Writer, name string, r *Report) error {
	f := writers[name]
	if f == nil {
		return fmt.Errorf("unknown format %q", name)
	}
	return f(w, r)
}

// NeedsEdits reports whether the format called name shows what fixes change.
func NeedsEdits(name string) bool {
	return slices.Contains([]string{"json", "sarif", "rdjsonl"}, name)
}

// path returns path relative to the root.
func (r *Report) path(path string) string { return fingerprint.RelPath(r.Root, path) }

// noFix says why f has no fix that could be applied, "" when it has one.
func noFix(f Finding) string {
	why := ""
	for _, x := range f.Fixes {
		if len(x.Edits) > 0 {
			return ""
		}
		if why == "" && x.Why != "" {
			why = "the fix was withheld: " + x.Why
		}
	}
	if why != "" {
		return why
	}
	if f.NoFix != "" {
		return f.NoFix
	}
	if len(f.Fixes) > 0 {
		return "the fix is to be made by hand: " + f.Fixes[0].Message
	}
	return "no rewrite is known to be right here"
}

// advice returns what there is to be done about f, a sentence a line.
func advice(f Finding) string {
	var b strings.Builder
	for _, n := range f.Notes {
		if n.Pos.Filename == "" {
			b.WriteString("\n" + n.Message)
		}
	}
	for _, x := range f.Fixes {
		fmt.Fprintf(&b, "\nfix (%s): %s", x.Safety, x.Message)
	}
	return b.String()
}

// runeColumn turns the byte column of a line of src into one that counts
// Unicode code points.
func runeColumn(src []byte, offset, column int) int {
	start := offset - (column - 1)
	if start < 0 || offset > len(src) {
		return column
	}
	return utf8.RuneCount(src[start:offset]) + 1
}

// isText reports whether all new text of edits is valid UTF-8, so that it
// survives being written as JSON.
func isText(edits []rewrite.TextEdit) bool {
	return !slices.ContainsFunc(edits, func(e rewrite.TextEdit) bool { return !utf8.Valid(e.New) })
}
