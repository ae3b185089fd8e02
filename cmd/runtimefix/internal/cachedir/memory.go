package cachedir

import (
	"crypto/sha256"
	"sync"
)

// Memory keeps data for as long as the process lives, where there is no directory.
// A nil one keeps nothing.
type Memory struct {
	mu   sync.Mutex
	kept map[[sha256.Size]byte][]byte
}

// inMemory is the greatest number of entries.
const inMemory = 100

// Get returns what was put under the key, nil when nothing is at hand.
func (m *Memory) Get(key [sha256.Size]byte) []byte {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[key]
}

// Put keeps data under the key; beyond the bound the others go.
func (m *Memory) Put(key [sha256.Size]byte, data []byte) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil || len(m.kept) >= inMemory {
		m.kept = make(map[[sha256.Size]byte][]byte)
	}
	m.kept[key] = data
}
