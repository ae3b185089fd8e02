package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// In a workspace the modules see each other, with what is not saved; a module beside
// it does not.
func TestLanguageServerWorkspace(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const source = "package main\n\nimport (\n\t\"runtime\"\n\n\t\"example.com/lib\"\n)\n\nfunc main() {\n\tfor {\n\t\tlib.Work()\n\t\truntime.GC()\n\t}\n}\n"
	path := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	writeTree(t, dir, map[string]string{
		"go.work":      "go 1.24\n\nuse (\n\t./app\n\t./lib\n)\n",
		"app/go.mod":   "module example.com/app\n\ngo 1.24\n",
		"app/app.go":   source,
		"lib/go.mod":   "module example.com/lib\n\ngo 1.24\n",
		"lib/lib.go":   "package lib\n\nfunc Work() {}\n",
		"alone/go.mod": "module example.com/alone\n\ngo 1.24\n",
		"alone/a.go":   source,
	})
	e := edit(t, map[string]any{}, []string{dir})
	// expect waits for one finding in a version of a file, and for the server to say
	// want; the two come in any order.
	var said strings.Builder
	expect := func(file string, version int, want string) {
		t.Helper()
		timeout := time.After(time.Minute)
		for found := false; !found || !strings.Contains(said.String(), want); {
			select {
			case p := <-e.pushed:
				switch {
				case strings.HasPrefix(p.method, "window/"):
					said.WriteString(p.params.Message + "\n")
				case p.params.URI == fileURI(file) && p.params.Version == version:
					if found = true; len(p.params.Diagnostics) != 1 || p.params.Diagnostics[0].Code != "forcedgc" {
						t.Errorf("diagnostics: %+v", p.params.Diagnostics)
					}
				}
			case <-timeout:
				t.Fatalf("version %d of %s: found: %v; the server says %q, not %q", version, file, found, said.String(), want)
			}
		}
	}
	e.open(path("app/app.go"), source)
	expect(path("app/app.go"), 1, "")
	e.open(path("alone/a.go"), source)
	expect(path("alone/a.go"), 1, "alone/a.go:6:2: could not import example.com/lib")
	if strings.Contains(said.String(), "app.go") {
		t.Errorf("in the workspace: %s", said.String())
	}
	e.open(path("lib/lib.go"), "package lib\n\nfunc Other() {}\n")
	e.change(path("app/app.go"), source+"\n", 2)
	expect(path("app/app.go"), 2, "app/app.go:11:7: undefined: lib.Work")
}
