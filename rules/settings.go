package rules

import (
	"go/types"
	"regexp"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
)

// Settings are what a user tells the rules about a code base.
type Settings struct {
	// Handlers match functions that run for every request, as Func or
	// Type.Method.
	Handlers []*regexp.Regexp
	// AsyncC match C functions that keep a pointer after they return.
	AsyncC []*regexp.Regexp
}

// settingsOf returns the snapshot's settings.
func settingsOf(s *rewrite.Snapshot) *Settings {
	if x, ok := s.Settings().(*Settings); ok {
		return x
	}
	return &Settings{}
}

// matchesAny reports whether one of patterns matches name.
func matchesAny(patterns []*regexp.Regexp, name string) bool {
	return slices.ContainsFunc(patterns, func(re *regexp.Regexp) bool { return re.MatchString(name) })
}

// methodName returns fn's name, behind its receiver's type and a dot when it has
// one.
func methodName(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return fn.Name()
	}
	t := recv.Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name() + "." + fn.Name()
	}
	return fn.Name()
}
