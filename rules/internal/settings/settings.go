// Package settings answers what the user has told the rules about the code base.
package settings

import (
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
	// Cleanups asks for the finalizers that a cleanup could replace, although
	// nothing is wrong with them.
	Cleanups bool
}

// Of returns the snapshot's settings.
func Of(s *rewrite.Snapshot) *Settings {
	if x, ok := s.Settings().(*Settings); ok {
		return x
	}
	return &Settings{}
}

// Match reports whether one of patterns matches name.
func Match(patterns []*regexp.Regexp, name string) bool {
	return slices.ContainsFunc(patterns, func(re *regexp.Regexp) bool { return re.MatchString(name) })
}
