// Package rewrite is the engine under the rules: it scans a tree for candidate
// packages, has them loaded and type-checked (package load), lets rules find
// misuse, applies their fixes (package edit), verifies the result by
// type-checking it again, and writes it. It knows no rule.
package rewrite

import (
	"go/token"

	"github.com/runtimefix/runtimefix/rewrite/edit"
)

// Safety says how freely a fix may be applied. It belongs to the fix, not to
// the rule: one rule offers fixes of several classes.
type Safety int

const (
	// Manual fixes are shown as advice and never applied.
	Manual Safety = iota
	// Unsafe fixes change behaviour on purpose; they are applied on request.
	Unsafe
	// Safe fixes change nothing but the symptom; they are applied unattended.
	Safe
)

// String returns "manual", "unsafe" or "safe".
func (s Safety) String() string {
	switch s {
	case Safe:
		return "safe"
	case Unsafe:
		return "unsafe"
	}
	return "manual"
}

// Note is a remark that goes with a finding: what else to look at. Pos is token.NoPos where the note concerns no place of its own.
type Note struct {
	Pos     token.Pos
	Message string
}

// Finding is one place where a rule's anti-pattern stands.
//
// Pos and End are positions in the Snapshot's FileSet, for text files too
// (see TextFile.Pos). Message says what is wrong, in lower case, without a
// final full stop. Fixes are in order of preference: the first one that the
// chosen safety admits is applied. A finding without a fix says why in NoFix, and
// what to do by hand.
type Finding struct {
	Rule     string
	Pos, End token.Pos
	Message  string
	Notes    []Note
	Fixes    []*Fix
	NoFix    string
}

// Fix is one way to repair a finding.
//
// Message says what the fix does, as an instruction ("remove the call"). For an
// Unsafe fix it also says what behaviour changes. Apply records the edits; it
// is a pure function of the Snapshot and the Edit and may be replayed, alone or
// with other fixes, on fresh trees. An error from Apply means that the fix does
// not apply after all.
type Fix struct {
	Message string
	Safety  Safety
	Apply   func(*edit.Edit) error
}
