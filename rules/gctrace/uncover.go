package gctrace

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"go.yaml.in/yaml/v3"
)

// An entry for GODEBUG hides others of that name: those of envFrom and env_file,
// of the image, of a base that a patch is laid over, of an earlier line. Where
// there may be one the name stays, with what else it had or empty.

// debugSetting matches a GODEBUG with its value, on one line or, as in a list of
// variables, on two.
var debugSetting = regexp.MustCompile(`GODEBUG["']?(?:[ \t]*[:=,][ \t]*|[ \t]*\r?\n[ \t]*(?:-[ \t]*)?["']?value["']?:[ \t]*|[ \t]+)["']?([a-z0-9]+=[^\s"'}]*)`)

// otherSetting reports whether data sets GODEBUG to more than the trace.
func otherSetting(data []byte) bool {
	for _, m := range debugSetting.FindAllSubmatch(data, -1) {
		for elem := range strings.SplitSeq(string(m[1]), ",") {
			if !strings.HasPrefix(elem, "gctrace=") {
				return true
			}
		}
	}
	return false
}

// uncovers reports whether another GODEBUG may show where entry is taken out of
// its environment; name is that of the container or service.
func (y *yamlTraces) uncovers(doc, entry *yaml.Node, name string) bool {
	if strings.Contains(string(y.t.Src), "$(GODEBUG)") {
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

// setElsewhere reports whether a Dockerfile of the repository sets GODEBUG to
// something else, or another manifest does that speaks of the same object or
// service.
func (y *yamlTraces) setElsewhere(doc *yaml.Node, name string) bool {
	type key string
	root := y.s.Root(y.t.Path)
	files := rewrite.Memo(y.s, key(root), func() []string {
		list, err := y.s.FilesWith(root, func(path string, data []byte) bool {
			return !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".md") && otherSetting(data)
		})
		if err != nil {
			return []string{""} // not known
		}
		return list
	})
	for _, path := range files {
		if path == y.t.Path {
			continue
		}
		data, err := y.s.Read(path)
		if err != nil || strings.Contains(strings.ToLower(filepath.Base(path)), "dockerfile") {
			return true
		}
		if sameObject(doc, name, data) {
			return true
		}
	}
	return false
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
