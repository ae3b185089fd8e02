// Package heap looks at the heap and collects it once.
package heap

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

var index map[string][]int

// Build makes the index and gives back what making it took.
func Build(words []string) {
	index = make(map[string][]int, len(words))
	for i, w := range words {
		index[w] = append(index[w], i)
	}
	runtime.GC()
}

type store struct{ blocks [][]byte }

func (s *store) load(n int) int {
	for range n {
		s.blocks = append(s.blocks, make([]byte, 4096))
	}
	runtime.GC()
	return len(s.blocks)
}

// Trim gives memory back to the system after the start.
func Trim() {
	index = nil
	debug.FreeOSMemory()
}

// Used returns how much of the heap is in use.
func Used() uint64 {
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	return ms.HeapAlloc
}

func (s *store) String() string {
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	return fmt.Sprintf("%d blocks, %d of %d bytes, %d collections", len(s.blocks), ms.HeapAlloc, ms.HeapSys, ms.NumGC)
}
