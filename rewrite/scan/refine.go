package scan

import (
	"go/parser"
	"go/token"
	"runtime"
	"slices"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// Refine drops the candidates of res, made under cfg, in which no rule can fire by the
// needs' Syntax. The files are parsed for that, so it comes behind what can answer
// without.
func (res *Result) Refine(cfg Config) {
	s := &scanner{cfg: cfg}
	s.prepare()
	asks := make(map[string]bool)
	for _, n := range cfg.Needs {
		asks[n.Rule] = asks[n.Rule] || n.Syntax != nil
	}
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var work sync.WaitGroup
	for _, p := range res.Packages {
		for i := range p.Files {
			f := &p.Files[i]
			if slices.ContainsFunc(f.Rules, func(rule string) bool { return asks[rule] }) {
				slots <- struct{}{}
				work.Go(func() {
					f.Rules = s.refined(*f)
					<-slots
				})
			}
		}
	}
	work.Wait()
	for i := range res.Packages {
		p := &res.Packages[i]
		p.Files = slices.DeleteFunc(p.Files, func(f File) bool { return len(f.Rules) == 0 })
	}
	res.Packages = slices.DeleteFunc(res.Packages, func(p Package) bool { return len(p.Files) == 0 })
}

// refined returns the rules that may fire in f by its syntax.
func (s *scanner) refined(f File) []string {
	data, ok := s.cfg.Overlay[f.Path]
	if !ok {
		var err error
		if data, err = safefile.Read(f.Path, safefile.Source); err != nil {
			return f.Rules // loading says what is wrong
		}
	}
	tree, err := parser.ParseFile(token.NewFileSet(), f.Path, data, parser.SkipObjectResolution)
	if err != nil {
		return f.Rules
	}
	return s.m.rules(data, f.Test, func(n Need) bool { return n.Syntax == nil || n.Syntax(tree) })
}
