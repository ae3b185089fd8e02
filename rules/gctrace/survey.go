package gctrace

import (
	"bytes"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite"
)

// survey is what the files of a repository say about GODEBUG.
type survey struct {
	err      error
	readers  []*reader
	settings []otherFile     // files that set GODEBUG to more than the trace
	programs map[string]bool // names of the programs, as far as directories and units tell
	envFiles map[string]bool // names of the files that units take their environment from
}

// otherFile is a file that sets GODEBUG, or names a file of settings that may.
type otherFile struct {
	path string // absolute
	data []byte
}

// surveyOf reads the repository that p is in.
func surveyOf(s *rewrite.Snapshot, p string) *survey {
	type key string
	root := s.Root(p)
	return rewrite.Memo(s, key(root), func() *survey {
		v := &survey{programs: make(map[string]bool), envFiles: make(map[string]bool)}
		var mu sync.Mutex
		var programs []string // directories
		_, v.err = s.FilesWith(root, func(p string, data []byte) bool {
			rel, _ := filepath.Rel(root, p)
			rel = filepath.ToSlash(rel)
			reads := !isDocument(rel) && bytes.Contains(data, []byte("gctrace")) && traceLine.Match(data)
			sets := path.Ext(rel) != ".go" && !isDocument(rel) && otherSetting(data)
			program := programOf(rel, data)
			named := environmentFiles(rel, data)
			if !reads && !sets && program == "" && len(named) == 0 {
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			if reads {
				v.readers = append(v.readers, &reader{rel: rel, data: slices.Clone(data)})
			}
			if sets {
				v.settings = append(v.settings, otherFile{p, slices.Clone(data)})
			}
			for _, name := range named {
				v.envFiles[name] = true
			}
			if program != "" {
				v.programs[path.Base(program)] = true
				programs = append(programs, program)
			}
			return false
		})
		slices.SortFunc(v.readers, func(a, b *reader) int { return strings.Compare(a.rel, b.rel) })
		slices.SortFunc(v.settings, func(a, b otherFile) int { return strings.Compare(a.path, b.path) })
		for _, r := range v.readers {
			r.learn(v.programs, programs)
		}
		return v
	})
}

// environmentFiles returns the names of the files that a unit takes its
// environment from.
func environmentFiles(rel string, data []byte) []string {
	if unitName(rel) == "" {
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

// isDocument reports whether rel is text for people.
func isDocument(rel string) bool {
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
	case isDockerfileName(base) && dir != ".":
		return dir
	}
	return ""
}

func isDockerfileName(base string) bool {
	lower := strings.ToLower(base)
	return strings.Contains(lower, "dockerfile") || strings.Contains(lower, "containerfile")
}

// setElsewhere reports whether a file of the repository other than p for which
// match returns true sets GODEBUG to more than the trace. What cannot be read
// counts as if it did.
func setElsewhere(s *rewrite.Snapshot, p string, match func(otherFile) bool) bool {
	v := surveyOf(s, p)
	return v.err != nil || slices.ContainsFunc(v.settings, func(o otherFile) bool { return o.path != p && match(o) })
}
