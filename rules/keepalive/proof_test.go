package keepalive_test

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/keepalive"
)

// handleProgram works on an object's handle in C while the collector runs, and
// prints whether C saw the handle freed by the finalizer meanwhile.
const handleProgram = `package main

/*
#include <unistd.h>
struct res { volatile int freed; };
static struct res one;
static struct res *res_new(void) { return &one; }
static void res_free(struct res *r) { r->freed = 1; }
static int res_use(struct res *r) {
	for (int i = 0; i < 1000 && !r->freed; i++) usleep(2000);
	return r->freed;
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"time"
)

type resource struct{ h *C.struct_res }

func open() *resource {
	r := &resource{h: C.res_new()}
	runtime.SetFinalizer(r, func(r *resource) { C.res_free(r.h) })
	return r
}

func main() {
	go func() {
		for {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
	}()
	fmt.Println("wrong:", use())
}
`

// methodUse is the plain case.
const methodUse = `
func (r *resource) use() int {
	n := C.res_use(r.h)
	return int(n)
}

func use() bool { return open().use() != 0 }
`

// chainUse gets at the handle over another object.
const chainUse = `
type conn struct{ r *resource }

func (c *conn) use() int {
	n := C.res_use(c.r.h)
	return int(n)
}

func use() bool { return (&conn{open()}).use() != 0 }
`

// branchUse has the call in the header of a branch in a loop: one way from there
// leads out of the loop.
const branchUse = `
func use() bool {
	for range 1 {
		r := open()
		if C.res_use(r.h) != 0 {
			return true
		}
	}
	return false
}
`

// rangeUse has the call in the header of a loop.
const rangeUse = `
func (r *resource) use() (n int) {
	for range int(C.res_use(r.h)) {
		n++
	}
	return n
}

func use() bool { return open().use() != 0 }
`

// churn overwrites memory that the collector frees.
const churn = `
var (
	size = 1 << 20
	keep [16][]byte
)

func sevens() []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = 7
	}
	return b
}

func churn() {
	for i := 0; ; i++ {
		keep[i%len(keep)] = make([]byte, size)
		keep[i%len(keep)][i%size] = 1
		runtime.GC()
	}
}

func main() {
	go churn()
	fmt.Println("wrong:", send(sevens()) != 0)
}
`

// hiddenProgram gives C a pointer as an integer and prints whether the bytes
// changed while C read them.
const hiddenProgram = `package main

/*
#include <stdint.h>
#include <unistd.h>
static int changed(uintptr_t p, int n) {
	volatile unsigned char *b = (unsigned char *)p;
	for (int i = 0; i < 1000; i++) {
		for (int j = 0; j < n; j += 512) if (b[j] != 7) return 1;
		usleep(2000);
	}
	return 0;
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

func send(b []byte) int {
	n := C.changed(C.uintptr_t(uintptr(unsafe.Pointer(&b[0]))), C.int(len(b)))
	return int(n)
}
` + churn

// retainedProgram lets a thread of C read the bytes, and waits for it.
const retainedProgram = `package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>
static volatile unsigned char *buf;
static size_t len;
static volatile int bad;
static pthread_t thread;
static void *work(void *unused) {
	for (int i = 0; i < 1000 && !bad; i++) {
		for (size_t j = 0; j < len; j += 512) if (buf[j] != 7) bad = 1;
		usleep(2000);
	}
	return 0;
}
static int write_async(void *p, size_t n) {
	buf = p;
	len = n;
	return pthread_create(&thread, 0, work, 0);
}
static int wait_done(void) {
	pthread_join(thread, 0);
	return bad;
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

func send(b []byte) int {
	C.write_async(unsafe.Pointer(&b[0]), C.size_t(len(b)))
	n := C.wait_done()
	return int(n)
}
` + churn

// wrapperProgram reads into a variable by a wrapper of the system call. The
// wrapper's stack grows before, by which the variable moves. It prints whether
// the bytes went elsewhere.
const wrapperProgram = `package main

import (
	"fmt"
	"syscall"
	"unsafe"
)

func grow(n int) byte {
	var a [1024]byte
	a[n%len(a)] = 1
	if n == 0 {
		return a[0]
	}
	return grow(n-1) + a[n%len(a)]
}

func read(fd, p, n uintptr) {
	grow(100)
	syscall.Syscall(syscall.SYS_READ, fd, p, n)
}

func receive(fd int) (v int64) {
	read(uintptr(fd), uintptr(unsafe.Pointer(&v)), unsafe.Sizeof(v))
	return v
}

func main() {
	var p [2]int
	if err := syscall.Pipe(p[:]); err != nil {
		panic(err)
	}
	syscall.Write(p[1], []byte{7, 7, 7, 7, 7, 7, 7, 7})
	got := make(chan int64)
	go func() { got <- receive(p[0]) }()
	fmt.Println("wrong:", <-got != 0x0707070707070707)
}
`

// Before the fix the kernel writes to where the variable was.
func TestKeepaliveWrapper(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the program is for Linux")
	}
	proveKept(t, wrapperProgram)
}

// proveKept runs the program before and after the fix.
func proveKept(t *testing.T, program string) {
	t.Helper()
	dir := t.TempDir()
	ruletest.WriteTree(t, dir, map[string][]byte{
		"go.mod":  []byte("module example.com/proof\n\ngo 1.24\n"),
		"main.go": []byte(program),
	})
	run := func() string {
		bin := ruletest.Build(t, dir)
		out, err := exec.Command(bin).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := run(); got != "wrong: true" {
		t.Fatalf("before the fix: %s; the proof would prove nothing", got)
	}
	ruletest.Fix(t, dir, keepalive.Rule)
	if got := run(); got != "wrong: false" {
		t.Errorf("after the fix: %s", got)
	}
}

// Before the fix C works on what is already freed or overwritten, after it
// does not.
func TestKeepalive(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the programs are for Linux")
	}
	if out, err := exec.Command("go", "env", "CGO_ENABLED").Output(); err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Skip("cgo is off")
	}
	cc, err := exec.Command("go", "env", "CC").Output()
	if err != nil || len(strings.Fields(string(cc))) == 0 {
		t.Skip("no C compiler is configured")
	}
	if _, err := exec.LookPath(strings.Fields(string(cc))[0]); err != nil {
		t.Skipf("no C compiler: %v", err)
	}
	for _, test := range []struct{ name, program string }{
		{"method", handleProgram + methodUse},
		{"chain", handleProgram + chainUse},
		{"branch", handleProgram + branchUse},
		{"range", handleProgram + rangeUse},
		{"hidden", hiddenProgram},
		{"retained", retainedProgram},
	} {
		t.Run(test.name, func(t *testing.T) { proveKept(t, test.program) })
	}
}
