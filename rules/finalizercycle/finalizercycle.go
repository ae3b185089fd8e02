// Package finalizercycle finds finalizers that never run, for the object leads
// to itself.
package finalizercycle

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/finalizercycle/heap"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/settings"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

var Rule = &rule.Rule{
	Name:  "finalizercycle",
	Title: "SetFinalizer on an object in a cycle",
	Doc: `Descriptors, files or C memory of dropped objects are never released, although the objects have finalizers.

The collector keeps everything that is reachable from an object with a finalizer, and from the finalizer's function, until the finalizer has run (runtime/mgcmark.go, gcScanFinalizer). If one of them leads back to the object, it is reachable from itself: it is never freed, and its finalizer never runs. One finalizer in the cycle is enough. A pointer from an object to itself does no harm, nor does a chain.

A function literal that captures the object gets it as its parameter instead. An object in a cycle of fields gets a cleanup (runtime.AddCleanup, Go 1.24): it takes the fields it needs by value when it is registered, and what the object refers to does not keep it. A method that is the finalizer gets a new object with the fields that it reads. Where Close cleared the finalizer, it stops the cleanup.

On request, "safety: {finalizercycle: safe}" in the configuration, finalizers that nothing is wrong with become cleanups as well, on the same conditions, and only if no object with a finalizer leads to their object or the other way round: finalizers run in that order, cleanups in any.

It fires when the finalizer's function captures the object, or when the registering function, or another one of the package, closes a cycle over fields, slices, maps, interfaces or closures. The fields must not change after the registration, nor be released by hand while the finalizer is set, else it only reports. So it does for cleanups whose function or argument leads back to the object. A cycle that only the types show is reported, where an object that is made with a pointer back is handed to the finalized one. It stays silent for pointers of an object to itself, chains, wrappers around a cyclic inner object, references that the package takes back, and what package-level variables hold. In tests it only reports.`,
	Before: `db := &DB{tmp: tmp}
db.root = &cursor{db: db}
runtime.SetFinalizer(db, func(d *DB) {
	os.Remove(d.tmp)
})`,
	After: `db := &DB{tmp: tmp}
db.root = &cursor{db: db}
runtime.AddCleanup(db, func(tmp string) {
	os.Remove(tmp)
}, db.tmp)`,
	Needs: finalizer.Needs,
	Find:  findFinalizerCycles,
}

func findFinalizerCycles(s *rewrite.Snapshot) []rewrite.Finding {
	all := finalizer.Of(s)
	c := &cycles{s: s, all: all, heaps: make(map[*ast.FuncDecl]*heap.Heap)}
	var found []*cyclic
	for _, x := range all.All {
		if x.Clears || x.File.Generated || x.Pkg.Wide {
			continue
		}
		if decl := syntax.EnclosingDecl(x.At); x.File.Test && decl != nil && finalizer.Tells(x.File.AST, decl, x.Call.Call) {
			continue // it sees that the object is collected
		}
		if y := c.check(x); y != nil {
			found = append(found, y)
		}
	}
	if settings.Of(s).Cleanups {
		found = append(found, c.plain(found)...)
	}
	return c.findings(found)
}

// cycles looks for objects that are reachable from themselves.
type cycles struct {
	s     *rewrite.Snapshot
	all   *finalizer.Finalizers
	heaps map[*ast.FuncDecl]*heap.Heap
}

// cyclic is a registration for an object that never becomes unreachable.
type cyclic struct {
	*finalizer.Finalization
	obj  *heap.Object
	heap *heap.Heap
	way  []heap.Step // from the object back to it
	// captured reports whether the function itself refers to the object.
	captured bool
	// partly reports whether a branch may leave the cycle open.
	partly bool
	// guessed reports whether only the types tell of the cycle.
	guessed bool
	// plain reports whether there is none: a cleanup could do the same.
	plain bool
}

// check returns how x's object keeps itself reachable, nil when it does not.
func (c *cycles) check(x *finalizer.Finalization) *cyclic {
	decl := syntax.EnclosingDecl(x.At)
	if decl == nil || decl.Body == nil {
		return nil
	}
	h := c.heap(x.Pkg, decl)
	var obj *heap.Object
	var way []heap.Step
	for _, r := range h.Registered {
		if r.Call != x.Call.Call {
			continue
		}
		for _, o := range r.Objs {
			w := heap.Held(o, r.Call) // a capture, which is cured without a cleanup
			if w == nil && !x.Cleanup {
				w = heap.Cycle(o)
			}
			if w != nil && (way == nil || w[0].Path == heap.FinalizerSlot) {
				obj, way = o, w
			}
		}
	}
	if way != nil {
		y := &cyclic{Finalization: x, obj: obj, heap: h, way: way, captured: way[0].Path == heap.FinalizerSlot}
		y.partly = !y.captured && (c.conditional(y) || c.undone(x, way))
		return y
	}
	if x.Cleanup || x.Elem == nil || x.File.Test || x.Wrapper != nil {
		return nil
	}
	if y := c.elsewhere(x); y != nil {
		return y
	}
	return c.byTypes(x)
}

func (c *cycles) heap(p *rewrite.Package, decl *ast.FuncDecl) *heap.Heap {
	h := c.heaps[decl]
	if h == nil {
		h = heap.Run(p, decl)
		c.heaps[decl] = h
	}
	return h
}

// conditional reports whether a store that closes the cycle stands on a branch
// that the registration does not stand on.
func (c *cycles) conditional(y *cyclic) bool {
	for _, s := range y.way {
		for _, b := range s.Edge.Conds {
			if b.Stmt.Pos() > y.Call.Call.Pos() || y.Call.Call.End() > b.Stmt.End() {
				return true
			}
		}
	}
	return false
}

// findings returns what is to be reported. A fix is only offered where all
// finalizers of the cycle go: one that stays keeps the others from running.
func (c *cycles) findings(found []*cyclic) []rewrite.Finding {
	var out []rewrite.Finding
	plans := make(map[*cyclic]*migration)
	for _, y := range found {
		if !y.captured && !y.guessed {
			plans[y] = c.plan(y)
		}
	}
	joined := make(map[*migration]bool) // told of together with another one
	for _, y := range found {
		if m := plans[y]; m != nil && (joined[m] || y.plain && m.why != "") {
			continue
		}
		call := y.Call.Call
		f := rewrite.Finding{Pos: call.Pos(), End: call.End(), Message: y.message()}
		f.Notes = y.notes()
		var fix *rewrite.Fix
		var why string
		switch {
		case y.File.Test:
			why = "tests are only reported"
		case y.guessed:
			why = "no function shows that the two belong together; if they do, " + byHand
		case y.captured && y.Wrapper != nil:
			why = "another function registers it; give the object to the function as its parameter, or pass what it needs by value"
		case y.captured && y.Cleanup:
			why = "pass what the cleanup needs by value, without the object"
		case y.captured:
			fix, why = c.useParameter(y)
		default:
			m := plans[y]
			if why = m.why; why == "" {
				if z := c.partner(y, found, plans); z != "" {
					why = z
				} else if why = m.join(found, plans); why == "" {
					fix = m.fix()
					for _, o := range m.others {
						joined[o] = true
						f.Notes = append(f.Notes, rewrite.Note{Pos: o.y.Call.Call.Pos(), Message: "the same holds for this registration"})
					}
				}
			}
		}
		if y.plain && fix == nil {
			continue
		}
		if fix != nil {
			f.Fixes = []*rewrite.Fix{fix}
		} else {
			f.NoFix = why
		}
		out = append(out, f)
	}
	return out
}

// partner says why another finalizer of y's cycle keeps it closed, "" when none
// does.
func (c *cycles) partner(y *cyclic, found []*cyclic, plans map[*cyclic]*migration) string {
	if y.plain {
		return ""
	}
	own := finalizer.FinalizedKey(y.Elem)
	for _, s := range y.way[1:] {
		if s.From.Typ == nil || s.From.IsVar {
			continue
		}
		key := finalizer.FinalizedKey(s.From.Typ)
		for _, z := range c.all.Set[key] {
			if z.Cleanup || z == y.Finalization || key == own && z.At.Parent() == y.At.Parent() {
				continue
			}
			ok := false
			for _, other := range found {
				ok = ok || other.Finalization == z && plans[other] != nil && plans[other].why == ""
			}
			if !ok {
				return "an object of type " + c.typeName(s.From.Typ) + " in the same cycle keeps its finalizer; " + byHand
			}
		}
	}
	return ""
}

func (c *cycles) typeName(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return p.Name() })
}

// byHand is what remains to be done where nothing can be rewritten.
const byHand = "break the cycle (an integer id instead of the pointer back), put the finalizer on an inner object that holds the resource and does not point back, or rely on an explicit Close"

func (y *cyclic) message() string {
	what := "finalizer"
	if y.Cleanup {
		what = "cleanup"
	}
	if y.plain {
		return "a cleanup could do what the finalizer does: it needs no second collection to free the object, and cycles do not keep it from running"
	}
	if y.dies() {
		return "the program dies here: a finalizer must have one parameter, the object"
	}
	if y.captured {
		if y.Cleanup && len(y.way) == 1 {
			return "AddCleanup panics, or the cleanup never runs: its argument points into the object"
		}
		if y.Cleanup {
			return "the cleanup never runs: its function or argument leads back to the object"
		}
		return "the finalizer never runs: its function refers to the object itself"
	}
	never := "never runs"
	if y.partly {
		never = "may never run"
	}
	return "the " + what + " " + never + ": the object leads back to itself through " + y.path()
}

// dies reports whether SetFinalizer throws because the function does not have one
// parameter (runtime/mfinal.go).
func (y *cyclic) dies() bool {
	sig, ok := syntax.Under(y.Pkg.Info.TypeOf(y.Fn)).(*types.Signature)
	return ok && !y.Cleanup && (sig.Params().Len() != 1 || sig.Variadic())
}

// path names the fields that the cycle leads through.
func (y *cyclic) path() string {
	var out []string
	for _, s := range y.way {
		if s.From.IsVar || s.From.Typ == nil && s.Path != "held" && s.Path != "kept" {
			continue
		}
		name := strings.ReplaceAll(s.Path, ".[]", "")
		switch {
		case s.Path == "[]":
			continue
		case s.Path == "held" || s.Path == "kept":
			continue
		}
		t := types.Unalias(s.From.Typ)
		if n, ok := t.(*types.Named); ok {
			name = n.Obj().Name() + "." + name
		}
		out = append(out, name)
	}
	if len(out) == 0 {
		return "a closure"
	}
	return strings.Join(slices.Compact(out), " and ")
}

func (y *cyclic) notes() []rewrite.Note {
	var out []rewrite.Note
	seen := map[token.Pos]bool{}
	for _, s := range y.way {
		if s.From.IsVar || s.Path == heap.FinalizerSlot || !s.Edge.Pos.IsValid() || seen[s.Edge.Pos] {
			continue
		}
		seen[s.Edge.Pos] = true
		if s.Path == "captures" || s.Path == "receiver" {
			out = append(out, rewrite.Note{Pos: s.Edge.Pos, Message: "the object is captured here"})
			continue
		}
		out = append(out, rewrite.Note{Pos: s.Edge.Pos, Message: "a reference of the cycle is stored here"})
	}
	return out
}
