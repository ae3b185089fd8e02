package signalexit_test

import (
	"bufio"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/signalexit"
)

// signalProlog is what the programs of the proof have in common: they say when
// they are ready, and each flush prints its line.
const signalProlog = `package main

import (
	"fmt"
	"net/http"
	"sync"
)

var once sync.Once

func flushLogs()    { fmt.Println("logs") }
func flushMetrics() { fmt.Println("metrics") }
func ready()        { once.Do(func() { fmt.Println("ready") }) }

var mux = http.NewServeMux()
`

// signalImports are the imports that the programs have, used or not.
const signalImports = `package main

import (
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var _ = []any{log.Print, http.Serve, os.Exit, signal.Stop, time.Now, syscall.SIGTERM}
`

// signalProgram is a program of the proof; exit is its exit code on SIGTERM.
type signalProgram struct {
	name, code string
	exit       int
}

var signalPrograms = []signalProgram{
	{"loop", `
func main() {
	sig := make(chan os.Signal, 1)
	signal.Notify(sig, syscall.SIGTERM)
	go func() {
		<-sig
		flushLogs()
		os.Exit(0)
	}()
	runServer()
}

func runServer() {
	defer flushMetrics()
	for {
		ready()
		time.Sleep(time.Hour)
	}
}
`, 0},
	{"server", `
func main() {
	defer flushMetrics()
	srv := &http.Server{Addr: "localhost:0", Handler: mux}
	time.AfterFunc(200*time.Millisecond, ready)

	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()

	if err := srv.ListenAndServe(); err != nil {
		log.Print(err)
	}
}
`, 0},
	{"fatal", `
func main() {
	defer flushMetrics()
	time.AfterFunc(200*time.Millisecond, ready)
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	log.Fatal(http.ListenAndServe("localhost:0", mux))
}
`, 0},
	{"callee", `
func main() {
	defer flushMetrics()
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(3)
	}()
	if err := serve("localhost:0"); err != nil {
		log.Fatal(err)
	}
}

func serve(addr string) error {
	time.AfterFunc(200*time.Millisecond, ready)
	return http.ListenAndServe(addr, mux)
}
`, 3},
	{"block", `
func main() {
	defer flushMetrics()
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	go func() { ready() }()
	select {}
}
`, 0},
	{"done", `
func main() {
	defer flushMetrics()
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	done := make(chan struct{})
	go func() { ready() }()
	<-done
}
`, 0},
	{"ticker", `
func main() {
	defer flushMetrics()
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	t := time.NewTicker(10 * time.Millisecond)
	for range t.C {
		ready()
	}
}
`, 0},
	{"kept", `
func main() {
	defer flushMetrics()
	time.AfterFunc(200*time.Millisecond, ready)
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-c
		flushLogs()
		os.Exit(128 + int(s.(syscall.Signal)))
	}()
	if err := http.ListenAndServe("localhost:0", mux); err != nil {
		log.Fatal(err)
	}
}
`, 128 + int(syscall.SIGTERM)},
	{"slow", `
func main() {
	defer flushMetrics()
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	for {
		poll()
		time.Sleep(time.Hour)
	}
}

func poll() {
	_, _ = http.Get("http://localhost:1/")
	ready()
}
`, 0},
	{"spin", `
func main() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		flushLogs()
		os.Exit(0)
	}()
	spin()
}

func spin() {
	defer flushMetrics()
	for {
		ready()
	}
}
`, 0},
}

// Before the fix SIGTERM ends each program without the deferred flush; after it
// both flushes run once, and the exit code is the same.
func TestSignalExitRunsDeferredCalls(t *testing.T) { proveSignalExit(t, signalPrograms, nil) }

// proveSignalExit runs each program before and after its fix, with more files
// beside it.
func proveSignalExit(t *testing.T, programs []signalProgram, more map[string]string) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	for _, test := range programs {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			files := map[string][]byte{
				"go.mod":    []byte("module example.com/proof\n\ngo 1.24\n"),
				"main.go":   []byte(withImports(test.code)),
				"common.go": []byte(signalProlog),
			}
			for name, text := range more {
				files[name] = []byte(text)
			}
			ruletest.WriteTree(t, dir, files)
			lines, code := terminate(t, dir)
			if n := strings.Count(lines, "metrics"); n != 0 || code != test.exit {
				t.Fatalf("before the fix: exit code %d, %q; the proof would prove nothing", code, lines)
			}
			ruletest.Fix(t, dir, signalexit.Rule)
			lines, code = terminate(t, dir)
			if strings.Count(lines, "logs\n") != 1 || strings.Count(lines, "metrics\n") != 1 || code != test.exit {
				t.Errorf("after the fix: exit code %d, want %d; output %q", code, test.exit, lines)
			}
		})
	}
}

// withImports puts the code of a program behind signalImports and the other
// imports that it uses.
func withImports(code string) string {
	more := ""
	for _, path := range []string{"context", "io", "net", "sync", "example.com/proof/app", "google.golang.org/grpc"} {
		if strings.Contains(code, path[strings.LastIndexByte(path, '/')+1:]+".") {
			more += "\t\"" + path + "\"\n"
		}
	}
	return strings.Replace(signalImports, "import (\n", "import (\n"+more, 1) + code
}

// terminate builds and starts the program in dir, sends it SIGTERM when it is
// ready, and returns what it printed from then on and its exit code.
func terminate(t *testing.T, dir string) (string, int) {
	t.Helper()
	return terminated(t, ruletest.Build(t, dir))
}

// terminated is terminate for a program that is built.
func terminated(t *testing.T, bin string) (string, int) {
	t.Helper()
	cmd := exec.Command(bin)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	r := bufio.NewReader(stdout)
	if line, err := r.ReadString('\n'); err != nil || line != "ready\n" {
		_ = cmd.Process.Kill()
		t.Fatalf("not ready: %q %v", line, err)
	}
	// Some programs say that they are ready before they ask for the signal, or
	// before a goroutine receives from a channel without a buffer.
	time.Sleep(500 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(r)
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(rest), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(rest), 0
}
