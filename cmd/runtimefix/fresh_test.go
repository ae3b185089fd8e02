//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestFreshClone runs the README's first command in a clone, with nothing in the
// build and the module cache, as who has just heard of it does: it speaks within two
// seconds, goes on speaking, and prints the patch that the README shows. It downloads
// and builds everything, so it has to be asked for, on a machine that does nothing
// else.
func TestFreshClone(t *testing.T) {
	if os.Getenv("RUNTIMEFIX_FRESH") == "" {
		t.Skip("set RUNTIMEFIX_FRESH=1 to build everything in a fresh clone (minutes)")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	clone := filepath.Join(t.TempDir(), "clone")
	if out, err := exec.Command("git", "clone", "-q", root, clone).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^    (.+)$`).FindSubmatch(readme)
	if m == nil {
		t.Fatal("the README has no command")
	}
	words := strings.Fields(string(m[1]))
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = clone
	cmd.Env = append(os.Environ(), "GOCACHE="+t.TempDir(), "GOMODCACHE="+t.TempDir(), "RUNTIMEFIX_CACHE="+t.TempDir(), "GOFLAGS=-modcacherw")
	screen, tty, err := pty.Open()
	if err != nil {
		t.Skip(err)
	}
	defer screen.Close()
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, tty
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	var first, silence time.Duration
	last, said := start, new(strings.Builder)
	for buf := make([]byte, 4096); ; {
		n, err := screen.Read(buf)
		if n > 0 {
			if first == 0 {
				first = time.Since(start)
			}
			silence, last = max(silence, time.Since(last)), time.Now()
			said.Write(buf[:n])
		}
		if err != nil {
			break // the last writer has closed it
		}
	}
	err = cmd.Wait()
	t.Logf("%s: first word after %v, longest silence %v, %v in all", words, first, silence, time.Since(start))
	if stdout.Len() == 0 || !strings.Contains(string(readme), "```diff\n"+stdout.String()+"```\n") {
		t.Errorf("%v; the README does not show\n%s\n%s", err, stdout.String(), said)
	}
	if first == 0 || first > 2*time.Second {
		t.Errorf("it is silent for %v", first)
	}
	if silence > 20*time.Second { // the largest package, or the linker
		t.Errorf("it is silent for %v meanwhile", silence)
	}
}
