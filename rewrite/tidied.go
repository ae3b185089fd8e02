package rewrite

import (
	"bytes"
	"errors"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/load"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
	"github.com/runtimefix/runtimefix/rewrite/tidy"
)

// tidied adds to changes those by which the modules stay as tidy as they were
// where files of theirs stop importing something. untidy says where that cannot be
// told.
func (r *runner) tidied(opt Options, changes []Change) (all []Change, untidy []load.Problem) {
	byModule := make(map[string][]string)
	for _, c := range changes {
		if filepath.Base(c.Path) != "go.mod" && !dropsImport(c) {
			continue
		}
		if dir := ModuleDir(filepath.Dir(c.Path)); dir != "" {
			byModule[dir] = append(byModule[dir], c.Path)
		}
	}
	all = changes
	for _, dir := range slices.Sorted(maps.Keys(byModule)) {
		r.inputs.Doubt("go mod tidy reads all packages of the build, and the module cache")
		out, err := tidy.Run(r.ctx, tidy.Module{Dir: dir, Env: opt.Env, Before: opt.Overlay, After: r.overlay})
		var offline tidy.Offline
		switch {
		case errors.As(err, &offline):
			untidy = append(untidy, problemAt(filepath.Join(dir, "go.mod"), "run go mod tidy: what it would change cannot be told without the network ("+offline.Error()+")"))
			continue
		case err != nil:
			untidy = append(untidy, problemAt(filepath.Join(dir, "go.mod"), "run go mod tidy: "+load.Reason(err)))
			continue
		}
		for _, path := range out.Unused {
			untidy = append(untidy, problemAt(filepath.Join(dir, "vendor", "modules.txt"), "run go mod vendor to remove the files of "+path+", which nothing needs any more"))
		}
		all = joined(all, byModule[dir], out.Files, opt.Overlay)
	}
	slices.SortStableFunc(all, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return all, untidy
}

// joined returns changes with files among them, in one group with those of
// paths. What is in overlay is not read from disk.
func joined(changes []Change, paths []string, files, overlay map[string][]byte) []Change {
	if len(files) == 0 {
		return changes
	}
	out := slices.Clone(changes)
	group, merged := -1, make(map[int]bool)
	for _, c := range out {
		if slices.Contains(paths, c.Path) {
			group = c.Group
			merged[group] = true
		}
	}
	for i := range out {
		if merged[out[i].Group] {
			out[i].Group = group
		}
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if i := slices.IndexFunc(out, func(c Change) bool { return c.Path == path }); i >= 0 {
			out[i].New = files[path]
			continue
		}
		old, ok := overlay[path]
		if !ok {
			var err error
			if old, err = safefile.Read(path, safefile.Source); err != nil {
				continue // it was there a moment ago
			}
		}
		out = append(out, Change{Path: path, Old: old, New: files[path], Group: group})
	}
	return slices.DeleteFunc(out, func(c Change) bool { return bytes.Equal(c.Old, c.New) })
}

// dropsImport reports whether a Go file stops importing a package that may belong
// to another module.
func dropsImport(c Change) bool {
	if filepath.Ext(c.Path) != ".go" {
		return false
	}
	left := importsOf(c.New)
	for path := range importsOf(c.Old) {
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && !left[path] {
			return true
		}
	}
	return false
}

func importsOf(src []byte) map[string]bool {
	out := make(map[string]bool)
	f, _ := parser.ParseFile(token.NewFileSet(), "", src, parser.ImportsOnly)
	if f == nil {
		return out
	}
	for _, spec := range f.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil {
			out[path] = true
		}
	}
	return out
}

// ModuleDir returns the directory of the module that dir is in, "" for none.
func ModuleDir(dir string) string {
	for {
		if info, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && info.Mode().IsRegular() {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}
