package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// program returns the path of the command as TestMain put it there: the test's
// own binary, which is the command when it is called by that name.
func program(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it runs the command as a process")
	}
	bin, err := exec.LookPath("runtimefix")
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// TestPreCommit runs the hooks of .pre-commit-hooks.yaml under the pre-commit
// framework.
func TestPreCommit(t *testing.T) {
	for _, tool := range []string{"pre-commit", "git"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	manifest, err := filepath.Abs(filepath.Join("..", "..", ".pre-commit-hooks.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	bin := program(t)
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, strings.TrimSpace(string(out)))
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PRE_COMMIT_HOME", filepath.Join(home, "cache"))
	t.Setenv("PATH", filepath.Dir(bin)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv("GOFLAGS", "")
	if out, err := exec.Command("pre-commit", "validate-manifest", manifest).CombinedOutput(); err != nil {
		t.Fatalf("the manifest is not valid: %v\n%s", err, out)
	}

	config := hookConfig(t, manifest)
	dir := sampleDir(t)
	write := func(name, text string) { writeTree(t, dir, map[string]string{name: text}) }
	write(".pre-commit-config.yaml", config)
	loop := "package m\n\nimport \"runtime\"\n\nfunc f() {\n\tfor {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n"
	// A second module below the first, and a name with a space.
	write("other/go.mod", "module example.com/other\n\ngo 1.24\n")
	write("other/loop.go", loop)
	write("spaced/x y.go", loop)
	// Files without a type of their own, and a finding that is not safe to fix.
	write("app.service", "[Service]\nEnvironment=GODEBUG=gctrace=1\nExecStart=/app\n")
	write("Procfile", "web: GODEBUG=gctrace=1 ./web\n")
	write("fault.go", "package main\n\nimport \"runtime/debug\"\n\nfunc peek(p *int) int {\n\tdebug.SetPanicOnFault(true)\n\treturn *p\n}\n\nvar _ = peek\n")
	write("--unsafe", "")
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	hook := func(name string) (string, error) {
		out, err := exec.Command("pre-commit", "run", "--all-files", name).CombinedOutput()
		return string(out), err
	}
	out, err := hook("runtimefix")
	if err == nil || !strings.Contains(out, "files were modified by this hook") {
		t.Errorf("the hook does not fail on modified files: %v\n%s", err, out)
	}
	for _, name := range []string{"other/loop.go", "spaced/x y.go", "app.service"} {
		if data, _ := os.ReadFile(name); strings.Contains(string(data), "runtime.GC") || strings.Contains(string(data), "gctrace=1") {
			t.Errorf("%s is not fixed:\n%s\n%s", name, data, out)
		}
	}
	if data, _ := os.ReadFile("fault.go"); strings.Contains(string(data), "defer") {
		t.Errorf("the name of a file was taken for a flag:\n%s", data)
	}
	if out, err := hook("runtimefix-report"); err != nil || !strings.Contains(out, "panicfault") || !strings.Contains(out, "Procfile:1:") {
		t.Errorf("the report: %v\n%s", err, out)
	}
	for _, name := range []string{"runtimefix", "runtimefix-repo"} {
		if out, err := hook(name); err != nil {
			t.Errorf("hook %s fails on fixed files: %v\n%s", name, err, out)
		}
	}
}

// hookConfig returns a .pre-commit-config.yaml with the hooks of a repository of the
// manifest, and the program on PATH in place of a build, as the guide says.
func hookConfig(t *testing.T, manifest string) string {
	t.Helper()
	data, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	repo := t.TempDir()
	if err := os.WriteFile(filepath.Join(repo, ".pre-commit-hooks.yaml"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	var rev string
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "x"}, {"rev-parse", "HEAD"},
	} {
		out, err := exec.Command("git", append([]string{"-C", repo}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		rev = strings.TrimSpace(string(out))
	}
	var hooks []map[string]string
	for _, id := range []string{"runtimefix", "runtimefix-report", "runtimefix-repo"} {
		hooks = append(hooks, map[string]string{"id": id, "language": "system"})
	}
	config, err := yaml.Marshal(map[string]any{"repos": []any{map[string]any{"repo": repo, "rev": rev, "hooks": hooks}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(config)
}

// The hooks get every file that a rule may read, whatever its name.
func TestHookFiles(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", ".pre-commit-hooks.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var hooks []struct {
		ID, Files string
		Args      []string
	}
	if err := yaml.Unmarshal(data, &hooks); err != nil {
		t.Fatal(err)
	}
	names := []string{
		"a.go", "go.mod", "x/go.work", "Dockerfile", "a/Dockerfile.dev", "web.Dockerfile", "Containerfile", "dockerfile-ci", "k8s/app.yaml", "app.yml",
		"task.json", "chart/templates/_env.tpl", "app.service", "app.service.d/env.conf", "app.container", ".env", ".env.local", "prod.env", "Procfile",
		"run.sh", "x.bash", "Makefile", "GNUmakefile", "rules.mk", "supervisord.conf", "sup.ini", "fly.toml", "bin/entrypoint",
	}
	for _, h := range hooks {
		if h.ID == "runtimefix-repo" {
			continue
		}
		// A file called --unsafe is a file.
		if len(h.Args) == 0 || h.Args[len(h.Args)-1] != "--" {
			t.Errorf("the hook %s takes names of files for flags: args %q", h.ID, h.Args)
		}
		re := regexp.MustCompile(h.Files) // Python's search is Go's match
		for _, name := range names {
			if !re.MatchString(name) {
				t.Errorf("the hook %s does not get %s", h.ID, name)
			}
		}
		for _, name := range []string{"README.md", "a.go.txt", "logo.png", "go.sum", "a.js", "Dockerfile.d/x.py"} {
			if re.MatchString(name) {
				t.Errorf("the hook %s gets %s", h.ID, name)
			}
		}
	}
}

// TestTwoProcesses runs two processes on files of one package at once, as
// pre-commit does without require_serial.
func TestTwoProcesses(t *testing.T) {
	bin := program(t)
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.com/m\n\ngo 1.24\n")
	for _, name := range []string{"a", "b"} {
		write(name+".go", fmt.Sprintf("package m\n\nimport \"runtime\"\n\nfunc %s() {\n\tfor {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n", name))
	}
	var wg sync.WaitGroup
	outs, errs := make([]string, 2), make([]error, 2)
	for i, name := range []string{"a.go", "b.go"} {
		wg.Go(func() {
			out, err := exec.Command(bin, "--apply", name).CombinedOutput()
			outs[i], errs[i] = string(out), err
		})
	}
	wg.Wait()
	for i, name := range []string{"a.go", "b.go"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if errs[i] == nil && strings.Contains(string(data), "runtime.GC") {
			t.Errorf("%s is not fixed, and nobody says so:\n%s", name, outs[i])
		}
		if out, err := exec.Command("gofmt", "-e", name).CombinedOutput(); err != nil {
			t.Errorf("%s is broken: %s", name, out)
		}
	}
}

// TestHookIsQuick runs the hook on ten of a thousand files in which nothing can
// fire.
func TestHookIsQuick(t *testing.T) {
	bin := program(t)
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("go.mod", []byte("module example.com/m\n\ngo 1.24\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"--apply"}
	for i := range 1000 {
		name := fmt.Sprintf("p%d/f.go", i)
		if err := os.Mkdir(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("package p%d\n\nimport \"fmt\"\n\n%s", i, strings.Repeat("// Text.\nfunc _() { fmt.Println() }\n\n", 200))
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if i < 10 {
			args = append(args, name)
		}
	}
	best := time.Hour
	for range 5 {
		start := time.Now()
		if out, err := exec.Command(bin, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		best = min(best, time.Since(start))
	}
	t.Logf("%v", best)
	if best > 500*time.Millisecond {
		t.Errorf("the hook takes %v", best)
	}
}
