package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"
)

// campaignRepo is one repository of a migration.
type campaignRepo struct {
	name  string
	files string   // a txtar
	flags []string // for migrate
	exit  int
	// commits are the rules of the commits that are made.
	commits []string
	says    string // in the first commit's message
}

const hotHandler = `
-- go.mod --
module example.com/svc

go 1.25
-- a.go --
package svc

import (
	"net/http"
	"runtime"
)

func Handle(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusOK)
	runtime.GC()
}
`

const early = `
-- go.mod --
module example.com/lock

go 1.25
-- a.go --
package lock

import "runtime"

func work() {}

func Do(fail bool) bool {
	runtime.LockOSThread()
	if fail {
		return false
	}
	work()
	runtime.UnlockOSThread()
	return true
}
`

const polled = `
-- go.mod --
module example.com/poll

go 1.25
-- a.go --
package poll

import (
	"runtime"
	"time"
)

var Heap uint64

func Watch() {
	for range time.Tick(time.Second) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		Heap = m.HeapAlloc
	}
}
`

const traced = `
-- Dockerfile --
FROM scratch
ENV GODEBUG=gctrace=1
ENTRYPOINT ["/app"]
`

const clean = `
-- go.mod --
module example.com/clean

go 1.25
-- a.go --
package clean

func F() int { return 1 }
`

// campaignRepos are what a platform team meets.
var campaignRepos = []campaignRepo{
	{name: "handler", files: hotHandler, commits: []string{"forcedgc"}, says: "Fix runtime.GC in a recurring place in 1 place"},
	{name: "lock", files: early, commits: []string{"threadlock"}},
	{name: "image", files: traced, commits: []string{"gctrace"}},
	{name: "two-rules", files: hotHandler + strings.Replace(early[strings.Index(early, "-- a.go --"):], "-- a.go --\npackage lock", "-- b.go --\npackage svc", 1), commits: []string{"forcedgc", "threadlock"}, says: "in 2 places: forcedgc, threadlock"},
	{name: "tested", files: hotHandler + "-- a_test.go --\npackage svc\n\nimport (\n\t\"net/http/httptest\"\n\t\"testing\"\n)\n\nfunc TestHandle(t *testing.T) {\n\tfor range 20 {\n\t\tHandle(httptest.NewRecorder(), nil)\n\t}\n}\n",
		flags: []string{"--verify", "test"}, commits: []string{"forcedgc"}, says: "The module's own tests: 20 forced collections before, 0 after (forcedgc)."},
	{name: "untested", files: hotHandler + "-- a_test.go --\npackage svc\n\nimport \"testing\"\n\nfunc TestNothing(t *testing.T) {}\n",
		flags: []string{"--verify", "test"}, commits: []string{"forcedgc"}, says: "The tests do not reach the places of forcedgc."},
	{name: "planted", files: hotHandler + "-- a_test.go --\npackage svc\n\nimport (\n\t\"net/http/httptest\"\n\t\"runtime\"\n\t\"testing\"\n)\n\nfunc TestCollects(t *testing.T) {\n\tvar a, b runtime.MemStats\n\truntime.ReadMemStats(&a)\n\tHandle(httptest.NewRecorder(), nil)\n\truntime.ReadMemStats(&b)\n\tif b.NumForcedGC == a.NumForcedGC {\n\t\tt.Error(\"no collection\")\n\t}\n}\n",
		flags: []string{"--verify", "test"}, exit: 12},
	{name: "red", files: hotHandler + "-- a_test.go --\npackage svc\n\nimport \"testing\"\n\nfunc TestRed(t *testing.T) { t.Error(\"red\") }\n",
		flags: []string{"--verify", "test"}, commits: []string{"forcedgc"}, says: "Already there before this change:\n* the test example.com/svc TestRed fails"},
	{name: "vetted", files: hotHandler + "-- b.go --\npackage svc\n\nimport \"fmt\"\n\nfunc Show() { fmt.Printf(\"%d\\n\", \"x\") }\n", commits: []string{"forcedgc"}, says: "Already there before this change:\n"},
	{name: "vetted-there", files: strings.Replace(hotHandler, "\truntime.GC()\n", "\tprintf(\"%d\\n\", \"x\")\n\truntime.GC()\n", 1) + "-- b.go --\npackage svc\n\nimport \"fmt\"\n\nfunc printf(format string, args ...any) { fmt.Printf(format, args...) }\n", commits: []string{"forcedgc"}, says: "Already there before this change:\n"},
	{name: "broken", files: hotHandler + "-- b.go --\npackage svc\n\nfunc Broken() int { return missing }\n", exit: 11},
	{name: "broken-beside", files: hotHandler + "-- use/u.go --\npackage use\n\nimport \"example.com/svc\"\n\nvar F = svc.Handle\n\nfunc Broken() int { return missing }\n", commits: []string{"forcedgc"}, says: "1 package, nothing new.\nAlready there before this change:\n* use/u.go: undefined: missing\n"},
	{name: "broken-in-part", files: hotHandler + "-- bad/b.go --\npackage bad\n\nimport \"runtime\"\n\nfunc F(list []int) {\n\tfor range list {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n-- bad/c.go --\npackage bad\n\nfunc Broken() int { return missing }\n", exit: 11, commits: []string{"forcedgc"}, says: "* 1 of forcedgc: its package does not build, so nothing can be proved\n"},
	{name: "unsafe-only", files: polled, exit: 10},
	{name: "unsafe", files: polled, flags: []string{"--unsafe"}, commits: []string{"memstatspoll"}, says: `Fixes marked "unsafe" change behaviour on purpose`},
	{name: "clean", files: clean},
	{name: "no-go", files: "-- README.md --\nnothing\n"},
	{name: "owned", files: hotHandler + "-- CODEOWNERS --\n*.go @org/core\n/tools/ @org/tools\n-- tools/t.go --\npackage tools\n\nimport \"runtime\"\n\nfunc F(list []int) {\n\tfor range list {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n",
		flags: []string{"--owner", "@org/tools"}, commits: []string{"forcedgc"}, says: "* tools/t.go:8: "},
	{name: "ignored", files: strings.Replace(hotHandler, "runtime.GC()", "runtime.GC() //runtimefix:ignore forcedgc the arena was dropped", 1)},
	{name: "modules", files: hotHandler + "-- sub/go.mod --\nmodule example.com/sub\n\ngo 1.25\n-- sub/s.go --\npackage sub\n\nimport \"runtime\"\n\nfunc F(list []int) {\n\tfor range list {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n", commits: []string{"forcedgc"}, says: "in 2 places"},
	{name: "not-all-checked", files: hotHandler + "-- sub/go.mod --\nmodule example.com/sub\n\nrequire (\n-- sub/s.go --\npackage sub\n\nimport \"runtime\"\n\nfunc F(list []int) {\n\tfor range list {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n", exit: 3, commits: []string{"forcedgc"}, says: "in 1 place"},
	{name: "program", files: "-- go.mod --\nmodule example.com/prog\n\ngo 1.25\n-- main.go --\npackage main\n\nimport \"runtime\"\n\nfunc main() {\n\tfor i := range 100 {\n\t\tprintln(i)\n\t\truntime.GC()\n\t}\n}\n", commits: []string{"forcedgc"}},
	{name: "crlf", files: strings.ReplaceAll(hotHandler[strings.Index(hotHandler, "-- a.go"):], "\n", "\r\n"), commits: []string{"forcedgc"}},
}

// bench is what the tests of migrations share: a home, remotes, the program.
type bench struct {
	t       *testing.T
	bin     string
	remotes string
	home    string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	b := &bench{t: t, bin: program(t), remotes: t.TempDir(), home: t.TempDir()}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, strings.TrimSpace(string(out)))
	}
	t.Setenv("HOME", b.home)
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOPROXY", "off")
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(b.home, "gitconfig"))
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	if err := os.WriteFile(filepath.Join(b.home, "gitconfig"), []byte("[user]\n\tname = Platform Team\n\temail = platform@example.com\n[init]\n\tdefaultBranch = main\n[protocol \"file\"]\n\tallow = always\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// remote makes a bare repository that holds the files, and returns its path.
func (b *bench) remote(name, files string) string {
	b.t.Helper()
	work := filepath.Join(b.t.TempDir(), name)
	for _, f := range txtar.Parse([]byte(files)).Files {
		writeTree(b.t, work, map[string]string{f.Name: string(f.Data)})
	}
	bare := filepath.Join(b.remotes, name+".git")
	b.git("", "init", "-q", "--bare", bare)
	b.git(work, "init", "-q")
	b.git(work, "add", "-A")
	b.git(work, "commit", "-q", "-m", "start")
	b.git(work, "push", "-q", bare, "HEAD:main")
	return bare
}

func (b *bench) clone(bare string) string {
	b.t.Helper()
	dir := filepath.Join(b.t.TempDir(), strings.TrimSuffix(filepath.Base(bare), ".git"))
	b.git("", "clone", "-q", bare, dir)
	return dir
}

func (b *bench) git(dir string, args ...string) string {
	b.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// migrate runs the command in dir and returns its exit code and output.
func (b *bench) migrate(dir string, args ...string) (int, string) {
	b.t.Helper()
	cmd := exec.Command(b.bin, append([]string{"migrate"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		b.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// TestCampaign brings the fixes to twenty-four repositories: clone, fix, prove, commit,
// push. A second run from the same base has nothing to push.
func TestCampaign(t *testing.T) {
	if testing.Short() {
		t.Skip("twenty-four repositories")
	}
	b := newBench(t)
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("schema", "summary.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ran, pulls atomic.Int32
	t.Run("all", func(t *testing.T) { // ends when all of them have
		for _, r := range campaignRepos {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				ran.Add(1)
				b := *b
				b.t = t
				bare := b.remote(r.name, r.files)
				run := func() (string, summaryFile) {
					dir := b.clone(bare)
					base := b.git(dir, "rev-parse", "HEAD")
					file := filepath.Join(t.TempDir(), "summary.json")
					code, out := b.migrate(dir, append([]string{"--commit", "per-rule", "--summary-json", file}, r.flags...)...)
					if code != r.exit {
						t.Fatalf("exit %d, want %d\n%s", code, r.exit, out)
					}
					var s summaryFile
					data, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					if err := json.Unmarshal(data, &s); err != nil {
						t.Fatal(err)
					}
					var any any
					if err := json.Unmarshal(data, &any); err != nil {
						t.Fatal(err)
					}
					if err := schema.Validate(any); err != nil {
						t.Errorf("the summary is not as its schema says: %v", err)
					}
					if s.Exit != r.exit || s.Base != base || s.Repository != strings.TrimPrefix(filepath.Base(b.remotes)+"/"+r.name, "/") {
						t.Errorf("the summary says %+v", s)
					}
					if left := b.git(dir, "status", "--porcelain"); left != "" {
						t.Errorf("the tree is left dirty: %s", left)
					}
					var rules []string
					for _, c := range s.Commits {
						rules = append(rules, c.Rules...)
					}
					if !slices.Equal(rules, r.commits) {
						t.Errorf("commits of %v, want %v\n%s", rules, r.commits, out)
					}
					if n := b.git(dir, "rev-list", "--count", base+"..HEAD"); n != fmt.Sprint(len(r.commits)) {
						t.Errorf("%s commits", n)
					}
					return dir, s
				}
				dir, s := run()
				if len(s.Commits) > 0 {
					text := b.git(dir, "show", "-s", "--format=%B", s.Commits[0].Hash)
					if !strings.Contains(text, r.says) || !strings.HasPrefix(text, s.Commits[0].Subject+"\n\n") {
						t.Errorf("the first message lacks %q:\n%s", r.says, text)
					}
					reasons(t, text, s)
					b.git(dir, "push", "-q", "origin", "HEAD:refs/heads/runtimefix")
					pulls.Add(1)
				}
				// The same base gives the same commits: nothing new to push.
				again, _ := run()
				if one, two := b.git(dir, "rev-parse", "HEAD"), b.git(again, "rev-parse", "HEAD"); one != two {
					t.Errorf("a second run makes %s of what was %s", two, one)
				}
				if len(s.Commits) > 0 {
					if out := b.git(again, "push", "origin", "HEAD:refs/heads/runtimefix"); !strings.Contains(out, "up-to-date") {
						t.Errorf("the second run pushes: %s", out)
					}
				}
			})
		}
	})
	if int(ran.Load()) == len(campaignRepos) && pulls.Load() != 17 {
		t.Errorf("%d pull requests", pulls.Load())
	}
}

// summaryFile is what the test reads of a summary.
type summaryFile struct {
	Version    int
	Repository string
	Base       string
	Outcome    string
	Exit       int
	Commits    []struct {
		Hash, Subject, Body string
		Rules               []string
	}
	Changes []struct{ Path, Patch string }
}

// What an engine must not commit is refused; what it is to see is there.
func TestMigrateContracts(t *testing.T) {
	b := newBench(t)
	bare := b.remote("svc", hotHandler+"-- CODEOWNERS --\n* @org/core\n")

	t.Run("dirty", func(t *testing.T) {
		dir := b.clone(bare)
		if err := os.WriteFile(filepath.Join(dir, "new.txt"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if code, out := b.migrate(dir); code != 2 || !strings.Contains(out, "dirty: new.txt") {
			t.Errorf("exit %d\n%s", code, out)
		}
		if code, out := b.migrate(dir, "--allow-dirty", "--commit", "one"); code != 0 || b.git(dir, "status", "--porcelain") != "?? new.txt" {
			t.Errorf("exit %d\n%s", code, out)
		}
	})
	t.Run("summary inside", func(t *testing.T) {
		dir := b.clone(bare)
		if code, out := b.migrate(dir, "--summary", "s.md"); code != 2 || !strings.Contains(out, "inside the checkout") {
			t.Errorf("exit %d\n%s", code, out)
		}
	})
	t.Run("hooks and trailers", func(t *testing.T) {
		dir := b.clone(bare)
		hook := filepath.Join(dir, ".git", "hooks", "commit-msg")
		if err := os.WriteFile(hook, []byte("#!/bin/sh\necho 'Hooked: yes' >> \"$1\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if code, out := b.migrate(dir, "--commit", "one", "--signoff", "--trailer", "Campaign: gc", "--change-id"); code != 0 {
			t.Fatalf("exit %d\n%s", code, out)
		}
		text := b.git(dir, "log", "-1", "--format=%B")
		for _, want := range []string{"Hooked: yes", "Signed-off-by: Platform Team <platform@example.com>", "Campaign: gc", "Change-Id: I"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		other := b.clone(bare)
		if err := os.WriteFile(filepath.Join(other, ".git", "hooks", "pre-commit"), []byte("#!/bin/sh\necho refused by policy\nexit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if code, out := b.migrate(other, "--commit", "one"); code != 3 || !strings.Contains(out, "refused by policy") {
			t.Errorf("exit %d\n%s", code, out)
		}
	})
	t.Run("names", func(t *testing.T) {
		for env, want := range map[string]string{"REPOSITORY=org/a": "org/a", "XARGS_REPO_NAME=b": "b", "MICROPLANE_REPO=c": "c"} {
			k, v, _ := strings.Cut(env, "=")
			os.Setenv(k, v)
			file := filepath.Join(t.TempDir(), "s.json")
			b.migrate(b.clone(bare), "--verify", "none", "--summary-json", file)
			os.Unsetenv(k)
			if data, _ := os.ReadFile(file); !strings.Contains(string(data), fmt.Sprintf("\"repository\": %q", want)) {
				t.Errorf("%s: %s", env, data)
			}
		}
	})
	t.Run("template and limits", func(t *testing.T) {
		tmpl := filepath.Join(t.TempDir(), "t")
		if err := os.WriteFile(tmpl, []byte("chore: {{.Repository}} {{range .Rules}}{{.Name}} {{len .Places}}{{end}}\n\n{{range .Rules}}{{range .Places}}{{.Path}}:{{.Line}} {{.Safety}}\n{{end}}{{end}}"), 0o600); err != nil {
			t.Fatal(err)
		}
		dir := b.clone(bare)
		if code, out := b.migrate(dir, "--commit", "one", "--template", tmpl); code != 0 {
			t.Fatalf("exit %d\n%s", code, out)
		}
		if got, want := b.git(dir, "log", "-1", "--format=%B"), "chore: "+filepath.Base(b.remotes)+"/svc forcedgc 1\n\na.go:10 safe"; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		dir = b.clone(bare)
		if code, out := b.migrate(dir, "--commit", "one", "--limit", "300"); code != 0 {
			t.Fatalf("exit %d\n%s", code, out)
		}
		if text := b.git(dir, "log", "-1", "--format=%B"); len([]rune(text)) > 300 || !strings.Contains(text, "cut here: runtimefix --diff") {
			t.Errorf("%d characters:\n%s", len([]rune(text)), text)
		}
		// Trailers count, too.
		dir = b.clone(bare)
		if code, out := b.migrate(dir, "--commit", "one", "--limit", "800", "--signoff", "--change-id", "--trailer", "Campaign: gc"); code != 0 {
			t.Fatalf("exit %d\n%s", code, out)
		}
		if text := b.git(dir, "log", "-1", "--format=%B"); len([]rune(text)) > 800 || !strings.Contains(text, "cut here: runtimefix --diff") || !strings.Contains(text, "\nChange-Id: I") {
			t.Errorf("%d characters:\n%s", len([]rune(text)), text)
		}
	})
}

// Shards have no file in common and are together the whole; --max-files and
// --only take a part.
func TestMigrateParts(t *testing.T) {
	b := newBench(t)
	files := "-- go.mod --\nmodule example.com/m\n\ngo 1.25\n"
	for _, d := range []string{"a", "b", "c", "d", "e", "f"} {
		files += fmt.Sprintf("-- %s/x.go --\npackage %s\n\nimport \"runtime\"\n\nfunc F(list []int) {\n\tfor range list {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n", d, d)
	}
	bare := b.remote("parts", files)
	changed := func(args ...string) []string {
		dir := b.clone(bare)
		if code, out := b.migrate(dir, append(args, "--verify", "none")...); code != 0 {
			t.Fatalf("%v: exit %d\n%s", args, code, out)
		}
		return strings.Fields(b.git(dir, "diff", "--name-only"))
	}
	all := changed()
	if len(all) != 6 {
		t.Fatalf("changed: %v", all)
	}
	var union []string
	for i := range 3 {
		part := changed("--shard", fmt.Sprintf("%d/3", i+1))
		if len(part) == len(all) {
			t.Error("one shard is the whole")
		}
		union = append(union, part...)
	}
	slices.Sort(union)
	if !slices.Equal(union, all) {
		t.Errorf("the shards change %v, all %v", union, all)
	}
	file := filepath.Join(t.TempDir(), "s.json")
	if two := changed("--max-files", "2", "--summary-json", file); !slices.Equal(two, all[:2]) {
		t.Errorf("--max-files 2: %v", two)
	}
	if data, err := os.ReadFile(file); err != nil || strings.Count(string(data), `"why": "not among the first 2 files: --max-files"`) != 4 {
		t.Errorf("the summary says of the rest\n%s", data)
	}
	changed("--summary-json", file)
	var s struct {
		Fixed []struct{ Path, Fingerprint string }
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	if one := changed("--only", s.Fixed[3].Fingerprint); !slices.Equal(one, []string{s.Fixed[3].Path}) {
		t.Errorf("--only changes %v, want %s", one, s.Fixed[3].Path)
	}
	dir := b.clone(bare)
	for _, bad := range []string{"0/3", "4/3", "x", "1/0"} {
		if code, _ := b.migrate(dir, "--shard", bad); code != 2 {
			t.Errorf("--shard %s: exit %d", bad, code)
		}
	}
	if code, out := b.migrate(dir, "--owner", "@a"); code != 2 || !strings.Contains(out, "no CODEOWNERS") {
		t.Errorf("exit %d\n%s", code, out)
	}
}
