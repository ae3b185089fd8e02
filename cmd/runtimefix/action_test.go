package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// action is what of action.yml is looked at.
type action struct {
	Inputs map[string]struct{ Default string }
	Runs   struct {
		Steps []struct {
			ID, Run string
			Env     map[string]string
		}
	}
}

// runner stands in for a GitHub runner: it runs the last step of action.yml as
// GitHub does, in a repository of its own.
type runner struct {
	t    *testing.T
	dir  string
	temp string
	step string
	get  string // the step that gets the program
	// source is the repository of the Action.
	source string
	env    map[string]string
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	for _, tool := range []string{"bash", "git", "xargs"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	data, err := os.ReadFile(filepath.Join("..", "..", "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	r := &runner{t: t, temp: filepath.Join(t.TempDir(), "with blank"), env: make(map[string]string)}
	step := a.Runs.Steps[len(a.Runs.Steps)-1]
	r.step = step.Run
	for _, s := range a.Runs.Steps {
		if s.ID == "get" {
			r.get = s.Run
		}
	}
	input := regexp.MustCompile(`^\$\{\{ inputs\.([a-z-]+) \}\}$`)
	for name, value := range step.Env {
		m := input.FindStringSubmatch(value)
		if m == nil {
			r.env[name] = "" // of the event: there is none
			continue
		}
		in, ok := a.Inputs[m[1]]
		if !ok {
			t.Errorf("the step reads the input %s, which is not declared", m[1])
		}
		r.env[name] = in.Default
	}
	bin := filepath.Join(r.temp, "runtimefix-bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	data, err = os.ReadFile(program(t))
	if err == nil {
		err = os.WriteFile(filepath.Join(bin, "runtimefix"), data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.source, err = filepath.Abs(filepath.Join("..", "..")); err != nil {
		t.Fatal(err)
	}
	r.dir = sampleDir(t)
	r.git("init", "-q")
	r.git("config", "user.email", "a@example.com")
	r.git("config", "user.name", "a")
	r.commit()
	return r
}

func (r *runner) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit commits all and returns the commit.
func (r *runner) commit() string {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-qm", "x")
	return r.git("rev-parse", "HEAD")
}

func (r *runner) write(name, text string) {
	r.t.Helper()
	writeTree(r.t, r.dir, map[string]string{name: text})
}

// run runs the step with the environment changed as pairs of name and value say.
func (r *runner) run(pairs ...string) (code int, log, output, summary string) {
	r.t.Helper()
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", r.step)
	cmd.Dir = r.dir
	files := []string{filepath.Join(r.temp, "output"), filepath.Join(r.temp, "step summary")}
	for _, f := range files {
		os.Remove(f)
	}
	cmd.Env = append(os.Environ(), "RUNNER_TEMP="+r.temp, "GITHUB_OUTPUT="+files[0], "GITHUB_STEP_SUMMARY="+files[1])
	for name, value := range r.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	for i := 0; i < len(pairs); i += 2 {
		cmd.Env = append(cmd.Env, pairs[i]+"="+pairs[i+1])
	}
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	cmd.Run()
	out, _ := os.ReadFile(files[0])
	sum, _ := os.ReadFile(files[1])
	return cmd.ProcessState.ExitCode(), all.String(), string(out), string(sum)
}

func TestAction(t *testing.T) {
	r := newRunner(t)
	check := func(what string, wantCode int, wantOutput string, pairs ...string) (log, summary string) {
		t.Helper()
		code, log, output, summary := r.run(pairs...)
		if code != wantCode || !strings.Contains(output, wantOutput) {
			t.Errorf("%s: exit code %d, want %d; output %q, want %q\n%s", what, code, wantCode, output, wantOutput, log)
		}
		return log, summary
	}
	log, summary := check("findings", 1, "findings=true\nexit-code=1\n")
	if !strings.Contains(log, "::warning file=a.go,line=12,") {
		t.Errorf("no annotation in\n%s", log)
	}
	if !strings.HasPrefix(summary, "### runtimefix: 2 findings\n\n| place | rule | finding | fix |\n| --- | --- | --- | --- |\n| a.go:12 | forcedgc | ") {
		t.Errorf("the summary is\n%s", summary)
	}
	if _, summary := check("no failure, no summary", 0, "findings=true\nexit-code=1\n", "FAIL", "false", "SUMMARY", "false"); summary != "" {
		t.Errorf("a summary that nobody wants:\n%s", summary)
	}
	check("nothing", 0, "findings=false\nexit-code=0\n", "ARGS", "--skip forcedgc")

	// Words keep what the quotes hold together; nothing is run or expanded.
	r.write("with blank/Dockerfile", "FROM golang\nENV GODEBUG=gctrace=1\n")
	log, _ = check("quotes", 1, "findings=true", "PACKAGES", `"with blank/Dockerfile" './sub'`, "ARGS", `--tags 'one two' --skip "maxprocs, timerfanout"`)
	if !strings.Contains(log, "file=with blank/Dockerfile,") || !strings.Contains(log, "file=sub/b.go,") || strings.Contains(log, "file=a.go,") {
		t.Errorf("other packages than those named:\n%s", log)
	}
	check("a substitution", 2, "findings=false\nexit-code=2\n", "ARGS", `--skip '$(touch ran)' --tags $(touch,ran)`)
	if _, err := os.Stat("ran"); err == nil {
		t.Error("an argument was run")
	}

	// What could not be checked fails, and the findings count all the same.
	r.write("broken/d.go", "package broken\n\nfunc f() { return nothing }\n\nimport \"runtime\"\n\nfunc g() { for { runtime.GC() } }\n")
	_, summary = check("a broken package", 3, "findings=true\nexit-code=3\n", "FAIL", "false")
	if !strings.Contains(summary, "Not everything could be checked:\n\n* broken/d.go") {
		t.Errorf("the summary is\n%s", summary)
	}
}

// A pull request cannot turn the check off.
func TestActionConfig(t *testing.T) {
	r := newRunner(t)
	base := r.git("rev-parse", "HEAD")
	r.write(".runtimefix.yaml", "disable: [forcedgc]\n")
	r.commit()
	for _, c := range []struct{ from, base, want string }{
		{"base", base, "findings=true"},
		{"base", "", "findings=false"}, // no pull request
		{"checkout", base, "findings=false"},
		{"none", base, "findings=true"},
		{base, "", "findings=true"},
		{"HEAD", base, "findings=false"},
	} {
		if _, log, output, _ := r.run("CONFIG_FROM", c.from, "BASE", c.base); !strings.Contains(output, c.want) {
			t.Errorf("config-from %q, base %q: output %q, want %q\n%s", c.from, c.base, output, c.want, log)
		}
	}
	// The checkout of a pull request has one commit; the base is fetched.
	clone := filepath.Join(t.TempDir(), "clone")
	r.git("config", "uploadpack.allowAnySHA1InWant", "true")
	r.git("clone", "-q", "--depth=1", "file://"+filepath.ToSlash(r.dir), clone)
	r.dir = clone
	if _, log, output, _ := r.run("CONFIG_FROM", "base", "BASE", base); !strings.Contains(output, "findings=true") {
		t.Errorf("shallow clone: output %q\n%s", output, log)
	}
}

// The Action takes the binary of a release whose checksum is right, and builds
// where there is none.
func TestActionBinary(t *testing.T) {
	r := newRunner(t)
	for _, tool := range []string{"curl", "tar", "sha256sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	releases := t.TempDir()
	r.write("../release.sh", `set -eu
mkdir -p "$1/v9.9.9"
cd "$1/v9.9.9"
printf '#!/bin/sh\necho released\n' > runtimefix
chmod +x runtimefix
name=runtimefix_9.9.9_$(go env GOOS)_$(go env GOARCH).tar.gz
tar -czf "$name" runtimefix
sha256sum "$name" > checksums.txt
cp -r . ../v9.9.8
cd ../v9.9.8
mv "$name" "runtimefix_9.9.8_$(go env GOOS)_$(go env GOARCH).tar.gz"
printf '%064d  %s\n' 0 runtimefix_9.9.8_* > checksums.txt
`)
	if out, err := exec.Command("sh", filepath.Join(r.dir, "..", "release.sh"), releases).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// A go command that notes that it was to build; the real thing takes a minute.
	real, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	fake := t.TempDir()
	script := "#!/bin/sh\n[ \"$1\" = build ] || exec " + real + " \"$@\"\n" +
		"[ \"$2 $3\" = '-trimpath -o' ] && [ -f action.yml ] && printf '#!/bin/sh\\necho built\\n' > \"$4runtimefix\" && chmod +x \"$4runtimefix\"\n"
	if err := os.WriteFile(filepath.Join(fake, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", fake+":"+os.Getenv("PATH"))
	for ref, want := range map[string]string{"v9.9.9": "released\n", "v9.9.8": "built\n", "v9.9.7": "built\n", "main": "built\n"} {
		os.RemoveAll(filepath.Join(r.temp, "runtimefix-bin"))
		cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", r.get)
		cmd.Env = append(os.Environ(), "RUNNER_TEMP="+r.temp, "ACTION="+r.source, "REF="+ref, "RELEASES=file://"+filepath.ToSlash(releases))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", ref, err, out)
			continue
		}
		out, err := exec.Command(filepath.Join(r.temp, "runtimefix-bin", "runtimefix"), "--version").CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s: the program says %q (%v), want %q", ref, out, err, want)
		}
	}
}
