package heat_test

import (
	"fmt"
	"go/ast"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Each call of mark stands in a function named after how often it is reached.
func TestOf(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"main.go": `package main

import (
	"net/http"
	"time"
)

func mark() {}

func main() {
	once()
	http.HandleFunc("/", request)
	for i := 0; i < len(list); i++ {
		called()
	}
	loop()
	paced()
	first()
	conditional()
}

var list []int

func once() { mark() }

func request(w http.ResponseWriter, r *http.Request) { mark() }

func called() { mark() }

func loop() {
	for {
		mark()
		if list == nil {
			list = append(list, 1)
		}
	}
}

func paced() {
	for range time.Tick(time.Second) {
		mark()
	}
}

func first() {
	for i := range 10 {
		if i == 0 {
			mark()
		}
	}
}

func conditional() {
	for _, x := range list {
		if x > 3 {
			mark()
		}
	}
}

func Unknown() { mark() }

var sample = func() { mark() }

var Shown = func() { mark() }

func watch() {
	for range time.Tick(time.Second) {
		sample()
		Shown()
	}
}
`,
		"main_test.go": `package main

func init() { sample = func() {} }
`,
	})
	want := map[string]string{
		"once": "once", "request": "again", "called": "again", "loop": "again", "paced": "again paced",
		"first": "once", "conditional": "again conditional", "Unknown": "unknown",
		"sample": "again paced", "Shown": "unknown",
	}
	for call := range s.Calls("example.com/m", "mark") {
		fn, ok := syntax.EnclosingFunc(call.At)
		if !ok {
			t.Fatal("a call outside of functions")
		}
		name := ""
		switch n := fn.Node().(type) {
		case *ast.FuncDecl:
			name = n.Name.Name
		case *ast.FuncLit:
			name = fn.Parent().Node().(*ast.ValueSpec).Names[0].Name
		}
		h := heat.Of(call.Pkg, call.At)
		got := "unknown"
		switch h.Kind {
		case heat.OneShot:
			got = "once"
		case heat.Recurring:
			got = "again"
		}
		if h.Kind == heat.Recurring && h.Paced {
			got += " paced"
		}
		if h.Kind == heat.Recurring && h.Conditional {
			got += " conditional"
		}
		if got != want[name] {
			t.Errorf("%s: %s (%s), want %s", name, got, fmt.Sprint(h.Why), want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("no call seen in %v", want)
	}
}
