// Package image answers which Go module runs in an image that the tree builds.
package image

import (
	"bytes"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"golang.org/x/mod/modfile"
)

// AutomaxprocsPath is the package that sets GOMAXPROCS by the CPU quota.
const AutomaxprocsPath = "go.uber.org/automaxprocs"

// Image is an image whose entry point is a program of a Go module in the
// tree.
type Image struct {
	dockerfile *rewrite.TextFile
	Mod        *Module
	names      []string // what the image may be called, without registry and tag
	SetsProcs  bool     // the Dockerfile speaks of GOMAXPROCS
}

// Module is a module of the tree, told from its go.mod alone.
type Module struct {
	dir, Path, GoVersion string
	// quotaSet reports whether a GODEBUG setting decides about the quota, and
	// quotaOn how.
	quotaSet, quotaOn bool
	automaxprocs      bool
}

// Images knows the images that the Dockerfiles of the tree make, and the
// modules in them.
type Images struct {
	s      *rewrite.Snapshot
	rule   string             // whose text files are read
	mods   map[string]*Module // by directory
	works  map[string]string  // go line of a go.work by directory
	images map[string]*Image  // by the path of the Dockerfile, nil for no Go image
	byName map[string][]*Image
	taken  map[string]bool // names of images that run no Go program of the tree
}

// New reads the Dockerfiles and module files that rule asked for.
func New(s *rewrite.Snapshot, rule string) *Images {
	g := &Images{
		s: s, rule: rule, mods: make(map[string]*Module), works: make(map[string]string),
		images: make(map[string]*Image), byName: make(map[string][]*Image), taken: make(map[string]bool),
	}
	for _, t := range s.TextsOf(rule, rewrite.GoMod) {
		dir := filepath.Dir(t.Path)
		if filepath.Base(t.Path) == "go.work" {
			if w, err := modfile.ParseWork(t.Path, t.Src, nil); err == nil && w.Go != nil {
				g.works[dir] = w.Go.Version
			}
			continue
		}
		f, err := modfile.ParseLax(t.Path, t.Src, nil)
		if err != nil || f.Module == nil {
			continue
		}
		m := &Module{dir: dir, Path: f.Module.Mod.Path, GoVersion: "1.16"}
		if f.Go != nil {
			m.GoVersion = f.Go.Version
		}
		m.readGodebug(f.Syntax)
		for _, r := range f.Require {
			m.automaxprocs = m.automaxprocs || r.Mod.Path == AutomaxprocsPath
		}
		g.mods[dir] = m
	}
	dockerfiles := s.TextsOf(rule, rewrite.Dockerfile)
	perRoot := make(map[string]int)
	for _, t := range dockerfiles {
		perRoot[s.Root(t.Path)]++
	}
	for _, t := range dockerfiles {
		img := g.image(t, "")
		g.images[t.Path] = img
		names := fileNames(s, t)
		if img == nil {
			for _, n := range names {
				g.taken[n] = true
			}
			continue
		}
		if perRoot[s.Root(t.Path)] == 1 {
			names = append(names, moduleBase(img.Mod.Path))
		}
		for _, n := range append(names, img.names...) {
			g.byName[n] = append(g.byName[n], img)
		}
	}
	return g
}

// moduleBase returns the last element of a module path that is no version.
func moduleBase(p string) string {
	base := path.Base(p)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(p))
	}
	return base
}

// genericNames are names of directories and programs that name no image.
var genericNames = []string{"docker", "build", "builder", "package", "deploy", "deployments", "deployment", "src", "app", "main", "server", "service", "run", "bin", "cmd", "images", "image", "containers", "container", "prod", "production", "release", "entrypoint", "go", "golang", "backend", "."}

// fileNames returns the names of the image that the Dockerfile's own name or
// that of its directory gives.
func fileNames(s *rewrite.Snapshot, t *rewrite.TextFile) []string {
	var out []string
	rel := s.Rel(t.Path)
	base := strings.ToLower(path.Base(rel))
	for _, word := range []string{"dockerfile", "containerfile"} {
		if n, ok := strings.CutPrefix(base, word+"."); ok {
			out = append(out, n)
		}
		if n, ok := strings.CutSuffix(base, "."+word); ok {
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		out = append(out, path.Base(path.Dir(rel)))
	}
	return slices.DeleteFunc(out, func(n string) bool { return slices.Contains(genericNames, n) })
}

// buildStage is a stage of a Dockerfile.
type buildStage struct {
	name, base string
	list       []*parser.Node
	builds     string // the commands that build Go programs
}

// image returns what the Dockerfile t makes, built in the directory context, or
// in one that is not known when it is empty; nil unless the entry point is
// certainly a Go program of one of the modules.
func (g *Images) image(t *rewrite.TextFile, context string) (img *Image) {
	defer func() {
		if recover() != nil {
			img = nil // the parser of Dockerfiles failed
		}
	}()
	res, err := parser.Parse(bytes.NewReader(t.Src))
	if err != nil {
		return nil
	}
	stages, gomods := stagesOf(res.AST)
	if len(stages) == 0 {
		return nil
	}
	entry := entryPoint(stages, len(stages)-1)
	if entry == "" || !runsGo(stages, entry) {
		return nil
	}
	gomods = slices.Compact(slices.Sorted(slices.Values(gomods)))
	if len(gomods) > 1 {
		return nil
	}
	sub := ""
	if len(gomods) == 1 {
		sub = gomods[0]
	}
	mod := g.moduleIn(filepath.Dir(t.Path), context, filepath.FromSlash(sub))
	if mod == nil {
		return nil
	}
	img = &Image{dockerfile: t, Mod: mod, SetsProcs: bytes.Contains(t.Src, []byte("GOMAXPROCS"))}
	if n := path.Base(entry); !slices.Contains(genericNames, n) {
		img.names = append(img.names, n)
	}
	return img
}

// stagesOf returns the stages of a Dockerfile, and the directories of the go.mod
// files that are copied from the build context.
func stagesOf(ast *parser.Node) (stages []*buildStage, gomods []string) {
	for _, n := range ast.Children {
		args := arguments(n)
		switch strings.ToLower(n.Value) {
		case "from":
			st := &buildStage{}
			if len(args) > 0 {
				st.base = strings.ToLower(args[0])
			}
			if len(args) == 3 && strings.EqualFold(args[1], "as") {
				st.name = strings.ToLower(args[2])
			}
			stages = append(stages, st)
			continue
		case "copy", "add":
			if copiedFrom(n) == "" {
				for _, a := range args[:max(len(args)-1, 0)] {
					if path.Base(a) == "go.mod" {
						gomods = append(gomods, path.Dir(path.Clean("/" + a))[1:])
					}
				}
			}
		}
		if len(stages) == 0 {
			continue
		}
		st := stages[len(stages)-1]
		st.list = append(st.list, n)
		if strings.EqualFold(n.Value, "run") {
			text := strings.Join(args, " ")
			if strings.Contains(text, "go build") || strings.Contains(text, "go install") {
				st.builds += text + "\n"
			}
		}
	}
	return stages, gomods
}

// moduleIn returns the module at sub in the build context, which is one of the
// directories from dir upwards where it is not known.
func (g *Images) moduleIn(dir, context, sub string) *Module {
	if context != "" {
		return g.mods[filepath.Join(context, sub)]
	}
	for root := g.s.Root(filepath.Join(dir, "x")); ; {
		if m := g.mods[filepath.Join(dir, sub)]; m != nil {
			return m
		}
		up := filepath.Dir(dir)
		if dir == root || up == dir {
			return nil
		}
		dir = up
	}
}

// arguments returns the words of an instruction behind its name.
func arguments(n *parser.Node) []string {
	var out []string
	for a := n.Next; a != nil; a = a.Next {
		out = append(out, a.Value)
	}
	return out
}

// copiedFrom returns the --from of a COPY, "" when it copies from the context.
func copiedFrom(n *parser.Node) string {
	for _, f := range n.Flags {
		if v, ok := strings.CutPrefix(f, "--from="); ok {
			return strings.ToLower(v)
		}
	}
	return ""
}

// findStage returns the index of the stage called name, of those before limit; -1
// when it is none of them.
func findStage(stages []*buildStage, name string, limit int) int {
	for i := limit - 1; i >= 0; i-- {
		if stages[i].name != "" && stages[i].name == name {
			return i
		}
	}
	if len(name) == 1 && name[0] >= '0' && int(name[0]-'0') < limit {
		return int(name[0] - '0')
	}
	return -1
}

// entryPoint returns the program that the image of stage i starts, "" when it is
// not written as such.
func entryPoint(stages []*buildStage, i int) string {
	var entry, cmd *parser.Node
	for _, n := range stages[i].list {
		switch strings.ToLower(n.Value) {
		case "entrypoint":
			entry = n
		case "cmd":
			cmd = n
		}
	}
	if entry == nil {
		entry = cmd
	}
	if entry == nil {
		if base := findStage(stages, stages[i].base, i); base >= 0 {
			return entryPoint(stages, base)
		}
		return ""
	}
	words := arguments(entry)
	if len(words) == 1 {
		words = strings.Fields(words[0])
	}
	for len(words) > 0 && (slices.Contains([]string{"tini", "dumb-init", "catatonit", "exec"}, path.Base(words[0])) || strings.HasPrefix(words[0], "-")) {
		words = words[1:]
	}
	if len(words) == 0 || strings.ContainsAny(words[0], "$;&|=") {
		return ""
	}
	return words[0]
}

// runsGo reports whether entry, the program of the last stage, is what a Go
// stage built: copied from it under that name, or built in the stage itself.
func runsGo(stages []*buildStage, entry string) bool {
	base := path.Base(entry)
	for i := len(stages) - 1; i >= 0; {
		st := stages[i]
		if st.builds != "" && builtAs(st.builds, base) {
			return true
		}
		for _, n := range st.list {
			if !strings.EqualFold(n.Value, "copy") {
				continue
			}
			from := findStage(stages, copiedFrom(n), i)
			args := arguments(n)
			if from < 0 || stages[from].builds == "" || len(args) < 2 {
				continue
			}
			for _, src := range args[:len(args)-1] {
				dest := args[len(args)-1]
				if path.Base(dest) == base || path.Base(src) == base {
					return builtAs(stages[from].builds, path.Base(src))
				}
			}
		}
		i = findStage(stages, st.base, i)
	}
	return false
}

// builtAs reports whether commands write a Go program to a file called name, as
// far as they say where to.
func builtAs(commands, name string) bool {
	words := strings.FieldsFunc(commands, func(r rune) bool { return strings.ContainsRune(" \t\n;&|\"'", r) })
	named := false
	for i, w := range words {
		out, ok := strings.CutPrefix(w, "-o=")
		if w == "-o" && i+1 < len(words) {
			out, ok = words[i+1], true
		}
		if !ok {
			continue
		}
		named = true
		if path.Base(out) == name || strings.HasSuffix(out, "/") || !strings.Contains(path.Base(out), ".") && strings.Contains(out, "$") {
			return true
		}
		// -o DIR with several packages
		if slices.Contains(words, "./...") {
			return true
		}
	}
	return !named
}

// Lookup returns the Go image that ref names, nil when it is not certain.
func (g *Images) Lookup(ref string) *Image {
	name := imageName(ref)
	if name == "" || g.taken[path.Base(name)] {
		return nil
	}
	for _, key := range []string{name, path.Base(name)} {
		list := g.byName[key]
		if len(list) == 0 {
			continue
		}
		for _, img := range list[1:] {
			if img.Mod != list[0].Mod {
				return nil
			}
		}
		for _, img := range list {
			if img.SetsProcs {
				return img
			}
		}
		return list[0]
	}
	return nil
}

// imageName returns an image reference without tag and digest, "" when parts of
// it are filled in later.
func imageName(ref string) string {
	if strings.ContainsAny(ref, "${}()<>% ") {
		return ""
	}
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return strings.ToLower(ref)
}

// Learn takes note of the images that compose and Skaffold files name for
// Dockerfiles.
func (g *Images) Learn(t *rewrite.TextFile, f *yamledit.File) {
	for _, doc := range f.Docs {
		if services := yamledit.Get(doc, "services"); services != nil {
			for i := 1; i < len(services.Content); i += 2 {
				svc := services.Content[i]
				if img, ok := g.Built(t, svc); ok {
					g.name(yamledit.Text(svc, "image"), img)
				}
			}
		}
		for _, a := range yamledit.Items(yamledit.Get(doc, "build", "artifacts")) {
			context := filepath.Join(filepath.Dir(t.Path), filepath.FromSlash(yamledit.Text(a, "context")))
			file := yamledit.Text(a, "docker", "dockerfile")
			if file == "" {
				file = "Dockerfile"
			}
			g.name(yamledit.Text(a, "image"), g.in(context, filepath.Join(context, filepath.FromSlash(file))))
		}
	}
}

func (g *Images) name(ref string, img *Image) {
	name := imageName(ref)
	switch {
	case name == "":
	case img == nil:
		g.taken[path.Base(name)] = true
	default:
		g.byName[name] = append(g.byName[name], img)
		g.byName[path.Base(name)] = append(g.byName[path.Base(name)], img)
	}
}

// in returns the Go image that the Dockerfile at file makes in context, nil when
// there is none.
func (g *Images) in(context, file string) *Image {
	for _, t := range g.s.TextsOf(g.rule, rewrite.Dockerfile) {
		if t.Path == file {
			return g.image(t, context)
		}
	}
	return nil
}
