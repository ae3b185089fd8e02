package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// However a run that writes is ended, each file holds its old or its new
// content, and nothing that the go command would take for source is left.
func TestKilled(t *testing.T) {
	bin := program(t)
	const files = 200
	old := func(i int) []byte {
		return fmt.Appendf(nil, "package m\n\nimport \"runtime\"\n\nfunc f%d(n int) {\n\tfor range n {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n", i)
	}
	fixed := func(i int) []byte {
		return fmt.Appendf(nil, "package m\n\nfunc f%d(n int) {\n\tfor range n {\n\t\tprintln()\n\t}\n}\n", i)
	}
	// Killed as soon as so many files are written.
	for _, after := range []int{1, files / 2} {
		dir := t.TempDir()
		put := func(name string, data []byte) {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		put("go.mod", []byte("module example.com/m\n\ngo 1.24\n"))
		for i := range files {
			put(fmt.Sprintf("f%03d.go", i), old(i))
		}
		cmd := exec.Command(bin, "--apply")
		cmd.Dir = dir
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(time.Minute)
		last := filepath.Join(dir, fmt.Sprintf("f%03d.go", after-1))
		for time.Now().Before(deadline) {
			if data, _ := os.ReadFile(last); bytes.Equal(data, fixed(after-1)) {
				break
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
		done := 0
		for i := range files {
			data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("f%03d.go", i)))
			switch {
			case err != nil:
				t.Error(err)
			case bytes.Equal(data, fixed(i)):
				done++
			case !bytes.Equal(data, old(i)):
				t.Errorf("f%03d.go holds neither its old nor its new content:\n%s", i, data)
			}
		}
		if done < after {
			t.Errorf("%d files were written before the kill, want %d at least", done, after)
		}
		left, err := filepath.Glob(filepath.Join(dir, "[^.]*"))
		if err != nil || len(left) != files+1 {
			t.Errorf("%d files afterwards, want %d; %v", len(left), files+1, err)
		}
		// What was interrupted can be taken up again.
		cmd = exec.Command(bin, "--apply")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		for i := range files {
			if data, _ := os.ReadFile(filepath.Join(dir, fmt.Sprintf("f%03d.go", i))); !bytes.Equal(data, fixed(i)) {
				t.Errorf("f%03d.go is not fixed by the second run", i)
			}
		}
	}
}
