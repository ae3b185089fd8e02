package gctrace

import (
	"slices"

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

// byDefault returns the site of an expansion that gives GODEBUG a value where it has
// none: ${GODEBUG:=gctrace=1}.
func (s *script) byDefault(n *syntax.ParamExp, around []syntax.Node) (traceSite, bool) {
	if n.Param == nil || n.Param.Value != "GODEBUG" || n.Exp == nil || n.Exp.Word == nil || n.Exp.Op != syntax.AssignUnset && n.Exp.Op != syntax.AssignUnsetOrNull {
		return traceSite{}, false
	}
	hidden := godebug.HiddenTrace.FindString(s.source(n.Exp.Word))
	assigned := func(n syntax.Node) bool {
		a, ok := n.(*syntax.Assign)
		return ok && a.Name != nil && a.Name.Value == "GODEBUG" // that one is a site
	}
	if hidden == "" || slices.ContainsFunc(around, assigned) || s.inert(shellSite{around: around}) {
		return traceSite{}, false
	}
	at := s.text.File(s.span(n))
	return traceSite{file: s.t, off: at.Off, end: at.End, value: godebug.Value{Hidden: hidden}, where: s.where, names: s.names}, true
}
