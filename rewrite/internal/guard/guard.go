// Package guard keeps a panic in one rule, or in the type checker, from ending
// the whole run.
package guard

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// Panic is what was recovered, with the place where it happened.
type Panic struct{ text string }

func (p Panic) Error() string { return p.text }

// Call calls f and turns a panic into an error, which is a Panic. There is no
// other error.
func Call[T any](f func() T) (out T, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = Panic{fmt.Sprint(v) + place(string(debug.Stack()))}
		}
	}()
	return f(), nil
}

// place picks the function that panicked out of a stack trace.
func place(stack string) string {
	_, after, ok := strings.Cut(stack, "\npanic(")
	if !ok {
		return ""
	}
	lines := strings.Split(after, "\n")
	for i := 2; i+1 < len(lines); i += 2 {
		fn := lines[i]
		if strings.HasPrefix(fn, "runtime.") {
			continue
		}
		at := strings.TrimSpace(lines[i+1])
		if j := strings.LastIndexByte(at, ' '); j > 0 {
			at = at[:j]
		}
		if j := strings.LastIndexByte(at, '/'); j >= 0 {
			at = at[j+1:]
		}
		return " (" + at + ")"
	}
	return ""
}
