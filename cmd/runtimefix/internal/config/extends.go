package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// maxExtends bounds the chain of files that extend one another.
const maxExtends = 10

// extended reads the file that an entry of extends names; from is the file that
// has the entry.
func (l *loader) extended(from string, entry string) (*Config, error) {
	if len(l.chain) > maxExtends {
		return nil, fmt.Errorf("extends goes deeper than %d files", maxExtends)
	}
	mod, file, isModule := strings.Cut(entry, "@")
	if !isModule {
		path := filepath.FromSlash(entry)
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(from), path)
		}
		return l.read(path)
	}
	if !filepath.IsLocal(filepath.FromSlash(file)) {
		return nil, fmt.Errorf("%q names no file of the module", file)
	}
	dir, local, err := l.moduleDir(from, mod)
	if err != nil {
		return nil, err
	}
	inner := *l
	if !local {
		inner.src = Disk // the module cache is in no repository
	}
	return inner.read(filepath.Join(dir, filepath.FromSlash(file)))
}

// moduleDir returns the directory of the module that the go.mod above from
// requires; local reports that it is no copy in the module cache.
func (l *loader) moduleDir(from, path string) (dir string, local bool, err error) {
	goMod, f, err := l.goMod(from)
	if err != nil {
		return "", false, err
	}
	if f.Module != nil && f.Module.Mod.Path == path {
		return filepath.Dir(goMod), true, nil
	}
	version := ""
	for _, r := range f.Require {
		if r.Mod.Path == path {
			version = r.Mod.Version
		}
	}
	if version == "" {
		return "", false, fmt.Errorf("%s does not require the module %s; go get -tool or a blank import keeps it there", goMod, path)
	}
	for _, r := range f.Replace {
		if r.Old.Path != path || r.Old.Version != "" && r.Old.Version != version {
			continue
		}
		if r.New.Version == "" {
			if filepath.IsAbs(r.New.Path) {
				return r.New.Path, false, nil
			}
			return filepath.Join(filepath.Dir(goMod), filepath.FromSlash(r.New.Path)), true, nil
		}
		path, version = r.New.Path, r.New.Version
	}
	escPath, err1 := module.EscapePath(path)
	escVersion, err2 := module.EscapeVersion(version)
	cache, err3 := modCache()
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", false, err
	}
	dir = filepath.Join(cache, filepath.FromSlash(escPath)+"@"+escVersion)
	if _, err := os.Stat(dir); err != nil {
		return "", false, fmt.Errorf("%s@%s is not in the module cache; run go mod download %s", path, version, path)
	}
	return dir, false, nil
}

// goMod returns the go.mod in the directory of from or above it.
func (l *loader) goMod(from string) (string, *modfile.File, error) {
	for d := filepath.Dir(from); ; {
		path := filepath.Join(d, "go.mod")
		data, err := l.src(path)
		if err == nil {
			f, err := modfile.Parse(path, data, nil)
			return path, f, err
		}
		up := filepath.Dir(d)
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
		if d == l.root || up == d {
			return "", nil, errors.New("there is no go.mod to look the module up in")
		}
		d = up
	}
}

// modCache returns the module cache.
func modCache() (string, error) {
	if dir := os.Getenv("GOMODCACHE"); dir != "" {
		return dir, nil
	}
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return "", fmt.Errorf("asking the go command for the module cache: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
