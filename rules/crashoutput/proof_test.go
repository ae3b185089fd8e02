//go:build linux

package crashoutput_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/crashoutput"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

// crashProgram sets its crash output up, prints how many descriptors of the
// crash file it holds, and crashes when told to.
const crashProgram = `package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime/debug"
)

func crashLog() {
	f, err := os.Create("crash.log")
	if err != nil {
		log.Fatal(err)
	}
	debug.SetCrashOutput(f, debug.CrashOptions{})
}

func main() {
	crashLog()
	links, _ := filepath.Glob("/proc/self/fd/*")
	open := 0
	for _, l := range links {
		if name, _ := os.Readlink(l); filepath.Base(name) == "crash.log" {
			open++
		}
	}
	fmt.Println(open)
	if len(os.Args) > 1 {
		panic("told to")
	}
}
`

// Crash, crash, restart: before the fix no report is left, after it there are
// two, for the owner's eyes only, and one descriptor is held instead of two.
func TestCrashOutputOverRestarts(t *testing.T) {
	dir := t.TempDir()
	ruletest.WriteTree(t, dir, map[string][]byte{
		"go.mod":  []byte("module example.com/proof\n\ngo 1.24\n"),
		"main.go": []byte(crashProgram),
	})
	run := func() (reports int, mode os.FileMode, open string) {
		t.Helper()
		bin := ruletest.Build(t, dir)
		work := t.TempDir()
		for _, args := range [][]string{{"crash"}, {"crash"}, nil} {
			cmd := exec.Command("/bin/sh", append([]string{"-c", `umask 022; exec "$0" "$@"`, bin}, args...)...)
			// The collector would close the file sooner or later.
			cmd.Dir, cmd.Env = work, append(os.Environ(), "GOGC=off")
			out, err := cmd.Output()
			if crashed := err != nil; crashed != (len(args) > 0) {
				t.Fatalf("%v %v", args, err)
			}
			open = strings.TrimSpace(string(out))
		}
		path := filepath.Join(work, "crash.log")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(data), "panic: told to"), st.Mode().Perm(), open
	}
	if reports, mode, open := run(); reports != 0 || mode != 0o644 || open != "2" {
		t.Fatalf("before the fix: %d reports, mode %o, %s descriptors; the proof would prove nothing", reports, mode, open)
	}
	ruletest.Fix(t, dir, crashoutput.Rule)
	if reports, mode, open := run(); reports != 2 || mode != 0o600 || open != "1" {
		t.Errorf("after the fix: %d reports, mode %o, %s descriptors; want 2, 600, 1", reports, mode, open)
	}
}
