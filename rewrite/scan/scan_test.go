package scan_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite/scan"
)

var gcNeed = []scan.Need{{Rule: "gc", Import: "runtime", Idents: []string{"GC"}}}

// A candidate holds the import path and an identifier, as words; how they are
// written does not matter.
func TestCandidates(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		want      bool
	}{
		{"plain", "package p\nimport \"runtime\"\nfunc f() { runtime.GC() }\n", true},
		{"renamed", "package p\nimport rt \"runtime\"\nfunc f() { rt.GC() }\n", true},
		{"dot", "package p\nimport . \"runtime\"\nfunc f() { GC() }\n", true},
		{"raw string", "package p\nimport `runtime`\nfunc f() { runtime.GC() }\n", true},
		{"spaces around the dot", "package p\nimport \"runtime\"\nfunc f() { runtime . GC () }\n", true},
		{"cgo", "package p\nimport \"C\"\nimport \"runtime\"\nfunc f() { runtime.GC() }\n", true},
		{"CRLF", "package p\r\nimport \"runtime\"\r\nfunc f() { runtime.GC() }\r\n", true},
		{"at the end", "package p\nimport \"runtime\"\nvar f = runtime.GC", true},
		{"other import", "package p\nimport \"runtime/debug\"\nfunc f() { debug.GC() }\n", false},
		{"part of a word", "package p\nimport \"runtime\"\nfunc f() { runtime.GCX(); aGC() }\n", false},
		{"no import", "package p\nfunc f() { runtime.GC() }\n", false},
		{"empty", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte(tt.src), 0o644); err != nil {
				t.Fatal(err)
			}
			res, err := scan.Run(context.Background(), scan.Config{Dir: dir, Needs: gcNeed, GOOS: "linux", GOARCH: "amd64"}, []string{"./..."})
			if err != nil {
				t.Fatal(err)
			}
			if got := len(res.Packages) > 0; got != tt.want {
				t.Errorf("candidate: %v, want %v", got, tt.want)
			}
		})
	}
}

// What is too big, is no file or cannot be read does no harm, and is named
// where it matters.
func TestOddFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	source := []byte("package p\nimport \"runtime\"\nfunc f() { runtime.GC() }\n")
	put("good.go", source)
	put("big.go", append(bytes.Clone(source), bytes.Repeat([]byte("// generated\n"), 5<<20/13)...))
	put("huge.go", append(bytes.Clone(source), bytes.Repeat([]byte("// generated\n"), 17<<20/13)...))
	if err := os.Mkdir(filepath.Join(dir, "folder.go"), 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"loop": ".", "gone.go": "nothing", "self.go": "self.go"} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Skip(err)
		}
	}
	res, err := scan.Run(context.Background(), scan.Config{Dir: dir, Needs: gcNeed, GOOS: "linux", GOARCH: "amd64"}, []string{"./..."})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range res.Packages {
		for _, f := range p.Files {
			got = append(got, filepath.Base(f.Path))
		}
	}
	if s := strings.Join(got, " "); s != "big.go good.go" {
		t.Errorf("candidates: %s", s)
	}
	var problems []string
	for _, p := range res.Problems {
		problems = append(problems, filepath.Base(p.Path))
	}
	if s := strings.Join(problems, " "); s != "gone.go huge.go self.go" {
		t.Errorf("problems: %s", s)
	}
}

// sourceTree writes a module of 1,000 files in which nothing can fire.
func sourceTree(b *testing.B) (dir string, size int64) {
	b.Helper()
	dir = b.TempDir()
	var body strings.Builder
	for i := range 100 {
		fmt.Fprintf(&body, "// F%d returns its argument, doubled.\nfunc F%d(x int) int { return x * 2 }\n\n", i, i)
	}
	for i := range 1000 {
		sub := filepath.Join(dir, fmt.Sprintf("p%d", i/10))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			b.Fatal(err)
		}
		src := fmt.Sprintf("package p\n\nimport \"runtime\"\n\nvar _ = runtime.Version\n\n%s", body.String())
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%d.go", i)), []byte(src), 0o644); err != nil {
			b.Fatal(err)
		}
		size += int64(len(src))
	}
	return dir, size
}

// BenchmarkScan scans a tree in which nothing can fire; BenchmarkRead, the
// measure of it, only reads the same files.
func BenchmarkScan(b *testing.B) {
	dir, size := sourceTree(b)
	cfg := scan.Config{Dir: dir, Needs: gcNeed, GOOS: "linux", GOARCH: "amd64"}
	b.SetBytes(size)
	for b.Loop() {
		res, err := scan.Run(context.Background(), cfg, []string{"./..."})
		if err != nil || res.Bytes != size || len(res.Packages) != 0 {
			b.Fatal(err, res.Bytes, len(res.Packages))
		}
	}
}

func BenchmarkRead(b *testing.B) {
	dir, size := sourceTree(b)
	b.SetBytes(size)
	for b.Loop() {
		var n int64
		err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(p)
			n += int64(len(data))
			return err
		})
		if err != nil || n != size {
			b.Fatal(err, n)
		}
	}
	runtime.KeepAlive(dir)
}

// What only looks like a file, and would keep the go command waiting, is named,
// and its package or module is left out.
func TestPipes(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"a", "b", "c", "d", "e", "f"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, sub, "x.go"), []byte("package x\n\nimport \"runtime\"\n\nvar _ = runtime.GC\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "f", "vendor"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, mod := range []string{".", "e", "f"} {
		if err := os.WriteFile(filepath.Join(dir, mod, "go.mod"), []byte("module m\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a/pipe.go", "b/go.mod", "Dockerfile", "d/pipe.s", "e/go.sum", "f/vendor/modules.txt"} {
		if err := exec.Command("mkfifo", filepath.Join(dir, name)).Run(); err != nil {
			t.Skip("no named pipes here")
		}
	}
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "c", "zero.go")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "zero.Dockerfile")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "gone.Dockerfile")); err != nil {
		t.Skip(err)
	}
	res, err := scan.Run(context.Background(), scan.Config{
		Dir: dir, Needs: []scan.Need{{Rule: "r", Import: "runtime", Idents: []string{"GC"}}}, TextNeeds: []scan.TextNeed{{Rule: "r", Kinds: []scan.TextKind{scan.Dockerfile}}},
	}, []string{"./..."})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range res.Problems {
		rel, _ := filepath.Rel(dir, p.Path)
		names = append(names, rel)
		if !strings.Contains(p.Err.Error(), "it is a ") {
			t.Errorf("%s: %v", rel, p.Err)
		}
	}
	if got := strings.Join(names, " "); got != "Dockerfile a/pipe.go c/zero.go d/pipe.s zero.Dockerfile" {
		t.Errorf("problems with %s", got)
	}
	var left []string
	for _, p := range res.Packages {
		left = append(left, filepath.Base(p.Dir))
		if err := res.Modules[p.Module].Err; err == nil || !strings.HasSuffix(err.Error(), "is a named pipe") {
			t.Errorf("the module of %s: %v", p.Dir, err)
		}
	}
	if got := strings.Join(left, " "); got != "b e f" {
		t.Errorf("packages: %s; want those alone whose modules cannot be read", got)
	}
}
