// Package manifest answers what a YAML manifest deploys and where.
package manifest

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"go.yaml.in/yaml/v3"
)

// Parse returns the documents of t, nil when it is not YAML as it stands: a
// template, say, whose unquoted {{ expressions }} read as mappings of mappings.
func Parse(s *rewrite.Snapshot, t *rewrite.TextFile) *yamledit.File {
	return rewrite.Memo(s, yamlKey{t}, func() *yamledit.File {
		f, _ := yamledit.Parse(t.Src)
		if f == nil || t.Is(rewrite.HelmTemplate) && bytes.Contains(t.Src, []byte("{{")) {
			return nil
		}
		template := false
		for _, doc := range f.Docs {
			Walk(doc, func(n *yaml.Node) {
				template = template || n.Kind == yaml.MappingNode && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode
			})
		}
		if template {
			return nil
		}
		return f
	})
}

type yamlKey struct{ t *rewrite.TextFile }

// Texts returns the YAML and JSON files in which the rule may fire.
func Texts(s *rewrite.Snapshot, rule string) []*rewrite.TextFile {
	return append(s.TextsOf(rule, rewrite.YAML), s.TextsOf(rule, rewrite.JSON)...)
}

// Fix returns a fix that changes t by splices. Fixes within the same collection
// take turns, because each relies on what the others would change.
func Fix(t *rewrite.TextFile, f *yamledit.File, within *yaml.Node, safety rewrite.Safety, message string, list []yamledit.Splice) *rewrite.Fix {
	off, end := whole(f, within)
	return Holding(t, off, end, safety, message, list)
}

// FixEntry returns a fix that changes or removes entry, an item or a key of a
// collection, by splices.
func FixEntry(t *rewrite.TextFile, f *yamledit.File, entry *yaml.Node, safety rewrite.Safety, message string, list []yamledit.Splice) *rewrite.Fix {
	off, end := Relied(f, entry)
	return Holding(t, off, end, safety, message, list)
}

// Relied returns the bytes that a change of entry, an item or a key of a collection,
// relies on: only changes of the entry beside it take turns with it, and those of all
// of the collection.
func Relied(f *yamledit.File, entry *yaml.Node) (off, end int) {
	if off, end, ok := f.Beside(entry); ok {
		return off, end
	}
	return whole(f, f.Parent(entry))
}

// whole returns the bytes that n takes, none where they cannot be told.
func whole(f *yamledit.File, n *yaml.Node) (off, end int) {
	if off, end, ok := f.Span(n); ok {
		return off, end
	}
	return f.Offset(n), f.Offset(n)
}

// Holding returns a fix of t by splices that is right as long as no other changes
// anything in the bytes from off to end.
func Holding(t *rewrite.TextFile, off, end int, safety rewrite.Safety, message string, list []yamledit.Splice) *rewrite.Fix {
	for _, sp := range list {
		off, end = min(off, sp.Off), max(end, sp.End)
	}
	return &rewrite.Fix{
		Message: message,
		Safety:  safety,
		Apply: func(e *rewrite.Edit) error {
			e.Hold(t, off, end)
			for _, sp := range list {
				e.Splice(t, sp.Off, sp.End, sp.Text)
			}
			return nil
		},
	}
}

// NodeSpan returns the bytes that n takes, or those of its first line.
func NodeSpan(f *yamledit.File, n *yaml.Node) (off, end int) {
	if off, end, ok := f.Span(n); ok {
		return off, end
	}
	off = min(f.Offset(n), len(f.Src))
	line, _, _ := strings.Cut(string(f.Src[off:]), "\n")
	return off, off + len(strings.TrimRight(line, " \t\r"))
}

// IsHelmOutput reports whether doc, a Kubernetes object, says that it was
// rendered from a chart.
func IsHelmOutput(doc *yaml.Node) bool {
	return yamledit.Text(doc, "metadata", "labels", "helm.sh/chart") != "" ||
		yamledit.Text(doc, "metadata", "labels", "chart") != "" ||
		strings.EqualFold(cmp.Or(yamledit.Text(doc, "metadata", "labels", "app.kubernetes.io/managed-by"), yamledit.Text(doc, "metadata", "labels", "heritage")), "helm")
}

// Walk calls f for n and all nodes below it, from the top; aliases are not
// followed.
func Walk(n *yaml.Node, f func(*yaml.Node)) {
	f(n)
	for _, c := range n.Content {
		Walk(c, f)
	}
}
