//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// While one types the go command is asked once: neither a comment nor a function
// changes what it would say, an import does. That holds where nothing is kept on
// disk, too.
func TestAskedOnce(t *testing.T) {
	for _, cache := range []string{"off", t.TempDir()} {
		t.Setenv("RUNTIMEFIX_CACHE", cache)
		// A go command that writes down what it is asked.
		real, err := exec.LookPath("go")
		if err != nil {
			t.Fatal(err)
		}
		bin := t.TempDir()
		log := filepath.Join(bin, "asked")
		script := fmt.Sprintf("#!/bin/sh\necho \"$*\" >> '%s'\nexec '%s' \"$@\"\n", log, real)
		if err := os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		lists := func() int {
			data, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for line := range strings.Lines(string(data)) {
				if strings.HasPrefix(line, "list ") {
					n++
				}
			}
			return n
		}
		dir, _ := lspModule(t)
		file := filepath.Join(dir, "main.go")
		if err := os.WriteFile(file, []byte(lspSource), 0o644); err != nil {
			t.Fatal(err)
		}
		// What was written when the run began may have changed during it, and is not kept.
		for _, name := range []string{"go.mod", "main.go"} {
			then := time.Now().Add(-time.Hour)
			if err := os.Chtimes(filepath.Join(dir, name), then, then); err != nil {
				t.Fatal(err)
			}
		}
		path := os.Getenv("PATH")
		e := func() *editor {
			program := filepath.Dir(program(t))
			t.Setenv("PATH", bin+string(filepath.ListSeparator)+program+string(filepath.ListSeparator)+path)
			defer os.Setenv("PATH", path)
			return edit(t, map[string]any{}, []string{dir})
		}()
		e.open(file, lspSource)
		e.diagnostics(file, 1)
		before := lists()
		for version := 2; version < 5; version++ {
			e.change(file, fmt.Sprintf("%s\nfunc added%d() {}\n", lspSource, version), version)
			if len(e.diagnostics(file, version)) == 0 {
				t.Error("nothing is found")
			}
		}
		if after := lists(); before == 0 || after != before {
			t.Errorf("cache %s: asked %d times at first and %d times in all", cache, before, after)
		}
		e.change(file, strings.Replace(lspSource, "import (", "import (\n\t_ \"strings\"", 1), 5)
		e.diagnostics(file, 5)
		if after := lists(); after == before {
			t.Errorf("cache %s: another import is not asked for", cache)
		}
	}
}
