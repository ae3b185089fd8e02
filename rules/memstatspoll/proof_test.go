package memstatspoll_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/memstatspoll"
)

// pollStops counts the stops of the world that were not the collector's. The
// rule has nothing to find in it.
const pollStops = `package main

import (
	"fmt"
	"runtime/metrics"
	"time"
)

const rounds = 200

func stops() (n uint64) {
	s := []metrics.Sample{{Name: "/sched/pauses/total/other:seconds"}}
	metrics.Read(s)
	for _, c := range s[0].Value.Float64Histogram().Counts {
		n += c
	}
	return n
}

func ticks() <-chan time.Time {
	c := make(chan time.Time, rounds)
	for range rounds {
		c <- time.Now()
	}
	close(c)
	return c
}

func main() {
	setUp()
	before := stops()
	poll(ticks())
	n := stops() - before
	fmt.Println("a stop each round:", n >= rounds, "no stops:", n == 0, "seen:", seen())
}
`

// pausePoll alerts on any pause of the collector.
const pausePoll = `package main

import (
	"runtime"
	"time"
)

var alerts int

func setUp() { runtime.GC() }

func seen() bool { return alerts > 0 }

func alert() { alerts++ }

func poll(t <-chan time.Time) {
	var prev uint64
	for range t {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		delta := m.PauseTotalNs - prev
		prev = m.PauseTotalNs
		if delta > uint64(time.Nanosecond) {
			alert()
		}
	}
}
`

// memoryPoll exports four fields.
const memoryPoll = `package main

import (
	"runtime"
	"time"
)

const collections = 3

var heap, idle, sys, cycles float64

func setUp() {
	for range collections {
		runtime.GC()
	}
}

func seen() bool { return heap > 0 && idle > 0 && sys >= heap+idle && cycles == collections }

func poll(t <-chan time.Time) {
	ms := &runtime.MemStats{}
	for range t {
		runtime.ReadMemStats(ms)
		heap = float64(ms.HeapInuse)
		idle = float64(ms.HeapIdle)
		sys = float64(ms.Sys)
		cycles = float64(ms.NumForcedGC)
	}
}
`

// ringPoll reads the ring of pauses in the ways there are. At the end it
// compares what it got with a MemStats.
const ringPoll = `package main

import (
	"runtime"
	"runtime/debug"
	"time"
)

const collections = 3

var ring, copied, reversed, ranged [256]uint64

func setUp() {
	debug.SetGCPercent(-1)
	for range collections {
		runtime.GC()
	}
}

func seen() bool {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for i := range reversed {
		if reversed[i] != m.PauseNs[(int(m.NumGC)+255-i)%256] {
			return false
		}
	}
	return m.NumGC >= collections && m.PauseNs[0] > 0 && ring == m.PauseNs && copied == ring && ranged == ring
}

func poll(t <-chan time.Time) {
	for range t {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		for i := 0; i < len(m.PauseNs); i++ {
			ring[i] = m.PauseNs[i]
			reversed[i] = m.PauseNs[(int(m.NumGC)+255-i)%256]
		}
		for i, p := range m.PauseNs {
			ranged[i] = p
		}
		other(copied[:])
	}
}

func other(to []uint64) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	copy(to, m.PauseNs[:])
}
`

// 200 rounds of a monitor stop the world 200 times before the fix and never
// after it, and the monitor still sees what it is there for: with the exact
// numbers of ReadGCStats, with the histogram, and with several metrics.
func TestMemStatsPoll(t *testing.T) {
	for _, test := range []struct {
		name, source, emits string
		admit               rewrite.Safety
	}{
		{"exact", pausePoll, "debug.ReadGCStats", rewrite.Safe},
		{"histogram", pausePoll, "Float64Histogram", rewrite.Unsafe},
		{"exporter", memoryPoll, "metrics.Read", rewrite.Safe},
		{"pauses", ringPoll, "pauseRing", rewrite.Safe},
		{"wrapped ring", strings.Replace(ringPoll, "collections = 3", "collections = 300", 1), "pauseRing", rewrite.Safe},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			ruletest.WriteTree(t, dir, map[string][]byte{
				"go.mod":   []byte("module example.com/proof\n\ngo 1.24\n"),
				"stops.go": []byte(pollStops),
				"poll.go":  []byte(test.source),
			})
			if got, want := runProgram(t, dir), "a stop each round: true no stops: false seen: true"; got != want {
				t.Fatalf("before the fix: %s; the proof would prove nothing", got)
			}
			ruletest.FixAdmitted(t, dir, memstatspoll.Rule, test.admit)
			fixed, err := os.ReadFile(filepath.Join(dir, "poll.go"))
			if err != nil || !strings.Contains(string(fixed), test.emits) {
				t.Fatalf("the fix is another one than %s: %v\n%s", test.emits, err, fixed)
			}
			if got, want := runProgram(t, dir), "a stop each round: false no stops: true seen: true"; got != want {
				t.Errorf("after the fix: %s", got)
			}
		})
	}
}

// runProgram builds the program in dir and returns what it prints.
func runProgram(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command(ruletest.Build(t, dir)).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}
