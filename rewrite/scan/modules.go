package scan

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"golang.org/x/mod/modfile"
)

// modules finds the module that a directory is in.
type modules struct {
	mu    sync.Mutex
	byDir map[string]*Module // nil for directories in no module
}

func newModules() *modules { return &modules{byDir: make(map[string]*Module)} }

// of returns the module that dir is in, nil when it is in none.
func (m *modules) of(dir string) *Module {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.find(dir)
}

func (m *modules) find(dir string) *Module {
	if mod, ok := m.byDir[dir]; ok {
		return mod
	}
	var mod *Module
	data, err := safefile.Read(filepath.Join(dir, "go.mod"), safefile.Source)
	switch up := filepath.Dir(dir); {
	case err == nil:
		mod = &Module{Dir: dir, Path: modfile.ModulePath(data), GoVersion: goLine(data), Work: workspace(dir), Err: beside(dir, "go.sum")}
		if mod.Work != "" {
			_, err := safefile.Read(mod.Work, safefile.Source)
			mod.Err = cmp.Or(mod.Err, err, beside(filepath.Dir(mod.Work), "go.work.sum"))
		}
	case !errors.Is(err, fs.ErrNotExist):
		mod = &Module{Dir: dir, Err: err}
	case up != dir:
		mod = m.find(up)
	}
	m.byDir[dir] = mod
	return mod
}

// beside says that a file which the go command reads beside a go.mod or go.work is a
// pipe or device: sum, or the list of what is vendored.
func beside(dir, sum string) error {
	for _, path := range []string{filepath.Join(dir, sum), filepath.Join(dir, "vendor", "modules.txt")} {
		if info, err := os.Stat(path); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
			return fmt.Errorf("%s: %s", path, safefile.Irregular(info.Mode()))
		}
	}
	return nil
}

// goLine returns the version in the go line of a go.mod, "" when there is none.
func goLine(data []byte) string {
	mf, err := modfile.ParseLax("go.mod", data, nil)
	if err != nil || mf.Go == nil {
		return ""
	}
	return mf.Go.Version
}

// workspace returns the go.work above dir if it uses the module in dir. GOWORK
// overrides the search, as for the go command.
func workspace(dir string) string {
	path := os.Getenv("GOWORK")
	if path == "off" {
		return ""
	}
	for d := dir; path == ""; {
		if p := filepath.Join(d, "go.work"); isFile(p) {
			path = p
			break
		}
		up := filepath.Dir(d)
		if up == d {
			return ""
		}
		d = up
	}
	if _, err := safefile.Read(path, safefile.Source); err != nil || slices.Contains(used(path), dir) {
		return path
	}
	return ""
}

// used returns the module directories that a go.work uses.
func used(path string) []string {
	data, err := safefile.Read(path, safefile.Source)
	if err != nil {
		return nil
	}
	wf, err := modfile.ParseWork(path, data, nil)
	if err != nil {
		return nil
	}
	var out []string
	for _, u := range wf.Use {
		p := filepath.FromSlash(u.Path)
		if !filepath.IsAbs(p) {
			p = filepath.Join(filepath.Dir(path), p)
		}
		out = append(out, filepath.Clean(p))
	}
	return out
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// byImportPath returns the directory of the import path in the module that from
// is in, or in one of the modules of its workspace; "" when it is in none.
func (m *modules) byImportPath(from, path string) string {
	mods := []*Module{m.of(from)}
	for d := from; ; {
		if work := filepath.Join(d, "go.work"); isFile(work) {
			for _, dir := range used(work) {
				mods = append(mods, m.of(dir))
			}
			break
		}
		up := filepath.Dir(d)
		if up == d {
			break
		}
		d = up
	}
	for _, mod := range mods {
		if mod == nil || mod.Path == "" {
			continue
		}
		if path == mod.Path {
			return mod.Dir
		}
		if rest, ok := strings.CutPrefix(path, mod.Path+"/"); ok {
			return filepath.Join(mod.Dir, filepath.FromSlash(rest))
		}
	}
	return ""
}

// ignored returns the directories that the go.mod of the module around dir
// tells the go command to ignore.
func (m *modules) ignored(dir string) []string {
	if mod := m.of(dir); mod != nil {
		return m.ignoredHere(mod.Dir)
	}
	return nil
}

// ignoredHere does the same for a go.mod in dir itself.
func (m *modules) ignoredHere(dir string) []string {
	path := filepath.Join(dir, "go.mod")
	data, err := safefile.Read(path, safefile.Source)
	if err != nil || !strings.Contains(string(data), "ignore") {
		return nil
	}
	mf, err := modfile.ParseLax(path, data, nil)
	if err != nil {
		return nil
	}
	var out []string
	for _, ig := range mf.Ignore {
		out = append(out, filepath.Join(dir, filepath.FromSlash(ig.Path)))
	}
	return out
}
