package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An engine is a program that runs a command in many repositories and makes pull
// requests of what it leaves. Each function does what one of them does around
// the command, and returns the title that the pull request gets, "" when the
// engine sees nothing to do.
var engines = map[string]func(b *bench, bare string) string{
	// multi-gitter run: clones, runs, skips on a non-zero exit, commits what git
	// status shows.
	"multi-gitter": func(b *bench, bare string) string {
		dir := b.clone(bare)
		b.git(dir, "checkout", "-q", "-b", "campaign")
		b.t.Setenv("REPOSITORY", "org/svc")
		if code, out := b.migrate(dir, "--commit", "none"); code != 0 {
			b.t.Fatalf("exit %d\n%s", code, out)
		}
		if b.git(dir, "status", "--porcelain") == "" {
			return ""
		}
		b.git(dir, "add", "-A")
		b.git(dir, "commit", "-q", "-m", "from the engine's flags")
		b.git(dir, "push", "-q", "origin", "campaign")
		return b.git(dir, "log", "-1", "--format=%s", "campaign")
	},
	// multi-gitter run --manual-commit: compares HEAD; title and body are those of
	// the first commit.
	"multi-gitter --manual-commit": func(b *bench, bare string) string {
		dir := b.clone(bare)
		base := b.git(dir, "rev-parse", "HEAD")
		b.git(dir, "checkout", "-q", "-b", "campaign")
		if code, out := b.migrate(dir, "--commit", "per-rule"); code != 0 {
			b.t.Fatalf("exit %d\n%s", code, out)
		}
		commits := strings.Fields(b.git(dir, "rev-list", "--reverse", base+"..HEAD"))
		if len(commits) == 0 {
			return ""
		}
		b.git(dir, "push", "-q", "origin", "campaign")
		return b.git(dir, "log", "-1", "--format=%s", commits[0])
	},
	// Sourcegraph: unpacks an archive, which has no history, commits it, runs the
	// step, and takes the difference of the index. A step that commits is lost.
	"sourcegraph": func(b *bench, bare string) string {
		dir := b.t.TempDir()
		archive := exec.Command("sh", "-c", "git -C '"+bare+"' archive main | tar x -C '"+dir+"'")
		if out, err := archive.CombinedOutput(); err != nil {
			b.t.Fatalf("%v\n%s", err, out)
		}
		b.git(dir, "init", "-q")
		b.git(dir, "config", "user.name", "Sourcegraph")
		b.git(dir, "config", "user.email", "batch-changes@sourcegraph.com")
		b.git(dir, "add", "--force", "--all")
		b.git(dir, "commit", "-q", "--all", "--message", "sourcegraph-batch-changes")
		if code, out := b.migrate(dir); code != 0 {
			b.t.Fatalf("exit %d\n%s", code, out)
		}
		b.git(dir, "add", "--all")
		diff := b.git(dir, "diff", "--cached", "--no-prefix", "--binary")
		if diff == "" {
			return ""
		}
		apply := exec.Command("git", "apply", "-p0")
		apply.Dir, apply.Stdin = b.clone(bare), strings.NewReader(diff+"\n")
		if out, err := apply.CombinedOutput(); err != nil {
			b.t.Fatalf("the difference does not apply: %v\n%s", err, out)
		}
		return "from the batch spec"
	},
	// turbolift: runs, then commits with --all, which leaves new files out that are
	// not in the index.
	"turbolift": func(b *bench, bare string) string {
		dir := b.clone(bare)
		if code, out := b.migrate(dir); code != 0 {
			b.t.Fatalf("exit %d\n%s", code, out)
		}
		if b.git(dir, "status", "--porcelain=v1") == "" {
			return ""
		}
		b.git(dir, "commit", "-q", "--all", "--message", "from the campaign")
		if left := b.git(dir, "status", "--porcelain"); left != "" {
			b.t.Errorf("left out: %s", left)
		}
		return b.git(dir, "log", "-1", "--format=%s")
	},
	// git-xargs: looks at the work tree, adds and commits all; a command that
	// commits leaves it "clean", and nothing is pushed.
	"git-xargs": func(b *bench, bare string) string {
		dir := b.clone(bare)
		b.t.Setenv("XARGS_REPO_NAME", "svc")
		b.t.Setenv("XARGS_REPO_OWNER", "org")
		if code, out := b.migrate(dir, "--commit", "none"); code != 0 {
			b.t.Fatalf("exit %d\n%s", code, out)
		}
		if b.git(dir, "status", "--porcelain") == "" {
			return ""
		}
		b.git(dir, "add", ".")
		b.git(dir, "commit", "-q", "-m", "[skip ci] git-xargs")
		return b.git(dir, "log", "-1", "--format=%s")
	},
	// microplane: plan runs the command, adds and commits all; it fails where
	// nothing is to be committed.
	"microplane": func(b *bench, bare string) string {
		dir := b.clone(bare)
		b.t.Setenv("MICROPLANE_REPO", "svc")
		if code, out := b.migrate(dir); code != 0 {
			b.t.Fatalf("exit %d\n%s", code, out)
		}
		b.git(dir, "add", "-A")
		cmd := exec.Command("git", "commit", "-q", "-m", "microplane")
		cmd.Dir = dir
		if cmd.Run() != nil {
			return ""
		}
		return b.git(dir, "log", "-1", "--format=%s")
	},
	// A matrix of GitHub Actions: a job a shard, each makes a branch of its own.
	"actions matrix": func(b *bench, bare string) string {
		title := ""
		for _, shard := range []string{"1/2", "2/2"} {
			dir := b.clone(bare)
			if code, out := b.migrate(dir, "--commit", "one", "--shard", shard); code != 0 {
				b.t.Fatalf("exit %d\n%s", code, out)
			}
			if b.git(dir, "rev-parse", "HEAD") == b.git(dir, "rev-parse", "origin/main") {
				continue
			}
			if title != "" {
				b.t.Error("two shards bring one change")
			}
			b.git(dir, "push", "-q", "origin", "HEAD:refs/heads/shard-"+shard[:1])
			title = b.git(dir, "log", "-1", "--format=%s")
		}
		return title
	},
}

func TestEngines(t *testing.T) {
	b := newBench(t)
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.t = t
			b.remotes = t.TempDir()
			if title := engine(&b, b.remote("svc", hotHandler)); title == "" {
				t.Error("the engine sees nothing to do")
			} else if strings.Contains(name, "manual") && !strings.HasPrefix(title, "Fix ") {
				t.Errorf("the title is %q", title)
			}
			if title := engine(&b, b.remote("clean", clean)); title != "" {
				t.Errorf("a clean repository gets a change: %s", title)
			}
		})
	}
}

// A run that is killed leaves files old or new, and the next one in a fresh clone
// makes the commit that it would have made.
func TestMigrateKilled(t *testing.T) {
	b := newBench(t)
	bare := b.remote("svc", hotHandler)
	whole := b.clone(bare)
	if code, out := b.migrate(whole, "--commit", "one"); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	for _, after := range []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, 800 * time.Millisecond} {
		dir := b.clone(bare)
		cmd := exec.Command(b.bin, "migrate", "--commit", "one")
		cmd.Dir = dir
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(after, func() { cmd.Process.Kill() })
		cmd.Wait()
		data, err := os.ReadFile(filepath.Join(dir, "a.go"))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), "}\n"); n != 1 {
			t.Errorf("the file is torn:\n%s", data)
		}
	}
	again := b.clone(bare)
	if code, out := b.migrate(again, "--commit", "one"); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	if one, two := b.git(whole, "rev-parse", "HEAD"), b.git(again, "rev-parse", "HEAD"); one != two {
		t.Errorf("%s, after a killed run %s", one, two)
	}
}
