// Package survey answers what the other files of a repository say about GODEBUG:
// who else sets it, and who reads the trace.
package survey

import (
	"bytes"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite"
)

// Survey is what the files of a repository say about GODEBUG.
type Survey struct {
	err      error
	readers  []*reader
	settings []File          // files that set GODEBUG to more than the trace
	programs map[string]bool // names of the programs, as far as directories and units tell
	EnvFiles map[string]bool // names of the files that units take their environment from
	asks     map[string]asking
	// Positions says that a patch names entries of an environment by their places.
	Positions bool
}

// File is a file that sets GODEBUG, or names a file of settings that may.
type File struct {
	Path string // absolute
	Data []byte
}

// Of reads the repository that p is in.
func Of(s *rewrite.Snapshot, p string) *Survey {
	type key string
	root := s.Root(p)
	return rewrite.MemoDisk(s, key(root), func() *Survey {
		v := &Survey{programs: make(map[string]bool), EnvFiles: make(map[string]bool), asks: make(map[string]asking)}
		var mu sync.Mutex
		var programs []string // directories
		var starts launches
		_, v.err = s.FilesWith(root, func(p string, data []byte) bool {
			rel, _ := filepath.Rel(root, p)
			rel = filepath.ToSlash(rel)
			reads := !isDocument(rel) && readsTrace(rel, data)
			sets := path.Ext(rel) != ".go" && !isDocument(rel) && otherSetting(data)
			program := programOf(rel, data)
			named := environmentFiles(rel, data)
			asked, positions := asks(rel, data), countsEntries(rel, data)
			starts.note(rel, data)
			if !reads && !sets && program == "" && len(named) == 0 && asked == unasked && !positions {
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			if reads {
				v.readers = append(v.readers, &reader{rel: rel, data: slices.Clone(data), does: "parses"})
			}
			if asked != unasked {
				v.asks[p] = asked
			}
			v.Positions = v.Positions || positions
			if sets {
				v.settings = append(v.settings, File{p, slices.Clone(data)})
			}
			for _, name := range named {
				v.EnvFiles[name] = true
			}
			if program != "" {
				v.programs[path.Base(program)] = true
				programs = append(programs, program)
			}
			return false
		})
		v.readers = append(v.readers, starts.readers(v)...)
		slices.SortFunc(v.readers, func(a, b *reader) int { return strings.Compare(a.rel, b.rel) })
		slices.SortFunc(v.settings, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
		for _, r := range v.readers {
			r.learn(v.programs, programs)
		}
		return v
	})
}

// environmentFiles returns the names of the files that a unit takes its
// environment from.
func environmentFiles(rel string, data []byte) []string {
	if UnitName(rel) == "" {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "EnvironmentFile="); ok {
			out = append(out, path.Base(strings.Trim(v, `-"' `)))
		}
	}
	return out
}

// isDocument reports whether rel is text for people, or what tests are made of.
func isDocument(rel string) bool {
	if slices.Contains(strings.Split(rel, "/"), "testdata") {
		return true
	}
	return slices.Contains([]string{".md", ".markdown", ".rst", ".adoc", ".txt", ".html", ".org"}, strings.ToLower(path.Ext(rel)))
}

// programOf returns the directory of the program that the file rel belongs to
// surely, or the name of the unit that it is; "" when it says nothing.
func programOf(rel string, data []byte) string {
	dir, base := path.Dir(rel), path.Base(rel)
	switch {
	case strings.HasSuffix(base, "_test.go"):
	case strings.HasSuffix(base, ".go"):
		if dir != "." && bytes.Contains(data, []byte("package main")) && bytes.Contains(data, []byte("func main()")) {
			return dir
		}
	case strings.HasSuffix(base, ".service"):
		return path.Join(dir, strings.TrimSuffix(base, ".service"))
	case IsDockerfileName(base) && dir != ".":
		return dir
	}
	return ""
}

func IsDockerfileName(base string) bool {
	lower := strings.ToLower(base)
	return strings.Contains(lower, "dockerfile") || strings.Contains(lower, "containerfile")
}

// SetElsewhere reports whether a file of the repository other than p for which
// match returns true sets GODEBUG to more than the trace. What cannot be read
// counts as if it did.
func SetElsewhere(s *rewrite.Snapshot, p string, match func(File) bool) bool {
	v := Of(s, p)
	return v.err != nil || slices.ContainsFunc(v.settings, func(o File) bool { return o.Path != p && match(o) })
}

// debugSetting matches a GODEBUG with its value, on one line or, as in a list of
// variables, on two.
var debugSetting = regexp.MustCompile(`GODEBUG["']?(?:[ \t]*[:=,][ \t]*|[ \t]*\r?\n[ \t]*(?:-[ \t]*)?["']?value["']?:[ \t]*|[ \t]+)["']?([a-z0-9]+=[^\s"'}]*)`)

// otherSetting reports whether data sets GODEBUG to more than the trace.
func otherSetting(data []byte) bool {
	for _, m := range debugSetting.FindAllSubmatch(data, -1) {
		for elem := range strings.SplitSeq(string(m[1]), ",") {
			if !strings.HasPrefix(elem, "gctrace=") {
				return true
			}
		}
	}
	return false
}

// UnitName returns the name of the unit that the file p is of, without instance
// and kind; "" when it is of none.
func UnitName(p string) string {
	base := filepath.Base(p)
	if filepath.Ext(base) == ".conf" {
		dir, ok := strings.CutSuffix(filepath.Base(filepath.Dir(p)), ".d")
		if !ok {
			return ""
		}
		base = dir
	}
	for _, kind := range []string{".service", ".container"} {
		if name, ok := strings.CutSuffix(base, kind); ok {
			name, _, _ = strings.Cut(name, "@")
			return name
		}
	}
	if base == "service" {
		return base // service.d is laid over all services
	}
	return ""
}
