package goroutinealert_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/goroutinealert"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

// growthProgram takes 200 samples, with step called between them, and prints
// the number of alerts.
const growthProgram = `package main

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

const limit = 100

var samples, alerts int

func alert() { alerts++ }

func main() {
	if os.Args[1] == "plateau" {
		park(300)
	}
	watch()
}

func watch() {
	for {
		if n := runtime.NumGoroutine(); n > limit {
			alert()
		}
		step()
		time.Sleep(time.Microsecond)
	}
}

func step() {
	switch os.Args[1] {
	case "leak": // with some noise on top
		park(2)
		noise(samples % 5)
	case "pool": // warms up in steps
		if samples == 20 || samples == 50 || samples == 60 {
			park(100)
		}
		noise(samples % 7)
	}
	if samples++; samples == 200 {
		fmt.Print(alerts)
		os.Exit(0)
	}
}

var held []chan bool

// noise holds n goroutines instead of those it held before.
func noise(n int) {
	for _, c := range held {
		c <- true
		<-c
	}
	held = nil
	for range n {
		c := make(chan bool)
		go func() {
			<-c
			close(c)
		}()
		held = append(held, c)
	}
}

func park(n int) {
	for range n {
		go func() { select {} }()
	}
}
`

// A level that stays alerts before the fix and never after it; a leak alerts
// before and after.
func TestGoroutineAlertOnGrowth(t *testing.T) {
	dir := t.TempDir()
	ruletest.WriteTree(t, dir, map[string][]byte{
		"go.mod":  []byte("module example.com/proof\n\ngo 1.24\n"),
		"main.go": []byte(growthProgram),
	})
	alerts := func() map[string]bool {
		bin := ruletest.Build(t, dir)
		got := make(map[string]bool)
		for _, mode := range []string{"plateau", "pool", "leak"} {
			out, err := exec.Command(bin, mode).Output()
			if err != nil {
				t.Fatal(err)
			}
			got[mode] = strings.TrimSpace(string(out)) != "0"
		}
		return got
	}
	if got := alerts(); !got["plateau"] || !got["pool"] || !got["leak"] {
		t.Fatalf("before the fix alerts are %v; the proof would prove nothing", got)
	}
	ruletest.Fix(t, dir, goroutinealert.Rule)
	if got := alerts(); got["plateau"] || got["pool"] || !got["leak"] {
		t.Errorf("after the fix alerts are %v, want none but of the leak", got)
	}
}
