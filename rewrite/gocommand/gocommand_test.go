//go:build unix

package gocommand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fake puts a shell script in the place of the go command.
func fake(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// write makes the files, which are given by their names and contents, below a
// temporary directory; those without content are pipes.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if text == "" {
			if err := exec.Command("mkfifo", path).Run(); err != nil {
				t.Skip("no named pipes here")
			}
		} else if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The end of the context ends the go command and what it started, though that holds
// standard output and takes no notice of an interrupt.
func TestEnd(t *testing.T) { testEnd(t) }

// withoutProc makes the test go on as on a system without /proc.
func withoutProc(t *testing.T) {
	if _, err := exec.LookPath("ps"); err != nil {
		t.Skip(err)
	}
	old := stats
	stats = "/nothing/[0-9]*/stat"
	t.Cleanup(func() { stats = old })
}

// So it does where only ps tells about processes.
func TestEndWithoutProc(t *testing.T) {
	withoutProc(t)
	testEnd(t)
}

// What ps says is what /proc does, of this process and one that it started.
func TestAsked(t *testing.T) {
	withoutProc(t)
	fake(t, "read line\n") // until its input ends
	cmd := exec.Command("go")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer input.Close()
	if got := running(); !got[cmd.Process.Pid] || len(got) != 1 {
		t.Errorf("running %v, want %d alone", got, cmd.Process.Pid)
	}
	for _, p := range processes() {
		if p.id == os.Getpid() && (p.parent != os.Getppid() || p.name == "") {
			t.Errorf("this process is %+v, its parent %d", p, os.Getppid())
		}
	}
	// As macOS writes it: with blanks around, and paths with blanks in them.
	dir := t.TempDir()
	text := "  1     0 /sbin/launchd\n 4711     1 /Applications/My Tools/go\n  x 1 y\n\n"
	if err := os.WriteFile(filepath.Join(dir, "ps"), []byte("#!/bin/sh\ncat <<'E'\n"+text+"E\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if got, want := fmt.Sprint(processes()), "[{1 0 launchd} {4711 1 go}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func testEnd(t *testing.T) {
	dir := t.TempDir()
	fake(t, "trap '' INT TERM\nsleep 1000 &\necho $! $$ > pids.new\nmv pids.new pids\nwait\nsleep 1000\n")
	limit, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx, stop := context.WithCancel(limit)
	var pids []string
	go func() {
		defer stop()
		for ctx.Err() == nil {
			if data, err := os.ReadFile(filepath.Join(dir, "pids")); err == nil {
				pids = strings.Fields(string(data))
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := Output(ctx, dir, nil, "list"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context ended", err)
	}
	if len(pids) != 2 {
		t.Fatalf("started %q, want two processes", pids)
	}
	for _, s := range pids {
		pid, _ := strconv.Atoi(s)
		for runs(pid) {
			select {
			case <-time.After(time.Millisecond):
			case <-limit.Done():
				t.Fatalf("process %d still runs", pid)
			}
		}
	}
}

// runs reports whether there is such a process, which is no zombie.
func runs(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
}

// Where the go command waits for a pipe, the error names it: in the module, in one of
// its workspace, or in one that stands in for another.
func TestBlocked(t *testing.T) {
	for _, pipe := range []string{"m/lib/x.c", "m/vendor/a/y.s", "other/z.go", "beside/go.mod"} {
		t.Run(strings.ReplaceAll(pipe, "/", "-"), func(t *testing.T) {
			t.Parallel()
			files := map[string]string{
				"go.work":      "go 1.24\n\nuse ./m\nuse ./other\n",
				"m/go.mod":     "module m\n\nreplace r => ../beside\n",
				"m/sub/a.go":   "package a\n",
				"other/go.mod": "module other\n",
				"m/idle.go":    "", // for which nothing waits
				pipe:           "",
			}
			dir := write(t, files)
			in := filepath.Join(dir, "m", "sub")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := During(ctx, in, func(ctx context.Context) ([]byte, error) {
				return exec.CommandContext(ctx, "cat", filepath.Join(dir, pipe)).Output()
			})
			if want := (Blocked{filepath.Join(dir, pipe), "is a named pipe"}); err != want {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

// A command that takes long, beside a pipe which it does not open, goes on to its end.
func TestSlow(t *testing.T) {
	dir := write(t, map[string]string{"go.mod": "module m\n", "x.c": ""})
	fake(t, "sleep 2.5\necho done\n")
	out, err := Output(t.Context(), dir, nil, "list")
	if string(out) != "done\n" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
}

// A panic of what runs the go command is an error.
func TestPanic(t *testing.T) {
	_, err := During(t.Context(), t.TempDir(), func(context.Context) (int, error) { panic("oops") })
	if err == nil || !strings.HasPrefix(err.Error(), "oops") {
		t.Errorf("got %v", err)
	}
}
