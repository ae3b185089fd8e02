package load

import (
	"maps"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/declared"
	"golang.org/x/tools/go/packages"
)

// TestErrors returns the type errors of the package and its tests as s shows their
// files, for a package that is loaded without its tests; nil when it has none.
func (s *Snapshot) TestErrors(p *Package) []Problem {
	if s.l == nil || p.ForTest != "" {
		return nil
	}
	m := s.l.withTests(p)
	if m == nil {
		return nil
	}
	return s.l.checkWith(s, m, s.l.home(m.ID).imp).Errors
}

// withTests asks for the package together with its tests, which stays no root. It
// returns nil where there is none.
func (l *Loader) withTests(p *Package) *packages.Package {
	if m, known := l.variant[p.ID]; known {
		return m
	}
	l.variant[p.ID] = nil
	roots := maps.Clone(l.root)
	defer func() { l.root = roots }()
	l.LoadTests(map[string]bool{p.Dir: true})
	for _, m := range l.root {
		if m.ForTest == p.Path && m.PkgPath == p.Path && m.Dir == p.Dir && strings.HasSuffix(m.ID, ".test]") {
			l.variant[p.ID] = m
		}
	}
	return l.variant[p.ID]
}

// SameDeclarations reports whether the package declares what q does, an earlier
// state of it: files that neither shows, its tests say, are as right as before.
func (p *Package) SameDeclarations(q *Package) bool {
	return p.Types != nil && q.Types != nil && (p.Types == q.Types || declared.By(p.Types, true) == declared.By(q.Types, true))
}
