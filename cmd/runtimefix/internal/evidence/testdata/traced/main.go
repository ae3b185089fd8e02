// Traced does a known number of the things that recordings are read for, and
// records itself into the file that it is given.
package main

import (
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"sync"
	"time"
)

type server struct{ served int }

func (s *server) handle() {
	s.served++
	runtime.GC()
}

type Queue[T any] struct{ items []T }

func (q *Queue[T]) Drain(f func(T)) {
	for _, x := range q.items {
		func() {
			f(x)
			runtime.GC()
		}()
	}
}

func trim() { debug.FreeOSMemory() }

func poll() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// leave ends locked, and its thread with it.
func leave(wg *sync.WaitGroup) {
	defer wg.Done()
	runtime.LockOSThread()
	time.Sleep(time.Millisecond)
}

func give(wg *sync.WaitGroup) {
	defer wg.Done()
	runtime.LockOSThread()
	time.Sleep(time.Millisecond)
	runtime.UnlockOSThread()
}

func expire() { time.Sleep(time.Microsecond) }

func main() {
	f, err := os.Create(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := trace.Start(f); err != nil {
		log.Fatal(err)
	}
	runtime.GC() // once, at the start
	s := &server{}
	for range 40 {
		s.handle()
		time.Sleep(time.Millisecond)
	}
	(&Queue[int]{items: make([]int, 7)}).Drain(func(int) { time.Sleep(5 * time.Millisecond) })
	for range 5 {
		trim()
		time.Sleep(10 * time.Millisecond)
	}
	for range 60 {
		poll()
	}
	for range 12 {
		var wg sync.WaitGroup
		for range 2 {
			wg.Add(2)
			go leave(&wg)
			go give(&wg)
		}
		wg.Wait()
	}
	// Threads that are needed at once tell which of the others are gone, and use
	// all that are not.
	for _, n := range []int{40, 80} {
		time.Sleep(50 * time.Millisecond)
		hold(n)
	}
	for range 300 {
		time.AfterFunc(20*time.Millisecond, expire)
	}
	time.Sleep(60 * time.Millisecond)
	trace.Stop()
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
}

// hold keeps n goroutines locked to n threads at a time.
func hold(n int) {
	var wg sync.WaitGroup
	all := make(chan struct{})
	wg.Add(n)
	for range n {
		go func() {
			runtime.LockOSThread()
			wg.Done()
			<-all
			runtime.UnlockOSThread()
		}()
	}
	wg.Wait()
	close(all)
}
