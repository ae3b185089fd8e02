package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"
)

// sample is a module with a finding whose fix removes an import, one in a file
// with CRLF line ends and letters beyond ASCII, and a suppressed one.
const sample = `
-- go.mod --
module example.com/m

go 1.24
-- a.go --
package main

import (
	"fmt"
	"runtime"
	"time"
)

func main() {
	for {
		fmt.Println("x")
		runtime.GC()
		time.Sleep(time.Second)
	}
}
-- sub/b.go --
package sub

import "runtime"

func loop(f func(string)) {
	for {
		f("täglich"); runtime.GC()
	}
}
`

// sampleDir writes the sample to a directory of its own, the present one for
// the rest of the test.
func sampleDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse([]byte(sample)).Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		data := f.Data
		if f.Name == "sub/b.go" {
			data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	return dir
}

// command runs the command line and returns what it writes.
func command(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(context.Background(), args, &out, &errs); code != want {
		t.Fatalf("runtimefix %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// validate checks a JSON text against a schema file.
func validate(t *testing.T, schema, text string) {
	t.Helper()
	if err := conforms(schema, text); err != nil {
		t.Errorf("%s: %v\n%s", filepath.Base(schema), err, text)
	}
}

// conforms returns an error where the JSON text does not conform to the schema, a
// file.
func conforms(schema, text string) error {
	s, err := jsonschema.NewCompiler().Compile(schema)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestFormatsAgainstSchemas(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	sampleDir(t)
	command(t, exitFindings, "--format", "json=r.json,sarif=r.sarif,rdjsonl=r.rdjsonl,gitlab=r.gitlab,github=r.github,line=r.line")
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	testdata := filepath.Join(here, "internal", "format", "testdata")
	validate(t, filepath.Join(here, "schema", "report.schema.json"), read("r.json"))
	validate(t, filepath.Join(testdata, "sarif-schema-2.1.0.json"), read("r.sarif"))
	lines := strings.Split(strings.TrimSpace(read("r.rdjsonl")), "\n")
	if len(lines) != 2 {
		t.Errorf("%d diagnostics, want 2", len(lines))
	}
	for _, line := range lines {
		validate(t, filepath.Join(testdata, "rdf-diagnostic.json"), line)
		if !strings.Contains(line, `"suggestions"`) {
			t.Errorf("no suggestion in %s", line)
		}
	}
	if got, want := read("r.line"), "sub/b.go:7:18: warning: runtime.GC"; !strings.Contains(got, want) {
		t.Errorf("line format: got\n%swant %s", got, want)
	}
	// Columns count code points: the umlaut is one.
	if got, want := read("r.github"), "::warning file=sub/b.go,line=7,endLine=7,col=17,endColumn=29,title=runtimefix forcedgc::"; !strings.Contains(got, want) {
		t.Errorf("github format: got\n%swant %s", got, want)
	}
	// reviewdog reads the inserted text also where a fix only deletes.
	if n, m := strings.Count(read("r.sarif"), `"deletedRegion"`), strings.Count(read("r.sarif"), `"insertedContent": {`); n == 0 || n != m {
		t.Errorf("%d regions are deleted, %d have inserted content", n, m)
	}
	if !strings.Contains(read("r.sarif"), `"helpUri": "https://github.com/runtimefix/runtimefix/blob/main/rules/forcedgc/README.md"`) {
		t.Error("no link to the rule's page")
	}
	if strings.Contains(read("r.sarif"), filepath.Dir(here)) {
		t.Error("the SARIF report holds an absolute path")
	}
}

// TestJSONEdits applies the edits of the JSON report and compares with --apply.
func TestJSONEdits(t *testing.T) {
	sampleDir(t)
	out, _ := command(t, exitFindings, "--format", "json")
	var report struct {
		Findings []struct {
			Fingerprint string
			Fixes       []struct {
				Edits []struct {
					Path       string
					Start, End int
					Text       string
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	byHand := make(map[string]string)
	for _, f := range report.Findings {
		edits := f.Fixes[0].Edits
		for i := len(edits) - 1; i >= 0; i-- {
			e := edits[i]
			if _, ok := byHand[e.Path]; !ok {
				data, err := os.ReadFile(e.Path)
				if err != nil {
					t.Fatal(err)
				}
				byHand[e.Path] = string(data)
			}
			s := byHand[e.Path]
			byHand[e.Path] = s[:e.Start] + e.Text + s[e.End:]
		}
	}
	out, _ = command(t, exitOK, "--apply", "--unsafe", "--format", "json")
	if !strings.Contains(out, `"findings": [],`) || strings.Count(out, `"state": "fixed"`) != 2 {
		t.Errorf("the report of --apply says\n%s", out)
	}
	for path, want := range byHand {
		if data, _ := os.ReadFile(path); string(data) != want {
			t.Errorf("%s: --apply makes\n%q\nthe edits\n%q", path, data, want)
		}
	}
	if len(byHand) != 2 {
		t.Errorf("edits in %d files, want 2", len(byHand))
	}
}

func TestFingerprintsSurviveMoves(t *testing.T) {
	sampleDir(t)
	prints := func() []string {
		out, _ := command(t, exitFindings, "--format", "gitlab")
		var issues []struct{ Fingerprint string }
		if err := json.Unmarshal([]byte(out), &issues); err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, i := range issues {
			list = append(list, i.Fingerprint)
		}
		return list
	}
	before := prints()
	data, err := os.ReadFile("a.go")
	if err != nil {
		t.Fatal(err)
	}
	moved := strings.Replace(string(data), "func main", "// Main does it.\n\nfunc main", 1)
	if err := os.WriteFile("a.go", []byte(moved), 0o644); err != nil {
		t.Fatal(err)
	}
	if after := prints(); strings.Join(before, " ") != strings.Join(after, " ") {
		t.Errorf("fingerprints %v became %v", before, after)
	}
}
