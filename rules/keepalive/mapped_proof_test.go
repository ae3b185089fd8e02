package keepalive_test

import (
	"runtime"
	"testing"
)

// mappedProgram reads memory that it mapped, while the collector runs, and prints
// whether the finalizer unmapped it meanwhile.
const mappedProgram = `package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

type table struct{ data []byte }

func open() *table {
	b, err := syscall.Mmap(-1, 0, 64<<20, syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	t := &table{b}
	runtime.SetFinalizer(t, func(t *table) { syscall.Munmap(t.data) })
	return t
}

//go:noinline
func (t *table) sum() (n int) {
	for i, c := range t.data {
		if i == 1 {
			collect()
		}
		n += int(c)
	}
	return n
}

func collect() {
	for range 50 {
		runtime.GC()
		time.Sleep(2 * time.Millisecond)
	}
}

func use() (wrong bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { wrong = recover() != nil }()
	open().sum()
	return false
}

func main() {
	fmt.Println("wrong:", use())
}
`

// Before the fix plain Go code reads pages that are gone: no call leaves Go.
func TestKeepaliveMapped(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the program is for Linux")
	}
	proveKept(t, mappedProgram)
}
