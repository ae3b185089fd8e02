package load

import (
	"errors"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// reported returns the errors of p that say something about p. Where the compiler
// made export data of the package, its files have no errors but those of tests; else
// those that stem from C.x, which has no type here, are none.
func (p *Package) reported() []Problem {
	if p.meta == nil || !p.lacksC() {
		return p.Errors
	}
	compiled := p.compiled() && (p.ForTest == "" || p.ForTest == p.Path)
	return slices.DeleteFunc(slices.Clone(p.Errors), func(e Problem) bool {
		i := slices.IndexFunc(p.Files, func(f *File) bool { return f.Path == e.Pos.Filename })
		return i >= 0 && compiled && !p.Files[i].Test || p.stemsFromC(e)
	})
}

// compiled reports whether the compiler made export data of p, or of p without
// its tests.
func (p *Package) compiled() bool {
	return slices.ContainsFunc(p.metas(), func(m *packages.Package) bool { return m.ExportFile != "" })
}

// metas returns what the go command said of p, and of p without its tests.
func (p *Package) metas() []*packages.Package {
	if p.meta == nil || p.snap.l == nil {
		return nil
	}
	out := []*packages.Package{p.meta}
	if plain := p.snap.l.home(p.ID).meta[p.Path]; plain != nil && plain != p.meta {
		out = append(out, plain)
	}
	return out
}

// listErrors returns the go command's complaints about p, without those that
// the type checker here reports itself, better.
func listErrors(p *packages.Package) []Problem {
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
