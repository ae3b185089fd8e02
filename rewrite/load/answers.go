package load

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/gocommand"
	"github.com/runtimefix/runtimefix/rewrite/internal/basis"
	"github.com/runtimefix/runtimefix/rewrite/internal/graph"
	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
	"golang.org/x/tools/go/packages"
)

// The go command's answers are kept between runs, too: where a file changed, what
// does not depend on it need not be listed anew. An answer counts as long as what
// it was made from is the same, and the export data that it names is there.

// Cache keeps data between runs. What it gives back may be wrong or of another
// time: the keys hold all that matters.
type Cache interface {
	// Get returns what was put under the key, nil when nothing is at hand.
	Get(key [sha256.Size]byte) []byte
	Put(key [sha256.Size]byte, data []byte)
}

// kept is an answer as it is stored.
type kept struct {
	Looks []inputs.Look
	graph.Graph
	Found []foundPackage // what go list -find told
}

// question returns the key of a question to the go command in dir; ok is false
// where the answer is not to be kept.
func (l *Loader) question(dir string, parts []string) (key [sha256.Size]byte, ok bool) {
	if l.Cache == nil || l.Inputs == nil || l.modFile[dir] != "" {
		return key, false
	}
	if !l.onlyGo() {
		return key, false
	}
	set := inputs.New()
	outside := basis.Outside(l.ctx, set, dir, l.environ(dir))
	if set.Doubted() != "" {
		return key, false
	}
	for _, look := range set.Looks(nil) {
		outside = append(outside, look.Path, string(look.Seen))
	}
	k := inputs.NewKey()
	for _, list := range [][]string{{"answer 1", dir, fmt.Sprint(l.noVendor[dir])}, l.cfg.Tags, outside, parts} {
		k.Add(list...)
	}
	return k.Sum(), true
}

// answer returns the answer that is kept under the key, nil where none counts.
func (l *Loader) answer(key [sha256.Size]byte) *kept {
	var k kept
	if data := l.Cache.Get(key); data == nil || json.Unmarshal(data, &k) != nil {
		return nil
	}
	if !inputs.Same(l.ctx, k.Looks, l.now) {
		return nil
	}
	return &k
}

// now returns what there is to be seen of in: of the overlay, where the go command
// is shown that.
func (l *Loader) now(in inputs.Input) inputs.Digest {
	if data, ok := l.overlay[in.Path]; ok && in.Kind == inputs.Content {
		return inputs.Of(data)
	}
	if d, ok := l.Inputs.Seen(in); ok {
		return d
	}
	return in.Now()
}

// keep keeps an answer, unless not all of it can be stored or what it was made
// from may have changed meanwhile.
func (l *Loader) keep(key [sha256.Size]byte, k kept, set *inputs.Set) {
	if set.Doubted() != "" {
		return
	}
	k.Looks = set.Looks(nil)
	data, err := json.Marshal(k)
	if err != nil {
		return
	}
	var back kept
	if json.Unmarshal(data, &back) == nil && reflect.DeepEqual(back, k) {
		l.Cache.Put(key, data)
	}
}

// ask is packages.Load; whatever the go command waits for, the end of the context ends it.
func ask(pc *packages.Config, patterns []string) ([]*packages.Package, error) {
	return gocommand.During(pc.Context, pc.Dir, func(ctx context.Context) ([]*packages.Package, error) {
		c := *pc
		c.Context = ctx
		return packages.Load(&c, patterns...)
	})
}

// load is packages.Load. Where mode asks for dependencies, the answer tells from
// which files it was made and is kept.
func (l *Loader) load(pc *packages.Config, patterns []string) ([]*packages.Package, error) {
	key, ok := l.question(pc.Dir, append([]string{"load", fmt.Sprint(pc.Mode, pc.Tests), strings.Join(pc.BuildFlags, "\x00")}, patterns...))
	ok = ok && pc.Mode&packages.NeedDeps != 0 && !slices.ContainsFunc(patterns, func(p string) bool { return strings.Contains(p, "...") })
	if ok {
		if k := l.answer(key); k != nil {
			if pkgs := k.Load(); pkgs != nil {
				return pkgs, nil
			}
		}
	}
	pkgs, err := ask(pc, patterns)
	if !ok || err != nil || len(pkgs) == 0 {
		return pkgs, err
	}
	if g, whole := graph.Of(pkgs); whole {
		set := l.Inputs.Fork(l.overlay)
		goroot := basis.RootOf(pkgs)
		packages.Visit(pkgs, nil, func(p *packages.Package) { basis.NotePackage(set, p, goroot) })
		basis.NoteModules(set, pc.Dir, l.environ(pc.Dir))
		l.keep(key, kept{Graph: g}, set)
	}
	return pkgs, nil
}

// knownFiles returns what go list -find told about the patterns, which are
// directories below dir, in an earlier run. put keeps what it tells now.
func (l *Loader) knownFiles(dir string, patterns []string) (list []foundPackage, put func([]foundPackage)) {
	put = func([]foundPackage) {}
	for _, p := range patterns {
		if p != "." && !strings.HasPrefix(p, "./") || strings.Contains(p, "...") {
			return nil, put
		}
	}
	key, ok := l.question(dir, append([]string{"find"}, patterns...))
	if !ok {
		return nil, put
	}
	if k := l.answer(key); k != nil {
		return k.Found, put
	}
	return nil, func(list []foundPackage) {
		set := l.Inputs.Fork(l.overlay)
		for _, p := range patterns {
			in := basis.Under(dir, p)
			entries, err := set.ReadDir(in)
			if err != nil {
				return
			}
			for _, e := range entries {
				if strings.HasSuffix(e.Name(), ".go") {
					set.NoteHead(filepath.Join(in, e.Name()))
				}
			}
		}
		basis.NoteModules(set, dir, l.environ(dir))
		l.keep(key, kept{Found: list}, set)
	}
}

// NoteInputs notes in l.Inputs what the go command's answers were made from: the
// files of the packages that it told about, and what chooses modules. The standard
// library and the module cache are left out, of which nothing changes under one
// name (go.sum, the go command's own rule).
func (l *Loader) NoteInputs() {
	goroot := basis.RootOf(slices.Collect(maps.Values(l.meta)))
	for _, m := range l.meta {
		basis.NotePackage(l.Inputs, m, goroot)
	}
	for dir := range l.listed {
		basis.NoteModules(l.Inputs, dir, l.environ(dir))
	}
}
