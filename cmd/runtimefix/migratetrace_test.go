package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two places that collect, of which the program's trace shows the second one: it
// comes first, with what was measured.
func TestMigrateTrace(t *testing.T) {
	b := newBench(t)
	loop := "import \"runtime\"\n\nfunc %(list []int) {\n\tfor range list {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n"
	bare := b.remote("svc", "-- go.mod --\nmodule example.com/svc\n\ngo 1.25\n"+
		"-- a.go --\npackage svc\n\n"+strings.Replace(loop, "%", "Cold", 1)+
		"-- b.go --\npackage svc\n\n"+strings.Replace(loop, "%", "Hot", 1)+
		"-- b_test.go --\npackage svc\n\nimport \"testing\"\n\nfunc TestHot(t *testing.T) { Hot(make([]int, 12)) }\n")
	dir := b.clone(bare)
	traceFile, json1 := filepath.Join(t.TempDir(), "trace.out"), filepath.Join(t.TempDir(), "s.json")
	goCommand(t, dir, "test", "-count=1", "-o", filepath.Join(t.TempDir(), "x.exe"), "-trace", traceFile, ".")
	code, out := b.migrate(dir, "--trace", traceFile, "--commit", "one", "--summary-json", json1)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	body := b.git(dir, "log", "-1", "--format=%b")
	hot, cold := strings.Index(body, "* b.go:8: "), strings.Index(body, "* a.go:8: ")
	if hot < 0 || cold < hot || !strings.Contains(body[hot:cold], ": 12 collections in ") || !strings.Contains(body[hot:cold], "(trace.out)") || strings.Contains(body[cold:], "collections in ") {
		t.Errorf("the message is\n%s", body)
	}
	if !strings.Contains(out, "a trace cannot tell about ") {
		t.Errorf("it says\n%s", out)
	}
	data, err := os.ReadFile(json1)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Fixed []struct {
			Path     string
			Evidence []string
		}
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Fixed) != 2 || s.Fixed[0].Path != "b.go" || len(s.Fixed[0].Evidence) != 1 || len(s.Fixed[1].Evidence) != 0 {
		t.Errorf("the summary says %+v", s.Fixed)
	}

	// What is rarer than --min-rate stays.
	dir = b.clone(bare)
	if code, out := b.migrate(dir, "--trace", traceFile, "--min-rate", "1000000/s"); code != 0 || b.git(dir, "diff", "--name-only") != "" {
		t.Errorf("exit %d\n%s", code, out)
	}

	// A trace of another program is refused before anything is done.
	other := b.clone(b.remote("other", hotHandler))
	if code, out := b.migrate(other, "--trace", traceFile); code != 2 || !strings.Contains(out, "no frame of this module") || b.git(other, "status", "--porcelain") != "" {
		t.Errorf("exit %d\n%s", code, out)
	}
}
