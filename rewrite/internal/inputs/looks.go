package inputs

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Look is an Input with what was to be seen, as it is stored.
type Look struct {
	Kind Kind
	Path string
	Seen []byte
}

// Looks returns what s saw, but not what is in without, in order.
func (s *Set) Looks(without map[Input]Digest) []Look {
	var out []Look
	for in, d := range s.All() {
		if _, ok := without[in]; !ok {
			out = append(out, Look{in.Kind, in.Path, d[:]})
		}
	}
	slices.SortFunc(out, func(a, b Look) int {
		return Compare(Input{a.Kind, a.Path}, Input{b.Kind, b.Path})
	})
	return out
}

// Compare orders inputs by path and kind.
func Compare(a, b Input) int {
	return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(string(a.Kind), string(b.Kind)))
}

// Same reports whether all of list is to be seen now. now returns what is, of one
// input; it is called concurrently.
func Same(ctx context.Context, list []Look, now func(Input) Digest) bool {
	var next atomic.Int64
	var other atomic.Bool
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for !other.Load() && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(list) {
					return
				}
				if d := now(Input{list[i].Kind, list[i].Path}); string(d[:]) != string(list[i].Seen) {
					other.Store(true)
				}
			}
		})
	}
	workers.Wait()
	return !other.Load() && ctx.Err() == nil
}
