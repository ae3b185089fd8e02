package rewrite_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/rewrite"
)

// renameBoth is a finder whose fix changes two files together: it renames a function
// and its caller.
var renameBoth = &rewrite.Finder{
	Name:  "renameboth",
	Needs: []rewrite.Need{{Idents: []string{"oldName"}}},
	Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		for _, p := range s.Packages {
			obj := p.Types.Scope().Lookup("oldName")
			if obj == nil {
				continue
			}
			return []rewrite.Finding{{Pos: obj.Pos(), End: obj.Pos(), Message: "old", Fixes: []*rewrite.Fix{{
				Message: "rename it", Safety: rewrite.Safe,
				Apply: func(e *rewrite.Edit) error {
					for id, o := range p.Info.Defs {
						if o == obj {
							e.Replace(id, rewrite.Expr("newName", nil))
						}
					}
					for _, r := range s.Refs(rewrite.ObjectKey(obj)) {
						e.Replace(r.Ident, rewrite.Expr("newName", nil))
					}
					return nil
				},
			}}}}
		}
		return nil
	},
}

const twoFiles = goMod + "-- a/def.go --\npackage a\n\nfunc oldName() {}\n-- a/use.go --\npackage a\n\nfunc F() { oldName() }\n-- a/use2.go --\npackage a\n\nfunc G() { oldName() }\n"

func applied(dir string) (failed []rewrite.Problem, err error) {
	res, err := rewrite.Run(context.Background(), rewrite.Options{
		Config: rewrite.Config{Dir: dir}, Admit: rewrite.Safe, Fix: true, Write: true,
	}, []*rewrite.Finder{renameBoth})
	if err != nil {
		return nil, err
	}
	_, failed = rewrite.Write(res.Changes)
	return append(failed, res.Problems...), nil
}

// TestKilled kills the program at each step of writing a fix that changes several
// files. Whatever the step, every file is whole; the next run ends what was begun
// and leaves nothing behind.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("RUNTIMEFIX_TEST_KILL_IN"); dir != "" {
		left, _ := strconv.Atoi(os.Getenv("RUNTIMEFIX_TEST_KILL_AT"))
		rewrite.SetStep(func(string) {
			if left--; left == 0 {
				p, _ := os.FindProcess(os.Getpid())
				p.Kill()
				select {}
			}
		})
		applied(dir)
		os.Exit(0)
	}
	steps := 0
	for at := 1; ; at++ {
		dir, files := tree(t, twoFiles)
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
		cmd.Env = append(os.Environ(), "RUNTIMEFIX_TEST_KILL_IN="+dir, "RUNTIMEFIX_TEST_KILL_AT="+strconv.Itoa(at))
		killed := cmd.Run() != nil
		for _, name := range []string{"a/def.go", "a/use.go", "a/use2.go"} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if now := string(data); now != files[name] && now != strings.ReplaceAll(files[name], "oldName", "newName") {
				t.Fatalf("killed at step %d: %s holds\n%s", at, name, now)
			}
		}
		if failed, err := applied(dir); err != nil || len(failed) > 0 {
			t.Fatalf("killed at step %d: the next run: %v %v", at, failed, err)
		}
		var names []string
		filepath.WalkDir(dir, func(path string, d os.DirEntry, _ error) error {
			if !d.IsDir() {
				names = append(names, d.Name())
				if data, _ := os.ReadFile(path); strings.Contains(string(data), "oldName") {
					t.Errorf("killed at step %d: %s is not fixed by the next run", at, path)
				}
			}
			return nil
		})
		if got := strings.Join(names, " "); got != "def.go use.go use2.go go.mod" {
			t.Errorf("killed at step %d: the next run leaves %s", at, got)
		}
		if !killed {
			break
		}
		steps++
	}
	if steps < 10 {
		t.Errorf("%d steps", steps)
	}
}

// A run that does not write names what an interrupted one left, and one that
// writes does not overwrite what changed meanwhile.
func TestInterruptedThenEdited(t *testing.T) {
	dir, _ := tree(t, twoFiles)
	kill := func(at int) {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
		cmd.Env = append(os.Environ(), "RUNTIMEFIX_TEST_KILL_IN="+dir, "RUNTIMEFIX_TEST_KILL_AT="+strconv.Itoa(at))
		cmd.Run()
	}
	kill(10) // after the first rename
	edited := filepath.Join(dir, "a/use2.go")
	if err := os.WriteFile(edited, []byte("package a\n\nfunc G() { oldName(); oldName() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	res, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir}}, []*rewrite.Finder{renameBoth})
	if err != nil || !strings.Contains(problems(res, dir), "a run was interrupted while it wrote files: --apply finishes that") {
		t.Errorf("%v\n%s", err, problems(res, dir))
	}
	failed, err := applied(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(failed, func(p rewrite.Problem) bool {
		return p.Pos.Filename == edited && strings.Contains(p.Message, "interrupted")
	}) {
		t.Errorf("nothing is said about the file that changed: %v", failed)
	}
	if data, _ := os.ReadFile(edited); string(data) != "package a\n\nfunc G() { oldName(); oldName() }\n" {
		t.Errorf("overwritten: %s", data)
	}
}

// A file that somebody appends to while it is written is left alone, and so are
// those that belong to the same fix.
func TestRacingAppender(t *testing.T) {
	defer rewrite.SetStep(func(string) {})
	for _, at := range []string{"written", "journaled", "rename"} {
		dir, files := tree(t, twoFiles)
		res, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir}, Admit: rewrite.Safe, Fix: true}, []*rewrite.Finder{renameBoth})
		if err != nil {
			t.Fatal(err)
		}
		done := false
		rewrite.SetStep(func(name string) {
			if name == at && !done {
				done = true
				f, err := os.OpenFile(filepath.Join(dir, "a/use2.go"), os.O_APPEND|os.O_WRONLY, 0)
				if err == nil {
					f.WriteString("// more\n")
					f.Close()
				}
			}
		})
		written, failed := rewrite.Write(res.Changes)
		if len(written) > 0 || len(failed) != 3 {
			t.Errorf("at %s: written %d, failed %v", at, len(written), failed)
		}
		for name, want := range map[string]string{"a/def.go": files["a/def.go"], "a/use.go": files["a/use.go"], "a/use2.go": files["a/use2.go"] + "// more\n"} {
			if data, _ := os.ReadFile(filepath.Join(dir, name)); string(data) != want {
				t.Errorf("at %s: %s holds\n%s", at, name, data)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "a/.*")); len(left) > 0 {
			t.Errorf("at %s: %v is left", at, left)
		}
	}
}

// Where there is no room for the new files, the old ones stay, and nothing else.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs to mount a file system")
	}
	dir := t.TempDir()
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).Run(); err != nil {
		t.Skip("no file system can be mounted here")
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })
	var changes []rewrite.Change
	for i := range 2 {
		path := filepath.Join(dir, fmt.Sprintf("%d.go", i))
		old := []byte("package p\n")
		if err := os.WriteFile(path, old, 0o644); err != nil {
			t.Fatal(err)
		}
		changes = append(changes, rewrite.Change{Path: path, Old: old, New: []byte("package p\n" + strings.Repeat("// x\n", 8000))})
	}
	written, failed := rewrite.Write(changes)
	if len(written) > 0 || len(failed) != 2 || !strings.Contains(failed[0].Message+failed[1].Message, "no space left") {
		t.Errorf("written %v, failed %v", written, failed)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 2 {
		t.Errorf("left: %v", entries)
	}
	for _, c := range changes {
		if data, _ := os.ReadFile(c.Path); string(data) != string(c.Old) {
			t.Errorf("%s is not what it was", c.Path)
		}
	}
}

// Without a go command, with one that fails, and without a home the run says what
// it needs.
func TestNoGo(t *testing.T) {
	dir, _ := tree(t, goMod+"-- x.go --\npackage m"+collects)
	text := t.TempDir()
	if err := os.WriteFile(filepath.Join(text, "Dockerfile"), []byte("FROM x\nENV old=1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	opt := rewrite.Options{Config: rewrite.Config{Dir: dir}, Admit: rewrite.Safe, Fix: true}
	t.Run("none", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := rewrite.Run(context.Background(), opt, []*rewrite.Finder{deleteGC}); err == nil || !strings.Contains(err.Error(), "the go command is not on PATH") {
			t.Errorf("%v", err)
		}
	})
	t.Run("broken", func(t *testing.T) {
		bin := t.TempDir()
		if err := os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\necho 'go: cannot find GOROOT directory' >&2\nexit 2\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
		res, err := rewrite.Run(context.Background(), opt, []*rewrite.Finder{deleteGC})
		if err != nil {
			t.Fatal(err)
		}
		if got := problems(res, dir); !strings.Contains(got, "not checked") || !strings.Contains(got, "cannot find GOROOT") || len(res.Changes) > 0 {
			t.Errorf("problems: %s", got)
		}
	})
	t.Run("no home", func(t *testing.T) {
		for _, name := range []string{"HOME", "XDG_CACHE_HOME", "GOCACHE", "GOPATH", "GOMODCACHE"} {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
		res, err := rewrite.Run(context.Background(), opt, []*rewrite.Finder{deleteGC})
		if err != nil {
			t.Fatal(err)
		}
		if got := problems(res, dir); len(res.Changes) == 0 && got == "" {
			t.Errorf("nothing is done and nothing said")
		}
	})
}

// Files behind a link that leads out of the repository, and files that git
// ignores, are not written.
func TestOutsideAndIgnored(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	base, _ := tree(t, "-- out/l.go --\npackage m"+collects+
		"-- repo/go.mod --\nmodule example.com/m\n\ngo 1.24\n-- repo/.gitignore --\n/gen/\n-- repo/x.go --\npackage m\n-- repo/gen/g.go --\npackage gen"+collects+
		"-- repo/sub/go.mod --\nmodule example.com/sub\n\ngo 1.24\n-- repo/sub/s.go --\npackage sub"+collects)
	dir := filepath.Join(base, "repo")
	for _, d := range []string{dir, filepath.Join(dir, "sub")} {
		if out, err := exec.Command("git", "init", "-q", d).CombinedOutput(); err != nil {
			t.Fatalf("%s", out)
		}
	}
	if err := os.Symlink(filepath.Join(base, "out/l.go"), filepath.Join(dir, "l.go")); err != nil {
		t.Skip(err)
	}
	res := run(t, dir, deleteGC)
	if len(res.Changes) > 0 || len(res.Findings) != 1 || !strings.Contains(res.Findings[0].Why, "outside of the repository") {
		t.Errorf("changes %s, findings %+v", changed(res, dir), res.Findings)
	}
	if len(res.Nested) != 1 || res.Nested[0] != filepath.Join(dir, "sub") || len(res.Ignored) != 1 || res.Ignored[0] != filepath.Join(dir, "gen/g.go") {
		t.Errorf("nested %v, ignored %v", res.Nested, res.Ignored)
	}
	named, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir}, Patterns: []string{"./gen"}, Admit: rewrite.Safe, Fix: true}, []*rewrite.Finder{deleteGC})
	if err != nil || changed(named, dir) != "gen/g.go" {
		t.Errorf("a folder that is named: %v, %s", err, changed(named, dir))
	}
}
