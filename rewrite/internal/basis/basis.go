// Package basis tells what the go command's answers rest on: the files, variables and
// release from which it makes them.
package basis

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/gocommand"
	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"golang.org/x/mod/modfile"
	"golang.org/x/tools/go/packages"
)

// NotePackage notes the files of a package that may change.
func NotePackage(set *inputs.Set, m *packages.Package, goroot string) {
	if len(m.GoFiles) == 0 && m.Dir == "" || strings.HasSuffix(m.ID, ".test") && m.Name == "main" || IsFixed(m, goroot) {
		return
	}
	dirs := make(map[string]bool)
	for _, path := range slices.Concat(m.GoFiles, m.OtherFiles, m.IgnoredFiles) {
		set.NoteOthers(path)
		dirs[filepath.Dir(path)] = true
	}
	for _, path := range m.EmbedFiles {
		set.Exists(path) // what it holds does not matter
	}
	if m.Dir != "" {
		dirs[m.Dir] = true
	}
	for dir := range dirs {
		set.ReadDir(dir)
	}
}

// IsFixed reports whether the package's files never change: they are of the standard
// library or in the module cache.
func IsFixed(p *packages.Package, goroot string) bool {
	m := p.Module
	if m == nil {
		return p.Dir != "" && goroot != "" && inDir(goroot, p.Dir)
	}
	if m.Replace != nil {
		m = m.Replace
	}
	// A vendored module has no directory of its own.
	return !m.Main && m.Version != "" && m.Dir != "" && inDir(m.Dir, p.Dir) && strings.Contains(filepath.Base(m.Dir), "@")
}

// RootOf returns the root of the Go distribution that the packages were listed
// with, "" when it is not known.
func RootOf(pkgs []*packages.Package) string {
	root := ""
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		if dir, ok := strings.CutSuffix(filepath.ToSlash(p.Dir), "/src/runtime"); ok && p.Module == nil && p.PkgPath == "runtime" {
			root = filepath.FromSlash(dir)
		}
	})
	return root
}

func inDir(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// NoteModules notes what tells the go command in dir which modules there are.
func NoteModules(set *inputs.Set, dir string, env []string) {
	works := []string{Getenv(env, "GOWORK", "")}
	var mods, substitutes []string // directories
	for d := dir; ; d = filepath.Dir(d) {
		works = append(works, filepath.Join(d, "go.work"))
		mods = append(mods, d)
		if filepath.Dir(d) == d {
			break
		}
	}
	for _, path := range works {
		if !filepath.IsAbs(path) {
			continue // "off", or none
		}
		data, err := set.Read(path)
		if err != nil {
			continue
		}
		set.Read(path + ".sum")
		set.Read(filepath.Join(filepath.Dir(path), "vendor", "modules.txt"))
		work, err := modfile.ParseWork(path, data, nil)
		if err != nil {
			set.Doubt(path + " is not understood")
			continue
		}
		for _, u := range work.Use {
			mods = append(mods, Under(filepath.Dir(path), u.Path))
		}
		for _, r := range work.Replace {
			substitutes = append(substitutes, replaced(filepath.Dir(path), r)...)
		}
	}
	for _, d := range mods {
		path := filepath.Join(d, "go.mod")
		data, err := set.Read(path)
		if err != nil {
			continue
		}
		set.Read(filepath.Join(d, "go.sum"))
		set.Read(filepath.Join(d, "vendor", "modules.txt"))
		mod, err := modfile.Parse(path, data, nil)
		if err != nil {
			set.Doubt(path + " is not understood")
			continue
		}
		for _, r := range mod.Replace {
			substitutes = append(substitutes, replaced(d, r)...)
		}
	}
	for _, d := range substitutes {
		set.Read(filepath.Join(d, "go.mod")) // its own replacements do not count
		set.Read(filepath.Join(d, "go.sum"))
	}
}

// replaced returns the directory that stands in for a module, none where another
// version does.
func replaced(base string, r *modfile.Replace) []string {
	if r.New.Version != "" {
		return nil
	}
	return []string{Under(base, r.New.Path)}
}

// Under returns path, which is in the form of go.mod, as it is seen from base.
func Under(base, path string) string {
	if path = filepath.FromSlash(path); filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, path)
}

// The beginnings and names of the variables that change what the go command, and
// the C compiler that it starts, answer.
var (
	ofPrefixes = []string{"GO", "CGO_", "PKG_CONFIG"}
	ofNames    = []string{
		"HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "CC", "CXX", "FC", "AR", "LD_LIBRARY_PATH", "LIBRARY_PATH",
		"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "INCLUDE", "LIB", "SDKROOT", "DEVELOPER_DIR", "MACOSX_DEPLOYMENT_TARGET",
	}
)

// Outside describes all that the result of a run in dir depends on beside files
// below it and what the user asked for: variables of the environment env and the
// Go release. What it reads is noted in set. Where it cannot tell, set is in doubt.
func Outside(ctx context.Context, set *inputs.Set, dir string, env []string) []string {
	if env == nil {
		env = os.Environ()
	}
	var out []string
	for _, kv := range env {
		name, _, _ := strings.Cut(strings.ToUpper(kv), "=")
		if slices.Contains(ofNames, name) || slices.ContainsFunc(ofPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			out = append(out, kv)
		}
	}
	slices.Sort(out)
	settings := Getenv(env, "GOFLAGS", "")
	file := Getenv(env, "GOENV", "")
	if file == "" {
		if config, err := os.UserConfigDir(); err == nil {
			file = filepath.Join(config, "go", "env")
		}
	}
	if file != "off" && file != "" {
		data, _ := set.Read(file)
		settings += string(data)
	}
	for _, s := range []string{"-modfile", "-overlay", "GOWORK="} {
		if strings.Contains(settings, s) {
			set.Doubt("the go command's settings name files that stand in for others")
		}
	}
	if HasDriver(env) {
		set.Doubt("another program lists the packages")
	}
	return append(out, release(ctx, set, dir, env)...)
}

// release tells the Go release apart that is called in dir.
func release(ctx context.Context, set *inputs.Set, dir string, env []string) []string {
	path, err := exec.LookPath("go")
	if err != nil {
		return []string{"no go command"}
	}
	path = safefile.RealPath(path)
	info, err := os.Stat(path)
	if err != nil {
		return []string{"no go command"}
	}
	out := []string{path, fmt.Sprint(info.Size(), info.ModTime().UnixNano())}
	root := filepath.Dir(filepath.Dir(path))
	if text, err := set.Read(filepath.Join(root, "VERSION")); err == nil {
		set.Read(filepath.Join(root, "go.env"))
		sum := sha256.Sum256(text)
		return append(out, string(sum[:]))
	}
	// A stand-in that chooses one, by the directory perhaps.
	text, err := gocommand.Output(ctx, dir, env, "env", "GOROOT", "GOVERSION")
	if err != nil {
		set.Doubt("the go command does not tell its version")
	}
	return append(out, string(text))
}

// Getenv returns the value of name in env, or in the process's environment when
// env is nil, and def where it is not set.
func Getenv(env []string, name, def string) string {
	if env == nil {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return def
	}
	for _, kv := range slices.Backward(env) {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			if v != "" {
				return v
			}
			break
		}
	}
	return def
}

// HasDriver reports whether go/packages asks another program than the go command.
func HasDriver(env []string) bool {
	_, err := exec.LookPath("gopackagesdriver")
	driver := Getenv(env, "GOPACKAGESDRIVER", "")
	return driver != "off" && (driver != "" || err == nil)
}
