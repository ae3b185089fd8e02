package load

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
	"golang.org/x/tools/go/packages"
)

// scope is what import paths mean to the packages of one or more modules. Modules
// that depend on different versions of one module have scopes of their own: the
// same path is another package there.
type scope struct {
	meta map[string]*packages.Package // every package and dependency by ID
	std  map[string]*packages.Package // by import path: for imports that fixes add
	imp  *exports
	// sourced are the roots, by ID, whose importers take their types from source:
	// the go command need not compile them.
	sourced map[string]*packages.Package
	// faked has the IDs of packages that do not compile here for want of C: what they
	// declare is taken from their sources.
	faked map[string]bool
	// exported has by ID the directories in which the go command was asked for the export
	// data of packages, and compiled the IDs of those that it was to compile.
	exported map[string]string
	compiled map[string]bool
	goroot   string // "" where it is not known yet

	builds map[string]string // what the modules are built with: see builds
}

func (l *Loader) newScope() *scope {
	return &scope{
		meta: make(map[string]*packages.Package), std: make(map[string]*packages.Package), imp: newExports(l.fset),
		sourced: make(map[string]*packages.Package), faked: make(map[string]bool), exported: make(map[string]string), compiled: make(map[string]bool), builds: make(map[string]string),
	}
}

// enter makes the scope of what is listed from dir the one at hand.
func (l *Loader) enter(dir string) {
	if s := l.scopeOf[dir]; s != nil {
		l.scope = s
	}
}

// home returns the scope of the root with the ID.
func (l *Loader) home(id string) *scope {
	if s := l.homes[id]; s != nil {
		return s
	}
	return l.scope
}

// assign gives g the first scope in which nothing means something else than to
// its modules, or a new one.
func (l *Loader) assign(g Group) {
	if l.scopeOf[g.Dir] != nil {
		return
	}
	needs, whole := builds(g)
	at := slices.IndexFunc(l.scopes, func(s *scope) bool {
		for path, version := range needs {
			if has, ok := s.builds[path]; ok && has != version {
				return false
			}
		}
		return whole
	})
	if len(l.scopeOf) == 0 {
		at = 0 // the first
	}
	if at < 0 {
		at = len(l.scopes)
		l.scopes = append(l.scopes, l.newScope())
	}
	s := l.scopes[at]
	for path, version := range needs {
		s.builds[path] = version
	}
	if !whole {
		s.builds["\x00"] = g.Dir // nothing else goes with it
	}
	l.scopeOf[g.Dir] = s
	for _, dir := range g.Paths {
		l.scopeOf[dir] = s
	}
}

// builds returns what the modules of g are and are built with, by module path: a
// version, or the directory that stands in for it. whole is false where go.mod does
// not tell of all.
func builds(g Group) (out map[string]string, whole bool) {
	out, whole = map[string]string{"\x00": ""}, true
	replaced := make(map[string]string)
	for path, dir := range g.Paths {
		out[path] = RealPath(dir)
		data, err := safefile.Read(filepath.Join(dir, "go.mod"), safefile.Source)
		if err != nil {
			continue // of no module
		}
		f, err := modfile.ParseLax(filepath.Join(dir, "go.mod"), data, nil)
		if err != nil {
			return out, false
		}
		if (f.Go == nil || semver.Compare("v"+f.Go.Version, "v1.17") < 0) && len(f.Require) > 0 {
			whole = false // it does not list what its dependencies need
		}
		for _, r := range f.Require {
			if g.Paths[r.Mod.Path] == "" && semver.Compare(r.Mod.Version, out[r.Mod.Path]) >= 0 {
				out[r.Mod.Path] = r.Mod.Version
			}
		}
		if full, err := modfile.Parse(filepath.Join(dir, "go.mod"), data, nil); err == nil {
			for _, r := range full.Replace {
				to := r.New.Path + "@" + r.New.Version
				if r.New.Version == "" {
					to = r.New.Path
					if !filepath.IsAbs(to) {
						to = filepath.Join(dir, filepath.FromSlash(to))
					}
					to = RealPath(to)
				}
				replaced[strings.TrimSuffix(r.Old.Path+"@"+r.Old.Version, "@")] = to
			}
		}
	}
	for path, version := range out {
		if to, ok := replaced[path+"@"+version]; ok {
			out[path] = to
		} else if to, ok := replaced[path]; ok {
			out[path] = to
		}
	}
	return out, whole
}
