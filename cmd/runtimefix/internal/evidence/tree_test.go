package evidence

import (
	"go/token"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/runtimefix/runtimefix/rewrite"
)

// tree writes files, by slash-separated path, below a new folder.
func tree(t *testing.T, files map[string]string) (*Tree, string) {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return NewTree(root), root
}

// Files are found however their paths were recorded, and only in their own
// package.
func TestLocate(t *testing.T) {
	tr, root := tree(t, map[string]string{
		"go.mod":                        "module example.com/m\n",
		"a.go":                          "package m\n\nfunc F() {}\n",
		"pkg/a.go":                      "package pkg\n\nfunc F() {}\n",
		"cmd/app/main.go":               "package main\n\nfunc main() {}\n",
		"sub/go.mod":                    "module example.com/m/sub/v2\n",
		"sub/b.go":                      "package sub\n",
		"vendor/example.com/dep/dep.go": "package dep\n",
	})
	for _, test := range []struct{ fn, file, want string }{
		{"example.com/m/pkg.F", "/home/u/m/pkg/a.go", "pkg/a.go"},
		{"example.com/m/pkg.F", "/build/src/pkg/a.go", "pkg/a.go"},
		{"example.com/m/pkg.F", `C:\src\m\pkg\a.go`, "pkg/a.go"},
		{"example.com/m/pkg.F", "example.com/m/pkg/a.go", "pkg/a.go"},
		{"example.com/m/pkg.F", "example.com/m@v1.4.0/pkg/a.go", "pkg/a.go"},
		{"example.com/m/pkg.F", "/app/vendor/example.com/m/pkg/a.go", "pkg/a.go"},
		{"example.com/m/pkg.F", "/go/pkg/mod/example.com/m@v1.4.0/pkg/a.go", "pkg/a.go"},
		{"example.com/m.F", "/app/vendor/example.com/m/a.go", "a.go"},
		{"example.com/m/pkg_test.TestF", "/home/u/m/pkg/a.go", "pkg/a.go"},
		{"example.com/m/sub/v2.G", "/home/u/m/sub/b.go", "sub/b.go"},
		{"main.main", "/home/u/m/cmd/app/main.go", "cmd/app/main.go"},
		{"example.com/other/pkg.F", "/home/u/other/pkg/a.go", ""},
		{"example.com/dep.F", "/home/u/m/vendor/example.com/dep/dep.go", ""},
		{"example.com/m/pkg.F", "/home/u/m/pkg/gone.go", ""},
	} {
		got := tr.locate(Frame{Func: test.fn, File: test.file})
		if got != "" {
			got, _ = filepath.Rel(root, got)
		}
		if filepath.ToSlash(got) != test.want {
			t.Errorf("%s in %s is found at %q, want %q", test.fn, test.file, got, test.want)
		}
	}
}

// Every program has a function main in a main.go; it is another one when its
// functions are not here. A profile of leaks that is empty is anybody's.
func TestHolds(t *testing.T) {
	tr, _ := tree(t, map[string]string{
		"go.mod":   "module example.com/m\n",
		"main.go":  "package main\n\nfunc main() { new(server).run() }\n",
		"serve.go": "package main\n\ntype server struct{}\n\nfunc (s *server) run() {}\n\nfunc poll() {}\n",
	})
	frames := func(names ...string) *Recording {
		r := &Recording{Form: Trace}
		for _, n := range names {
			r.saw(Frame{Func: n, File: "/srv/x/main.go"})
		}
		return r
	}
	for name, test := range map[string]struct {
		rec  *Recording
		want bool
	}{
		"its functions":        {frames("main.main", "main.(*server).run.func1", "main.poll"), true},
		"some are gone since":  {frames("main.main.func1", "main.poll", "main.old"), true},
		"main alone":           {frames("main.main", "main.init.0"), true},
		"other functions":      {frames("main.main", "main.crawl", "main.(*fetcher).next", "main.poll"), false},
		"libraries alone":      {frames("example.com/other.F", "net/http.(*conn).serve"), false},
		"nothing leaked":       {&Recording{Form: Profile, Leaks: true}, true},
		"no goroutine at all":  {&Recording{Form: Profile}, false},
		"an empty trace's own": {&Recording{Form: Trace}, false},
	} {
		if got := tr.Holds(test.rec); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Sites that a recording names by another function than the finding's, and those
// that belong to none of them.
func TestMatch(t *testing.T) {
	src := `package m

import (
	"runtime"
	"time"
)

type server struct{}

func (s *server) expire() {}

func other() {}

func (s *server) sweep(list []int) {
	for range list {
		time.AfterFunc(time.Minute, s.expire)
	}
}

func run() { pin() }

func pin() { runtime.LockOSThread() }

func watch() { println(runtime.NumGoroutine()) }
`
	tr, root := tree(t, map[string]string{"go.mod": "module example.com/m\n", "a.go": src})
	at := func(rule string, line int) rewrite.Found {
		return rewrite.Found{Rule: rule, Pos: token.Position{Filename: filepath.Join(root, "a.go"), Line: line}, Source: []byte(src)}
	}
	findings := []rewrite.Found{at("timerfanout", 16), at("threadlock", 22), at("goroutinealert", 24)}
	site := func(kind Kind, fn string, n int) *Site {
		return &Site{Kind: kind, Frame: Frame{Func: "example.com/m." + fn, File: "/x/a.go"}, Count: n, Last: time.Second}
	}
	got := tr.Match(findings, []*Recording{
		{File: "trace.out", Form: Trace, Duration: time.Second, Sites: []*Site{
			site(Timers, "(*server).expire-fm", 300), site(Timers, "other", 7), site(Threads, "run", 24), site(Threads, "watch", 3),
		}},
		{File: "leak", Form: Profile, Leaks: true, Sites: []*Site{site(Leaks, "run", 3), site(Leaks, "other", 146)}},
		{File: "none", Form: Profile, Leaks: true},
	})
	want := [][]string{
		{"confirmed: 300 callbacks of timers, up to 0 within a millisecond in 1.0 s, 300 a second"},
		{"confirmed: 24 goroutines that ended locked, each with its thread in 1.0 s, 24 a second"},
		{"confirmed: 149 goroutines that nothing can wake: 146 of them began in example.com/m.other", "ranked: no goroutine that nothing can wake"},
	}
	for i, list := range got {
		var told []string
		for _, x := range list {
			told = append(told, x.Verdict()+": "+x.Text())
		}
		if len(told) != len(want[i]) {
			t.Errorf("%s: %q, want %q", findings[i].Rule, told, want[i])
			continue
		}
		for j := range told {
			if told[j] != want[i][j] {
				t.Errorf("%s: %q, want %q", findings[i].Rule, told[j], want[i][j])
			}
		}
	}
}
