package waits_test

import (
	"go/ast"
	"slices"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// In each function main may stay in what its name says.
func TestIn(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go": `package a

import (
	"net/http"
	"sync"
	"time"
)

var srv http.Server

func nothing(n int) int { return n + 1 }

func sleep() {
	for {
		time.Sleep(time.Second)
	}
}

func choice(a, b chan int) {
	select {
	case <-a:
	case <-b:
	}
}

func noChoice(a chan int) {
	select {
	case <-a:
	default:
	}
}

func clock() {
	for range time.NewTicker(time.Second).C {
		nothing(1)
	}
}

func receive(a chan int) { <-a }

func ranged(a chan int) {
	for range a {
		nothing(1)
	}
}

func send(a chan int) { a <- 1 }

func spin() {
	for {
		nothing(1)
	}
}

func serve() { _ = srv.ListenAndServe() }

func group(wg *sync.WaitGroup) { wg.Wait() }

func callee() { serve() }

func elsewhere(a chan int) {
	go receive(a)
	defer send(a)
	_ = func() { serve() }
}
`,
	})
	want := map[string][]waits.Kind{
		"nothing": nil, "sleep": {waits.WaitSleep}, "choice": {waits.WaitSelect}, "noChoice": nil, "clock": {waits.WaitClockRange},
		"receive": {waits.WaitReceive}, "ranged": {waits.WaitChanRange}, "send": {waits.WaitSend}, "spin": {waits.WaitSpin},
		"serve": {waits.WaitServe}, "group": {waits.WaitGroup}, "callee": {waits.WaitCallee}, "elsewhere": nil,
	}
	p := s.Package("example.com/m")
	for _, d := range p.Files[0].AST.Decls {
		decl, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		w, ok := want[decl.Name.Name]
		if !ok {
			t.Errorf("no expectation for %s", decl.Name.Name)
		}
		var got []waits.Kind
		for _, x := range waits.In(p, decl.Body).List {
			got = append(got, x.Kind)
		}
		if !slices.Equal(got, w) {
			t.Errorf("%s waits in %v, want %v", decl.Name.Name, got, w)
		}
	}
}
