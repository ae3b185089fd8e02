package finalizer

import (
	"go/parser"
	"go/token"
	"testing"
)

func TestActs(t *testing.T) {
	for _, c := range []struct {
		name, body string
		acts       bool
	}{
		{"a channel is closed", `done := make(chan struct{}); runtime.SetFinalizer(x, func(*T) { close(done) })`, false},
		{"something is sent", `var ch chan string; runtime.SetFinalizer(x, func(x *T) { ch <- fmt.Sprintf("%s %v", x.String(), x) })`, false},
		{"sent if there is room", `ch := make(chan int, 1); runtime.SetFinalizer(x, func(*T) { select { case ch <- 1: default: } })`, false},
		{"counted", `var n atomic.Int32; runtime.SetFinalizer(x, func(*T) { n.Add(1) })`, false},
		{"counted by address", `var n int32; runtime.SetFinalizer(x, func(*T) { atomic.AddInt32(&n, 1) })`, false},
		{"waited for", `var wg sync.WaitGroup; runtime.SetFinalizer(x, func(*T) { defer wg.Done() })`, true}, // deferred: not looked at
		{"waited for at once", `wg := &sync.WaitGroup{}; runtime.SetFinalizer(x, func(*T) { wg.Done() })`, false},
		{"said to the test", `runtime.SetFinalizer(x, func(*T) { t.Log("gone") })`, false},
		{"a variable of the package", `runtime.SetFinalizer(x, func(*T) { gone = true })`, false},
		{"cleared", `runtime.SetFinalizer(x, nil)`, false},
		{"a cleanup's channel", `ch := make(chan bool); runtime.AddCleanup(x, func(ch chan bool) { close(ch) }, ch)`, false},
		{"a cleanup's number", `ch := make(chan int); runtime.AddCleanup(x, func(n int) { ch <- n }, 1)`, false},
		{"closed", `runtime.SetFinalizer(x, func(x *T) { x.Close() })`, true},
		{"closed and told", `runtime.SetFinalizer(x, func(x *T) { t.Log(x.Close()) })`, true},
		{"a method", `runtime.SetFinalizer(x, (*T).Close)`, true},
		{"the object", `runtime.SetFinalizer(x, func(*T) { t.Log(x) })`, true},
		{"what may lead to it", `owner := &T{x}; runtime.SetFinalizer(x, func(*T) { t.Log(owner) })`, true},
		{"a channel of objects", `ch := make(chan *T); runtime.SetFinalizer(x, func(*T) { close(ch) })`, true},
		{"one of two of that name", `{ ch := make(chan *T); _ = ch }; ch := make(chan int); runtime.SetFinalizer(x, func(*T) { close(ch) })`, true},
		{"brought back", `runtime.SetFinalizer(x, func(x *T) { kept = x })`, true},
		{"a cleanup of a field", `runtime.AddCleanup(x, func(h int) { println(h) }, x.h)`, true},
		{"as a value", `f := runtime.SetFinalizer; f(x, nil)`, true},
		{"one of two", `runtime.SetFinalizer(x, nil); runtime.SetFinalizer(x, func(x *T) { free(x) })`, true},
	} {
		src := "package p\nimport (\"fmt\"; \"runtime\"; \"sync\"; \"sync/atomic\"; \"testing\")\nfunc TestX(t *testing.T) { x := newT()\n" + c.body + "\n}\n"
		f, err := parser.ParseFile(token.NewFileSet(), "x_test.go", src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := Acts(f); got != c.acts {
			t.Errorf("%s: Acts = %v", c.name, got)
		}
	}
}
