// Package complaint says what could not be checked, and why: it reads what the go
// command and the compiler complain of.
package complaint

import (
	"errors"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Problem is something that could not be checked, with the reason.
type Problem struct {
	Pos     token.Position // Filename "" when it concerns no file
	Package string         // import path, "" when unknown
	Message string
}

// Error returns the problem as file:line:col: message.
func (p Problem) Error() string {
	if p.Pos.Filename == "" {
		if p.Package != "" {
			return p.Package + ": " + p.Message
		}
		return p.Message
	}
	return p.Pos.String() + ": " + p.Message
}

// Dedupe drops problems that read the same as an earlier one.
func Dedupe(list []Problem) []Problem {
	seen := make(map[string]bool)
	var out []Problem
	for _, p := range list {
		if text := p.Error(); !seen[text] {
			seen[text] = true
			out = append(out, p)
		}
	}
	return out
}

// Reason returns the reason in err without the file name, which the position
// of a Problem says already.
func Reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// Listed returns the go command's complaints about p, without those that
// the type checker here reports itself, better.
func Listed(p *packages.Package) []Problem {
	var out []Problem
	for _, e := range p.Errors {
		if e.Kind == packages.TypeError || e.Kind == packages.ParseError {
			continue
		}
		if strings.HasPrefix(e.Msg, "# ") || strings.Contains(e.Msg, "\n# ") {
			continue // the compiler's output for a package that does not build
		}
		if strings.Contains(e.Msg, "build constraints exclude all Go files") {
			continue // it has no file for this platform, as the scan knows
		}
		pos := parsePosition(e.Pos)
		if pos.Filename != "" && !filepath.IsAbs(pos.Filename) {
			// The go command writes paths relative to its directory.
			for _, path := range slices.Concat(p.GoFiles, p.IgnoredFiles, p.OtherFiles) {
				if filepath.Base(path) == filepath.Base(pos.Filename) {
					pos.Filename = path
				}
			}
			if !filepath.IsAbs(pos.Filename) && p.Dir != "" {
				pos.Filename = filepath.Join(p.Dir, filepath.Base(pos.Filename))
			}
		}
		out = append(out, Problem{Pos: pos, Message: e.Msg, Package: p.PkgPath})
	}
	return out
}

// parsePosition reads file:line:col as go/packages writes it.
func parsePosition(s string) token.Position {
	var pos token.Position
	if s == "" || s == "-" {
		return pos
	}
	rest, col, ok1 := cutLastInt(s)
	file, line, ok2 := cutLastInt(rest)
	switch {
	case ok1 && ok2:
		pos = token.Position{Filename: file, Line: line, Column: col}
	case ok1:
		pos = token.Position{Filename: rest, Line: col}
	default:
		pos = token.Position{Filename: s}
	}
	return pos
}

func cutLastInt(s string) (rest string, n int, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, 0, false
	}
	for _, c := range s[i+1:] {
		if c < '0' || c > '9' {
			return s, 0, false
		}
		n = n*10 + int(c-'0')
	}
	return s[:i], n, i+1 < len(s)
}

// errorLine matches a line of the C compiler's, cgo's or the compiler's output.
var errorLine = regexp.MustCompile(`(?m)^(?:\./)?([^\s:][^:\n]*:\d+(?::\d+)?): (.*)$`)

// Compiler returns the first error in the compiler's output for m.
func Compiler(m *packages.Package) (prob Problem, ok bool) {
	for _, e := range m.Errors {
		if !strings.HasPrefix(e.Msg, "# ") {
			continue
		}
		found := errorLine.FindAllStringSubmatch(e.Msg, -1)
		if len(found) == 0 {
			continue
		}
		i := max(0, slices.IndexFunc(found, func(line []string) bool { return strings.Contains(line[2], "error: ") }))
		text := strings.TrimPrefix(strings.TrimPrefix(found[i][2], "fatal "), "error: ")
		prob = Problem{Pos: parsePosition(found[i][1]), Package: m.PkgPath, Message: text}
		if m.Dir != "" {
			prob.Pos.Filename = filepath.Join(m.Dir, filepath.Base(prob.Pos.Filename))
		}
		return prob, true
	}
	return prob, false
}

// Untidy reports whether the go command refused a go.mod or go.sum that it could
// put in order itself.
func Untidy(err error) bool {
	for _, s := range []string{"updates to go.mod needed", "missing go.sum entry", "go mod tidy", "to match its go.sum", "go: updating go.mod"} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}
