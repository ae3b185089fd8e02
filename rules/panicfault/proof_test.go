//go:build linux

package panicfault_test

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/panicfault"
)

// wildProgram reads memory that is not mapped below a recover at the top.
const wildProgram = `package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"unsafe"
)

func init() {
	debug.SetPanicOnFault(true)
}

var addr = new(int)

func main() {
	if len(os.Args) > 1 {
		addr = nil
	} else {
		addr = (*int)(unsafe.Add(unsafe.Pointer(nil), 0x10000))
	}
	handle()
	fmt.Println("survived")
}

func handle() {
	defer func() { recover() }()
	fmt.Println(*addr)
}
`

// A wild read is recovered before the fix and crashes the program after it; a
// nil dereference is recovered either way.
func TestPanicFaultWildRead(t *testing.T) {
	dir := t.TempDir()
	ruletest.WriteTree(t, dir, map[string][]byte{
		"go.mod":  []byte("module example.com/proof\n\ngo 1.22\n"),
		"main.go": []byte(wildProgram),
	})
	run := runner(t, dir)
	for _, args := range [][]string{nil, {"nil"}} {
		if out, code := run(args...); code != 0 || !bytes.Contains(out, []byte("survived")) {
			t.Fatalf("before the fix, %v: exit code %d\n%s", args, code, out)
		}
	}
	ruletest.Fix(t, dir, panicfault.Rule)
	run = runner(t, dir)
	if out, code := run(); code != 2 || !bytes.Contains(out, []byte("unexpected fault address")) {
		t.Errorf("after the fix, a wild read: exit code %d\n%s", code, out)
	}
	if out, code := run("nil"); code != 0 || !bytes.Contains(out, []byte("survived")) {
		t.Errorf("after the fix, a nil dereference: exit code %d\n%s", code, out)
	}
}

// tornProgram cuts a file off under its mapping, and says whether the reader
// noticed and whether the setting is on afterwards.
const tornProgram = `package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
)

func main() {
	debug.SetPanicOnFault(true)
	f, err := os.CreateTemp("", "torn")
	if err != nil {
		panic(err)
	}
	os.Remove(f.Name())
	f.Truncate(8192)
	m, err := syscall.Mmap(int(f.Fd()), 0, 8192, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	f.Truncate(0)
	_, err = sum(m)
	fmt.Println(err, debug.SetPanicOnFault(false))
}

func sum(m []byte) (n int, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("torn")
		}
	}()
	for _, b := range m {
		n += int(b)
	}
	return n, nil
}
`

// A torn mapping is an error before and after the fix; after it the setting is
// off again when the reader has returned.
func TestPanicFaultTornMapping(t *testing.T) {
	dir := t.TempDir()
	ruletest.WriteTree(t, dir, map[string][]byte{
		"go.mod":  []byte("module example.com/proof\n\ngo 1.22\n"),
		"main.go": []byte(tornProgram),
	})
	if out, code := runner(t, dir)(); code != 0 || string(out) != "torn true\n" {
		t.Fatalf("before the fix: exit code %d\n%s", code, out)
	}
	ruletest.Fix(t, dir, panicfault.Rule)
	if out, code := runner(t, dir)(); code != 0 || string(out) != "torn false\n" {
		t.Errorf("after the fix: exit code %d\n%s", code, out)
	}
}

// runner builds the program in dir and returns a function that runs it and
// returns its output and exit code.
func runner(t *testing.T, dir string) func(args ...string) ([]byte, int) {
	t.Helper()
	bin := ruletest.Build(t, dir)
	return func(args ...string) ([]byte, int) {
		cmd := exec.Command(bin, args...)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return out, cmd.ProcessState.ExitCode()
	}
}
