package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// releaseConfig is what of .goreleaser.yaml is looked at.
type releaseConfig struct {
	Before   struct{ Hooks []string }
	Archives []struct {
		NameTemplate string `yaml:"name_template"`
	}
	Checksum struct {
		NameTemplate string `yaml:"name_template"`
	}
	NFPMs []struct {
		Contents []struct{ Src string }
	}
	Casks []struct {
		Manpages    []string
		Completions map[string]string
	} `yaml:"homebrew_casks"`
	Dockers []struct{ Dockerfile string } `yaml:"dockers_v2"`
}

// What a release is made of is there, and has the names that the Action asks for.
func TestPackaging(t *testing.T) {
	root := filepath.Join("..", "..")
	data, err := os.ReadFile(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c releaseConfig
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Before.Hooks) != 1 || len(c.Archives) != 1 || len(c.NFPMs) != 1 || len(c.Casks) != 1 || len(c.Dockers) != 1 {
		t.Fatalf("not the configuration that this test knows: %+v", c)
	}
	action, err := os.ReadFile(filepath.Join(root, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Archives[0].NameTemplate != "runtimefix_{{ .Version }}_{{ .Os }}_{{ .Arch }}" || !strings.Contains(string(action), `name="runtimefix_${REF#v}_${goos}_$(go env GOARCH).$ext"`) {
		t.Error("the Action asks for other names than the release has")
	}
	if !strings.Contains(string(action), "/"+c.Checksum.NameTemplate+`"`) {
		t.Errorf("the Action does not ask for %s", c.Checksum.NameTemplate)
	}
	for _, d := range c.Dockers {
		if _, err := os.Stat(filepath.Join(root, d.Dockerfile)); err != nil {
			t.Error(err)
		}
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	cmd := exec.Command("sh", filepath.Join(".github", "packaging", "files.sh"), dir)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var names []string
	for _, f := range c.NFPMs[0].Contents {
		if name, ok := strings.CutPrefix(f.Src, "dist-files/"); ok {
			names = append(names, name)
		}
	}
	names = append(names, c.Casks[0].Manpages...)
	for _, name := range c.Casks[0].Completions {
		names = append(names, name)
	}
	if len(names) != 8 {
		t.Errorf("files: %v", names)
	}
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 100 {
			t.Errorf("%s is not made: %v", name, err)
		}
	}
}

// TestRelease checks the configuration with goreleaser and makes a snapshot,
// where RUNTIMEFIX_GORELEASER asks for that (minutes).
func TestRelease(t *testing.T) {
	if os.Getenv("RUNTIMEFIX_GORELEASER") == "" {
		t.Skip("RUNTIMEFIX_GORELEASER is not set")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	// In a clone: what is not committed is not released, and the version is git's.
	clone := filepath.Join(t.TempDir(), "clone")
	for _, args := range [][]string{
		{"git", "clone", "-q", root, clone},
		{"goreleaser", "check"},
		{"goreleaser", "release", "--snapshot", "--clean", "--skip=sign,sbom,docker,publish"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		if args[0] != "git" {
			cmd.Dir = clone
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	for pattern, want := range map[string]int{"runtimefix_*.tar.gz": 4, "runtimefix_*.zip": 2, "runtimefix_*.deb": 2, "runtimefix_*.rpm": 2, "runtimefix_*.apk": 2, "checksums.txt": 1, "homebrew/Casks/runtimefix.rb": 1} {
		if found, err := filepath.Glob(filepath.Join(clone, "dist", filepath.FromSlash(pattern))); err != nil || len(found) != want {
			t.Errorf("%s: %q, %v; want %d", pattern, found, err, want)
		}
	}
}
