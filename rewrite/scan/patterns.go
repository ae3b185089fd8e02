package scan

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/gocommand"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// patterns walks what each pattern covers.
func (s *scanner) patterns(ctx context.Context, patterns []string) error {
	s.files = make(map[string][]File)
	s.matched = make([]bool, len(patterns))
	s.whole = make(map[string]bool)
	s.named = make(map[string][]string)
	s.blocked = make(map[string]bool)
	for i, p := range patterns {
		switch {
		case isFileName(p):
			s.namedFile(i, s.abs(p))
		case isLocal(p):
			if err := s.local(ctx, i, s.abs(clip(p)), p); err != nil {
				return err
			}
		default:
			// A path of no dots may be a directory or file too, as pre-commit
			// and shells name them.
			if info, err := os.Stat(s.abs(p)); err == nil && !strings.Contains(p, "...") && s.mods.byImportPath(s.cfg.Dir, p) == "" {
				if info.IsDir() {
					if err := s.local(ctx, i, s.abs(p), p); err != nil {
						return err
					}
				} else {
					s.namedFile(i, s.abs(p))
				}
				continue
			}
			base, rest := p, ""
			if j := strings.Index(p, "..."); j >= 0 {
				base, rest = strings.TrimSuffix(p[:j], "/"), "/"+p[j:]
			}
			dir := ""
			if base != "" && !reserved(p) {
				dir = s.mods.byImportPath(s.cfg.Dir, base)
			}
			if dir == "" {
				s.match(i) // or not: the go command says
				s.res.GoPatterns = append(s.res.GoPatterns, p)
				continue
			}
			if err := s.local(ctx, i, dir, dir+rest); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func reserved(p string) bool {
	return slices.Contains([]string{"all", "std", "cmd", "work", "tool", "main"}, p)
}

func isFileName(p string) bool { return strings.HasSuffix(p, ".go") && !strings.Contains(p, "...") }

// isLocal reports whether p names directories rather than import paths, as the
// go command sees it.
func isLocal(p string) bool {
	return p == "." || p == ".." || strings.HasPrefix(p, "./") || strings.HasPrefix(p, "../") ||
		filepath.IsAbs(p) || strings.HasPrefix(p, "...")
}

// clip returns the directory at which the walk for p begins.
func clip(p string) string {
	if i := strings.Index(p, "..."); i >= 0 {
		p = p[:i]
		if j := strings.LastIndexByte(p, '/'); j >= 0 {
			return p[:j+1]
		}
		return "."
	}
	return p
}

func (s *scanner) abs(p string) string {
	p = filepath.FromSlash(p)
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(s.cfg.Dir, p)
}

// local handles a directory pattern: one directory, or a tree with wildcards.
func (s *scanner) local(ctx context.Context, i int, root, pattern string) error {
	info, err := os.Stat(root)
	if err != nil {
		return nil // matched nothing
	}
	if !info.IsDir() {
		s.namedFile(i, root)
		return nil
	}
	if !strings.Contains(pattern, "...") {
		s.readDir(i, root, true)
		return nil
	}
	if strings.HasSuffix(pattern, "/...") {
		s.match(i) // all of what there is, and be it nothing
	}
	match := matchPattern(filepath.ToSlash(s.abs(pattern)))
	return s.walk(ctx, i, root, match)
}

// matchPattern returns a function that reports whether a slash-separated
// absolute directory matches pattern, in which "..." stands for any string and
// a final "/..." also for nothing.
func matchPattern(pattern string) func(string) bool {
	re := regexp.QuoteMeta(pattern)
	re = strings.ReplaceAll(re, `\.\.\.`, `.*`)
	if s, ok := strings.CutSuffix(re, `/.*`); ok {
		re = s + `(/.*)?`
	}
	r := regexp.MustCompile(`(?s)^` + re + `$`) // a name may hold a line end
	return r.MatchString
}

// walk visits root and the directories below it.
func (s *scanner) walk(ctx context.Context, i int, root string, match func(string) bool) error {
	ignored := s.mods.ignored(root)
	// The root may be a symbolic link; links below it are not followed.
	err := filepath.WalkDir(root+string(filepath.Separator), func(p string, d fs.DirEntry, err error) error {
		if cause := ctx.Err(); cause != nil {
			return cause
		}
		p = filepath.Clean(p)
		if err != nil {
			s.problem(p, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.IsDir() {
			return nil
		}
		name := d.Name()
		if p != root {
			if name == "vendor" || name == "testdata" || name == "node_modules" || strings.HasPrefix(name, "_") {
				return fs.SkipDir
			}
			if strings.HasPrefix(name, ".") && name != "." {
				if slices.Contains(deployDirs, name) && len(s.cfg.TextNeeds) > 0 {
					if err := s.textTree(ctx, i, p); err != nil {
						return err
					}
				}
				return fs.SkipDir
			}
			if _, err := os.Lstat(filepath.Join(p, ".git")); err == nil {
				s.res.Nested = append(s.res.Nested, p)
				return fs.SkipDir
			}
			if more := s.mods.ignoredHere(p); more != nil {
				ignored = append(ignored, more...)
			}
			if slices.Contains(ignored, p) {
				return fs.SkipDir
			}
		}
		if match(filepath.ToSlash(p)) {
			s.readDir(i, p, false)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// deployDirs are the hidden directories in which build and deployment files
// stand. The go command passes over all hidden directories.
var deployDirs = []string{
	".build", ".buildkite", ".ci", ".circleci", ".deploy", ".deployment", ".docker", ".github", ".gitlab", ".helm", ".k8s", ".kubernetes",
}

// textTree takes the text files below a directory whose Go files do not count.
func (s *scanner) textTree(ctx context.Context, i int, dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if cause := ctx.Err(); cause != nil {
			return cause
		}
		switch {
		case err != nil:
			s.problem(p, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir() && p != dir && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.Type().IsRegular():
			s.file(job{path: p, dir: filepath.Dir(p), pattern: i}, d.Name(), true)
		default:
			s.oddText(job{path: p, dir: filepath.Dir(p), pattern: i}, d)
		}
		return nil
	})
}

// readDir queues the files of one directory, which the user named if asked is set.
func (s *scanner) readDir(i int, dir string, asked bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		s.problem(dir, err)
		return
	}
	s.whole[dir] = true
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() && !e.Type().IsRegular() && goReads(name) && !s.isFile(dir, e) {
			// The go command would wait for what comes out of it.
			s.blocked[dir] = true
		}
		if e.IsDir() || !e.Type().IsRegular() && !s.linksToFile(dir, e) {
			s.oddText(job{path: filepath.Join(dir, name), dir: dir, pattern: i}, e)
			continue
		}
		if strings.HasSuffix(name, ".go") {
			s.match(i)
		}
		if name[0] == '.' && strings.Contains(name, "runtimefix-") {
			s.res.Litter = append(s.res.Litter, filepath.Join(dir, name))
		}
		s.file(job{path: filepath.Join(dir, name), dir: dir, pattern: i, asked: asked}, name, false)
	}
}

// goReads reports whether the go command opens a file of that name.
func goReads(name string) bool {
	return name[0] != '.' && name[0] != '_' && slices.Contains(gocommand.SourceFiles, path.Ext(name))
}

// isFile reports whether e, or what it links to, is a file or directory. A pipe or
// device is a problem.
func (s *scanner) isFile(dir string, e fs.DirEntry) bool {
	info, err := os.Stat(filepath.Join(dir, e.Name()))
	if err != nil || info.Mode().IsRegular() || info.IsDir() {
		return true // the go command says what is wrong
	}
	s.problem(filepath.Join(dir, e.Name()), errors.New("it "+safefile.Irregular(info.Mode())+", and its package is not checked"))
	return false
}

// oddText looks at what is no file and has the name of a text file in which a rule
// might fire: that a pipe or device is not read is a problem, and what a link to a
// file leads to may have to be told.
func (s *scanner) oddText(j job, e fs.DirEntry) {
	if e.IsDir() {
		return
	}
	kinds, sniff := textKinds(filepath.ToSlash(j.path))
	if sniff || !s.wanted(kinds) {
		return
	}
	mode := e.Type()
	if mode&fs.ModeSymlink != 0 {
		info, err := os.Stat(j.path)
		if err != nil {
			return // it leads nowhere: there is nothing to be checked
		}
		mode = info.Mode().Type()
		if mode.IsRegular() && !s.seen[j.path] {
			s.seen[j.path] = true
			j.text, j.link = kinds, true
			s.jobs <- j
		}
	}
	if mode&(fs.ModeNamedPipe|fs.ModeDevice|fs.ModeSocket) != 0 {
		s.problem(j.path, errors.New("it "+safefile.Irregular(mode)+", and is not checked"))
	}
}

// linksToFile reports whether e is a symbolic link to a regular file; the go
// command takes such source files.
func (s *scanner) linksToFile(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 || !strings.HasSuffix(e.Name(), ".go") {
		return false
	}
	info, err := os.Stat(filepath.Join(dir, e.Name()))
	if err != nil {
		s.problem(filepath.Join(dir, e.Name()), err)
		return false
	}
	return info.Mode().IsRegular()
}

// namedFile queues a file that the user named.
func (s *scanner) namedFile(i int, p string) {
	info, err := os.Stat(p)
	if err != nil || info.IsDir() {
		return
	}
	s.match(i)
	dir, name := filepath.Split(p)
	dir = filepath.Clean(dir)
	s.named[dir] = append(s.named[dir], name)
	s.file(job{path: p, dir: dir, pattern: i, named: true, asked: true}, name, false)
}

// file queues one file unless its name says that no rule reads it.
func (s *scanner) file(j job, name string, textOnly bool) {
	if s.seen[j.path] {
		return
	}
	if strings.HasSuffix(name, ".go") {
		if textOnly || len(s.cfg.Needs) == 0 || strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") ||
			!s.cfg.Tests && strings.HasSuffix(name, "_test.go") {
			return
		}
		s.seen[j.path] = true
		s.jobs <- j
		return
	}
	if len(s.cfg.TextNeeds) == 0 {
		return
	}
	j.text, j.sniff = textKinds(path.Join(filepath.ToSlash(j.dir), name))
	if s.wanted(j.text) {
		s.seen[j.path] = true
		s.jobs <- j
	}
}

// match notes that pattern i matched something.
func (s *scanner) match(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.matched[i] = true
}

func (s *scanner) problem(path string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.res.Problems = append(s.res.Problems, Problem{path, err})
}
