package gctrace

import (
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"github.com/runtimefix/runtimefix/rules/internal/manifest"
	"go.yaml.in/yaml/v3"
)

// isPatch reports whether strings under the key are patches of a kustomization.
func isPatch(key string) bool { return key == "patch" || key == "patchesStrategicMerge" }

// isOperation reports whether n is an operation of a JSON patch (RFC 6902) that
// puts something in.
func isOperation(n *yaml.Node) bool {
	if n == nil || n.Kind != yaml.MappingNode || !strings.HasPrefix(yamledit.Text(n, "path"), "/") {
		return false
	}
	op := yamledit.Text(n, "op")
	return op == "add" || op == "replace"
}

// patch looks at the string n, a patch in YAML or JSON, and reports whether it
// was read.
func (y *yamlTraces) patch(n *yaml.Node) bool {
	f, err := yamledit.Parse([]byte(n.Value))
	if err != nil || f == nil || y.outer != nil {
		return false
	}
	inner := &yamlTraces{s: y.s, t: y.t, f: f, outer: y, within: n}
	for _, doc := range f.Docs {
		manifest.Walk(doc, func(n *yaml.Node) { inner.visit(doc, n) })
	}
	y.sites = append(y.sites, inner.sites...)
	return len(inner.sites) > 0
}

// place returns the bytes that n takes in the file.
func (y *yamlTraces) place(n *yaml.Node) (off, end int) {
	off, end = manifest.NodeSpan(y.f, n)
	if y.outer != nil {
		return y.written(off, end)
	}
	return off, end
}

// written returns where the file writes bytes off to end of the string that y was
// read from: all of the string where that cannot be told.
func (y *yamlTraces) written(off, end int) (int, int) {
	if off, end, ok := y.outer.f.Written(y.within, off, end); ok {
		return off, end
	}
	return manifest.NodeSpan(y.outer.f, y.within)
}

// outward returns the fix that makes the splices, a change of entry, in the string
// that y was read from.
func (y *yamlTraces) outward(entry *yaml.Node, safety rewrite.Safety, message string, list []yamledit.Splice) (*rewrite.Fix, string) {
	first, last := list[0].Off, list[len(list)-1].End
	var text strings.Builder
	at := first
	for _, sp := range list {
		text.WriteString(y.within.Value[at:sp.Off] + sp.Text)
		at = sp.End
	}
	out, err := y.outer.f.Substitute(y.within, first, last, text.String())
	if err != nil {
		return nil, "it is part of a patch in a string, and " + err.Error() + "; remove gctrace by hand"
	}
	off, end := manifest.Relied(y.f, entry)
	off, end = y.written(min(off, first), max(end, last))
	return manifest.Holding(y.t, off, end, safety, message, out), ""
}
