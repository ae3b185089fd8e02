//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/runtimefix/runtimefix/rewrite"
)

// interrupting returns the signals that end a run. Under nohup the last of them is
// ignored, by the processes that tests start, too.
func interrupting() []syscall.Signal {
	all := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	return slices.DeleteFunc(all, func(s syscall.Signal) bool { return signal.Ignored(s) })
}

// The first signal ends the run in order, the second ends the process.
func TestSecondSignal(t *testing.T) {
	bin, err := exec.LookPath("interrupts") // put there by TestMain
	if err != nil {
		t.Skip(err)
	}
	for _, sig := range interrupting() {
		cmd := exec.Command(bin)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for _, want := range []string{"ready", "first"} {
			if !lines.Scan() || lines.Text() != want {
				t.Fatalf("got %q, want %q", lines.Text(), want)
			}
			// The handler is gone shortly after the context ends.
			for range 100 {
				cmd.Process.Signal(sig)
				if want == "ready" {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
			t.Errorf("%v: got %v, want an end by the signal", sig, err)
		}
	}
}

// While packages are loaded a signal ends the run, though what the go command started
// holds its output: no findings, exit code 130.
func TestInterruptedLoad(t *testing.T) {
	bin := program(t)
	sampleDir(t)
	started := filepath.Join(t.TempDir(), "started")
	fake := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nsleep 1000 &\necho $$ > %s.new\nmv %[1]s.new %[1]s\nsleep 1000\n", started)
	if err := os.WriteFile(filepath.Join(fake, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", fake+":"+os.Getenv("PATH"))
	for _, args := range [][]string{nil, {"--diff"}, {"--apply"}} {
		for _, sig := range interrupting() {
			os.Remove(started)
			var stdout, stderr bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			cmd := exec.CommandContext(ctx, bin, args...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
				if _, err := os.Stat(started); err == nil {
					break
				}
			}
			cmd.Process.Signal(sig)
			cmd.Wait()
			cancel()
			id, err := os.ReadFile(started)
			if err != nil {
				t.Fatal(err)
			}
			if pid, err := strconv.Atoi(strings.TrimSpace(string(id))); err != nil || works(pid) {
				t.Errorf("%v %v: %v: the go command %d goes on", args, sig, err, pid)
			}
			if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
				t.Errorf("%v %v: exit code %d, want %d", args, sig, code, exitInterrupted)
			}
			if got := stderr.String(); got != "runtimefix: interrupted\n" || stdout.Len() > 0 {
				t.Errorf("%v %v: stderr %q, stdout %q", args, sig, got, stdout.String())
			}
		}
	}
}

// works reports whether a process is there and has not ended.
func works(pid int) bool {
	if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		return !strings.Contains(string(data), ") Z ") // nobody asked yet how it ended
	}
	return syscall.Kill(pid, 0) == nil
}

// A signal while files are written stops between two of them, and the message
// says how many were.
func TestInterruptedWrite(t *testing.T) {
	bin := program(t)
	const files = 300
	dir := t.TempDir()
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("f%03d.go", i)) }
	for i := range files {
		text := fmt.Sprintf("package m\n\nimport \"runtime\"\n\nfunc f%d(n int) {\n\tfor range n {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n", i)
		if err := os.WriteFile(name(i), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/m\n\ngo 1.24\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	fixed := func(i int) bool {
		data, err := os.ReadFile(name(i))
		return err == nil && !strings.Contains(string(data), "runtime.GC")
	}
	var stderr bytes.Buffer
	cmd := exec.Command(bin, "--apply")
	cmd.Dir, cmd.Stderr = dir, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && !fixed(0); {
	}
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	done := 0
	for i := range files {
		if fixed(i) {
			done++
		}
	}
	m := regexp.MustCompile(`^runtimefix: interrupted: (\d+) files? changed, (\d+) left as they were; run again\n$`).FindStringSubmatch(stderr.String())
	if m == nil {
		if done == files && cmd.ProcessState.ExitCode() == exitOK {
			t.Skip("all files were written before the signal arrived")
		}
		t.Fatalf("exit code %d, stderr %q", cmd.ProcessState.ExitCode(), stderr.String())
	}
	changed, _ := strconv.Atoi(m[1])
	left, _ := strconv.Atoi(m[2])
	if changed != done || changed+left != files || cmd.ProcessState.ExitCode() != exitInterrupted {
		t.Errorf("exit code %d, %q, but %d of %d files are changed", cmd.ProcessState.ExitCode(), stderr.String(), done, files)
	}
	if hidden, _ := filepath.Glob(filepath.Join(dir, ".*")); len(hidden) > 0 {
		t.Errorf("left behind: %v", hidden)
	}
}

// ending is a context that ends after it was asked a number of times.
type ending struct {
	context.Context
	asks *int
}

func (e ending) Err() error {
	if *e.asks--; *e.asks < 0 {
		return context.Canceled
	}
	return nil
}

// Files of one fix are written together, whenever the end comes.
func TestWriteStopsBetweenFixes(t *testing.T) {
	dir := t.TempDir()
	var changes []rewrite.Change
	for i, group := range []int{1, 2, 1, 3} {
		path := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		changes = append(changes, rewrite.Change{Path: path, Old: []byte("old"), New: []byte("new"), Group: group})
	}
	asks := 1
	written, failed, left := writeChanges(ending{context.Background(), &asks}, changes)
	if len(written) != 2 || len(failed) != 0 || left != 2 {
		t.Errorf("%d written, %v failed, %d left", len(written), failed, left)
	}
	for i, want := range []string{"new", "old", "new", "old"} {
		if data, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(i))); err != nil || string(data) != want {
			t.Errorf("file %d holds %q, want %q (%v)", i, data, want, err)
		}
	}
}

// A pipe where the go command reads the source of a package that is imported does not
// keep the run: it is named, and what needs the package is not checked.
func TestPipeOfImport(t *testing.T) {
	bin := program(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":     "module example.com/m\n\ngo 1.24\n",
		"main.go":    "package main\n\nimport (\n\t\"runtime\"\n\n\t\"example.com/m/lib\"\n)\n\nfunc main() {\n\tfor range 10 {\n\t\tlib.F()\n\t\truntime.GC()\n\t}\n}\n",
		"lib/lib.go": "package lib\n\nfunc F() {}\n",
	} {
		os.Mkdir(filepath.Join(dir, "lib"), 0o755)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, pipe := range []string{"x.c", "x.s", "x.go"} {
		path := filepath.Join(dir, "lib", pipe)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		var stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, bin, ".")
		cmd.Dir, cmd.Stderr, cmd.WaitDelay = dir, &stderr, time.Second
		err := cmd.Run()
		cancel()
		os.Remove(path)
		if want := "the go command waits for " + path + ", which is a named pipe\n"; cmd.ProcessState.ExitCode() != exitLoad || !strings.Contains(stderr.String(), want) {
			t.Errorf("%v, stderr %q; want exit code %d and %q", err, stderr.String(), exitLoad, want)
		}
	}
}
