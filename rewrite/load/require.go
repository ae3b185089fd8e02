package load

import (
	"go/build"
	"go/version"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// GoModOf parses m's go.mod, the present edits taken into account.
func (s *Snapshot) GoModOf(m *Module) (*modfile.File, error) {
	if s.unit != nil {
		return s.goModAbove(m)
	}
	data, err := s.Read(m.GoMod)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(m.GoMod, data, nil)
}

// OthersRequire reports whether m's requirement of the module called path may
// serve more than m's own imports: another module of the build requires it too,
// a vendor directory records it, or the modules' go.mod files are not at hand
// to tell. The go command refuses to build with a go.mod that lacks such a
// requirement.
func (s *Snapshot) OthersRequire(m *Module, path string) bool {
	if version.Compare("go"+m.GoVersion, "go1.17") < 0 {
		return true // go.mod does not list all modules of the build
	}
	if s.inputs().Exists(filepath.Join(m.Dir, "vendor", "modules.txt")) {
		return true // it must agree with go.mod
	}
	mod, err := s.GoModOf(m)
	if err != nil {
		return true
	}
	for _, r := range mod.Require {
		if r.Mod.Path == path {
			continue
		}
		data, err := s.inputs().Read(s.requiredGoMod(m, mod, r.Mod))
		if err != nil {
			return true
		}
		dep, err := modfile.ParseLax("go.mod", data, nil)
		if err != nil {
			return true
		}
		for _, rr := range dep.Require {
			if rr.Mod.Path == path {
				return true
			}
		}
	}
	return false
}

// requiredGoMod returns the file name of the go.mod of a module that m requires,
// in the module cache or where a replace directive points.
func (s *Snapshot) requiredGoMod(m *Module, mod *modfile.File, v module.Version) string {
	for _, r := range mod.Replace {
		if r.Old.Path != v.Path || r.Old.Version != "" && r.Old.Version != v.Version {
			continue
		}
		if r.New.Version != "" {
			v = r.New
			break
		}
		dir := r.New.Path
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(m.Dir, dir)
		}
		return filepath.Join(dir, "go.mod")
	}
	path, err1 := module.EscapePath(v.Path)
	ver, err2 := module.EscapeVersion(v.Version)
	if err1 != nil || err2 != nil {
		return ""
	}
	return filepath.Join(s.modCache(), "cache", "download", filepath.FromSlash(path), "@v", ver+".mod")
}

// modCache returns the directory of the module cache.
func (s *Snapshot) modCache() string {
	env := os.Environ()
	if s.l != nil && s.l.cfg.Env != nil {
		env = s.l.cfg.Env
	}
	dir, gopath := "", build.Default.GOPATH
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "GOMODCACHE="); ok {
			dir = v
		}
		if v, ok := strings.CutPrefix(kv, "GOPATH="); ok && v != "" {
			gopath = v
		}
	}
	if dir != "" {
		return dir
	}
	return filepath.Join(filepath.SplitList(gopath)[0], "pkg", "mod")
}
