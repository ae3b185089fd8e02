package maxprocs

import (
	"bytes"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	manifestpkg "github.com/runtimefix/runtimefix/rules/internal/manifest"
	"go.yaml.in/yaml/v3"
)

// mentions is where the tree speaks of GOMAXPROCS.
type mentions struct {
	any bool // somewhere
	// sources are the ConfigMaps and Secrets that do, by kind and name.
	sources map[source]bool
	// loose reports whether something does that may get into any of them: a file
	// of settings, a generator, values of a chart.
	loose bool
	// patched are the objects that patches of a kustomization set it for, by the
	// name of their target, "" for any.
	patched map[string]bool
}

// source is what a container can take its environment from.
type source struct{ kind, name string }

// workloads are the kinds of objects whose variables are their containers' own.
var workloads = []string{"CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "ReplicationController", "StatefulSet"}

// mentionsIn returns where the texts of s, of which files are parsed, speak of
// GOMAXPROCS.
func mentionsIn(s *rewrite.Snapshot, files []manifest) mentions {
	m := mentions{sources: make(map[source]bool), patched: make(map[string]bool)}
	for _, t := range s.Texts {
		if !t.Is(rewrite.YAML) && !t.Is(rewrite.JSON) && !t.Is(rewrite.EnvFile) || !bytes.Contains(t.Src, []byte("GOMAXPROCS")) {
			continue
		}
		m.any = true
		i := slices.IndexFunc(files, func(f manifest) bool { return f.t == t })
		if i < 0 {
			m.loose = true // not a manifest, or one that does not parse
			continue
		}
		for _, doc := range files[i].f.Docs {
			m.learn(doc)
		}
	}
	return m
}

// learn adds what a document of a manifest says.
func (m *mentions) learn(doc *yaml.Node) {
	found := false
	manifestpkg.Walk(doc, func(n *yaml.Node) {
		found = found || n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "GOMAXPROCS")
	})
	kind, name := yamledit.Text(doc, "kind"), yamledit.Text(doc, "metadata", "name")
	if found {
		m.patches(doc)
	}
	switch {
	case !found || slices.Contains(workloads, kind):
	case (kind == "ConfigMap" || kind == "Secret") && name != "":
		m.sources[source{kind, name}] = true
	case kind == "" && yamledit.Get(doc, "services") != nil:
		// a compose file, whose services have their variables for themselves
	default:
		m.loose = true
	}
}

// patches adds the targets of the patches in doc, a kustomization or a list of
// operations in a file of its own.
func (m *mentions) patches(doc *yaml.Node) {
	if doc.Kind == yaml.SequenceNode {
		m.patched[""] = true
	}
	for _, key := range []string{"patches", "patchesJson6902", "patchesStrategicMerge"} {
		for _, item := range yamledit.Items(yamledit.Get(doc, key)) {
			patch := item
			if item.Kind == yaml.MappingNode {
				patch = yamledit.Get(item, "patch")
			}
			if patch != nil && strings.Contains(patch.Value, "GOMAXPROCS") {
				m.patched[yamledit.Text(item, "target", "name")] = true
			}
		}
	}
}

// patchSets reports whether a patch may set GOMAXPROCS for the object.
func (m *mentions) patchSets(object string) bool { return m.patched[""] || m.patched[object] }

// envFromSets reports whether what container c takes its whole environment from
// may set GOMAXPROCS.
func (m *mentions) envFromSets(c *yaml.Node) bool {
	from := yamledit.Get(c, "envFrom")
	if from == nil || !m.any {
		return false
	}
	if m.loose || from.Kind != yaml.SequenceNode {
		return true
	}
	return slices.ContainsFunc(yamledit.Items(from), func(item *yaml.Node) bool {
		name, secret := yamledit.Text(item, "configMapRef", "name"), yamledit.Text(item, "secretRef", "name")
		if name == "" && secret == "" {
			return true // an alias, say
		}
		return m.sources[source{"ConfigMap", name}] || m.sources[source{"Secret", secret}]
	})
}
