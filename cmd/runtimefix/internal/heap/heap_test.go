package heap

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// The default comes back when the heap is big, and not before.
func TestSpare(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(limit)
	defer debug.SetGCPercent(percent)
	Spare()
	for range 3 {
		runtime.GC()
	}
	if got := debug.SetMemoryLimit(-1); got != room {
		t.Fatalf("the limit of a small heap is %d, want %d", got, room)
	}
	big := make([]byte, room/2+1)
	for start := time.Now(); debug.SetMemoryLimit(-1) != math.MaxInt64; {
		if time.Since(start) > 30*time.Second {
			t.Fatal("a heap of more than half the room keeps the limit")
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	runtime.KeepAlive(big)
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("the percentage is %d, want 100", got)
	}
}

// What the user says of the collector stands.
func TestSpareGOGC(t *testing.T) {
	t.Setenv("GOGC", "50")
	limit := debug.SetMemoryLimit(-1)
	Spare()
	if got := debug.SetMemoryLimit(-1); got != limit {
		t.Errorf("the limit is %d, want %d", got, limit)
	}
}
