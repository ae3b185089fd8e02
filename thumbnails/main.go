// Sample is a small service with some of the mistakes that runtimefix repairs.
package main

import (
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

func main() {
	f, err := os.Create("crash.log")
	if err != nil {
		log.Fatal(err)
	}
	debug.SetCrashOutput(f, debug.CrashOptions{})

	go monitor()
	http.HandleFunc("/thumbnail", thumbnail)
	log.Fatal(http.ListenAndServe(":8080", nil))
}

// monitor logs how much the process has got from the system.
func monitor() {
	var m runtime.MemStats
	for range time.Tick(10 * time.Second) {
		runtime.ReadMemStats(&m)
		log.Printf("sys=%d next=%d", m.Sys, m.NextGC)
	}
}

func thumbnail(w http.ResponseWriter, r *http.Request) {
	if err := render(r.URL.Query().Get("name")); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, "ok")
	runtime.GC() // pictures are big
}

// render uses a library that keeps its state in thread-local storage.
func render(name string) error {
	runtime.LockOSThread()
	if name == "" {
		return fmt.Errorf("no name")
	}
	log.Print("rendering ", name)
	runtime.UnlockOSThread()
	return nil
}
