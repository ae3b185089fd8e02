package rewrite

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite/internal/inputs"
	"github.com/runtimefix/runtimefix/rewrite/load"
)

// Options say what Run does.
type Options struct {
	load.Config
	// Patterns are package patterns, directories or files, "./..." when empty.
	Patterns []string
	// Platforms are the GOOS/GOARCH pairs to check for; none means that of
	// Config.Env. Findings and fixes of all are merged.
	Platforms []string
	// Admit is the least safety of the fixes to be made: Safe or Unsafe.
	Admit Safety
	// Write says that the changes are going to be written. What an interrupted run
	// left is finished and removed first; without it, it is only named.
	Write bool
	// Fix says whether fixes are made at all. Without it Run only finds, and
	// needs no verification rounds.
	Fix bool
	// Known are the names of all rules, also of those that do not run, so that
	// an ignore comment for one of them is not taken for a mistake.
	Known []string
	// Tidy says that go.mod, go.sum and vendor/modules.txt are to stay as tidy as
	// they are where fixes drop imports.
	Tidy bool
	// Edits says whether every fix is made for itself as well, for FoundFix.Edits.
	Edits bool
	// Dirs, if set, says in which directories Go files may have findings.
	Dirs func(dir string) bool
	// Overlay holds contents that stand in for those of files on disk, by
	// absolute path.
	Overlay map[string][]byte
	// Select, if set, says which findings are wanted; the others are neither
	// reported nor fixed. It is called with all findings of the files as they
	// are, and later with single ones that come up only when a fix is made, at
	// their place in the files as they were.
	Select func([]Found) []bool
	// Cache, if set, keeps what the go command says and, where Basis is set, too,
	// results, for runs that see the same. Basis stands for all that a result
	// depends on beside Options and the files: the program itself, and what is
	// behind Settings, Select, Dirs and the finders. Tally, if set, is a number in
	// which Select counts; it is kept with a result.
	Cache Cache
	Basis []byte
	Tally *int
	// PartSize is how many bytes of Go source are loaded at a time; 0 leaves that to
	// Run.
	PartSize int64
	// Progress, if set, is told what Run is at.
	Progress func(stage string)
}

// Result is what Run found and made.
type Result struct {
	// Findings are those of the files as they are, in order of position. Faults
	// in ignore comments are among them under IgnoreRule.
	Findings []Found
	// Remaining are those that the changes would leave, with positions in the
	// changed files.
	Remaining []Found
	// Changes are the files that the fixes change, in order of path.
	Changes []Change
	// Nested are the repositories within the one at hand, submodules say, and Ignored
	// the files that git ignores in which a rule might fire. Neither are checked.
	Nested, Ignored []string
	// Problems say what could not be checked, and why.
	Problems []load.Problem
	// Internal are faults of this program: panics in rules.
	Internal []load.Problem
	// Untidy says what the user has to run for a module to be as tidy as it was.
	Untidy []load.Problem
	// Excluded are the files in which a rule might fire but which none of the
	// platforms includes.
	Excluded []Excluded
	// Files and Bytes say how much the scan read, Packages how many packages
	// were type-checked, of how many modules.
	Files    int
	Bytes    int64
	Packages int
	Modules  int
	// Kept says that the result is that of an earlier run.
	Kept bool
}

// perView are the findings on one platform's snapshot, not yet resolved.
type perView struct {
	snap *load.Snapshot
	list []Finding
}

// Excluded is a file that the platforms and tags leave out.
type Excluded struct {
	Path   string
	Reason string
}

// Change is a file's content before and after the fixes.
type Change struct {
	Path     string // absolute
	Old, New []byte
	// Group is equal for files that one fix changes together: they are written
	// together or not at all.
	Group int
}

// Run scans, loads, finds and fixes. The error says that nothing could be
// checked at all; what could not be checked in part is in Result.Problems.
func Run(ctx context.Context, opt Options, finders []*Finder) (*Result, error) {
	r := newRunner(ctx, opt, finders)
	if opt.Cache != nil {
		r.inputs = inputs.New()
	}
	res, targets, err := r.scan(opt)
	if err != nil || len(targets.groups) == 0 && len(targets.texts) == 0 {
		return res, err
	}
	keep := r.keeper(opt, res, targets)
	if old := keep.find(); old != nil {
		return old, nil
	}
	if res, targets, err = r.refine(opt, targets); err != nil {
		return nil, err
	}
	parts := targets.parts(opt.PartSize, r.together())
	for i, part := range parts {
		if err := r.judge(opt, part, i, len(parts), res); err != nil {
			return nil, err
		}
	}
	if opt.Fix {
		res.Changes = r.changes()
		if opt.Tidy {
			res.Changes, res.Untidy = r.tidied(opt, res.Changes)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	res.Problems = load.Dedupe(res.Problems)
	res.Findings, res.Remaining = merge(res.Findings), merge(res.Remaining)
	res.Internal = load.Dedupe(r.internal)
	keep.store(res)
	return res, nil
}

// judge loads one part of the targets, part i of n, finds and fixes, and adds the
// outcome to res and to the overlay. Nothing that it loads is held beyond that.
func (r *runner) judge(opt Options, part targets, i, n int, res *Result) error {
	r.begin(opt, i, n)
	defer r.close()
	if err := r.loadViews(opt, part, res); err != nil {
		return err
	}
	found := r.findIn(opt, res)
	if err := r.ctx.Err(); err != nil {
		return err // a rule may have missed what could not be loaded any more
	}
	res.Problems = load.Dedupe(res.Problems)
	if sel := part.narrow(opt.Select); sel != nil {
		r.wanted(sel, found)
		for i, pv := range found {
			found[i].list = r.keepWanted(pv.snap, pv.list)
		}
	}
	if opt.Edits {
		r.stage("making the fixes one by one")
		for _, pv := range found {
			r.aloneFixes(pv.snap, pv.list)
		}
	}
	if opt.Fix {
		r.stage("fixing and verifying")
		r.catchUp()
		if err := r.rounds(); err != nil {
			return err
		}
		r.fixAlike()
		for _, v := range r.views {
			live, faults := r.suppress(v.snap, r.find(v))
			left := r.atEnd(v.snap, r.keepWanted(v.snap, append(live, faults...)))
			if opt.Edits {
				r.aloneFixes(v.snap, left)
			}
			res.Remaining = append(res.Remaining, r.resolve(v.snap, left)...)
		}
	}
	for _, l := range r.loaders {
		res.Problems = append(res.Problems, l.Problems()...)
		if r.inputs != nil {
			l.NoteInputs()
		}
	}
	for _, pv := range found {
		res.Findings = append(res.Findings, r.resolve(pv.snap, pv.list)...)
	}
	return nil
}

func newRunner(ctx context.Context, opt Options, finders []*Finder) *runner {
	r := &runner{
		ctx:      ctx,
		finders:  finders,
		admit:    opt.Admit,
		orig:     make(map[string][]byte),
		progress: opt.Progress,
		disabled: make(map[string]bool),
		firing:   make(map[string][]string),
	}
	for path, data := range opt.Overlay {
		r.orig[path] = data
	}
	for _, name := range opt.Known {
		r.disabled[name] = true
	}
	return r
}

// findIn returns what the rules find in each view, and adds to res what could not be
// checked.
func (r *runner) findIn(opt Options, res *Result) []perView {
	var out []perView
	for _, v := range r.views {
		found := r.find(v)
		if r.loadTests(opt, v, found) {
			found = r.find(v)
		}
		r.identify(v.snap, found)
		live, faults := r.suppress(v.snap, found)
		v.base = typeErrors(v.snap) // of the packages that a rule asked for, too
		out = append(out, perView{v.snap, append(live, faults...)})
		asked := slices.DeleteFunc(slices.Clone(v.snap.Packages), func(p *load.Package) bool { return p.Wide })
		res.Packages += len(asked)
		res.Problems = append(res.Problems, load.Reported(asked, r.rulesFor)...)
	}
	return out
}

// close lets go of what a part was judged with, and removes what the loaders keep on
// disk.
func (r *runner) close() {
	for _, l := range r.loaders {
		l.Close()
	}
	r.views, r.loaders, r.lone = nil, nil, nil
}

// merge sorts findings and joins what several platforms, or several parts that look
// at a text file, found at one place. What one of them fixed is fixed.
func merge(list []Found) []Found {
	sortFound(list)
	at := make(map[place]int)
	out := list[:0]
	for _, f := range list {
		i, known := at[placeOf(f)]
		switch {
		case !known:
			at[placeOf(f)] = len(out)
			out = append(out, f)
		case out[i].State == Open && f.State != Open:
			out[i] = f
		}
	}
	return out
}

func (r *runner) stage(text string) {
	if r.progress != nil {
		r.progress(text + r.part)
	}
}

func sortFound(list []Found) {
	slices.SortStableFunc(list, func(a, b Found) int {
		return cmp.Or(strings.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Offset, b.Pos.Offset), strings.Compare(a.Rule, b.Rule))
	})
}

// changes compares the final overlay with what the first round read.
func (r *runner) changes() []Change {
	group := groupFiles(r.groups)
	var out []Change
	for _, path := range slices.Sorted(maps.Keys(r.overlay)) {
		if bytes.Equal(r.orig[path], r.overlay[path]) {
			continue
		}
		out = append(out, Change{Path: path, Old: r.orig[path], New: r.overlay[path], Group: group[path]})
	}
	return out
}

// groupFiles numbers the connected sets of files.
func groupFiles(groups [][]string) map[string]int {
	id := make(map[string]int)
	next := 0
	for _, g := range groups {
		target := -1
		for _, path := range g {
			if n, ok := id[path]; ok && (target < 0 || n < target) {
				target = n
			}
		}
		if target < 0 {
			target = next
			next++
		}
		for _, path := range g {
			if n, ok := id[path]; ok && n != target {
				for p, m := range id {
					if m == n {
						id[p] = target
					}
				}
			}
			id[path] = target
		}
	}
	return id
}
