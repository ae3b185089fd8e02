package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/cachedir"
)

// outcome is all that a run shows.
type outcome struct {
	stdout, stderr string
	code           int
}

// runIn runs the command in dir with the cache on.
func runIn(t *testing.T, dir, cache string, args ...string) outcome {
	t.Helper()
	cmd := exec.Command(program(t), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), cachedir.Env+"="+cache)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// old copies a module into a new directory, with files of an hour ago.
func old(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		oldFile(t, filepath.Join(dir, name), text)
	}
	return dir
}

func oldFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

var keptFiles = map[string]string{
	"go.mod": "module example.com/m\n\ngo 1.24\n",
	"main.go": `package main

import (
	"runtime"
	"runtime/debug"
)

func main() {
	for range 3 {
		work()
		runtime.GC()
	}
}

func work() {
	debug.SetPanicOnFault(true)
	println("work")
}
`,
	"main_windows.go":   "package main\n\nimport \"runtime\"\n\nfunc init() { runtime.GC() }\n",
	"Dockerfile":        "FROM scratch\nENV GODEBUG=gctrace=1\n",
	".runtimefix.yaml":  "severity: {forcedgc: error}\n",
	"deploy/empty.yaml": "a: b\n",
}

// isKnown reports whether a run with args takes its result from the cache.
func isKnown(t *testing.T, dir, cache string, args ...string) bool {
	t.Helper()
	return strings.Contains(runIn(t, dir, cache, append([]string{"--verbose"}, args...)...).stderr, "known from an earlier run")
}

// What a run shows is the same, byte for byte, whether its result is new, kept or
// known.
func TestKeptOutput(t *testing.T) {
	dir := old(t, keptFiles)
	for _, args := range [][]string{
		{}, {"--unsafe"}, {"--format", "json"}, {"--format", "sarif", "--unsafe"}, {"--diff"}, {"--diff", "--unsafe"}, {"--statistics", "--fail-on", "never"}, {"--group-by", "rule"},
	} {
		cache := t.TempDir()
		want := runIn(t, dir, cache, append([]string{"--no-cache"}, args...)...)
		if list, _ := os.ReadDir(filepath.Join(cache, "results")); len(list) > 0 {
			t.Fatalf("%v: --no-cache keeps %d results", args, len(list))
		}
		if len(want.stdout)+len(want.stderr) < 50 {
			t.Errorf("%v: no report: %+v", args, want)
		}
		for _, run := range []string{"first", "second"} {
			if got := runIn(t, dir, cache, args...); got != want {
				t.Errorf("%v: the %s run shows\n%+v\nwant\n%+v", args, run, got, want)
			}
		}
		if !isKnown(t, dir, cache, args...) {
			t.Errorf("%v: the result is not kept", args)
		}
		if isKnown(t, dir, cache, append([]string{"--no-cache"}, args...)...) {
			t.Errorf("%v: --no-cache takes what is kept", args)
		}
	}
}

// What the command adds to the engine's options counts, too, and how many findings
// the baseline hides is kept.
func TestKeptSettings(t *testing.T) {
	dir, cache := old(t, keptFiles), t.TempDir()
	config := filepath.Join(dir, ".runtimefix.yaml")
	known := func(want bool, what string, args ...string) {
		t.Helper()
		if isKnown(t, dir, cache, args...) != want {
			t.Errorf("%s: known is not %v", what, want)
		}
	}
	known(false, "at first")
	known(true, "again")
	known(true, "other colours", "--color", "always", "--quiet", "--statistics")
	oldFile(t, config, "severity: {forcedgc: error}\n\n")
	known(false, "another byte in the configuration")
	oldFile(t, config, keptFiles[".runtimefix.yaml"])
	known(true, "the configuration as it was")
	known(false, "another rule", "--skip", "panicfault")
	runIn(t, dir, cache, "--write-baseline", "known.json")
	first := runIn(t, dir, cache, "--baseline", "known.json")
	known(true, "with a baseline", "--baseline", "known.json")
	if again := runIn(t, dir, cache, "--baseline", "known.json"); again != first || !strings.Contains(again.stderr, "findings in the baseline not shown") {
		t.Errorf("got %+v, want %+v", again, first)
	}
	data, err := os.ReadFile(filepath.Join(dir, "known.json"))
	if err != nil {
		t.Fatal(err)
	}
	oldFile(t, filepath.Join(dir, "known.json"), string(data)+"\n")
	known(false, "another byte in the baseline", "--baseline", "known.json")

	oldFile(t, filepath.Join(dir, "main.go"), keptFiles["main.go"]+"\n")
	known(false, "another byte in the source")
	if got := runIn(t, dir, cache, "--apply", "--unsafe"); got.code != exitOK || !strings.Contains(got.stderr, "changed") {
		t.Errorf("%+v", got)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "main.go")); err != nil || !strings.Contains(string(text), "defer debug.SetPanicOnFault") {
		t.Errorf("main.go is\n%s", text)
	}
}

// Processes that share the cache, and damaged entries, change nothing.
func TestKeptTogether(t *testing.T) {
	dir, cache := old(t, keptFiles), t.TempDir()
	want := runIn(t, dir, cache, "--no-cache", "--format", "json")
	done := make(chan outcome, 3)
	for range cap(done) {
		go func() { done <- runIn(t, dir, cache, "--format", "json") }()
	}
	for range cap(done) {
		if got := <-done; got != want {
			t.Errorf("got %+v", got)
		}
	}
	entries, err := filepath.Glob(filepath.Join(cache, "results", "*"))
	if err != nil || len(entries) == 0 {
		t.Fatalf("entries: %v, %v", entries, err)
	}
	for _, name := range entries {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := runIn(t, dir, cache, "--format", "json"); got != want {
		t.Errorf("with a damaged entry: %+v", got)
	}
}

// The build ID tells builds apart, wherever the executable has it.
func TestBuildID(t *testing.T) {
	note := binary.LittleEndian.AppendUint32(nil, 4)
	note = binary.LittleEndian.AppendUint32(note, 7)
	note = append(binary.LittleEndian.AppendUint32(note, 4), "Go\x00\x00abc/def"...)
	for _, c := range []struct{ head, want string }{
		{"\x7fELF" + strings.Repeat("Go\x00\x00", 9) + string(note) + "rest", "abc/def"},
		{"MZ\x00\xff Go build ID: \"x/y\"\n \xffcode", "x/y"},
		{"\xff Go build ID: \"x/y", ""},
		{string(note[:len(note)-1]), ""},
		{"", ""},
		{strings.Repeat("x", 100), ""},
	} {
		if got := buildID([]byte(c.head)); got != c.want {
			t.Errorf("%q: %q, want %q", c.head, got, c.want)
		}
	}
	if id, again := programID(), programID(); id == "" || id != again {
		t.Errorf("the program is %q, then %q", id, again)
	}
}
