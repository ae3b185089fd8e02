package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const collects = "import \"runtime\"\n\nfunc F(list []int) {\n\tfor range list {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n"

// A module whose vendor directory is stale builds no more than one with an error:
// it stays, the other module of the repository is fixed.
func TestMigrateStaleVendor(t *testing.T) {
	b := newBench(t)
	bare := b.remote("svc", hotHandler+"-- sub/go.mod --\nmodule example.com/sub\n\ngo 1.25\n\nrequire example.com/x v1.0.0\n\nreplace example.com/x => ../x\n"+
		"-- sub/vendor/modules.txt --\n# example.com/old v1.0.0\n-- sub/s.go --\npackage sub\n\n"+collects+"-- x/go.mod --\nmodule example.com/x\n\ngo 1.25\n-- x/x.go --\npackage x\n")
	dir := b.clone(bare)
	code, out := b.migrate(dir, "--commit", "one")
	if code != 11 || !strings.Contains(out, "broken before: go: inconsistent vendoring in .:\n") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if got := b.git(dir, "show", "--format=", "--name-only"); got != "a.go" {
		t.Errorf("the commit changes %q", got)
	}
	if body := b.git(dir, "log", "-1", "--format=%b"); !strings.Contains(body, "* 1 of forcedgc: its package does not build, so nothing can be proved\n") {
		t.Errorf("the message is\n%s", body)
	}
}

// No fix makes a file of its own. One that git does not know can change where the
// tree may be dirty: it goes to the index, for engines that commit with --all, and
// what migrate did not touch does not.
func TestMigrateNewFile(t *testing.T) {
	b := newBench(t)
	dir := b.clone(b.remote("svc", hotHandler))
	for name, text := range map[string]string{"new.go": "package svc\n\n" + collects, "notes.txt": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if code, out := b.migrate(dir, "--allow-dirty"); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	if got := b.git(dir, "status", "--porcelain"); got != "M a.go\nA  new.go\n?? notes.txt" { // the first blank is trimmed
		t.Errorf("the tree is\n%s", got)
	}
	b.git(dir, "commit", "-q", "--all", "-m", "engine")
	if got := b.git(dir, "show", "--format=", "--name-only"); got != "a.go\nnew.go" {
		t.Errorf("the engine commits %q", got)
	}
}
