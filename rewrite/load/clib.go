package load

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// missingC matches what pkg-config, the C compiler and the linker say when a C
// library is not installed.
var missingC = []*regexp.Regexp{
	regexp.MustCompile(`Package '?([^\s',]+)'?,? (?:was not found in the pkg-config|required by)`),
	regexp.MustCompile(`No package '([^']+)' found`),
	regexp.MustCompile(`exec: "(pkg-config)": executable file not found`),
	regexp.MustCompile(`fatal error: '?([^\s':]+)'?: No such file or directory`),
	regexp.MustCompile(`fatal error: '([^']+)' file not found`),
	regexp.MustCompile(`cannot find -l([\w.+-]+)`),
	regexp.MustCompile(`C compiler "([^"]+)" not found`),
}

// missingLibrary returns the name of the C library, header or tool that the go
// command's message says is missing, "" when it is about something else.
func missingLibrary(msg string) string {
	if !strings.Contains(msg, "# ") && !strings.Contains(msg, "pkg-config") && !strings.Contains(msg, "C compiler") {
		return ""
	}
	for i, re := range missingC {
		if m := re.FindStringSubmatch(msg); m != nil {
			if i < 2 {
				return "pkg-config: " + m[1]
			}
			return m[1]
		}
	}
	return ""
}

// libraryOf returns the C library for want of which p, or what it imports, has no
// types of C, "" when none is missing.
func (p *Package) libraryOf() string {
	for _, m := range append(p.fakedDeps(), p.metas()...) {
		for _, e := range m.Errors {
			if lib := missingLibrary(e.Msg); lib != "" {
				return lib
			}
		}
	}
	for _, e := range p.Errors {
		if lib := missingLibrary(e.Message); lib != "" {
			return lib
		}
	}
	return ""
}

// Reported returns what could not be checked in packages, in their order. A C
// library that is not installed is one problem, however many packages miss it.
func Reported(list []*Package) []Problem {
	const most = 3
	var out []Problem
	without := make(map[string]int) // packages by library
	var libs []string
	checked := make(map[string]bool) // their errors are reported themselves
	for _, p := range list {
		checked[p.Path] = true
	}
	for _, p := range list {
		lib := p.libraryOf()
		errs := p.reported()
		if lib != "" {
			if without[lib]++; !slices.Contains(libs, lib) {
				libs = append(libs, lib)
			}
			errs = slices.DeleteFunc(slices.Clone(errs), func(e Problem) bool { return missingLibrary(e.Message) != "" })
		} else if len(errs) == 0 {
			errs = p.uncompiled(checked)
		}
		if len(errs) > most+1 {
			more := Problem{Pos: errs[most].Pos, Package: errs[most].Package, Message: fmt.Sprintf("%s (and %d more errors in package %s)", errs[most].Message, len(errs)-most-1, p.Path)}
			errs = append(slices.Clone(errs[:most]), more)
		}
		out = append(out, errs...)
	}
	slices.Sort(libs)
	for _, lib := range libs {
		packages := fmt.Sprintf("%d packages", without[lib])
		if without[lib] == 1 {
			packages = "1 package"
		}
		out = append(out, Problem{Message: lib + " not found: " + packages + " checked without C types"})
	}
	return out
}

// uncompiled returns a problem for p, and for each package that it depends on and
// that is not checked itself, that is without types of C since the compiler, or cgo,
// refuses it.
func (p *Package) uncompiled(checked map[string]bool) []Problem {
	var out []Problem
	if p.meta == nil || p.snap.l == nil {
		return nil
	}
	if !p.compiled() && slices.ContainsFunc(p.Files, func(f *File) bool { return f.Cgo }) {
		for _, m := range p.metas() {
			if prob, ok := complaint(m); ok {
				prob.Message += ": checked without C types"
				out = append(out, prob)
				break
			}
		}
	}
	for _, m := range p.fakedDeps() {
		if prob, ok := complaint(m); ok && !checked[m.PkgPath] {
			prob.Message += ": what imports " + m.PkgPath + " is checked without its C types"
			out = append(out, prob)
		}
	}
	return out
}

// errorLine matches a line of the C compiler's, cgo's or the compiler's output.
var errorLine = regexp.MustCompile(`(?m)^(?:\./)?([^\s:][^:\n]*:\d+(?::\d+)?): (.*)$`)

// complaint returns the first error in the compiler's output for m.
func complaint(m *packages.Package) (prob Problem, ok bool) {
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
