package gctrace

import (
	"bytes"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"github.com/runtimefix/runtimefix/rules/gctrace/survey"
	"go.yaml.in/yaml/v3"
)

// An entry for GODEBUG hides others of that name: those of envFrom and env_file,
// of the image, of a base that a patch is laid over, of an earlier line. Where
// there may be one the name stays, with what else it had or empty.

// uncovers reports whether another GODEBUG may show where entry is taken out of
// its environment; name is that of the container or service.
func (y *yamlTraces) uncovers(doc, entry *yaml.Node, name string) bool {
	if bytes.Contains(y.t.Src, []byte("$(GODEBUG)")) {
		return true
	}
	for at := entry; at != nil; at = y.f.Parent(at) {
		if at.Kind != yaml.MappingNode {
			continue
		}
		for _, key := range []string{"envFrom", "extends", "<<"} {
			if yamledit.Get(at, key) != nil {
				return true
			}
		}
		if y.envFile(yamledit.Get(at, "env_file")) {
			return true
		}
	}
	return y.remoteBase() || y.setElsewhere(doc, name)
}

// envFile reports whether a file named under env_file sets GODEBUG, or cannot be
// read.
func (y *yamlTraces) envFile(n *yaml.Node) bool {
	list := yamledit.Items(n)
	if n != nil && n.Kind == yaml.ScalarNode {
		list = []*yaml.Node{n}
	}
	for _, item := range list {
		name := item.Value
		if item.Kind == yaml.MappingNode {
			name = yamledit.Text(item, "path")
		}
		data, err := y.s.Read(filepath.Join(filepath.Dir(y.t.Path), filepath.FromSlash(name)))
		if err != nil || bytes.Contains(data, []byte("GODEBUG")) {
			return true
		}
	}
	return false
}

// remoteBase reports whether the file is laid over a base that is not in the
// repository: a kustomization beside it fetches one.
func (y *yamlTraces) remoteBase() bool {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		data, err := y.s.Read(filepath.Join(filepath.Dir(y.t.Path), name))
		if err == nil && (bytes.Contains(data, []byte("://")) || bytes.Contains(data, []byte("github.com/"))) {
			return true
		}
	}
	return false
}

// asked reports whether a command of the repository, in t or elsewhere, may stop where
// nothing sets GODEBUG.
func asked(s *rewrite.Snapshot, t *rewrite.TextFile) bool {
	return survey.Asked(s, t.Path, func(string) bool { return true })
}

// startsAsker reports whether a file that t names, and may start, is such a command,
// or t itself. The expansions of a script are looked at where it is parsed.
func startsAsker(s *rewrite.Snapshot, t *rewrite.TextFile) bool {
	return survey.Asked(s, t.Path, func(p string) bool {
		return p == t.Path && !t.Is(rewrite.Shell) || p != t.Path && bytes.Contains(t.Src, []byte(filepath.Base(p)))
	})
}

// survey.SetElsewhere reports whether a Dockerfile of the repository sets GODEBUG to
// something else, or another manifest does that speaks of the same object or
// service.
func (y *yamlTraces) setElsewhere(doc *yaml.Node, name string) bool {
	return survey.SetElsewhere(y.s, y.t.Path, func(o survey.File) bool {
		return survey.IsDockerfileName(filepath.Base(o.Path)) || sameObject(doc, name, o.Data)
	})
}

// sameObject reports whether a manifest may be about the object doc, or about
// the service called name where doc is a compose file.
func sameObject(doc *yaml.Node, name string, data []byte) bool {
	if kind := yamledit.Text(doc, "kind"); kind != "" {
		object := yamledit.Text(doc, "metadata", "name")
		return object != "" && bytes.Contains(data, []byte("kind: "+kind)) && bytes.Contains(data, []byte("name: "+object))
	}
	return yamledit.Get(doc, "services") != nil && name != "" && bytes.Contains(data, []byte("services:")) && bytes.Contains(data, []byte(" "+name+":"))
}

// baseOfImage reports whether o is the Dockerfile of an image that the one of t
// is built from.
func baseOfImage(_ *rewrite.Snapshot, t *rewrite.TextFile, o survey.File) bool {
	base := strings.ToLower(filepath.Base(o.Path))
	if !survey.IsDockerfileName(base) {
		return false
	}
	names := []string{filepath.Base(filepath.Dir(o.Path)), strings.TrimPrefix(base, "dockerfile."), strings.TrimSuffix(base, ".dockerfile")}
	for _, m := range fromImage.FindAllSubmatch(t.Src, -1) {
		image, _, _ := strings.Cut(path.Base(string(m[1])), ":")
		if strings.ContainsAny(image, "$") || slices.Contains(names, image) {
			return true
		}
	}
	return false
}

var fromImage = regexp.MustCompile(`(?im)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)`)

// imageOf reports whether o is the Dockerfile of an image that t is put into: it
// stands beside t or names it.
func imageOf(_ *rewrite.Snapshot, t *rewrite.TextFile, o survey.File) bool {
	return survey.IsDockerfileName(filepath.Base(o.Path)) && (filepath.Dir(o.Path) == filepath.Dir(t.Path) || bytes.Contains(o.Data, []byte(filepath.Base(t.Path))))
}

// anyImage reports whether o is a Dockerfile: t may start any image.
func anyImage(_ *rewrite.Snapshot, _ *rewrite.TextFile, o survey.File) bool {
	return survey.IsDockerfileName(filepath.Base(o.Path))
}

// sameUnit reports whether o belongs to the unit that t does: the unit itself, a
// drop-in of it or of all units, a Dockerfile where t is a container.
func sameUnit(_ *rewrite.Snapshot, t *rewrite.TextFile, o survey.File) bool {
	name, other := survey.UnitName(t.Path), survey.UnitName(o.Path)
	if other == "" {
		return strings.HasSuffix(t.Path, ".container") && survey.IsDockerfileName(filepath.Base(o.Path))
	}
	// Two whole units of a name are alternatives.
	layered := filepath.Ext(t.Path) == ".conf" || filepath.Ext(o.Path) == ".conf"
	return layered && (name == other || name == "service" || other == "service")
}

// envBeside reports whether o may set what t hides: a file of settings beside t or
// a Dockerfile there, or whoever names t.
func envBeside(_ *rewrite.Snapshot, t *rewrite.TextFile, o survey.File) bool {
	return filepath.Dir(o.Path) == filepath.Dir(t.Path) || bytes.Contains(o.Data, []byte(filepath.Base(t.Path)))
}
