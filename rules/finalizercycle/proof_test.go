package finalizercycle_test

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/finalizercycle"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

// releaseProgram drops 1000 objects that make makes, lets the collector run by
// allocating, and prints how many resources were released, and whether any was
// released twice.
const releaseProgram = `package main

import (
	"fmt"
	"sync/atomic"
	"time"
)

const count = 1000

var (
	released [count]atomic.Int32
	sink     []byte
)

func release(fd int) { released[fd].Add(1) }

//go:noinline
func drop() {
	for i := 0; i < count; i++ {
		use(i)
	}
}

func main() {
	drop()
	once, twice := 0, 0
	for round := 0; round < 60; round++ {
		for i := 0; i < 24; i++ {
			sink = make([]byte, 1<<20)
		}
		time.Sleep(5 * time.Millisecond)
		once, twice = 0, 0
		for i := range released {
			switch released[i].Load() {
			case 0:
			case 1:
				once++
			default:
				twice++
			}
		}
		if once+twice > count*98/100 {
			break
		}
	}
	fmt.Println("released:", once > count*98/100, "twice:", twice > 0)
}
`

var cycleVariants = map[string]string{
	"pair": `package main

import "runtime"

type conn struct {
	peer *conn
	fd   int
}

func use(i int) {
	if i%2 == 1 {
		return
	}
	a, b := &conn{fd: i}, &conn{fd: i + 1}
	a.peer, b.peer = b, a
	runtime.SetFinalizer(a, func(c *conn) { release(c.fd) })
	runtime.SetFinalizer(b, func(c *conn) { release(c.fd) })
}
`,
	"one finalizer": `package main

import "runtime"

type cursor struct{ db *db }

type db struct {
	root *cursor
	fd   int
}

func use(i int) {
	d := &db{fd: i}
	d.root = &cursor{db: d}
	runtime.SetFinalizer(d, func(d *db) { release(d.fd) })
}
`,
	"closure in a field": `package main

import "runtime"

type watcher struct {
	notify func()
	all    map[string]any
	fd     int
	buf    []byte
}

func (w *watcher) changed() { w.buf = nil }

func use(i int) {
	w := &watcher{fd: i, buf: make([]byte, 8)}
	w.notify = w.changed
	runtime.SetFinalizer(w, func(x *watcher) { release(x.fd) })
}
`,
	"capture": `package main

import "runtime"

type handle struct {
	fd   int
	next *handle
}

func (h *handle) Close() { release(h.fd) }

func use(i int) {
	h := &handle{fd: i}
	runtime.SetFinalizer(h, func(any) { h.Close() })
}
`,
	"stop": `package main

import "runtime"

type stream struct{ owner *conn }

type conn struct {
	s  *stream
	fd int
}

func (c *conn) Close() {
	release(c.fd)
	runtime.SetFinalizer(c, nil)
}

func use(i int) {
	c := &conn{fd: i}
	c.s = &stream{owner: c}
	runtime.SetFinalizer(c, func(c *conn) { release(c.fd) })
	if i%2 == 0 {
		c.Close()
	}
}
`,
	// The method is Close's, too, and takes what it releases out of the object.
	"method": `package main

import (
	"runtime"
	"sync"
)

type stream struct{ owner *conn }

type conn struct {
	mu     sync.Mutex
	s      *stream
	fd     int
	closed bool
}

func (c *conn) free() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	release(c.fd)
	c.fd = -1
	return nil
}

func (c *conn) Close() error {
	defer runtime.SetFinalizer(c, nil)
	return c.free()
}

func use(i int) {
	c := &conn{fd: i}
	c.s = &stream{owner: c}
	runtime.SetFinalizer(c, (*conn).free)
	if i%2 == 0 {
		c.Close()
	}
}
`,
	"literal that calls a method": `package main

import "runtime"

type peer struct{ of *conn }

type conn struct {
	id
	p *peer
}

type id struct{ fd int }

func (c *conn) drop() { release(c.fd) }

func use(i int) {
	c := &conn{id: id{fd: i}}
	c.p = &peer{c}
	runtime.SetFinalizer(c, func(c *conn) { c.drop() })
}
`,
	"captured under another name": `package main

import "runtime"

type handle struct {
	fd   int
	next *handle
}

func (h *handle) Close() { release(h.fd) }

func use(i int) {
	h := &handle{fd: i}
	self := h
	runtime.SetFinalizer(h, func(*handle) { self.Close() })
}
`,
	"captured field": `package main

import "runtime"

type client struct{ conn *conn }

type conn struct {
	fd  int
	buf []byte
}

func (c *conn) Close() { release(c.fd) }

func use(i int) {
	c := &client{}
	c.conn = &conn{fd: i, buf: make([]byte, 8)}
	runtime.SetFinalizer(c.conn, func(*conn) { c.conn.Close() })
}
`,
	"method value": `package main

import "runtime"

type handle struct {
	fd   int
	next *handle
}

func (h *handle) finalize(_ *handle) { release(h.fd) }

func use(i int) {
	h := &handle{fd: i}
	defer runtime.SetFinalizer(h, h.finalize)
}
`,
	"interface": `package main

import "runtime"

type closer interface{ Close() }

type handle struct {
	fd   int
	next *handle
}

func (h *handle) Close() { release(h.fd) }

func use(i int) {
	var c closer = &handle{fd: i}
	runtime.SetFinalizer(c, func(closer) { c.Close() })
}
`,
}

// Before the fix the resources of dropped objects are never released, after it
// they are, each once, those that were closed by hand included. The runtime's
// own check agrees.
func TestFinalizerCycle(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(cycleVariants)) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ruletest.WriteTree(t, dir, map[string][]byte{
				"go.mod":  []byte("module example.com/proof\n\ngo 1.24\n"),
				"main.go": []byte(releaseProgram),
				"use.go":  []byte(cycleVariants[name]),
			})
			run := func() (result string, check string) {
				bin := ruletest.Build(t, dir)
				out, err := exec.Command(bin).Output()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				cmd := exec.Command(bin)
				cmd.Env = append(os.Environ(), "GODEBUG=checkfinalizers=1")
				log, _ := cmd.CombinedOutput()
				return strings.TrimSpace(string(out)), string(log)
			}
			got, check := run()
			if got != "released: false twice: false" {
				t.Fatalf("before the fix: %s; the proof would prove nothing", got)
			}
			checks := strings.Contains(check, "is reachable from")
			if !checks {
				t.Logf("the toolchain does not check finalizers: %.300s", check)
			}
			ruletest.Fix(t, dir, finalizercycle.Rule)
			got, check = run()
			if got != "released: true twice: false" {
				t.Errorf("after the fix: %s", got)
			}
			if checks && strings.Contains(check, "is reachable from") {
				t.Errorf("after the fix the runtime still complains: %s", check)
			}
		})
	}
}
