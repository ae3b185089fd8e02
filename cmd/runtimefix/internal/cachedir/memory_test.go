package cachedir

import (
	"fmt"
	"testing"
)

func TestMemory(t *testing.T) {
	m := new(Memory)
	m.Put(key("a"), []byte("x"))
	m.Put(key("a"), []byte("y"))
	if got := string(m.Get(key("a"))); got != "y" {
		t.Errorf("got %q", got)
	}
	if got := m.Get(key("b")); got != nil {
		t.Errorf("got %q", got)
	}
	for i := range inMemory {
		m.Put(key(fmt.Sprint(i)), []byte("z"))
	}
	if m.Get(key("a")) != nil || m.Get(key(fmt.Sprint(inMemory-1))) == nil || len(m.kept) > inMemory {
		t.Errorf("%d entries", len(m.kept))
	}
	m = nil
	m.Put(key("a"), []byte("x"))
	if m.Get(key("a")) != nil {
		t.Error("nothing keeps something")
	}
}
