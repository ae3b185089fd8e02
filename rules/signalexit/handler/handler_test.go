package handler_test

import (
	"go/ast"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/signalexit/handler"
)

// Each function asks for signals; the table says whether a goroutine ends the
// process at the first one, with which code, and how many statements lie between
// the receive and the exit.
func TestOf(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go": `package a

import (
	"log"
	"os"
	"os/signal"
)

func literal() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	go func() {
		<-c
		log.Print("bye")
		os.Exit(0)
	}()
}

func declared() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	go exit(c)
}

func exit(ch chan os.Signal) {
	s := <-ch
	log.Fatalf("got %v", s)
}

func ranged() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	go func() {
		for range c {
			os.Exit(3)
		}
	}()
}

func inMain() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	os.Exit(0)
}

func tells() {
	c := make(chan os.Signal, 1)
	done := make(chan bool)
	signal.Notify(c, os.Interrupt)
	go func() {
		<-c
		close(done)
	}()
	<-done
}
`,
	})
	want := map[string]struct {
		exits bool
		code  int64
		tail  int
	}{
		"literal": {true, 0, 1}, "declared": {true, 1, 0}, "ranged": {true, 3, 0}, "inMain": {}, "tells": {},
	}
	seen := 0
	for call := range s.Calls("os/signal", "Notify") {
		name := ""
		for c := range call.At.Enclosing((*ast.FuncDecl)(nil)) {
			name = c.Node().(*ast.FuncDecl).Name.Name
		}
		seen++
		w, h := want[name], handler.Of(call)
		if (h != nil) != w.exits {
			t.Errorf("%s: a goroutine that exits is %v", name, h != nil)
			continue
		}
		if h == nil {
			continue
		}
		if code, ok := h.ExitCode(h.Exit); !ok || code != w.code || len(h.Tail) != w.tail {
			t.Errorf("%s: code %d %v, %d statements", name, code, ok, len(h.Tail))
		}
	}
	if seen != len(want) {
		t.Errorf("%d calls of Notify", seen)
	}
}
