package maxprocs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"github.com/runtimefix/runtimefix/rules/internal/image"
	manifestpkg "github.com/runtimefix/runtimefix/rules/internal/manifest"
	"go.yaml.in/yaml/v3"
)

// maxprocsTextNeeds select manifests with CPU limits and what tells which Go
// module a container runs.
var maxprocsTextNeeds = []rewrite.TextNeed{
	{Kinds: []rewrite.TextKind{rewrite.YAML}, Contains: []string{"limits:", "limits\"", "cpus:", "GOMAXPROCS", "artifacts:"}},
	{Kinds: []rewrite.TextKind{rewrite.JSON}, Contains: []string{"\"limits\"", "GOMAXPROCS"}},
	{Kinds: []rewrite.TextKind{rewrite.EnvFile}, Contains: []string{"GOMAXPROCS"}},
	{Kinds: []rewrite.TextKind{rewrite.Dockerfile, rewrite.GoMod}},
}

// limitedContainers finds containers with a CPU limit whose Go program is built
// for the whole machine: its module's go line is older than 1.25 and nothing
// sets GOMAXPROCS.
func limitedContainers(s *rewrite.Snapshot) []rewrite.Finding {
	l := &cpuLimits{s: s}
	for _, t := range manifestpkg.Texts(s, "maxprocs") {
		if !mayLimit(t) {
			continue
		}
		if f := manifestpkg.Parse(s, t); f != nil {
			l.files = append(l.files, manifest{t, f})
		}
	}
	if len(l.files) == 0 {
		return nil
	}
	l.images = image.New(s, "maxprocs")
	for _, m := range l.files {
		l.images.Learn(m.t, m.f)
	}
	l.mentions = mentionsIn(s, l.files)
	for _, m := range l.files {
		for _, doc := range m.f.Docs {
			manifestpkg.Walk(doc, func(n *yaml.Node) { l.visit(m, doc, n) })
		}
	}
	return l.out
}

// mayLimit reports whether the text can be a manifest or a file that names
// images, before it is parsed.
func mayLimit(t *rewrite.TextFile) bool {
	has := func(text string) bool { return bytes.Contains(t.Src, []byte(text)) }
	if has("\nswagger:") || has("\nopenapi:") || has(`"swagger"`) || has(`"openapi"`) {
		return false // the description of an API about containers
	}
	return has("cpu") && (has("ontainers") || has("services:")) || has("GOMAXPROCS") || has("artifacts:")
}

type manifest struct {
	t *rewrite.TextFile
	f *yamledit.File
}

type cpuLimits struct {
	s        *rewrite.Snapshot
	files    []manifest
	images   *image.Images
	mentions mentions
	out      []rewrite.Finding
}

// visit looks at n if it is a container of a Kubernetes object or a service of
// a compose file.
func (l *cpuLimits) visit(m manifest, doc, n *yaml.Node) {
	up := m.f.Parent(n)
	if n.Kind != yaml.MappingNode || up == nil {
		return
	}
	if manifestpkg.DevelopmentWord(l.s.Rel(m.t.Path)) != "" {
		return
	}
	key := m.f.Key(up)
	switch {
	case up.Kind == yaml.SequenceNode && key != nil && slices.Contains(manifestpkg.ContainerLists, key.Value) && yamledit.Text(doc, "kind") != "":
		l.container(m, doc, n)
	case up == yamledit.Get(doc, "services") && m.f.Key(n) != nil:
		l.service(m, doc, n)
	}
}

// container looks at a container of a pod.
func (l *cpuLimits) container(m manifest, doc, c *yaml.Node) {
	env := yamledit.Get(c, "env")
	for _, item := range yamledit.Items(env) {
		if yamledit.Text(item, "name") == "GOMAXPROCS" {
			l.divisor(m, item)
			return
		}
	}
	cpu := yamledit.Get(c, "resources", "limits", "cpu")
	if cpu == nil || cpu.Kind != yaml.ScalarNode {
		return
	}
	if n, ok := cpus(cpu.Value); !ok || n <= 0 {
		return
	}
	// Have: a container with a CPU limit and without GOMAXPROCS.
	name := yamledit.Text(c, "name")
	image := cmp.Or(yamledit.Text(c, "image"), l.imageOf(m, doc, c))
	img := l.images.Lookup(image)
	if img == nil || img.SetsProcs || l.mentions.envFromSets(c) || l.setElsewhere(doc, c) || l.shellSets(c) {
		return
	}
	if !l.images.OldDefault(img.Mod) {
		return
	}
	x := limited{m: m, node: cpu, who: "container " + name, limit: cpu.Value, img: img, holder: c}
	item := yamledit.Map(yamledit.Scalar("name"), yamledit.Scalar("GOMAXPROCS"), yamledit.Scalar("valueFrom"),
		yamledit.Map(yamledit.Scalar("resourceFieldRef"), yamledit.Map(yamledit.Scalar("resource"), yamledit.Scalar("limits.cpu"))))
	_, own := yamledit.Entry(c, "env")
	var list []yamledit.Splice
	var err error
	switch {
	case manifestpkg.IsHelmOutput(doc):
		err = errors.New("the file was rendered by Helm")
	case own != nil && (own.Kind != yaml.SequenceNode || m.f.Shared(own)):
		err = errors.New("others share its environment")
	case own != nil:
		list, err = m.f.Append(own, item)
	case m.f.Shared(c):
		err = errors.New("an alias refers to it")
	default:
		list, err = m.f.InsertAfter(c, keyBefore(c, "resources"), yamledit.Scalar("env"), yamledit.Seq(item))
	}
	l.report(x, "set GOMAXPROCS from limits.cpu, rounded up; fewer goroutines run at once, none is throttled", list, err)
}

// keyBefore returns the key before that of name in mapping m, or the key itself
// when it is the first.
func keyBefore(m *yaml.Node, name string) *yaml.Node {
	prev := m.Content[0]
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == name {
			break
		}
		prev = m.Content[i]
	}
	return prev
}

// service looks at a service of a compose file.
func (l *cpuLimits) service(m manifest, doc, svc *yaml.Node) {
	limit := merged(svc, "deploy", "resources", "limits", "cpus")
	place := "deploy"
	if limit == nil {
		limit, place = merged(svc, "cpus"), "cpus"
	}
	if limit == nil || limit.Kind != yaml.ScalarNode {
		return
	}
	n, err := strconv.ParseFloat(limit.Value, 64)
	if err != nil || n <= 0 {
		return
	}
	env := merged(svc, "environment")
	if env != nil && (hasVariable(env, "GOMAXPROCS") || yamledit.Get(env, "<<") != nil && l.mentions.any) {
		return
	}
	if l.envFileSets(m, svc) {
		return
	}
	for _, key := range []string{"extends", "<<"} {
		if yamledit.Get(svc, key) != nil && l.mentions.any {
			return
		}
	}
	name := m.f.Key(svc).Value
	img, built := l.images.Built(m.t, svc)
	if !built {
		img = l.images.Lookup(yamledit.Text(merged(svc, "image")))
	}
	if img == nil || img.SetsProcs || l.serviceSetElsewhere(name) || l.shellSets(svc) || !l.images.OldDefault(img.Mod) {
		return
	}
	// Have: a service with a limit that runs a Go program of the tree.
	procs := yamledit.Scalar(strconv.Itoa(int(math.Ceil(n))))
	x := limited{m: m, node: limit, who: "service " + name, limit: limit.Value, img: img, holder: svc}
	_, own := yamledit.Entry(svc, "environment")
	var list []yamledit.Splice
	switch {
	case own == nil && env != nil:
		err = errors.New("its environment is merged into it, and one of its own would hide that")
	case own != nil && (own.Kind == yaml.AliasNode || m.f.Shared(own)):
		err = errors.New("others share its environment")
	case own != nil && own.Kind == yaml.SequenceNode && len(own.Content) > 0:
		item := yamledit.Scalar("GOMAXPROCS=" + procs.Value)
		if last := own.Content[len(own.Content)-1]; last.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			item = yamledit.Quoted(item.Value, last)
		}
		list, err = m.f.Append(own, item)
	case own != nil && own.Kind == yaml.MappingNode && len(own.Content) > 0:
		list, err = m.f.InsertAfter(own, own.Content[len(own.Content)-2], yamledit.Scalar("GOMAXPROCS"), numberLike(procs.Value, own))
	case own != nil:
		err = errors.New("its environment is empty")
	case m.f.Shared(svc):
		err = errors.New("an alias refers to it")
	default:
		list, err = m.f.InsertAfter(svc, keyBefore(svc, place), yamledit.Scalar("environment"), newEnvironment(doc, procs.Value))
	}
	l.report(x, "set GOMAXPROCS to the limit, rounded up; fewer goroutines run at once, none is throttled", list, err)
}

// merged returns the value at the path below the mapping n, or else below what the
// key << merges into it.
func merged(n *yaml.Node, path ...string) *yaml.Node { return mergedIn(n, maxMerges, path) }

// maxMerges bounds how many merges lead to a value: a mapping may merge itself.
const maxMerges = 5

func mergedIn(n *yaml.Node, depth int, path []string) *yaml.Node {
	if key, _ := yamledit.Entry(n, path[0]); key != nil {
		return yamledit.Get(n, path...)
	}
	if depth == 0 {
		return nil
	}
	from := yamledit.Get(n, "<<")
	list := yamledit.Items(from)
	if list == nil && from != nil {
		list = []*yaml.Node{from}
	}
	for _, src := range list {
		if src.Kind == yaml.AliasNode {
			src = src.Alias
		}
		if v := mergedIn(src, depth-1, path); v != nil {
			return v
		}
	}
	return nil
}

// envFileSets reports whether a file that the service names in env_file sets
// GOMAXPROCS, or cannot be read while some file does.
func (l *cpuLimits) envFileSets(m manifest, svc *yaml.Node) bool {
	n := merged(svc, "env_file")
	list := yamledit.Items(n)
	if n != nil && n.Kind == yaml.ScalarNode {
		list = []*yaml.Node{n}
	}
	for _, item := range list {
		name := item.Value
		if item.Kind == yaml.MappingNode {
			name = yamledit.Text(item, "path")
		}
		data, err := l.s.Read(filepath.Join(filepath.Dir(m.t.Path), filepath.FromSlash(name)))
		if err != nil && l.mentions.any || err == nil && bytes.Contains(data, []byte("GOMAXPROCS")) {
			return true
		}
	}
	return false
}

// numberLike returns a node for the number in the style in which the mapping
// env writes its numbers, or else its last value.
func numberLike(n string, env *yaml.Node) *yaml.Node {
	for i := 1; i < len(env.Content); i += 2 {
		if v := env.Content[i]; v.Kind == yaml.ScalarNode && v.Tag == "!!int" {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: n}
		}
	}
	return yamledit.Quoted(n, env.Content[len(env.Content)-1])
}

// newEnvironment returns an environment in the form that the other services of
// the file have, a mapping by default.
func newEnvironment(doc *yaml.Node, n string) *yaml.Node {
	services := yamledit.Get(doc, "services")
	for i := 1; i < len(services.Content); i += 2 {
		switch env := yamledit.Get(services.Content[i], "environment"); {
		case env == nil:
		case env.Kind == yaml.SequenceNode:
			return yamledit.Seq(yamledit.Scalar("GOMAXPROCS=" + n))
		case env.Kind == yaml.MappingNode && len(env.Content) > 0:
			return yamledit.Map(yamledit.Scalar("GOMAXPROCS"), numberLike(n, env))
		}
	}
	return yamledit.Map(yamledit.Scalar("GOMAXPROCS"), yamledit.Quoted(n, nil))
}

// limited is a container with a limit that its program does not know of.
type limited struct {
	m          manifest
	node       *yaml.Node // the limit
	holder     *yaml.Node
	who, limit string
	img        *image.Image
}

func (l *cpuLimits) report(x limited, message string, list []yamledit.Splice, err error) {
	off, end := manifestpkg.NodeSpan(x.m.f, x.node)
	f := rewrite.Finding{
		Pos: x.m.t.Pos(off), End: x.m.t.Pos(end),
		Message: fmt.Sprintf("%s has a CPU limit of %s, but its Go program takes GOMAXPROCS from the whole machine: module %s is at go %s, and quotas count from go 1.25 on", x.who, x.limit, x.img.Mod.Path, x.img.Mod.GoVersion),
	}
	if err == nil && x.m.t.Generated() {
		err = errors.New("the file says that it is generated")
	}
	switch {
	case err != nil:
		f.NoFix = err.Error() + "; set GOMAXPROCS to the limit by hand, or raise the go line to 1.25"
	default:
		f.Fixes = append(f.Fixes, manifestpkg.Fix(x.m.t, x.m.f, x.holder, rewrite.Unsafe, message, list))
		f.Notes = append(f.Notes, rewrite.Note{Message: "with go 1.25 in go.mod the runtime does this itself and follows changes of the limit"})
	}
	if note := l.memoryNote(x); note != nil {
		f.Notes = append(f.Notes, *note)
	}
	l.out = append(l.out, f)
}

// divisor finds GOMAXPROCS taken from the CPU limit in thousandths.
func (l *cpuLimits) divisor(m manifest, item *yaml.Node) {
	ref := yamledit.Get(item, "valueFrom", "resourceFieldRef")
	key, div := yamledit.Entry(ref, "divisor")
	if div == nil || yamledit.Text(ref, "resource") != "limits.cpu" {
		return
	}
	n, ok := cpus(div.Value)
	if !ok || n <= 0 || n >= 1 {
		return
	}
	off, end := manifestpkg.NodeSpan(m.f, div)
	f := rewrite.Finding{
		Pos: m.t.Pos(off), End: m.t.Pos(end),
		Message: fmt.Sprintf("GOMAXPROCS is the CPU limit in units of %s, %d for each CPU", div.Value, int(math.Round(1/n))),
	}
	list, err := m.f.Remove(key, yamledit.Options{})
	if err != nil || m.t.Generated() {
		f.NoFix = "the divisor cannot be taken out; set it to 1 by hand"
	} else {
		f.Fixes = append(f.Fixes, manifestpkg.Fix(m.t, m.f, ref, rewrite.Unsafe, "drop the divisor; GOMAXPROCS becomes the number of CPUs, rounded up", list))
	}
	l.out = append(l.out, f)
}

// cpus reads a quantity of CPUs: 2, 0.5, 1500m.
func cpus(q string) (float64, bool) {
	unit := 1.0
	if n, ok := strings.CutSuffix(q, "m"); ok {
		q, unit = n, 1000
	}
	n, err := strconv.ParseFloat(q, 64)
	return n / unit, err == nil && !strings.ContainsAny(q, "eExXpPnNiI")
}

// shellSets reports whether the container's command speaks of GOMAXPROCS, or
// starts something else than the image's own program.
func (l *cpuLimits) shellSets(c *yaml.Node) bool {
	for _, key := range []string{"command", "entrypoint"} {
		n := yamledit.Get(c, key)
		words := yamledit.Items(n)
		text := ""
		if n != nil && n.Kind == yaml.ScalarNode {
			text, _, _ = strings.Cut(strings.TrimSpace(n.Value), " ")
		} else if len(words) > 0 {
			text = words[0].Value
		}
		if slices.Contains([]string{"sh", "bash", "ash", "env", "python", "python3", "node", "java", "sleep"}, filepath.Base(text)) {
			return true
		}
	}
	return false
}

// sameContainer calls f for the containers of that name in other objects of the
// same kind and name: a base and its patches.
func (l *cpuLimits) sameContainer(doc, c *yaml.Node, f func(*yaml.Node)) {
	kind, object, name := yamledit.Text(doc, "kind"), yamledit.Text(doc, "metadata", "name"), yamledit.Text(c, "name")
	for _, m := range l.files {
		for _, d := range m.f.Docs {
			if d == doc || yamledit.Text(d, "kind") != kind || yamledit.Text(d, "metadata", "name") != object {
				continue
			}
			manifestpkg.Walk(d, func(n *yaml.Node) {
				if n.Kind != yaml.SequenceNode || m.f.Key(n) == nil || !slices.Contains(manifestpkg.ContainerLists, m.f.Key(n).Value) {
					return
				}
				for _, other := range n.Content {
					if yamledit.Text(other, "name") == name {
						f(other)
					}
				}
			})
		}
	}
}

// imageOf returns the image that another object gives the container of a patch.
func (l *cpuLimits) imageOf(m manifest, doc, c *yaml.Node) string {
	image := ""
	l.sameContainer(doc, c, func(other *yaml.Node) { image = cmp.Or(image, yamledit.Text(other, "image")) })
	return image
}

// setElsewhere reports whether a patch or a base sets the container's
// GOMAXPROCS.
func (l *cpuLimits) setElsewhere(doc, c *yaml.Node) bool {
	set := l.mentions.patchSets(yamledit.Text(doc, "metadata", "name"))
	l.sameContainer(doc, c, func(other *yaml.Node) {
		for _, item := range yamledit.Items(yamledit.Get(other, "env")) {
			set = set || yamledit.Text(item, "name") == "GOMAXPROCS"
		}
		set = set || l.mentions.envFromSets(other)
	})
	return set
}

// serviceSetElsewhere reports whether another compose file sets GOMAXPROCS for
// the service.
func (l *cpuLimits) serviceSetElsewhere(name string) bool {
	for _, m := range l.files {
		for _, d := range m.f.Docs {
			if env := yamledit.Get(d, "services", name, "environment"); env != nil && hasVariable(env, "GOMAXPROCS") {
				return true
			}
		}
	}
	return false
}

// hasVariable reports whether the environment of a compose service sets name.
func hasVariable(env *yaml.Node, name string) bool {
	for _, item := range yamledit.Items(env) {
		if item.Value == name || strings.HasPrefix(item.Value, name+"=") {
			return true
		}
	}
	key, _ := yamledit.Entry(env, name)
	return key != nil
}
