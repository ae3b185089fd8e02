package gctrace

import (
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"github.com/runtimefix/runtimefix/rules/gctrace/command"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/internal/manifest"
	"github.com/runtimefix/runtimefix/rules/internal/span"
	"go.yaml.in/yaml/v3"
)

var (
	// wordKeys are the keys of commands: lists of words, or one line of them.
	wordKeys = []string{"command", "args", "entrypoint", "cmd"}
	// scriptKeys are the keys of what a shell runs.
	scriptKeys = []string{"script", "run", "before_script", "after_script"}
)

// command looks at the scalar n, which may be a command, one of its words, or a
// patch, for what sets GODEBUG.
func (y *yamlTraces) command(doc, n *yaml.Node) {
	if !strings.Contains(n.Value, "GODEBUG") || !strings.Contains(n.Value, "trace") {
		return
	}
	list := y.f.Parent(n)
	if list != nil && list.Kind != yaml.SequenceNode {
		list = nil
	}
	holder := n
	if list != nil {
		holder = list
	}
	key := y.f.Key(holder)
	switch {
	case key == nil:
	case isPatch(key.Value):
		if !y.patch(n) {
			y.patchText(doc, n)
		}
	case slices.Contains(scriptKeys, key.Value), slices.Contains(wordKeys, key.Value) && list == nil:
		y.script(doc, n)
	case slices.Contains(wordKeys, key.Value):
		switch value, ok := strings.CutPrefix(n.Value, "GODEBUG="); y.role(list, n) {
		case command.Script:
			y.script(doc, n)
		case command.Variable:
			if ok {
				y.add(doc, n, n, len("GODEBUG="), value)
			}
		}
	}
}

// role returns what n is in the command that list, its words or their rest,
// belongs to.
func (y *yamlTraces) role(list, n *yaml.Node) command.Role {
	var words []string
	at := 0
	take := func(list *yaml.Node) {
		for _, item := range yamledit.Items(list) {
			if item == n {
				at = len(words)
			}
			words = append(words, item.Value)
		}
	}
	if key := y.f.Key(list); key.Value == "args" {
		take(yamledit.Get(y.f.Parent(list), "command"))
	} else if key.Value == "command" {
		take(yamledit.Get(y.f.Parent(list), "entrypoint"))
	}
	take(list)
	return command.Roles(words)[at]
}

// script looks at the scalar n, text for a shell.
func (y *yamlTraces) script(doc, n *yaml.Node) {
	where, names, deployed := y.describe(doc, n)
	s := &script{
		t: y.t, src: []byte(n.Value), text: span.WholeText([]byte(n.Value), span.Span{Off: 0, End: len(n.Value)}), where: where, names: names, safety: rewrite.Safe,
		lines: strings.Contains(n.Value, "\n"), hides: func() bool { return y.setBeside(n) || startsAsker(y.s, y.t) || y.uncovers(doc, n, lastOf(names)) },
	}
	if !deployed {
		s.safety, s.effect = rewrite.Unsafe, "; the trace ends wherever the setting is used"
	}
	s.splice = func(message string, _ span.Span, edits []span.TextEdit) (*rewrite.Fix, error) {
		first, last := edits[0].Off, edits[len(edits)-1].End
		after := span.Spliced(s.src, edits)
		list, err := y.substitute(n, n, first, last, string(after[first:len(after)-(len(n.Value)-last)]))
		if err != nil {
			return nil, err
		}
		return manifest.Fix(y.t, y.f, n, s.safety, message, list), nil
	}
	off, end := y.place(n)
	for _, x := range s.traces() {
		switch x.off, x.end = off, end; {
		case y.outer != nil:
			x.fix, x.why = nil, "it is part of a patch in a string; remove gctrace by hand"
		case manifest.IsHelmOutput(doc):
			x.fix, x.why = nil, "the file was rendered by Helm; remove gctrace from the chart's values"
		case x.fix != nil && saysWanted(y.f, n):
			x.fix, x.why = nil, "a comment says that the trace is read; remove gctrace by hand if it is not"
		}
		y.sites = append(y.sites, x)
	}
}

// setBeside reports whether the container or service that the command n is of
// sets GODEBUG in its environment, too.
func (y *yamlTraces) setBeside(n *yaml.Node) bool {
	up := y.f.Parent(n)
	for up != nil && up.Kind != yaml.MappingNode {
		up = y.f.Parent(up)
	}
	if up == nil {
		return false
	}
	found := false
	for _, key := range []string{"env", "environment"} {
		if env := yamledit.Get(up, key); env != nil {
			manifest.Walk(env, func(v *yaml.Node) {
				found = found || v.Kind == yaml.AliasNode || v.Value == "GODEBUG" || strings.HasPrefix(v.Value, "GODEBUG=")
			})
		}
	}
	return found
}

// patchText reports the scalar n, a patch that is not read as YAML, where a line
// sets GODEBUG.
func (y *yamlTraces) patchText(doc, n *yaml.Node) {
	for line := range strings.Lines(n.Value) {
		rest := strings.TrimSpace(line)
		if strings.HasPrefix(rest, "#") {
			continue
		}
		for _, sep := range []string{"GODEBUG=", "value:"} {
			if _, v, ok := strings.Cut(rest, sep); ok {
				rest = strings.TrimSpace(v)
				break
			}
		}
		rest = strings.TrimLeft(rest, `"'`)
		if i := strings.IndexAny(rest, " \t\r\n\"';|&"); i >= 0 {
			rest = rest[:i]
		}
		g := godebug.Read(rest)
		if !g.On() {
			continue
		}
		off, end := manifest.NodeSpan(y.f, n)
		x := traceSite{file: y.t, off: off, end: end, value: g, why: "it is part of a patch in a string; remove gctrace by hand"}
		x.where, x.names, _ = y.describe(doc, n)
		y.sites = append(y.sites, x)
		return
	}
}
