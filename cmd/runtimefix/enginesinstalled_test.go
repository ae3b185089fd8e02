package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The engines themselves, where they are installed. git-xargs talks to GitHub only
// and src to Sourcegraph: for them there are the scripts of TestEngines.

// installed skips the test where the engine is not there.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// forge is as much of Gitea as multi-gitter asks for.
type forge struct {
	sync.Mutex
	remotes string
	names   []string                     // of the repositories that were asked for
	pulls   map[string]map[string]string // by repository
}

func (f *forge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.Lock()
	defer f.Unlock()
	w.Header().Set("Content-Type", "application/json")
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/v1/"), "/")
	owner := map[string]any{"login": "org", "username": "org"}
	answer := func(v any) { json.NewEncoder(w).Encode(v) }
	pull := func(p map[string]string) map[string]any {
		end := map[string]any{"ref": p["head"], "label": p["head"], "repo": map[string]any{"name": parts[2], "owner": owner}}
		return map[string]any{"number": 1, "title": p["title"], "body": p["body"], "state": "open", "html_url": "http://forge.example/" + parts[2], "head": end, "base": end}
	}
	switch {
	case parts[0] == "version":
		answer(map[string]string{"version": "1.22.0"})
	case parts[0] == "user":
		answer(owner)
	case len(parts) == 3 && parts[0] == "repos":
		answer(map[string]any{"id": f.id(parts[2]), "name": parts[2], "full_name": "org/" + parts[2], "owner": owner, "default_branch": "main", "ssh_url": filepath.Join(f.remotes, parts[2]+".git"),
			"permissions": map[string]bool{"admin": true, "push": true, "pull": true}, "allow_merge_commits": true})
	case len(parts) == 4 && parts[3] == "pulls" && r.Method == http.MethodPost:
		var p map[string]any
		json.NewDecoder(r.Body).Decode(&p)
		f.pulls[parts[2]] = map[string]string{"title": fmt.Sprint(p["title"]), "body": fmt.Sprint(p["body"]), "head": fmt.Sprint(p["head"])}
		w.WriteHeader(http.StatusCreated)
		answer(pull(f.pulls[parts[2]]))
	case len(parts) == 4 && parts[3] == "pulls":
		list := []any{}
		if p := f.pulls[parts[2]]; p != nil {
			list = append(list, pull(p))
		}
		answer(list)
	default: // reviewers, labels
		w.WriteHeader(http.StatusCreated)
		answer([]any{})
	}
}

// id returns a number of its own for each repository: the engine runs once for
// one.
func (f *forge) id(name string) int {
	i := slices.Index(f.names, name)
	if i < 0 {
		f.names = append(f.names, name)
		i = len(f.names) - 1
	}
	return i + 1
}

// Title and body of each pull request are those of the first commit; what migrate
// leaves alone gets none, and a second run changes no branch.
func TestMultiGitter(t *testing.T) {
	engine := installed(t, "multi-gitter")
	b := newBench(t)
	f := &forge{remotes: b.remotes, pulls: make(map[string]map[string]string)}
	server := httptest.NewServer(f)
	defer server.Close()
	for _, r := range campaignRepos {
		if strings.Contains(" handler two-rules unsafe-only clean not-all-checked broken ", " "+r.name+" ") {
			b.remote(r.name, r.files)
		}
	}
	script := filepath.Join(t.TempDir(), "migrate.sh")
	if err := os.WriteFile(script, []byte(engineScript(t, b.bin)), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func() string {
		cmd := exec.Command(engine, "run", script, "--platform", "gitea", "--base-url", server.URL, "--token", "secret", "--ssh-auth", "--git-type", "cmd",
			"--repo", "org/handler,org/two-rules,org/unsafe-only,org/clean,org/not-all-checked,org/broken", "--branch", "campaign", "--manual-commit", "--conflict-strategy", "replace", "--plain-output")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	out := run()
	for name, title := range map[string]string{"handler": "in 1 place", "two-rules": "in 2 places: forcedgc, threadlock", "not-all-checked": "in 1 place"} {
		p := f.pulls[name]
		if !strings.HasSuffix(strings.TrimSuffix(p["title"], " (runtimefix forcedgc)"), title) || !strings.Contains(p["body"], "Verified (vet), before and after") {
			t.Errorf("%s: the pull request is %q\n%s", name, p, out)
		}
	}
	if len(f.pulls) != 3 {
		t.Errorf("%d pull requests\n%s", len(f.pulls), out)
	}
	head := func() string { return b.git(filepath.Join(b.remotes, "two-rules.git"), "rev-parse", "campaign") }
	first := head()
	run()
	if head() != first || len(f.pulls) != 3 {
		t.Errorf("a second run makes %s of %s", head(), first)
	}
}

// engineScript is the script of the guide, with the program under test.
func engineScript(t *testing.T, bin string) string {
	t.Helper()
	guide, err := os.ReadFile(filepath.Join("docs", "migrate.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(guide), "    #!/bin/sh\n")
	script, _, ok2 := strings.Cut(rest, "\n\n")
	if !ok || !ok2 {
		t.Fatal("the guide has no script")
	}
	return "#!/bin/sh\n" + strings.ReplaceAll(strings.TrimPrefix(strings.ReplaceAll("\n"+script, "\n    ", "\n"), "\n"), "runtimefix migrate", "'"+bin+"' migrate")
}

func TestTurbolift(t *testing.T) {
	engine := installed(t, "turbolift")
	b := newBench(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"repos.txt": "org/svc\norg/clean\n", "README.md": "# title\n\nbody\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, files := range map[string]string{"svc": hotHandler, "clean": clean} {
		b.git("", "clone", "-q", b.remote(name, files), filepath.Join(dir, "work", "org", name))
	}
	b.run(dir, engine, "foreach", "--", b.bin, "migrate")
	b.run(dir, engine, "commit", "--message", "from the campaign")
	svc, other := filepath.Join(dir, "work", "org", "svc"), filepath.Join(dir, "work", "org", "clean")
	if got := b.git(svc, "log", "-1", "--format=%s") + b.git(svc, "status", "--porcelain"); got != "from the campaign" {
		t.Errorf("the last commit and what is left: %s", got)
	}
	if n := b.git(other, "rev-list", "--count", "HEAD"); n != "1" {
		t.Errorf("a clean repository has %s commits", n)
	}
}

func TestMicroplane(t *testing.T) {
	engine := installed(t, "mp")
	b := newBench(t)
	dir := t.TempDir()
	version, err := exec.Command(engine, "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	// What mp init writes after it asked the code host.
	init := map[string]any{"Version": strings.TrimSpace(strings.TrimPrefix(string(version), "microplane")), "Repos": []map[string]string{
		{"Name": "svc", "Owner": "org", "CloneURL": b.remote("svc", hotHandler), "Backend": "github"},
		{"Name": "clean", "Owner": "org", "CloneURL": b.remote("clean", clean), "Backend": "github"},
	}}
	data, err := json.Marshal(init)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "mp"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mp", "init.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GITHUB_API_TOKEN", "x")
	b.run(dir, engine, "clone")
	b.run(dir, engine, "plan", "-b", "campaign", "-m", "from the campaign", "-r", "svc", "--", b.bin, "migrate")
	planned := filepath.Join(dir, "mp", "svc", "plan", "planned")
	if got := b.git(planned, "log", "-1", "--format=%s", "campaign") + b.git(planned, "show", "--format=", "--name-only"); got != "from the campaigna.go" {
		t.Errorf("planned: %s", got)
	}
	cmd := exec.Command(engine, "plan", "-b", "campaign", "-m", "from the campaign", "-r", "clean", "--", b.bin, "migrate")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "nothing to commit") {
		t.Errorf("%v: a clean repository is planned: %s", err, out)
	}
}

// run runs a program in dir.
func (b *bench) run(dir, name string, args ...string) {
	b.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}
