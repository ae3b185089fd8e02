package gctrace

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/gctrace/survey"
	"github.com/runtimefix/runtimefix/rules/internal/manifest"
	"go.yaml.in/yaml/v3"
)

// gctraceYAML finds traces that YAML and JSON files switch on: compose files,
// Kubernetes objects and patches, values of charts, settings of platforms and
// of continuous integration. Files that are not YAML as they stand are templates;
// there it only reports.
func gctraceYAML(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	seen := make(map[*rewrite.TextFile]bool)
	for _, t := range append(manifest.Texts(s, "gctrace"), s.TextsOf("gctrace", rewrite.HelmTemplate)...) {
		if seen[t] {
			continue
		}
		seen[t] = true
		sites := templateTraces(t)
		if f := manifest.Parse(s, t); f != nil {
			y := &yamlTraces{s: s, t: t, f: f}
			for _, doc := range f.Docs {
				manifest.Walk(doc, func(n *yaml.Node) { y.visit(doc, n) })
			}
			sites = y.sites
		}
		for _, x := range sites {
			out = append(out, x.findings(s)...)
		}
	}
	return out
}

// templateTraces returns the lines of a template that set GODEBUG to a trace,
// on the line itself or with the name on the line above.
func templateTraces(t *rewrite.TextFile) []traceSite {
	if t.Is(rewrite.JSON) {
		return nil
	}
	var out []traceSite
	off, prev := 0, ""
	for line := range strings.Lines(string(t.Src)) {
		text := strings.TrimSpace(line)
		m := godebug.HiddenTrace.FindStringIndex(line)
		if m != nil && text[0] != '#' && strings.Contains(prev+line, "GODEBUG") {
			out = append(out, traceSite{
				file: t, off: off + m[0], end: off + m[1],
				value: godebug.Value{Setting: line[m[0]:m[1]]},
				where: "the containers of a template",
				why:   "the file is a template; remove gctrace by hand",
			})
		}
		off += len(line)
		if prev = line; text != "" && text[0] == '#' {
			prev = ""
		}
	}
	return out
}

// yamlTraces collects the traces in one file.
type yamlTraces struct {
	s     *rewrite.Snapshot
	t     *rewrite.TextFile
	f     *yamledit.File
	sites []traceSite
	// outer and within are the file and its string that f was read from: a patch
	// in a kustomization.
	outer  *yamlTraces
	within *yaml.Node
}

// visit looks at n for an environment variable: an item NAME=value, an item
// with name and value, an entry of a mapping.
func (y *yamlTraces) visit(doc, n *yaml.Node) {
	parent := y.f.Parent(n)
	switch {
	case n.Kind == yaml.ScalarNode && parent != nil && parent.Kind == yaml.SequenceNode:
		if value, ok := strings.CutPrefix(n.Value, "GODEBUG="); ok && y.isEnvironment(parent) {
			y.add(doc, n, n, len("GODEBUG="), value)
			return
		}
		y.command(doc, n)
	case n.Kind == yaml.ScalarNode && n.Value == "GODEBUG" && parent != nil && parent.Kind == yaml.MappingNode:
		switch key := y.f.Key(n); {
		case key == nil:
			// Have: an entry GODEBUG: value.
			_, value := yamledit.Entry(parent, "GODEBUG")
			if y.isEnvironment(parent) {
				y.add(doc, n, value, 0, y.text(value))
			}
		case strings.EqualFold(key.Value, "name"):
			for _, name := range []string{"value", "Value"} {
				if _, value := yamledit.Entry(parent, name); value != nil {
					y.add(doc, parent, value, 0, y.text(value))
				}
			}
		}
	case n.Kind == yaml.ScalarNode && isOperation(parent) && y.f.Key(n) != nil && y.f.Key(n).Value == "value" && strings.HasSuffix(yamledit.Text(parent, "path"), "/GODEBUG"):
		y.add(doc, parent, n, 0, n.Value)
	case n.Kind == yaml.ScalarNode && y.f.Key(n) != nil:
		y.command(doc, n)
	}
}

// text returns the value of a scalar or of the one that an alias refers to.
func (y *yamlTraces) text(n *yaml.Node) string {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// isEnvironment reports whether coll is where variables are set: by the name of
// its key, or the data of a ConfigMap or Secret.
func (y *yamlTraces) isEnvironment(coll *yaml.Node) bool {
	key := y.f.Key(coll)
	if key == nil {
		return false
	}
	name := strings.ToLower(key.Value)
	return strings.Contains(name, "env") || y.isShared(coll) || name == "variables"
}

// isShared reports whether coll holds settings that others refer to by name, so
// that a key must stay: the data of a ConfigMap or Secret, the literals of a
// generator.
func (y *yamlTraces) isShared(coll *yaml.Node) bool {
	key := y.f.Key(coll)
	return key != nil && slices.Contains([]string{"data", "stringData", "literals"}, key.Value)
}

// add notes that value, which begins at byte base of the scalar node, sets
// GODEBUG. entry is what goes when nothing of the value is left: the item or
// the key.
func (y *yamlTraces) add(doc, entry, node *yaml.Node, base int, value string) {
	g := godebug.Read(value)
	if !g.On() {
		return
	}
	x := traceSite{file: y.t, value: g}
	x.off, x.end = y.place(node)
	safety := rewrite.Safe
	var deployed bool
	if x.where, x.names, deployed = y.describe(doc, entry); !deployed {
		safety = rewrite.Unsafe
	}
	if g.Setting != "" {
		x.fix, x.why = y.fix(doc, entry, node, base, g, safety, lastOf(x.names))
	}
	y.sites = append(y.sites, x)
}

// fix removes the trace g from the scalar node, as add says, or says why it
// cannot; name is that of the container or service.
func (y *yamlTraces) fix(doc, entry, node *yaml.Node, base int, g godebug.Value, safety rewrite.Safety, name string) (*rewrite.Fix, string) {
	holder := y.f.Parent(entry)
	operation := entry
	if !isOperation(operation) {
		operation = holder
	}
	switch {
	case manifest.IsHelmOutput(doc):
		return nil, "the file was rendered by Helm; remove gctrace from the chart's values"
	case node.Kind == yaml.AliasNode:
		return nil, "the value is an alias; remove gctrace by hand"
	case isOperation(operation):
		entry, holder = operation, y.f.Parent(operation)
	case entry.Kind == yaml.MappingNode && (holder == nil || holder.Kind != yaml.SequenceNode || !y.isEnvironment(holder)):
		return nil, "it is not in the list of a container; remove gctrace by hand"
	case entry.Kind == yaml.MappingNode && len(entry.Content) != 4:
		return nil, "the entry says more than name and value; remove gctrace by hand"
	}
	message := "remove " + g.Setting + " and keep the other settings"
	var list []yamledit.Splice
	var err error
	if g.Rest == "" && !y.keeps(doc, entry, holder, name) {
		message = "remove GODEBUG from the environment"
		list, err = y.f.Remove(entry, yamledit.Options{Comment: aboutTrace, Prune: safety == rewrite.Safe && !isOperation(entry)})
	} else {
		if g.Rest == "" {
			message = "empty GODEBUG"
		}
		list, err = y.substitute(entry, node, base, len(node.Value), g.Rest)
	}
	if safety == rewrite.Unsafe {
		message += "; the trace ends wherever the setting is used"
	}
	switch {
	case err != nil:
		return nil, err.Error() + "; remove gctrace by hand"
	case saysWanted(y.f, node):
		return nil, "a comment says that the trace is read; remove gctrace by hand if it is not"
	case y.outer != nil:
		return y.outward(entry, safety, message, list)
	}
	return manifest.FixEntry(y.t, y.f, entry, safety, message, list), ""
}

// substitute replaces bytes i to j of the scalar node by text, unless an alias takes
// over the node or the entry that it is in.
func (y *yamlTraces) substitute(entry, node *yaml.Node, i, j int, text string) ([]yamledit.Splice, error) {
	if y.f.Aliased(entry) || y.f.Aliased(node) {
		return nil, errors.New("an alias refers to it")
	}
	return y.f.Substitute(node, i, j, text)
}

// keeps reports whether the name of the variable stays where its value goes:
// others refer to it or to its place in a list, another value would show, or a list
// of operations would be left without any.
func (y *yamlTraces) keeps(doc, entry, holder *yaml.Node, name string) bool {
	if key := y.f.Key(holder); survey.Of(y.s, y.t.Path).Positions && (isOperation(entry) || key != nil && key.Value == "env") {
		return true
	}
	if isOperation(entry) {
		return asked(y.s, y.t) || holder == nil || len(holder.Content) < 2 || !strings.HasSuffix(yamledit.Text(entry, "path"), "/env/-") ||
			survey.SetElsewhere(y.s, y.t.Path, func(survey.File) bool { return true })
	}
	beside := entry.Kind == yaml.ScalarNode && holder.Kind == yaml.SequenceNode && !y.isEnvironment(holder) && y.setBeside(entry)
	return y.isShared(holder) || beside || asked(y.s, y.t) || y.uncovers(doc, entry, name)
}

// lastOf returns the last of names, that of the container or service.
func lastOf(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1]
}

// aboutTrace reports whether a comment is about the trace of the collector.
func aboutTrace(text string) bool {
	lower := []byte(strings.ToLower(text))
	return bytes.Contains(lower, []byte("gctrace")) || bytes.Contains(lower, []byte("godebug")) || bytes.Contains(lower, []byte("garbage")) ||
		slices.ContainsFunc(strings.FieldsFunc(string(lower), func(r rune) bool { return r < 'a' || r > 'z' }), func(w string) bool { return w == "gc" })
}

// saysWanted reports whether the comment behind the setting, or the one on the
// line above the entry, says that somebody reads the trace.
func saysWanted(f *yamledit.File, node *yaml.Node) bool {
	off, end := manifest.NodeSpan(f, node)
	line, _, _ := bytes.Cut(f.Src[end:], []byte("\n"))
	_, comment, _ := bytes.Cut(line, []byte("#"))
	text := string(comment)
	for i := range 3 {
		// Have: off on the line below the one to look at.
		if off = bytes.LastIndexByte(f.Src[:off], '\n'); off < 0 {
			break
		}
		above := f.Src[bytes.LastIndexByte(f.Src[:off], '\n')+1 : off]
		if c := bytes.TrimSpace(above); bytes.HasPrefix(c, []byte("#")) {
			text += " " + string(c)
		} else if i > 0 {
			break // beyond the name of the variable
		}
	}
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{"dashboard", "parse", "scrape", "collected", "do not remove", "don't remove", "needed", "required"}, func(w string) bool { return strings.Contains(text, w) })
}

// describe says whose environment n is in, by which names that goes, and
// whether it is surely that of a deployed program: a service of a compose file,
// a container of a Kubernetes object.
func (y *yamlTraces) describe(doc, n *yaml.Node) (where string, names []string, deployed bool) {
	kind := yamledit.Text(doc, "kind")
	object := kind != "" && yamledit.Text(doc, "apiVersion") != ""
	for _, path := range [][]string{{"metadata", "name"}, {"metadata", "namespace"}} {
		if name := yamledit.Text(doc, path...); object && name != "" {
			names = append(names, name)
		}
	}
	services := yamledit.Get(doc, "services")
	for at := n; at != nil; at = y.f.Parent(at) {
		up := y.f.Parent(at)
		key := y.f.Key(at)
		switch {
		case key != nil && services != nil && up == services:
			return "service " + key.Value, append(names, key.Value), true
		case object && at.Kind == yaml.MappingNode && up != nil && y.f.Key(up) != nil && slices.Contains(manifest.ContainerLists, y.f.Key(up).Value),
			at.Kind == yaml.MappingNode && up != nil && y.f.Key(up) != nil && strings.EqualFold(y.f.Key(up).Value, "containerDefinitions"):
			if name := cmp.Or(yamledit.Text(at, "name"), yamledit.Text(at, "Name")); name != "" {
				return "container " + name, append(names, name), true
			}
			return "a container", names, true
		case key != nil && key.Value == "env_variables" && up == doc:
			return "the service", names, true
		}
		if key != nil {
			names = append(names, key.Value)
		}
	}
	if object {
		return kind + " " + cmp.Or(yamledit.Text(doc, "metadata", "name"), "without a name"), names, false
	}
	return "the programs that the file configures", names, false
}
