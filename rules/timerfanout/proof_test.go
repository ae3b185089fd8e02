package timerfanout_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/timerfanout"
)

// fanoutProgram sets 50,000 timers, clears its slice, and holds all callbacks
// up when they expire. It prints whether many goroutines were alive then, and
// whether each element was cleaned once.
const fanoutProgram = `package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const count = 50000

type request struct{ cleaned atomic.Int32 }

var (
	open atomic.Bool
	left sync.WaitGroup
)

func cleanup(r *request) {
	for !open.Load() {
		runtime.Gosched()
	}
	r.cleaned.Add(1)
	left.Done()
}

func schedule(pendingRequests []*request) {
	for _, req := range pendingRequests {
		time.AfterFunc(50*time.Millisecond, func() {
			cleanup(req)
		})
	}
}

func main() {
	all := make([]*request, count)
	for i := range all {
		all[i] = new(request)
	}
	batch := append([]*request(nil), all...)
	left.Add(count)
	schedule(batch)
	clear(batch)
	many := false
	for i := 0; i < 500; i++ {
		if many = runtime.NumGoroutine() > count/2; many {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	open.Store(true)
	left.Wait()
	for _, r := range all {
		if r.cleaned.Load() != 1 {
			fmt.Println("cleaned", r.cleaned.Load(), "times")
			return
		}
	}
	fmt.Println("many goroutines:", many)
}
`

// Before the fix tens of thousands of goroutines are alive when the timers
// expire, after it they are not; each element is cleaned once although the
// caller clears its slice, and also where the callbacks shared the variable.
func TestTimerFanout(t *testing.T) {
	for _, test := range []struct{ version, before string }{
		{"1.24", "many goroutines: true"},
		{"1.21", "cleaned 0 times"}, // all callbacks clean the last element
	} {
		t.Run(test.version, func(t *testing.T) {
			dir := t.TempDir()
			ruletest.WriteTree(t, dir, map[string][]byte{
				"go.mod":  []byte("module example.com/proof\n\ngo " + test.version + "\n"),
				"main.go": []byte(fanoutProgram),
			})
			run := func() string {
				bin := ruletest.Build(t, dir)
				out, err := exec.Command(bin).Output()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				return strings.TrimSpace(string(out))
			}
			if got := run(); got != test.before {
				t.Fatalf("before the fix: %s; the proof would prove nothing", got)
			}
			ruletest.Fix(t, dir, timerfanout.Rule)
			if got := run(); got != "many goroutines: false" {
				t.Errorf("after the fix: %s", got)
			}
		})
	}
}
