package release_test

import (
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/keepalive/release"
)

// Each type is named after what its finalizer does.
func TestReleases(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go": `package a

import (
	"fmt"
	"runtime"
	"sync"
	"syscall"
)

type Frees struct{ fd, other int }

func newFrees() *Frees {
	x := &Frees{}
	runtime.SetFinalizer(x, (*Frees).close)
	return x
}

func (x *Frees) close() { syscall.Close(x.fd) }

type Tells struct{ fd int }

func newTells() *Tells {
	x := &Tells{}
	runtime.SetFinalizer(x, func(x *Tells) { fmt.Println("not closed", x.fd) })
	return x
}

type Maps struct {
	data, head, copied []byte
	n                  int
}

func newMaps(n int) *Maps {
	data, _ := syscall.Mmap(-1, 0, n, 0, 0)
	x := &Maps{data: data, head: data[:16], copied: append([]byte(nil), data...)}
	runtime.SetFinalizer(x, (*Maps).unmap)
	return x
}

func (x *Maps) unmap() { syscall.Munmap(x.data) }

var mu sync.Mutex

type Locks struct{ fd int }

func newLocks() *Locks {
	x := &Locks{}
	runtime.SetFinalizer(x, func(x *Locks) {
		mu.Lock()
		defer mu.Unlock()
		syscall.Close(x.fd)
	})
	return x
}

type Listed struct{ fd int }

var all = make(map[int]*Listed)

func newListed(fd int) *Listed {
	x := &Listed{fd: fd}
	runtime.SetFinalizer(x, func(x *Listed) { syscall.Close(x.fd) })
	all[fd] = x
	return x
}

type Unseen struct{ fd int }

func newUnseen(free func(*Unseen)) *Unseen {
	x := &Unseen{}
	runtime.SetFinalizer(x, free)
	return x
}

type Plain struct{ fd int }
`,
	})
	p := s.Package("example.com/m")
	rs := release.Of(s)
	for name, want := range map[string]struct {
		backed, listed bool
		frees          string // the fields, of fd, other and n
		views, locks   string
	}{
		"Frees":  {backed: true, frees: "fd"},
		"Tells":  {backed: true},
		"Maps":   {backed: true, views: "data head"},
		"Locks":  {backed: true, frees: "fd", locks: "example.com/m.mu"},
		"Listed": {backed: true, listed: true, frees: "fd"},
		"Unseen": {backed: true, frees: "fd other n"}, // it may do anything
		"Plain":  {},
	} {
		ptr := types.NewPointer(p.Types.Scope().Lookup(name).Type())
		if got := rs.Backed(ptr); got != want.backed {
			t.Errorf("%s: backed by a finalizer: %v", name, got)
		}
		if got := rs.Listed(ptr); got != want.listed {
			t.Errorf("%s: listed: %v", name, got)
		}
		var frees []string
		for _, field := range []string{"fd", "other", "n"} {
			if rs.Frees(ptr, field) {
				frees = append(frees, field)
			}
		}
		if got := strings.Join(frees, " "); got != want.frees {
			t.Errorf("%s: frees %q, want %q", name, got, want.frees)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(rs.Views(ptr))), " "); got != want.views {
			t.Errorf("%s: views %q, want %q", name, got, want.views)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(rs.Of(ptr).Locks)), " "); got != want.locks {
			t.Errorf("%s: locks %q, want %q", name, got, want.locks)
		}
	}
	if !rs.Registers() {
		t.Error("finalizers are registered")
	}
}
