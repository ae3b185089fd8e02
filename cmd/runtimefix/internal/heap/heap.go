// Package heap sets the garbage collector for a short run.
package heap

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// room is how much memory a run takes before it is collected as by default, in bytes.
const room = 400 << 20

// Spare has the collector wait longer while the heap is small: trees and types are
// made, used and gone with the process, and a fifth of its time went into marking
// them. Where more than half of room stays in use, all is as by default again, or the
// limit would have the collector run all the time. What GOGC or GOMEMLIMIT say stands.
func Spare() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(room)
	watch()
}

// watch looks at the heap after each collection: then what only watch knew is cleaned up.
func watch() {
	type mark struct{ _ *byte } // of a size for which the runtime frees each object by itself
	runtime.AddCleanup(new(mark), func(struct{}) {
		if live() > room/2 {
			debug.SetGCPercent(100)
			debug.SetMemoryLimit(math.MaxInt64)
			return
		}
		watch()
	}, struct{}{})
}

// live returns the bytes that the last collection found in use.
func live() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
