package main

import (
	"archive/zip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	proxyCommit  = "0123456789abcdef0123456789abcdef01234567"
	proxyVersion = "v0.0.0-20240102030405-0123456789ab"
)

// moduleProxy makes a module proxy on disk that serves one version of one
// module, which its commit names, and has the go command use nothing else.
func moduleProxy(t *testing.T, module string, files map[string]string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), filepath.FromSlash(module), "@v")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	info := fmt.Sprintf(`{"Version":%q,"Time":"2024-01-02T03:04:05Z"}`, proxyVersion)
	write(proxyCommit+".info", info)
	write(proxyVersion+".info", info)
	write(proxyVersion+".mod", files["go.mod"])
	out, err := os.Create(filepath.Join(dir, proxyVersion+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(out)
	for name, text := range files {
		w, err := z.Create(module + "@" + proxyVersion + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSuffix(dir, filepath.FromSlash(module+"/@v"))
	t.Setenv("GOPROXY", "file://"+filepath.ToSlash(root))
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw") // or the test's folder could not be removed
	t.Setenv("GONOPROXY", "none")
	t.Setenv("GOPRIVATE", "")
	t.Setenv("GOSUMDB", "off")
}

// TestFill takes a missing checkout from a module proxy, at the pinned commit.
func TestFill(t *testing.T) {
	const source = "package a\n\nfunc F() {}\n"
	moduleProxy(t, "example.com/a", map[string]string{"go.mod": "module example.com/a\n\ngo 1.24\n", "a.go": source})
	ctx := context.Background()
	opt := &options{repos: t.TempDir(), out: t.TempDir(), fill: true}
	r := repo{Name: "o/a", Commit: proxyCommit, Module: "example.com/a", Layout: "-"}
	tree, _, err := r.scratch(ctx, opt, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(tree, "a.go"))
	if err != nil || string(got) != source {
		t.Errorf("a.go: %q, %v", got, err)
	}
	if dirty := (&judging{tree: tree}).changed(ctx); len(dirty) > 0 {
		t.Errorf("a fresh tree differs from its commit: %v", dirty)
	}
	if err := os.WriteFile(filepath.Join(tree, "a.go"), nil, 0o666); err != nil {
		t.Errorf("a file of the tree cannot be fixed: %v", err)
	}
}

func TestFillNot(t *testing.T) {
	moduleProxy(t, "example.com/a", map[string]string{"go.mod": "module example.com/a\n"})
	for _, c := range []struct {
		name, module, commit, want string
		fill                       bool
	}{
		{"not asked for", "example.com/a", proxyCommit, "no checkout of o/a", false},
		{"no module", "-", proxyCommit, "no checkout of o/a", true},
		{"another commit", "example.com/a", strings.Repeat("f", 40), "downloading example.com/a", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			opt := &options{repos: t.TempDir(), out: t.TempDir(), fill: c.fill}
			r := repo{Name: "o/a", Commit: c.commit, Module: c.module, Layout: "-"}
			if _, _, err := r.scratch(context.Background(), opt, t.TempDir()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestCheckoutOfAPartialClone judges what a clone has if objects are missing.
func TestCheckoutOfAPartialClone(t *testing.T) {
	ctx := context.Background()
	from := filepath.Join(t.TempDir(), "o+a")
	if err := os.MkdirAll(from, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.go": "package a\n", "large.bin": "0123456789"} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := git(ctx, from, "init", "-q"); err != nil {
		t.Fatal(err)
	}
	if err := commitAll(ctx, from, "all"); err != nil {
		t.Fatal(err)
	}
	commit := gitOutput(t, from, "rev-parse", "HEAD")
	blob := gitOutput(t, from, "rev-parse", "HEAD:large.bin")
	if err := os.Remove(filepath.Join(from, ".git", "objects", blob[:2], blob[2:])); err != nil {
		t.Fatal(err)
	}
	r := repo{Name: "o/a", Commit: commit, Module: "-", Layout: "-"}
	tree, _, err := r.scratch(ctx, &options{repos: filepath.Dir(from)}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	j := &judging{tree: tree}
	if dirty := j.changed(ctx); len(dirty) > 0 {
		t.Errorf("a fresh tree differs from its commit: %v", dirty)
	}
	if err := os.WriteFile(filepath.Join(tree, "a.go"), []byte("package b\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := j.reset(ctx); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(filepath.Join(tree, "a.go")); string(got) != "package a\n" {
		t.Errorf("after a reset: %q", got)
	}
}

func gitOutput(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}
