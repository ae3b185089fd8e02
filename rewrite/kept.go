package rewrite

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite/internal/basis"
	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
	"github.com/runtimefix/runtimefix/rewrite/load"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// Results are kept between runs. The scan runs each time; what it read and found,
// the options and the environment make the key. Whatever a run looked at beyond the
// scan is listed in the entry and looked at again before the entry counts: other
// modules' files, go.sum, go.work, directories, links. A result that depends on
// more than that is not kept, see inputs.Set.Doubt.

// Cache is load.Cache.
type Cache = load.Cache

// keeper finds and stores the result of one run. A nil one does nothing.
type keeper struct {
	r       *runner
	cache   Cache
	key     [sha256.Size]byte
	scanned map[inputs.Input]inputs.Digest
	overlay map[string][]byte
	write   bool // the changes are about to be written
	tally   *int
}

// keptResult is a Result as it is stored, without the contents of files that are
// as they are on disk.
type keptResult struct {
	Looks     []inputs.Look // beyond the scan
	Result    *Result
	Findings  []bool // which have a Source
	Remaining []bool
	Tally     int
}

// keeper returns the keeper for a run that has scanned.
func (r *runner) keeper(opt Options, res *Result, t targets) *keeper {
	if opt.Cache == nil || opt.Basis == nil || r.inputs.Doubted() != "" {
		return nil
	}
	key := inputs.NewKey()
	dir, err := filepath.Abs(opt.Dir)
	if err != nil {
		return nil
	}
	key.Add("1", string(opt.Basis), runtime.Version(), runtime.GOOS, runtime.GOARCH, dir)
	key.Add(fmt.Sprint(opt.Admit, opt.Write, opt.Fix, opt.Edits, opt.Tests))
	key.Add(opt.Patterns...)
	key.Add(opt.Platforms...)
	key.Add(opt.Tags...)
	key.Add(opt.Known...)
	key.Add(basis.Outside(r.ctx, r.inputs, opt.Dir, opt.Env)...)
	for _, f := range r.finders {
		key.Add(f.Name)
	}
	for _, path := range slices.Sorted(maps.Keys(opt.Overlay)) {
		d := inputs.Of(opt.Overlay[path])
		key.Add(path, string(d[:]))
	}
	found, err := json.Marshal([]any{res, t.groups, t.texts, t.mods, t.emits, t.named, t.ignored})
	if err != nil {
		return nil
	}
	key.Add(string(found))
	k := &keeper{r: r, cache: opt.Cache, scanned: r.inputs.All(), overlay: opt.Overlay, write: opt.Write, tally: opt.Tally}
	for _, in := range slices.SortedFunc(maps.Keys(k.scanned), inputs.Compare) {
		d := k.scanned[in]
		key.Add(string(in.Kind), in.Path, string(d[:]))
	}
	k.key = key.Sum()
	return k
}

// find returns the result of an earlier run that saw the same, nil when there is
// none.
func (k *keeper) find() *Result {
	if k == nil {
		return nil
	}
	data := k.cache.Get(k.key)
	if data == nil {
		return nil
	}
	var kept keptResult
	if err := json.Unmarshal(data, &kept); err != nil || kept.Result == nil || !k.same(kept.Looks) {
		return nil
	}
	res := kept.Result
	files := newContents(k, res.Changes)
	for i := range res.Changes {
		res.Changes[i].Old = files.before(res.Changes[i].Path)
	}
	for i, has := range kept.Findings {
		if has {
			res.Findings[i].Source = files.before(res.Findings[i].Pos.Filename)
		}
	}
	for i, has := range kept.Remaining {
		if has {
			res.Remaining[i].Source = files.after(res.Remaining[i].Pos.Filename)
		}
	}
	if files.other {
		return nil
	}
	res.Kept = true
	if k.tally != nil {
		*k.tally = kept.Tally
	}
	return res
}

// same reports whether there is the same to be seen as then.
func (k *keeper) same(list []inputs.Look) bool {
	if !inputs.Same(k.r.ctx, list, inputs.Input.Now) {
		return false
	}
	for _, l := range list {
		k.r.inputs.Add(inputs.Input{Kind: l.Kind, Path: l.Path}, inputs.Digest(l.Seen))
	}
	return true
}

// store keeps the result of a run that is complete.
func (k *keeper) store(res *Result) {
	if k == nil || len(res.Internal) > 0 || k.r.ctx.Err() != nil || k.write && len(res.Changes) > 0 {
		return
	}
	if k.r.inputs.Doubted() != "" {
		return
	}
	kept := keptResult{Result: bare(res)}
	kept.Looks = k.r.inputs.Looks(k.scanned)
	kept.Findings, kept.Remaining = sourced(res.Findings), sourced(res.Remaining)
	if k.tally != nil {
		kept.Tally = *k.tally
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return
	}
	// Not all that strings hold survives: only what comes back as it was counts.
	var back keptResult
	if json.Unmarshal(data, &back) != nil || !reflect.DeepEqual(back, kept) || !k.complete(res) {
		return
	}
	k.cache.Put(k.key, data)
}

// complete reports whether find would get at the contents of the files that res
// holds.
func (k *keeper) complete(res *Result) bool {
	files := newContents(k, res.Changes)
	for _, c := range res.Changes {
		if !bytes.Equal(files.before(c.Path), c.Old) {
			return false
		}
	}
	for _, f := range res.Findings {
		if f.Source != nil && !bytes.Equal(files.before(f.Pos.Filename), f.Source) {
			return false
		}
	}
	for _, f := range res.Remaining {
		if f.Source != nil && !bytes.Equal(files.after(f.Pos.Filename), f.Source) {
			return false
		}
	}
	return !files.other
}

// bare returns res without what files on disk hold.
func bare(res *Result) *Result {
	out := *res
	out.Changes = slices.Clone(res.Changes)
	for i := range out.Changes {
		out.Changes[i].Old = nil
	}
	out.Findings, out.Remaining = unsourced(res.Findings), unsourced(res.Remaining)
	return &out
}

func unsourced(list []Found) []Found {
	out := slices.Clone(list)
	for i := range out {
		out[i].Source = nil
	}
	return out
}

func sourced(list []Found) []bool {
	var out []bool
	for _, f := range list {
		out = append(out, f.Source != nil)
	}
	return out
}

// contents are those of files before and after the changes of a result.
type contents struct {
	k       *keeper
	read    map[string][]byte
	changed map[string][]byte
	other   bool // a file is not what the run saw
}

func newContents(k *keeper, changes []Change) *contents {
	c := &contents{k: k, read: make(map[string][]byte), changed: make(map[string][]byte)}
	for _, x := range changes {
		c.changed[x.Path] = x.New
	}
	return c
}

func (c *contents) before(path string) []byte {
	if data, ok := c.k.overlay[path]; ok {
		return data
	}
	if data, ok := c.read[path]; ok {
		return data
	}
	data, err := safefile.Read(path, safefile.Source)
	seen, ok := c.k.r.inputs.Seen(inputs.Input{Kind: inputs.Content, Path: path})
	if err != nil || !ok || inputs.Of(data) != seen {
		c.other = true
	}
	c.read[path] = data
	return data
}

func (c *contents) after(path string) []byte {
	if data, ok := c.changed[path]; ok {
		return data
	}
	return c.before(path)
}
