package gocommand

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"golang.org/x/mod/modfile"
)

// SourceFiles are the extensions of the files that the go command opens in a
// package's directory to see whether they belong to it (go/build, fileListForExt).
var SourceFiles = []string{".go", ".c", ".cc", ".cpp", ".cxx", ".m", ".h", ".hh", ".hpp", ".hxx", ".f", ".F", ".for", ".f90", ".s", ".S", ".sx", ".swig", ".swigcxx"}

// otherFiles are those that it opens by name.
var otherFiles = []string{"go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt"}

// Blocked says for which file the go command waits, and what that is.
type Blocked struct{ Path, Is string }

func (b Blocked) Error() string { return "the go command waits for " + b.Path + ", which " + b.Is }

// blocked returns an error when there is a pipe for which a go command in dir waits,
// or a device from which it may read for ever. Directories are read for that only,
// since hardly anybody has one.
func blocked(dir string) error {
	s := search{seen: make(map[string]bool)}
	for _, root := range modulesAround(dir) {
		if err := s.walk(root); err != nil {
			return err
		}
	}
	return nil
}

// modulesAround returns the directory of the module around dir, and those of the
// modules beside it in its workspace or in the place of others.
func modulesAround(dir string) []string {
	var out []string
	add := func(base, path string) {
		if path = filepath.FromSlash(path); !filepath.IsAbs(path) {
			path = filepath.Join(base, path)
		}
		out = append(out, path)
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	module, work := above(dir, "go.mod"), os.Getenv("GOWORK")
	if module == "" {
		module = filepath.Join(dir, "go.mod")
	}
	add("", filepath.Dir(module))
	if work == "" {
		work = above(dir, "go.work")
	}
	if data, err := safefile.Read(work, safefile.Source); err == nil {
		if f, err := modfile.ParseWork(work, data, nil); err == nil {
			for _, u := range f.Use {
				add(filepath.Dir(work), u.Path)
			}
			for _, r := range f.Replace {
				if r.New.Version == "" {
					add(filepath.Dir(work), r.New.Path)
				}
			}
		}
	}
	for _, root := range slices.Clone(out) {
		path := filepath.Join(root, "go.mod")
		data, err := safefile.Read(path, safefile.Source)
		if err != nil {
			continue
		}
		f, err := modfile.Parse(path, data, nil)
		if err != nil {
			continue
		}
		for _, r := range f.Replace {
			if r.New.Version == "" {
				add(root, r.New.Path)
			}
		}
	}
	return out
}

// above returns the file of that name in dir or above it, "" when there is none.
func above(dir, name string) string {
	for {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// search goes through directories, each once.
type search struct{ seen map[string]bool }

func (s *search) walk(dir string) error {
	dir = safefile.RealPath(dir)
	if s.seen[dir] {
		return nil
	}
	s.seen[dir] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // the go command says so
	}
	for _, e := range entries {
		path, mode := filepath.Join(dir, e.Name()), e.Type()
		if mode.IsRegular() || e.Name() == ".git" {
			continue
		}
		if mode&fs.ModeSymlink != 0 {
			info, err := os.Stat(path)
			if err != nil {
				continue
			}
			mode = info.Mode()
		}
		switch {
		case mode.IsDir():
			err = s.walk(path)
		case slices.Contains(SourceFiles, filepath.Ext(path)) || slices.Contains(otherFiles, e.Name()):
			err = waits(path, mode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// waits returns an error when reading from the file, which is of that mode, does not
// come to an end.
func waits(path string, mode fs.FileMode) error {
	real, _ := filepath.EvalSymlinks(path)
	switch {
	case mode&fs.ModeNamedPipe != 0 && isRead(path), mode&fs.ModeDevice != 0 && real != os.DevNull:
		return Blocked{path, safefile.Irregular(mode)}
	}
	return nil
}
