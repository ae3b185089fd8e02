// Leaking keeps a warm pool of goroutines and loses others, and records both
// profiles of them into the files that it is given. From Go 1.27 on the runtime
// tells the two kinds apart; before, the second file is not written.
package main

import (
	"log"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

var jobs = make(chan int)

func warm() {
	for j := range jobs {
		_ = j
	}
}

// lose leaves a goroutine behind that nothing can wake.
func lose() {
	answer := make(chan int)
	go ask(answer)
}

func ask(answer chan int) { answer <- 1 }

func main() {
	for range 149 {
		go warm()
	}
	for range 20 {
		lose()
	}
	for runtime.NumGoroutine() < 170 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // until all wait
	for i, name := range []string{"goroutine", "goroutineleak"} {
		p := pprof.Lookup(name)
		if p == nil {
			continue
		}
		f, err := os.Create(os.Args[1+i])
		if err != nil {
			log.Fatal(err)
		}
		if err := p.WriteTo(f, 0); err != nil {
			log.Fatal(err)
		}
		if err := f.Close(); err != nil {
			log.Fatal(err)
		}
	}
	runtime.KeepAlive(jobs)
}
