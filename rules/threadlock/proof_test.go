package threadlock_test

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/threadlock"
)

// lockProgram runs functions that lose their thread lock on one path, each on
// the main goroutine, and looks into the runtime's own traceback for whether
// it is still locked. Then 64 workers idle, and the threads are counted.
const lockProgram = `package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
)

func locked() bool {
	buf := make([]byte, 4096)
	head, _, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), "\n")
	return strings.Contains(head, "locked to thread")
}

// early returns before the unlock.
func early(fail bool) error {
	runtime.LockOSThread()
	if fail {
		return errors.New("early")
	}
	runtime.UnlockOSThread()
	return nil
}

// late has the deferred unlock too late.
func late(fail bool) error {
	runtime.LockOSThread()
	if fail {
		return errors.New("late")
	}
	defer runtime.UnlockOSThread()
	return nil
}

// loop goes on with the lock held.
func loop(items []int) {
	for _, n := range items {
		runtime.LockOSThread()
		if n == 0 {
			continue
		}
		fmt.Print("")
		runtime.UnlockOSThread()
	}
}

// tail works on after the unlock, which must not happen under the lock.
func tail(fail bool) (during bool) {
	runtime.LockOSThread()
	if fail {
		return false
	}
	runtime.UnlockOSThread()
	return locked()
}

// none forgets it on every path.
func none() {
	runtime.LockOSThread()
	fmt.Print("")
}

func threads() int {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return -1
	}
	return len(tasks)
}

// on tells whether f leaves a fresh goroutine locked.
func on(f func()) bool {
	held := make(chan bool)
	go func() { f(); held <- locked() }()
	return <-held
}

func main() {
	fmt.Println("early", on(func() { early(true); early(false) }))
	fmt.Println("late", on(func() { late(true); late(false) }))
	fmt.Println("loop", on(func() { loop([]int{0, 1, 0}) }))
	fmt.Println("tail", on(func() { tail(true) }))
	fmt.Println("during", on(func() {
		if tail(false) {
			runtime.LockOSThread()
		}
	}))
	fmt.Println("none", on(func() {
		for range 99 {
			none()
		}
	}))
	var ready sync.WaitGroup
	stop := make(chan bool)
	for range 64 {
		ready.Add(1)
		go func() {
			early(true)
			ready.Done()
			<-stop
		}()
	}
	ready.Wait()
	fmt.Println("many threads", threads() > 60)
	close(stop)
}
`

func TestThreadsGivenBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("threads are counted in /proc/self/task")
	}
	dir := t.TempDir()
	ruletest.WriteTree(t, dir, map[string][]byte{
		"go.mod":  []byte("module example.com/proof\n\ngo 1.24\n"),
		"main.go": []byte(lockProgram),
	})
	run := func() string {
		out, err := exec.Command(ruletest.Build(t, dir)).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.Join(strings.Fields(string(out)), " ")
	}
	if got, want := run(), "early true late true loop true tail true during false none true many threads true"; got != want {
		t.Fatalf("before the fix: %s\nwant            %s", got, want)
	}
	ruletest.Fix(t, dir, threadlock.Rule)
	if got, want := run(), "early false late false loop false tail false during false none false many threads false"; got != want {
		t.Errorf("after the fix: %s\nwant           %s", got, want)
	}
}
