package rewrite_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/runtimefix/runtimefix/rewrite"
)

// memory is a Cache of one test.
type memory map[[sha256.Size]byte][]byte

func (m memory) Get(key [sha256.Size]byte) []byte       { return m[key] }
func (m memory) Put(key [sha256.Size]byte, data []byte) { m[key] = data }

// results counts the entries that are results, not answers of the go command.
func results(m memory) int {
	n := 0
	for _, data := range m {
		if bytes.Contains(data, []byte(`"Result":`)) {
			n++
		}
	}
	return n
}

// counting is a Cache that counts what it gives back.
type counting struct {
	memory
	hits int
}

func (c *counting) Get(key [sha256.Size]byte) []byte {
	data := c.memory[key]
	if data != nil {
		c.hits++
	}
	return data
}

// readsNotes is a finder that reads a file of the repository, a directory and
// whether there is a vendor directory, as rules do.
func readsNotes(s *rewrite.Snapshot) {
	for _, p := range s.Packages {
		s.FilesWith(s.Root(p.Files[0].Path), func(path string, data []byte) bool { return strings.HasSuffix(path, ".notes") })
		p.OtherFiles()
		s.Outside(p.Files[0].Path)
		s.ReadDir(filepath.Join(s.Root(p.Files[0].Path), "listed"))
	}
}

var deleteGCByNotes = &rewrite.Finder{
	Name: deleteGC.Name, Needs: deleteGC.Needs,
	Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		readsNotes(s)
		return deleteGC.Find(s)
	},
}

// keptTree is a repository in which something depends on everything: a workspace
// of two modules, one of them outside of the repository's tests' sight, a module
// that another directory stands in for, generated, embedded and excluded files.
const keptTree = `
-- home/go/env --
GOFLAGS=
-- repo/.git/HEAD --
-- repo/go.work --
go 1.24

use (
	./m
	./other
)
-- repo/m/go.mod --
module example.com/m

go 1.24

require example.com/lib v1.0.0

replace example.com/lib => ../../lib
-- repo/m/go.sum --
-- repo/m/main.go --
package main

import (
	_ "embed"
	"runtime"

	"example.com/lib"
	"example.com/m/dep"
	"example.com/other"
)

//go:embed text.txt
var text string

func main() {
	println(text, dep.V, lib.V, other.V)
	runtime.GC()
}
-- repo/m/text.txt --
text
-- repo/m/main_test.go --
package main
-- repo/m/main_windows.go --
package main
-- repo/m/dep/dep.go --
package dep

const V = 1
-- repo/listed/one --
-- repo/readme.notes --
notes
-- repo/other/go.mod --
module example.com/other

go 1.24
-- repo/other/other.go --
package other

const V = 1
-- lib/go.mod --
module example.com/lib

go 1.24
-- lib/lib.go --
package lib

const V = 1
-- lib/lib_windows.go --
package lib
`

// past sets the times of all files below dir back: what was changed just now is
// not kept.
func past(t *testing.T, dir string) {
	t.Helper()
	at := time.Now().Add(-time.Hour)
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// known reports whether a run takes its result from the cache. It does not go
// further than that.
func known(t *testing.T, opt rewrite.Options, finders ...*rewrite.Finder) bool {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	opt.Progress = func(stage string) {
		if strings.HasPrefix(stage, "loading") {
			stop()
		}
	}
	res, err := rewrite.Run(ctx, opt, finders)
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	return err == nil && res.Kept
}

// Whatever a result depends on, a change of one byte of it, or of one name, makes
// the next run look anew, and what is as it was is known.
func TestKept(t *testing.T) {
	dir, _ := tree(t, keptTree)
	past(t, dir)
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "GO") && !strings.HasPrefix(kv, "GOCACHE=") && !strings.HasPrefix(kv, "GOPATH=") && !strings.HasPrefix(kv, "GOMODCACHE=")
	})
	env = append(env, "GOENV="+filepath.Join(dir, "home", "go", "env"), "GOPROXY=off")
	cache := memory{}
	base := func() rewrite.Options {
		return rewrite.Options{
			Config:   rewrite.Config{Dir: filepath.Join(dir, "repo"), Tests: true, Env: env},
			Patterns: []string{"./m/..."}, Admit: rewrite.Safe, Fix: true, Edits: true, Known: []string{"deletegc"},
			Cache: cache, Basis: []byte("basis"),
		}
	}
	first, err := rewrite.Run(context.Background(), base(), []*rewrite.Finder{deleteGCByNotes})
	if err != nil || len(first.Findings) != 1 || len(first.Changes) != 1 || len(first.Problems) > 0 || results(cache) != 1 {
		t.Fatalf("%d kept, %+v, %v", results(cache), first, err)
	}
	again, err := rewrite.Run(context.Background(), base(), []*rewrite.Finder{deleteGCByNotes})
	if err != nil || !again.Kept {
		t.Fatalf("not known: %+v, %v", again, err)
	}
	again.Kept = false
	if !reflect.DeepEqual(first, again) {
		t.Errorf("got\n%+v\nwant\n%+v", again, first)
	}

	for _, name := range []string{
		"home/go/env", "repo/go.work", "repo/m/go.mod", "repo/m/go.sum", "repo/m/main.go", "repo/m/main_test.go", "repo/m/main_windows.go",
		"repo/m/dep/dep.go", "repo/readme.notes", "repo/other/go.mod", "repo/other/other.go", "lib/go.mod", "lib/lib.go", "lib/lib_windows.go",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(old)+"\n")
		if known(t, base(), deleteGCByNotes) {
			t.Errorf("%s: a new byte is not seen", name)
		}
		write(t, path, string(old))
	}
	for _, name := range []string{
		"go.work", "repo/go.work.sum", "repo/m/vendor/modules.txt", "repo/m/new.go", "repo/m/dep/new.go", "repo/m/dep/x.s", "repo/other/new.go",
		"repo/listed/two", "repo/more.notes", "lib/new.go", "repo/vendor/modules.txt", "repo/m/.git", "lib/go.sum",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		_, err := os.Stat(filepath.Dir(path))
		write(t, path, "package p\n")
		if known(t, base(), deleteGCByNotes) {
			t.Errorf("%s: a new file is not seen", name)
		}
		remove := path
		if err != nil {
			remove = filepath.Dir(path)
		}
		if err := os.RemoveAll(remove); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"repo/m/text.txt", "repo/m/go.sum", "repo/listed/one", "repo/m/main_test.go"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if known(t, base(), deleteGCByNotes) {
			t.Errorf("%s: a removed file is not seen", name)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(*rewrite.Options){
		"Basis":     func(o *rewrite.Options) { o.Basis = []byte("basiS") },
		"Dir":       func(o *rewrite.Options) { o.Dir = filepath.Join(dir, "repo", "m"); o.Patterns = []string{"./..."} },
		"Patterns":  func(o *rewrite.Options) { o.Patterns = []string{"./m"} },
		"Platforms": func(o *rewrite.Options) { o.Platforms = []string{"linux/amd64"} },
		"Tags":      func(o *rewrite.Options) { o.Tags = []string{"x"} },
		"Tests":     func(o *rewrite.Options) { o.Tests = false },
		"Admit":     func(o *rewrite.Options) { o.Admit = rewrite.Unsafe },
		"Fix":       func(o *rewrite.Options) { o.Fix = false },
		"Edits":     func(o *rewrite.Options) { o.Edits = false },
		"Write":     func(o *rewrite.Options) { o.Write = true },
		"Known":     func(o *rewrite.Options) { o.Known = append(o.Known, "x") },
		"Overlay": func(o *rewrite.Options) {
			o.Overlay = map[string][]byte{filepath.Join(dir, "repo", "m", "main_test.go"): []byte("package main\n\n")}
		},
	} {
		opt := base()
		if change(&opt); known(t, opt, deleteGCByNotes) {
			t.Errorf("%s: another value is not seen", name)
		}
	}
	for _, kv := range []string{"GOFLAGS=-trimpath", "GOOS=plan9", "GOARCH=arm64", "CGO_ENABLED=0", "GODEBUG=panicnil=1", "GOEXPERIMENT=none", "GOWORK=off", "CC=nocc", "GOTOOLCHAIN=local", "GOAMD64=v2"} {
		opt := base()
		if opt.Env = append(slices.Clone(env), kv); known(t, opt, deleteGCByNotes) {
			t.Errorf("%s is not seen", kv)
		}
	}
	if known(t, base(), deleteGCByNotes, insertAfter("x()")) {
		t.Error("another finder is not seen")
	}
	opt := base()
	if opt.Env = append(slices.Clone(env), "EDITOR=ed"); !known(t, opt, deleteGCByNotes) {
		t.Error("a variable that says nothing to the go command is one too many")
	}

	// All changes were taken back.
	if !known(t, base(), deleteGCByNotes) {
		t.Error("what is as it was is not known")
	}
}

// write makes text the content of the file at path, an hour ago.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	past(t, path)
}

// The vendored source of a module counts, which no scan reads, and so does what git
// ignores.
func TestKeptVendor(t *testing.T) {
	dir, _ := tree(t, `
-- go.mod --
module example.com/m

go 1.24

require example.com/lib v1.0.0
-- vendor/modules.txt --
# example.com/lib v1.0.0
## explicit; go 1.24
example.com/lib
-- vendor/example.com/lib/lib.go --
package lib

const V = 1
-- main.go --
package main

import (
	"runtime"

	"example.com/lib"
)

func main() {
	println(lib.V)
	runtime.GC()
}
`)
	if out, err := exec.Command("git", "-C", dir, "init", "-q").CombinedOutput(); err != nil {
		t.Skipf("%v: %s", err, out)
	}
	past(t, dir)
	cache := memory{}
	opt := rewrite.Options{Config: rewrite.Config{Dir: dir}, Cache: cache, Basis: []byte("x")}
	if res, err := rewrite.Run(context.Background(), opt, []*rewrite.Finder{deleteGC}); err != nil || len(res.Findings) != 1 || results(cache) != 1 {
		t.Fatalf("%+v, %v, %d kept", res, err, results(cache))
	}
	for _, name := range []string{"vendor/modules.txt", "vendor/example.com/lib/lib.go"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(old)+"\n")
		if known(t, opt, deleteGC) {
			t.Errorf("%s: a new byte is not seen", name)
		}
		write(t, path, string(old))
	}
	write(t, filepath.Join(dir, ".git", "info", "exclude"), "main.go\n")
	if known(t, opt, deleteGC) {
		t.Error("git ignores the file now")
	}
	write(t, filepath.Join(dir, ".git", "info", "exclude"), "")
	if !known(t, opt, deleteGC) {
		t.Error("what is as it was is not known")
	}
}

// What depends on more than was seen is not kept, and neither is what may not have
// been seen as it was.
func TestNotKept(t *testing.T) {
	const code = "-- main.go --\npackage main\n\nimport \"runtime\"\n\nfunc main() { runtime.GC() }\n"
	for name, c := range map[string]struct {
		archive string
		change  func(t *testing.T, dir string, opt *rewrite.Options)
	}{
		"a module that is missing": {goMod + "\nrequire example.com/gone v1.0.0\n" + strings.Replace(code, `import "runtime"`, "import (\n\t_ \"example.com/gone\"\n\t\"runtime\"\n)", 1), nil},
		"a file that was just written": {goMod + code, func(t *testing.T, dir string, opt *rewrite.Options) {
			at := time.Now().Add(time.Hour)
			if err := os.Chtimes(filepath.Join(dir, "main.go"), at, at); err != nil {
				t.Fatal(err)
			}
		}},
		"another go.mod": {goMod + code, func(t *testing.T, dir string, opt *rewrite.Options) {
			write(t, filepath.Join(dir, "x", "go.mod"), "module example.com/m\n\ngo 1.24\n")
			opt.Env = append(os.Environ(), "GOFLAGS=-modfile="+filepath.Join(dir, "x", "go.mod"))
		}},
		"a driver": {goMod + code, func(t *testing.T, dir string, opt *rewrite.Options) {
			opt.Env = append(os.Environ(), "GOPACKAGESDRIVER="+filepath.Join(dir, "none"))
		}},
		"changes that are about to be written": {goMod + code, func(_ *testing.T, _ string, opt *rewrite.Options) { opt.Fix, opt.Write = true, true }},
		"a pattern of the go command":          {goMod + code, func(_ *testing.T, _ string, opt *rewrite.Options) { opt.Patterns = []string{"all"} }},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := tree(t, c.archive)
			past(t, dir)
			cache := memory{}
			opt := rewrite.Options{Config: rewrite.Config{Dir: dir, Env: append(os.Environ(), "GOPROXY=off")}, Cache: cache, Basis: []byte("x")}
			if c.change != nil {
				c.change(t, dir, &opt)
			}
			if _, err := rewrite.Run(context.Background(), opt, []*rewrite.Finder{deleteGC}); err != nil {
				t.Log(err)
			}
			if results(cache) > 0 {
				t.Error("the result is kept")
			}
		})
	}
	// A panic of a rule is reported each time.
	dir, _ := tree(t, goMod+code)
	past(t, dir)
	cache := memory{}
	bad := &rewrite.Finder{Name: "bad", Needs: deleteGC.Needs, Find: func(*rewrite.Snapshot) []rewrite.Finding { panic("x") }}
	if res, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir}, Cache: cache, Basis: []byte("x")}, []*rewrite.Finder{bad}); err != nil || len(res.Internal) == 0 || results(cache) > 0 {
		t.Errorf("%+v, %v, %d kept", res, err, results(cache))
	}
}

// Entries that are no results, or of files that hold something else by now, do not
// count.
func TestKeptNonsense(t *testing.T) {
	dir, _ := tree(t, goMod+"-- main.go --\npackage main\n\nimport \"runtime\"\n\nfunc main() { runtime.GC() }\n")
	past(t, dir)
	cache := memory{}
	opt := rewrite.Options{Config: rewrite.Config{Dir: dir}, Cache: cache, Basis: []byte("x")}
	if _, err := rewrite.Run(context.Background(), opt, []*rewrite.Finder{deleteGC}); err != nil || results(cache) != 1 {
		t.Fatal(err, results(cache))
	}
	good := maps.Clone(cache)
	for key, data := range good {
		if !bytes.Contains(data, []byte(`"Result":`)) {
			continue
		}
		var entry map[string]any
		if err := json.Unmarshal(data, &entry); err != nil {
			t.Fatal(err)
		}
		entry["Looks"] = []any{map[string]any{"Kind": "content", "Path": filepath.Join(dir, "main.go"), "Seen": "AA=="}}
		short, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"", "{}", "null", "[]", string(data[:len(data)-1]), string(short)} {
			if cache[key] = []byte(text); known(t, opt, deleteGC) {
				t.Errorf("%.40q counts", text)
			}
		}
		if cache[key] = data; !known(t, opt, deleteGC) {
			t.Error("what is as it was is not known")
		}
	}
}
