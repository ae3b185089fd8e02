package load

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Widen loads the packages of the main modules in which one of names occurs as
// an identifier, callers of an exported function say, beside those that were
// asked for. They have Package.Wide set, and nothing is reported in them. Widen
// asks the go command once for all names together; names asked for before cost
// nothing. What cannot be loaded is a problem of the Loader, and the snapshot is
// Blind to it.
//
// It is the one thing that adds to a Snapshot; what was there stays as it is.
func (s *Snapshot) Widen(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fresh []string
	for _, n := range names {
		if !s.asked[n] {
			s.asked[n] = true
			fresh = append(fresh, n)
		}
	}
	if s.unit != nil {
		if slices.ContainsFunc(names, func(n string) bool { return !s.local(n) }) {
			s.outside()
		}
		return
	}
	defer func() {
		s.blind = s.blind || slices.ContainsFunc(names, func(n string) bool { return s.l.unknown[n] })
	}()
	if len(fresh) == 0 || s.l.Widen == nil {
		return
	}
	dirs, err := s.l.Widen(fresh)
	if err != nil {
		s.l.unseen(fresh, "", err)
	}
	s.grow(dirs, fresh)
}

// grow loads the packages of dirs, by the directory to list them from, in which
// names were looked for. s.mu is held.
func (s *Snapshot) grow(dirs map[string][]string, names []string) {
	grown := false
	for _, root := range slices.Sorted(maps.Keys(dirs)) {
		added, err := s.l.add(root, dirs[root], false)
		if err != nil {
			s.l.unseen(names, root, err)
			continue
		}
		for _, id := range added {
			m := s.l.root[id]
			if m == nil || slices.ContainsFunc(s.Packages, func(p *Package) bool { return p.ID == id }) {
				continue
			}
			s.l.wide[id] = true
			s.Packages = append(s.Packages, s.l.check(s, m))
			grown = true
		}
	}
	if grown {
		s.l.follow(s)
		s.settle()
		s.refs = nil
		clear(s.memo) // it may hold what was derived from the refs
	}
}

// WidenTo loads the packages of the main modules with the import paths, to look at
// what they declare. It is cheaper than Widen, which looks for users of a name in
// every file, but is as Widen in all else.
func (s *Snapshot) WidenTo(paths ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dirs := make(map[string][]string)
	var fresh []string
	for _, path := range paths {
		if s.unit != nil {
			if path != s.Packages[0].Path {
				s.outside()
			}
			continue
		}
		if s.asked[path] {
			continue
		}
		s.asked[path] = true
		m := s.l.ownPackage(path)
		if m == nil || m.Module == nil || !m.Module.Main || s.l.isRoot(m) || m.Dir == "" {
			continue
		}
		rel, err := filepath.Rel(m.Module.Dir, m.Dir)
		if err != nil {
			continue
		}
		fresh = append(fresh, path)
		dirs[m.Module.Dir] = append(dirs[m.Module.Dir], "./"+filepath.ToSlash(rel))
	}
	s.grow(dirs, fresh)
	s.blind = s.blind || slices.ContainsFunc(paths, func(p string) bool { return s.l != nil && s.l.unknown[p] })
}

// ownPackage returns the package with the import path, as a module sees it to
// whose build it belongs, or else as any does.
func (l *Loader) ownPackage(path string) *packages.Package {
	var out *packages.Package
	for _, s := range l.scopes {
		if m := s.meta[path]; m != nil && (out == nil || m.Module != nil && m.Module.Main) {
			out = m
		}
	}
	return out
}

// unseen notes that the users of names below dir are not known.
func (l *Loader) unseen(names []string, dir string, err error) {
	for _, n := range names {
		l.unknown[n] = true
	}
	prob := Problem{Message: "not checked for uses of " + strings.Join(names, ", ") + ": " + err.Error()}
	prob.Pos.Filename = dir
	l.problems = append(l.problems, prob)
}

// Blind reports whether Widen, since the last call of Blind, was asked about a
// name whose users are not all known.
func (s *Snapshot) Blind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	blind := s.blind
	s.blind = false
	return blind
}
