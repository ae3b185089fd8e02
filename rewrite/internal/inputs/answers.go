package inputs

import "sync"

// Answers keeps what was made of the files on disk, which do not change while a run
// goes on. It is safe for concurrent use.
type Answers struct{ m sync.Map }

// Once returns what make returns, made once for a key, but for two who ask at the same
// time. Keys are of types of their own.
func Once[T any](a *Answers, key any, make func() T) T {
	if v, ok := a.m.Load(key); ok {
		return v.(T)
	}
	v := make()
	a.m.Store(key, v)
	return v
}
