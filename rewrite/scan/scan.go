// Package scan finds the files of a tree in which a rule can fire at all,
// before anything is parsed or type-checked and without the go command.
//
// It reads bytes and looks for literals: the import path and one of the
// identifiers that a rule needs. It may take a file for a candidate that is
// none, never the other way round: renamed and dot imports, cgo files, other
// platforms and build tags are all found.
package scan

import (
	"context"
	"go/ast"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
)

// Need is one way in which a rule can fire in a Go file: the file must contain
// Import as a string literal (any file will do when it is empty) and at least
// one of Idents as a word.
type Need struct {
	Rule   string
	Import string
	Idents []string
	// Tests says whether the rule may fire in _test.go files.
	Tests bool
	// Syntax, if set, reports whether the rule may fire in the file by what can be seen
	// without types and other files. Refine asks for it. A file that does not parse is
	// not shown to it.
	Syntax func(f *ast.File) bool
}

// TextNeed selects text files that a rule reads: those of one of Kinds that
// contain one of Contains literally, or all of them when it is empty.
type TextNeed struct {
	Rule     string
	Kinds    []TextKind
	Contains []string
}

// Config says what to look for.
type Config struct {
	// Dir is the directory that patterns are relative to, absolute.
	Dir       string
	Needs     []Need
	TextNeeds []TextNeed
	// GOOS, GOARCH, Tags and CgoEnabled decide which files are Excluded.
	GOOS, GOARCH string
	Tags         []string
	CgoEnabled   bool
	// Tests says whether _test.go files are read.
	Tests bool
	// Dirs, if set, says in which directories Go files are read.
	Dirs func(dir string) bool
	// Overlay holds contents that stand in for those on disk, by path.
	Overlay map[string][]byte
	// Inputs, if set, notes the contents of the files that are read.
	Inputs *inputs.Set
	// MaxFileSize is the size in bytes above which a file is passed over; 0
	// means 4 MB.
	MaxFileSize int64
}

// Result is what a scan found. All lists are in order of path.
type Result struct {
	Modules  []Module
	Packages []Package
	Text     []TextFile
	// GoPatterns are the patterns that only the go command can resolve: import
	// paths outside of the modules at hand, "std", "all" and the like.
	GoPatterns []string
	// Unmatched are the patterns that matched nothing.
	Unmatched []string
	// Litter are files that an interrupted write may have left.
	Litter []string
	// Nested are the repositories within the one at hand, which are not read.
	Nested []string
	// Links are links whose names are those of text files in which a rule might fire,
	// as it might in what they lead to. That is not among Text.
	Links []Link
	// Problems are the files that could not be read.
	Problems []Problem
	// Files and Bytes say how much was read.
	Files int
	Bytes int64
}

// Module is a Go module below one of the roots.
type Module struct {
	Dir, Path string
	// Err says why its go.mod or go.work cannot be read: the go command, which
	// would wait for a pipe, is not to be asked about the module.
	Err error
	// GoVersion is that of the go line, "" where there is none.
	GoVersion string
	// Work is the go.work that uses it, "" when none does.
	Work string
}

// Package is a directory with candidate files.
type Package struct {
	Dir string
	// Module is an index in Result.Modules, -1 outside of modules.
	Module int
	Files  []File
	// Named are the names of the files that are wanted of the package; nil
	// when all are.
	Named []string
}

// File is a candidate Go file.
type File struct {
	Path string
	// Rules are the rules that may fire in it, in order.
	Rules []string
	// Excluded says why the platform or the tags leave it out, "" if they do
	// not.
	Excluded string
	Test     bool
	// Asked reports whether the user named the file or its directory.
	Asked bool
}

// TextFile is a candidate text file.
type TextFile struct {
	Path string
	// Kinds are what it may be, told from its name.
	Kinds []TextKind
	// Rules are the rules that may fire in it, in order.
	Rules []string
	// Asked reports whether the user named the file or its directory.
	Asked bool
}

// Link is a symbolic link to a regular file.
type Link struct{ Path, Target string }

// Problem is a file that could not be read.
type Problem struct {
	Path string
	Err  error
}

// MaxSize is the size in bytes of the biggest file that is looked at unless Config
// says another: what holds more is data.
const MaxSize = 4 << 20

// Run scans what patterns cover, ./... for instance, or directories, files and
// import paths.
func Run(ctx context.Context, cfg Config, patterns []string) (*Result, error) {
	if cfg.MaxFileSize == 0 {
		cfg.MaxFileSize = MaxSize
	}
	res := &Result{}
	s := &scanner{cfg: cfg, res: res, mods: newModules(), seen: make(map[string]bool), jobs: make(chan job, 256)}
	s.prepare()
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(s.work)
	}
	err := s.patterns(ctx, patterns)
	close(s.jobs)
	workers.Wait()
	if err != nil {
		return nil, err
	}
	for i, p := range patterns {
		if !s.matched[i] {
			res.Unmatched = append(res.Unmatched, p)
		}
	}
	s.collect()
	return res, ctx.Err()
}

// job is one file to be read.
type job struct {
	path    string
	dir     string
	text    []TextKind // kinds of a text file, nil for Go
	sniff   bool       // it is of these kinds only if its first line says so
	pattern int        // index of the pattern that led here
	named   bool       // the user named the file itself
	asked   bool       // or its directory
	link    bool       // a symbolic link that nobody named
}

type scanner struct {
	cfg  Config
	res  *Result
	mods *modules
	seen map[string]bool // files and directories already under way
	jobs chan job
	m    matcher

	mu      sync.Mutex
	files   map[string][]File   // by directory
	matched []bool              // by pattern
	whole   map[string]bool     // directories of which all files are wanted
	blocked map[string]bool     // directories that the go command is not to look into
	named   map[string][]string // names of the files that patterns name, by directory
}

// passRead forgets the links to files that are read under a name of their own.
func (s *scanner) passRead() {
	if len(s.res.Links) == 0 {
		return
	}
	read := make(map[string]bool)
	for _, t := range s.res.Text {
		read[s.cfg.Inputs.Real(t.Path)] = true
	}
	s.res.Links = slices.DeleteFunc(s.res.Links, func(l Link) bool { return read[l.Target] })
	slices.SortFunc(s.res.Links, func(a, b Link) int { return strings.Compare(a.Path, b.Path) })
}

func (s *scanner) collect() {
	dirs := make([]string, 0, len(s.files))
	for dir := range s.files {
		if s.blocked[dir] {
			continue
		}
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	index := make(map[string]int)
	for _, dir := range dirs {
		p := Package{Dir: dir, Module: -1, Files: s.files[dir]}
		if !s.whole[dir] {
			p.Named = s.named[dir]
		}
		slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
		if m := s.mods.of(dir); m != nil {
			i, ok := index[m.Dir]
			if !ok {
				i = len(s.res.Modules)
				index[m.Dir] = i
				s.res.Modules = append(s.res.Modules, *m)
			}
			p.Module = i
		}
		s.res.Packages = append(s.res.Packages, p)
	}
	s.passRead()
	slices.Sort(s.res.Litter)
	slices.SortFunc(s.res.Text, func(a, b TextFile) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(s.res.Problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
}
