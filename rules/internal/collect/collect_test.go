package collect

import (
	"go/ast"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Each function holds one collection, and the comment behind its name says what
// is to be found out about it.
func TestQuestions(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"main.go": `package main

import (
	"errors"
	"net/http"
	"os"
	"runtime"
	"time"
)

func main() {
	http.HandleFunc("/collect", reload)
	http.HandleFunc("/other", other)
}

var big = errors.New("too big")

func open() error { return big }

func plain() { runtime.GC() }

func forceGC() { runtime.GC() }

// tidy runs the garbage collector.
func tidy() { runtime.GC() }

// work works, and then runs the garbage collector.
func work() { runtime.GC() }

func limit() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 1<<30 {
		runtime.GC()
	}
}

func byName(rssBytes int) {
	if rssBytes < 1<<30 {
		return
	}
	runtime.GC()
}

func byCount(n int) {
	if n > 1<<30 {
		runtime.GC()
	}
}

func command(word string) {
	switch word {
	case "gc":
		runtime.GC()
	}
}

func interval(gcEvery int) {
	if gcEvery > 3 {
		runtime.GC()
	}
}

func timed() time.Duration {
	runtime.GC()
	start := time.Now()
	println()
	return time.Since(start)
}

func untimed() time.Time {
	runtime.GC()
	return time.Now()
}

func measuredAfter() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func readsProc() []byte {
	runtime.GC()
	data, _ := os.ReadFile("/proc/self/status")
	return data
}

func tries() {
	for {
		if err := open(); err == nil {
			return
		}
		runtime.GC()
	}
}

func looped() {
	for {
		runtime.GC()
		println()
	}
}

func doubled() {
	runtime.GC()
	runtime.GC()
}

func reload(w http.ResponseWriter, r *http.Request) {
	runtime.GC()
	w.WriteHeader(204)
}

func other(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(204)
	runtime.GC()
}
`,
	})
	want := map[string]string{
		"plain": "", "forceGC": "purposeful", "tidy": "purposeful", "work": "",
		"limit": "memory followed", "byName": "memory", "byCount": "",
		"command": "asked", "interval": "",
		"timed": "timed", "untimed": "", "measuredAfter": "followed", "readsProc": "followed",
		"tries": "retries loop", "looped": "loop", "doubled": "twice",
		"reload": "endpoint", "other": "",
	}
	seen := make(map[string]bool)
	for call := range s.Calls("runtime", "GC") {
		decl := syntax.EnclosingDecl(call.At)
		name := decl.Name.Name
		if seen[name] {
			continue
		}
		seen[name] = true
		var got []string
		for _, q := range []struct {
			word   string
			answer bool
		}{
			{"purposeful", purposeful(call.Pkg, decl)},
			{"memory", decidesByMemory(call.Pkg, call.At)},
			{"asked", isAskedFor(call.Pkg, call.At)},
			{"timed", isTimed(call.Pkg, call.At)},
			{"followed", follows(call.Pkg, call.At)},
			{"retries", retries(call.Pkg, call.At)},
			{"loop", inLoop(call.At)},
			{"twice", twice(call.Pkg, call.At)},
			{"endpoint", isEndpoint(call)},
		} {
			if q.answer {
				got = append(got, q.word)
			}
		}
		if g := strings.Join(got, " "); g != want[name] {
			t.Errorf("%s: %q, want %q", name, g, want[name])
		}
	}
	for name := range want {
		if !seen[name] {
			t.Errorf("%s holds no collection", name)
		}
	}
}

func TestReadsMemory(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"main.go": `package main

import (
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"example.com/m/usage"
)

func main() {}

func stats() { runtime.ReadMemStats(new(runtime.MemStats)) }
func sampled() { metrics.Read(nil) }
func profile() { pprof.Lookup("heap").WriteTo(os.Stdout, 0) }
func threads() { _ = pprof.Lookup("threadcreate").Count() }
func helper() { stats() }
func foreign() { usage.Percent() }
func calm() { usage.Nothing() }
func meminfo() { os.ReadFile("/proc/meminfo") }
func config() { os.ReadFile("/etc/app.conf") }
`,
		"usage/usage.go": `package usage

import "os"

func Percent() { os.ReadFile("/sys/fs/cgroup/memory.current") }

func Nothing() {}
`,
	})
	reads := []string{"stats", "sampled", "profile", "helper", "foreign", "meminfo"}
	n := 0
	for _, p := range s.Packages {
		for _, f := range p.Files {
			for _, d := range f.AST.Decls {
				decl, ok := d.(*ast.FuncDecl)
				if !ok || p.Name != "main" {
					continue
				}
				n++
				if got := readsMemory(p, decl.Body); got != slices.Contains(reads, decl.Name.Name) {
					t.Errorf("%s: %v", decl.Name.Name, got)
				}
			}
		}
	}
	if n != 10 {
		t.Errorf("%d functions looked at", n)
	}
}

func TestState(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		want  collectorState
	}{
		{"nothing", nil, collectorOn},
		{"a constant", map[string]string{"main.go": body("debug.SetGCPercent(50)")}, collectorOn},
		{"off in code", map[string]string{"main.go": body("debug.SetGCPercent(-1)")}, collectorOff},
		{"computed", map[string]string{"main.go": body("debug.SetGCPercent(len(os.Args))")}, collectorTuned},
		{"off in an image", map[string]string{"Dockerfile": "FROM scratch\nENV GOGC=off\n"}, collectorOff},
		{"off in a manifest", map[string]string{"pod.yaml": "env:\n- name: GOGC\n  value: \"off\"\n"}, collectorOff},
		{"off for a tool", map[string]string{"ci.sh": "GOGC=off golangci-lint run\n"}, collectorOn},
		{"a large constant", map[string]string{"main.go": body("debug.SetGCPercent(400)")}, collectorTuned},
		{"by an operator", map[string]string{"main.go": body("debug.SetGCPercent(4 * 50)")}, collectorOn},
		{"the largest", map[string]string{"main.go": body("debug.SetGCPercent(1<<31 - 1)")}, collectorOff},
		{"the largest by name", map[string]string{"main.go": body("debug.SetGCPercent(int(math.MaxInt32))")}, collectorOff},
		{"usual in an image", map[string]string{"Dockerfile": "FROM scratch\nENV GOGC=200\n"}, collectorOn},
		{"large in an image", map[string]string{"Dockerfile": "FROM scratch\nENV GOGC 800\n"}, collectorTuned},
		{"large in a manifest", map[string]string{"pod.yaml": "env:\n- name: GOGC\n  value: \"1000\"\n"}, collectorTuned},
		{"the largest in a manifest", map[string]string{"pod.yaml": "env:\n  GOGC: \"2147483647\"\n"}, collectorOff},
		{"negative in a script", map[string]string{"run.sh": "GOGC=-1 ./app\n"}, collectorOff},
		{"a usual default", map[string]string{"run.sh": "export GOGC=${GOGC:-100}\n"}, collectorOn},
		{"a large default", map[string]string{"run.sh": "export GOGC=\"${GOGC:-500}\"\n"}, collectorTuned},
		{"large for a tool", map[string]string{"ci.sh": "GOGC=800 golangci-lint run\n"}, collectorOn},
		{"large for a child", map[string]string{"child.go": "package p\n\nvar env = []string{\"GOGC=800\"}\n"}, collectorOn},
		{"two files", map[string]string{"a.sh": "GOGC=off ./app\n", "b.sh": "GOGC=800 ./app\n"}, collectorOff},
		{"in a document", map[string]string{"notes.md": "GOGC=off\n"}, collectorOn},
		{"in a test", map[string]string{"main_test.go": strings.Replace(body("debug.SetGCPercent(-1)"), "func main()", "func init()", 1)}, collectorOn},
	} {
		files := map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n", "main.go": "package main\n\nfunc main() {}\n"}
		for name, text := range test.files {
			files[name] = text
		}
		s := ruletest.Load(t, files)
		if got := stateOf(s.Packages[0]); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// body returns a program whose main does stmt.
func body(stmt string) string {
	return "package main\n\nimport (\n\t\"os\"\n\t\"runtime/debug\"\n)\n\nvar _ = os.Args\n\nfunc main() { " + stmt + " }\n"
}

// A collection is asked for by two functions of the library.
func TestIsCollection(t *testing.T) {
	s := ruletest.Load(t, map[string]string{
		"go.mod":  "module example.com/m\n\ngo 1.24\n",
		"main.go": "package main\n\nimport (\n\t\"runtime\"\n\t\"runtime/debug\"\n)\n\nfunc main() {\n\truntime.GC()\n\tdebug.FreeOSMemory()\n\truntime.Gosched()\n\tprintln()\n}\n",
	})
	var got []bool
	p := s.Packages[0]
	for cur := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
		got = append(got, IsCollection(p, cur.Node()))
	}
	if want := []bool{true, true, false, false}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
