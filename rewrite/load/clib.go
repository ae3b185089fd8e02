package load

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
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
	if p.meta != nil {
		for _, e := range p.meta.Errors {
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
	for _, p := range list {
		lib := p.libraryOf()
		errs := p.reported()
		if lib != "" {
			if without[lib]++; !slices.Contains(libs, lib) {
				libs = append(libs, lib)
			}
			errs = slices.DeleteFunc(slices.Clone(errs), func(e Problem) bool { return p.usesC(e) || missingLibrary(e.Message) != "" })
		}
		if len(errs) > most {
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

// usesC reports whether e is in a package with files that import "C", in which C.x
// has no type.
func (p *Package) usesC(e Problem) bool {
	return slices.ContainsFunc(p.Files, func(f *File) bool { return f.Cgo }) &&
		slices.ContainsFunc(p.Files, func(f *File) bool { return f.Path == e.Pos.Filename && f.ReadOnly == "" })
}
