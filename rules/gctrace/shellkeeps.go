package gctrace

import (
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"mvdan.cc/sh/v3/syntax"
)

// keeps reports whether the name has to stay where x goes: another value would
// show, or the script asks for it.
func (s *script) keeps(x shellSite) bool {
	alone := x.word != nil || s.isPrefix(x)
	for _, o := range s.sites {
		if o.assign == x.assign && o.word == x.word || o.word != nil || s.isPrefix(o) {
			continue
		}
		if value, plain := s.value(o); !plain || godebug.Read(value.Text).Rest != "" {
			return true
		}
	}
	return !alone && s.asks(x) || s.hides != nil && s.hides()
}

// isPrefix reports whether x is for one command, NAME=value command.
func (s *script) isPrefix(x shellSite) bool {
	call, ok := x.around[len(x.around)-1].(*syntax.CallExpr)
	return ok && x.assign != nil && len(call.Args) > 0
}

// asks reports whether the script expands GODEBUG elsewhere than in x.
func (s *script) asks(x shellSite) bool {
	found := false
	syntax.Walk(s.file, func(n syntax.Node) bool {
		if n == nil || n == syntax.Node(x.assign) {
			return false
		}
		if e, ok := n.(*syntax.ParamExp); ok && e.Param != nil && e.Param.Value == "GODEBUG" {
			found = true
		}
		return !found
	})
	return found
}
