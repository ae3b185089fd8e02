package ended_test

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/ended"
)

// hazards returns what happens in the goroutines of the program, a line for each
// place with the function around it, when main ends what its function end ends.
func hazards(t *testing.T, src string) (*rewrite.Package, []string) {
	t.Helper()
	s := ruletest.Load(t, map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n", "main.go": src})
	p := s.Package("example.com/m")
	e := ended.New(p)
	e.Calls(p, syntax.DeclsOf(p)["example.com/m.end"].Body)
	e.Spread()
	lines := make(map[string]bool)
	for _, h := range e.Hazards() {
		c, ok := p.Cursor(h.Stmt)
		if !ok {
			t.Fatalf("no place for %s", h.Text)
		}
		lines[syntax.FuncName(c)+": "+h.Text] = true
	}
	return p, slices.Sorted(maps.Keys(lines))
}

// What counts is whether the goroutine shares something that main ends; what it
// does by itself stays silent.
func TestHazards(t *testing.T) {
	_, got := hazards(t, `package main

import (
	"errors"
	"log"
	"net"
	"os"
	"time"
)

var (
	listener net.Listener
	jobs     = make(chan int)
	quit     = make(chan bool)
	logger   *log.Logger
	limit    = 3
)

func main() {
	go accepts()
	go sends()
	go takes()
	go ranges()
	go closesAgain()
	go asks()
	go panics()
	go alone()
	go logs()
	end()
}

func end() {
	listener.Close()
	close(jobs)
}

func accepts() {
	for {
		if _, err := listener.Accept(); err != nil {
			log.Fatal(err)
		}
	}
}

func sends() { jobs <- 1 }

func takes() { use(<-jobs) }

func use(int) {}

func ranges() {
	for n := range jobs {
		use(n)
	}
}

func closesAgain() { close(jobs) }

func asks() {
	if _, ok := <-jobs; !ok {
		return
	}
}

func panics() {
	if _, err := listener.Accept(); err != nil {
		panic(err)
	}
}

func alone() {
	if limit > 2 {
		time.Sleep(time.Second)
		os.Exit(1)
	}
}

func logs() {
	logger.Print("ready")
	if errors.Is(nil, os.ErrClosed) {
		os.Exit(2)
	}
}
`)
	want := []string{
		"accepts: ends the process by log.Fatal",
		"closesAgain: closes jobs, which is closed by then",
		"panics: panics",
		"sends: sends on jobs, which is closed by then",
		"takes: takes what a closed jobs gives for a value",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What is ended passes on to what is made from it, and only to that.
func TestMentions(t *testing.T) {
	s := ruletest.Load(t, map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n", "main.go": `package main

import (
	"bufio"
	"net"
	"os"
)

var conn, other net.Conn

type session struct{ r *bufio.Reader }

var kept session

func main() {
	kept = session{r: bufio.NewReader(conn)}
	end()
}

func end() { conn.Close() }

func itself() { conn.Read(nil) }
func made()   { kept.r.ReadByte() }
func fresh()  { other.Read(nil) }
func file()   { os.Stdin.Read(nil) }
`})
	p := s.Package("example.com/m")
	e := ended.New(p)
	e.Calls(p, syntax.DeclsOf(p)["example.com/m.end"].Body)
	e.Spread()
	for name, want := range map[string]bool{"itself": true, "made": true, "fresh": false, "file": false} {
		var body ast.Node = syntax.DeclsOf(p)["example.com/m."+name].Body
		if got := e.Mentions(p, body); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
