package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

// proxied are the modules that the test's module needs, by path and version.
var proxied = map[string]map[string]string{
	"go.uber.org/automaxprocs@v1.6.0": {
		"go.mod":          "module go.uber.org/automaxprocs\n\ngo 1.20\n\nrequire example.com/stub v1.1.0\n",
		"automaxprocs.go": "package automaxprocs\n",
		"stub_test.go":    "package automaxprocs\n\nimport _ \"example.com/stub\"\n",
	},
	"example.com/stub@v1.1.0": {
		"go.mod":  "module example.com/stub\n\ngo 1.20\n\nrequire example.com/assert v1.0.0\n",
		"stub.go": "package stub\n\nimport _ \"example.com/assert\"\n",
	},
	"example.com/assert@v1.0.0": {"go.mod": "module example.com/assert\n\ngo 1.20\n", "assert.go": "package assert\n"},
	"example.com/kept@v1.2.0":   {"go.mod": "module example.com/kept\n\ngo 1.20\n", "kept.go": "package kept\n"},
}

// fileProxy writes a module proxy of the modules and returns its URL.
func fileProxy(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for mod, files := range proxied {
		path, version, _ := strings.Cut(mod, "@")
		src := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		dir := filepath.Join(root, filepath.FromSlash(path), "@v")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := os.Create(filepath.Join(dir, version+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		if err := modzip.CreateFromDir(out, module.Version{Path: path, Version: version}, src); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"list": version + "\n", version + ".mod": files["go.mod"],
			version + ".info": fmt.Sprintf(`{"Version":%q,"Time":"2024-01-01T00:00:00Z"}`, version),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return "file://" + filepath.ToSlash(root)
}

// goCommand runs the go command in dir and returns what it prints.
func goCommand(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// tidyModule makes a repository with a tidy module that imports automaxprocs, and
// a module cache that has all of it and nothing else.
func tidyModule(t *testing.T, b *bench, vendored bool) (bare string) {
	t.Helper()
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw") // the test's folder has to go away again
	t.Setenv("GOSUMDB", "off")
	t.Setenv("GOTOOLCHAIN", "local")
	proxy := fileProxy(t)
	bare = b.remote("maxprocs", `-- go.mod --
module example.com/m

go 1.25
-- cmd/m/main.go --
package main

import (
	"fmt"

	_ "example.com/kept"
	_ "go.uber.org/automaxprocs"
)

func main() { fmt.Println("up") }
`)
	dir := b.clone(bare)
	t.Setenv("GOPROXY", proxy)
	goCommand(t, dir, "mod", "edit", "-require=go.uber.org/automaxprocs@v1.6.0", "-require=example.com/kept@v1.2.0")
	goCommand(t, dir, "mod", "tidy")
	if vendored {
		goCommand(t, dir, "mod", "vendor")
	}
	t.Setenv("GOPROXY", "off")
	b.git(dir, "add", "-A")
	b.git(dir, "commit", "-q", "-m", "tidy")
	b.git(dir, "push", "-q", "origin", "HEAD:main")
	return bare
}

// A module whose last import of automaxprocs goes is as tidy as before.
func TestTidy(t *testing.T) {
	b := newBench(t)
	bare := tidyModule(t, b, false)
	if sum := b.git(b.clone(bare), "show", "HEAD:go.sum"); strings.Count(sum, "\n")+1 != 8 || !strings.Contains(sum, "automaxprocs") {
		t.Fatalf("the test's go.sum is\n%s", sum)
	}
	for name, fix := range map[string]func(dir string){
		"apply": func(dir string) { b.command(dir, 0, "--rules", "maxprocs", "--unsafe", "--apply") },
		"diff": func(dir string) {
			patch := b.command(dir, 1, "--rules", "maxprocs", "--unsafe", "--diff", "--quiet")
			file := filepath.Join(t.TempDir(), "patch")
			if err := os.WriteFile(file, []byte(patch), 0o644); err != nil {
				t.Fatal(err)
			}
			b.git(dir, "apply", file)
		},
		"migrate": func(dir string) {
			if code, out := b.migrate(dir, "--rules", "maxprocs", "--unsafe", "--verify", "vet"); code != 0 {
				t.Fatalf("exit %d\n%s", code, out)
			}
		},
		"per rule": func(dir string) {
			if code, out := b.migrate(dir, "--unsafe", "--commit", "per-rule"); code != 0 {
				t.Fatalf("exit %d\n%s", code, out)
			}
			b.git(dir, "reset", "-q", "HEAD~1")
		},
	} {
		dir := b.clone(bare)
		fix(dir)
		if got := b.git(dir, "diff", "--name-only"); got != "cmd/m/main.go\ngo.mod\ngo.sum" {
			t.Errorf("%s changes %q", name, got)
		}
		goCommand(t, dir, "mod", "tidy", "-diff") // fails where there is something to do
		goCommand(t, dir, "build", "-o", os.DevNull, "./...")
	}
}

// The same where a person answers to each fix.
func TestTidyInteractive(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no pseudo-terminal")
	}
	b := newBench(t)
	bare := tidyModule(t, b, false)
	for answers, want := range map[string]string{"y": "cmd/m/main.go\ngo.mod\ngo.sum", "n": ""} {
		dir := b.clone(bare)
		t.Chdir(dir)
		screen := dialog(t, b.bin, nil, answers)
		if got := b.git(dir, "diff", "--name-only"); got != want {
			t.Errorf("%s: it changes %q\n%s", answers, got, screen)
		}
		goCommand(t, dir, "mod", "tidy", "-diff")
	}
}

// The same where the modules are vendored.
func TestTidyVendored(t *testing.T) {
	b := newBench(t)
	bare := tidyModule(t, b, true)
	for _, command := range [][]string{{"--apply"}, {"migrate"}} {
		dir := b.clone(bare)
		out := b.command(dir, 0, append(command, "--rules", "maxprocs", "--unsafe")...)
		if want := "run go mod vendor to remove the files of go.uber.org/automaxprocs, which nothing needs any more"; !strings.Contains(out, want) {
			t.Errorf("%v says\n%s", command, out)
		}
		if got := b.git(dir, "diff", "--name-only"); got != "cmd/m/main.go\ngo.mod\ngo.sum\nvendor/modules.txt" {
			t.Errorf("%v changes %q", command, got)
		}
		goCommand(t, dir, "mod", "tidy", "-diff")
		goCommand(t, dir, "build", "-mod=vendor", "-o", os.DevNull, "./...")
		goCommand(t, dir, "mod", "vendor")
		if got := b.git(dir, "diff", "--name-only", "--", "vendor/modules.txt"); got != "vendor/modules.txt" {
			t.Errorf("%v", got)
		}
		before := b.git(dir, "stash", "create")
		if got := b.git(dir, "show", before+":vendor/modules.txt"); got != "# example.com/kept v1.2.0\n## explicit; go 1.20\nexample.com/kept" {
			t.Errorf("%v leaves %s", command, got)
		}
	}
}

// What cannot be told without the network is said, and go.sum stays.
func TestTidyOffline(t *testing.T) {
	b := newBench(t)
	bare := tidyModule(t, b, false)
	if err := os.RemoveAll(filepath.Join(os.Getenv("GOMODCACHE"), "cache", "download", "example.com", "stub")); err != nil {
		t.Fatal(err)
	}
	dir := b.clone(bare)
	out := b.command(dir, 0, "--rules", "maxprocs", "--unsafe", "--apply")
	if want := "go.mod: run go mod tidy: what it would change cannot be told without the network"; !strings.Contains(out, want) {
		t.Errorf("it says\n%s", out)
	}
	if got := b.git(dir, "diff", "--name-only"); strings.Contains(got, "go.sum") || !strings.Contains(got, "main.go") {
		t.Errorf("it changes %q", got)
	}
	dir = b.clone(bare)
	file := filepath.Join(t.TempDir(), "s.md")
	if code, out := b.migrate(dir, "--rules", "maxprocs", "--unsafe", "--commit", "one", "--summary", file); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	if body := b.git(dir, "log", "-1", "--format=%b"); !strings.Contains(body, "To be done by hand:\n* go.mod: run go mod tidy: ") {
		t.Errorf("the message is\n%s", body)
	}
	if data, err := os.ReadFile(file); err != nil || !strings.Contains(string(data), "## To be done by hand\n\n* go.mod: run go mod tidy: ") {
		t.Errorf("the summary is\n%s", data)
	}
}

// A go.mod that was not tidy stays so.
func TestTidyLeavesUntidy(t *testing.T) {
	b := newBench(t)
	bare := tidyModule(t, b, false)
	dir := b.clone(bare)
	file := filepath.Join(dir, "go.mod")
	mod, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mod = []byte(strings.Replace(string(mod), "example.com/kept v1.2.0", "example.com/kept v1.2.0 // indirect", 1))
	if err := os.WriteFile(file, mod, 0o644); err != nil {
		t.Fatal(err)
	}
	b.command(dir, 0, "--rules", "maxprocs", "--unsafe", "--apply")
	if got := b.git(dir, "diff", "--name-only"); got != "cmd/m/main.go\ngo.mod" {
		t.Errorf("it changes %q", got)
	}
	if mod, err = os.ReadFile(file); err != nil || !strings.Contains(string(mod), "example.com/kept v1.2.0 // indirect") {
		t.Errorf("go.mod is\n%s", mod)
	}
}

// command runs the program in dir and returns what it prints.
func (b *bench) command(dir string, want int, args ...string) string {
	b.t.Helper()
	cmd := exec.Command(b.bin, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		b.t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != want {
		b.t.Fatalf("%v: exit %d, want %d\n%s", args, code, want, out)
	}
	return string(out)
}
