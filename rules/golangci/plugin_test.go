package golangci

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golangci/plugin-module-register/register"
	"github.com/runtimefix/runtimefix/rules"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"
)

func TestSettings(t *testing.T) {
	newPlugin, err := register.GetPlugin("runtimefix")
	if err != nil {
		t.Fatal(err)
	}
	build := func(settings any) (names []string) {
		t.Helper()
		p, err := newPlugin(settings)
		if err != nil {
			t.Fatal(err)
		}
		list, err := p.BuildAnalyzers()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			names = append(names, a.Name)
		}
		return names
	}
	if got, want := len(build(nil)), len(rules.Analyzers()); got != want {
		t.Errorf("%d analyzers without settings, want %d", got, want)
	}
	got := build(map[string]any{"unsafe": true, "enable": []string{"forcedgc", "threadlock"}, "disable": []string{"threadlock"}})
	if strings.Join(got, " ") != "forcedgc" {
		t.Errorf("analyzers %v, want forcedgc", got)
	}
	for _, bad := range []map[string]any{{"enable": []string{"nosuch"}}, {"colour": "red"}} {
		if _, err := newPlugin(bad); err == nil {
			t.Errorf("no error for %v", bad)
		}
	}
}

// Related places are text of the issue: golangci-lint would make issues of them.
func TestRelatedPlaces(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"a.go": `package m

import "runtime"

func work(stop func() bool) {
	runtime.LockOSThread()
	if stop() {
		return
	}
	println("done")
	runtime.UnlockOSThread()
}

var _ = work
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pkgs, err := packages.Load(&packages.Config{Dir: dir, Mode: packages.LoadAllSyntax}, ".")
	if err != nil {
		t.Fatal(err)
	}
	newPlugin, err := register.GetPlugin("runtimefix")
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlugin(nil)
	if err != nil {
		t.Fatal(err)
	}
	list, err := p.BuildAnalyzers()
	if err != nil {
		t.Fatal(err)
	}
	g, err := checker.Analyze(list, pkgs, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []analysis.Diagnostic
	for a := range g.All() {
		got = append(got, a.Diagnostics...)
	}
	if len(got) != 1 || len(got[0].Related) > 0 || !strings.HasSuffix(got[0].Message, "; a.go:8: still locked before this return") || len(got[0].SuggestedFixes) != 1 {
		t.Errorf("diagnostics: %+v", got)
	}
}

// Who builds the plugin gets the modules that the rules need, and none of the
// command's; who builds the command gets nothing of golangci-lint's. A module of
// its own for the plugin could take nothing away.
func TestModules(t *testing.T) {
	modules := func(pkg string) []string {
		t.Helper()
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", pkg)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list %s: %v\n%s", pkg, err, stderr.String())
		}
		list := strings.Fields(string(out))
		slices.Sort(list)
		return slices.Compact(list)
	}
	const root = "github.com/runtimefix/runtimefix"
	const plugin = "github.com/golangci/plugin-module-register"
	want := append(modules(root+"/rules"), plugin)
	slices.Sort(want)
	if got := modules(root + "/rules/golangci"); !slices.Equal(got, want) {
		t.Errorf("the plugin needs %q, want %q", got, want)
	}
	for _, module := range []string{"github.com/urfave/cli/v2", "github.com/creachadair/jrpc2", "github.com/google/pprof", "golang.org/x/exp"} {
		if slices.Contains(want, module) {
			t.Errorf("the rules need %s, which is the command's", module)
		}
	}
	if got := modules(root + "/cmd/runtimefix"); len(got) < len(want) || slices.Contains(got, plugin) {
		t.Errorf("the command needs %q", got)
	}
}

// TestCustomBuild builds golangci-lint with the plugin, by the steps of
// "golangci-lint custom", and runs it. It takes minutes, so it has to be asked
// for.
func TestCustomBuild(t *testing.T) {
	const version = "v2.15.0"
	if os.Getenv("RUNTIMEFIX_GOLANGCI") == "" {
		t.Skip("set RUNTIMEFIX_GOLANGCI=1 to build golangci-lint " + version)
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(dir, name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil && name == "go" {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("get/go.mod", "module get\n\ngo 1.26\n")
	out := run(filepath.Join(dir, "get"), "go", "mod", "download", "-json", "github.com/golangci/golangci-lint/v2@"+version)
	_, rest, _ := strings.Cut(out, `"Dir": "`)
	source, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Skipf("golangci-lint is not to be had: %s", out)
	}
	lint := filepath.Join(dir, "golangci-lint-source")
	if err := os.CopyFS(lint, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	write("golangci-lint-source/cmd/golangci-lint/plugins.go", "package main\n\nimport _ \"github.com/runtimefix/runtimefix/rules/golangci\"\n")
	if err := os.Chmod(filepath.Join(lint, "go.mod"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(lint, "go.sum"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(lint, "go", "mod", "edit", "-require=github.com/runtimefix/runtimefix@v0.0.0", "-replace=github.com/runtimefix/runtimefix="+root)
	run(lint, "go", "mod", "tidy")
	bin := filepath.Join(dir, "golangci-lint")
	run(lint, "go", "build", "-o", bin, "./cmd/golangci-lint")

	write("m/go.mod", "module example.com/m\n\ngo 1.24\n")
	write("m/a.go", "package main\n\nimport \"runtime\"\n\nfunc main() {\n\tprintln(do(true))\n}\n\nfunc do(fail bool) bool {\n\truntime.LockOSThread()\n\tif fail {\n\t\treturn false\n\t}\n\tprintln()\n\truntime.UnlockOSThread()\n\treturn true\n}\n")
	write("m/.golangci.yml", "version: \"2\"\nlinters:\n  default: none\n  enable: [runtimefix]\n  settings:\n    custom:\n      runtimefix:\n        type: module\n")
	m := filepath.Join(dir, "m")
	if out := run(m, bin, "run", "./..."); !strings.Contains(out, "a.go:10:2: threadlock: ") {
		t.Errorf("golangci-lint run: %s", out)
	}
	if out := run(m, bin, "run", "--fix", "./..."); !strings.Contains(out, "0 issues") {
		t.Errorf("golangci-lint run --fix: %s", out)
	}
	if data, _ := os.ReadFile(filepath.Join(m, "a.go")); !strings.Contains(string(data), "defer runtime.UnlockOSThread()") {
		t.Errorf("golangci-lint --fix leaves\n%s", data)
	}
}
