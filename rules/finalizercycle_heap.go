package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// A heap is what the objects of one function's run point at: an abstract run in
// which every branch is taken and every loop makes one turn. Functions of the
// package that it calls are run too, up to a depth.
type heap struct {
	p     *rewrite.Package
	sites map[siteKey]*object
	vars  map[types.Object]*object // of the present frame
	conds []branch                 // the branches around the present statement
	// ctx numbers the way of calls to the present function: each call makes
	// objects of its own.
	ctx   int
	ctxs  map[callKey]int
	steps int // what is left of the budget
	// registered are the finalizations that the run came by, with their objects.
	registered []registeredObject
	// symbols are the objects that were there before the run.
	symbols []*object
	stack   []*types.Func
	results []set // of the present call
	// given are parameters of the functions being run that got an object and keep
	// it: they are not nil.
	given map[types.Object]bool
	// deferred are the function literals that the present call defers.
	deferred []deferredLit
}

// branch is one way through a statement.
type branch struct {
	stmt ast.Node
	way  int
}

type siteKey struct {
	node ast.Node
	ctx  int
	path string
	of   *object
}

// An object is what one allocation makes, one variable, or something that was
// there before.
type object struct {
	typ   types.Type
	slots map[string]*slot // by the path of fields within it, "[]" for elements
	order []string
	// known reports whether the function made it, so that a slot without a store
	// is empty.
	known bool
	level int // of indirections from a parameter
	// declared are the branches around a variable's declaration.
	declared int
	isVar    bool
}

type slot struct {
	edges []link
}

// link is one store of a pointer.
type link struct {
	to    *object
	pos   token.Pos
	conds []branch
}

type set []*object

func (a set) with(b ...*object) set {
	for _, o := range b {
		dup := false
		for _, have := range a {
			dup = dup || have == o
		}
		if !dup && o != nil {
			a = append(a, o)
		}
	}
	return a
}

// place is a slot of an object.
type place struct {
	obj  *object
	path string
}

func (h *heap) variable(v types.Object) *object {
	if o := h.vars[v]; o != nil {
		return o
	}
	o := &object{typ: v.Type(), slots: make(map[string]*slot), known: true, isVar: true, declared: len(h.conds)}
	h.vars[v] = o
	return o
}

func (h *heap) site(n ast.Node, path string, of *object, typ types.Type) *object {
	k := siteKey{node: n, ctx: h.ctx, path: path, of: of}
	if of != nil {
		k.ctx = 0 // what is behind an object is the same for all
	}
	if o := h.sites[k]; o != nil {
		return o
	}
	o := &object{typ: typ, slots: make(map[string]*slot), known: true}
	h.sites[k] = o
	return o
}

// store adds objects to a slot.
func (h *heap) store(at place, to set, pos token.Pos) {
	if at.obj == nil {
		return
	}
	sl := at.obj.slots[at.path]
	if sl == nil {
		sl = new(slot)
		at.obj.slots[at.path] = sl
		at.obj.order = append(at.obj.order, at.path)
	}
	for _, o := range to {
		dup := false
		for _, e := range sl.edges {
			dup = dup || e.to == o && (at.path != finalizerSlot || e.pos == pos)
		}
		if !dup {
			sl.edges = append(sl.edges, link{to: o, pos: pos, conds: append([]branch(nil), h.conds...)})
		}
	}
}

// load returns what a slot holds, making it up where the object was there
// before.
func (h *heap) load(at place, typ types.Type) set {
	if at.obj == nil {
		return nil
	}
	var out set
	if sl := at.obj.slots[at.path]; sl != nil {
		for _, e := range sl.edges {
			out = out.with(e.to)
		}
		return out
	}
	if at.obj.known || at.obj.level >= maxLevel || !refers(typ) {
		return nil
	}
	o := h.site(nil, at.path, at.obj, typ)
	if elem := pointerElem(typ); elem != nil {
		o.typ = elem
	}
	if o.level == 0 {
		o.known, o.level = false, at.obj.level+1
		h.symbols = append(h.symbols, o)
	}
	h.store(at, set{o}, token.NoPos)
	return set{o}
}

// refers reports whether values of type t are references.
func refers(t types.Type) bool {
	switch t := under(t).(type) {
	case *types.Pointer, *types.Slice, *types.Map, *types.Chan, *types.Interface, *types.Signature:
		return true
	case *types.Basic:
		return t.Kind() == types.UnsafePointer
	}
	return false
}

// isValue reports whether t is a struct or array, whose values are copied.
func isValue(t types.Type) bool {
	switch under(t).(type) {
	case *types.Struct, *types.Array:
		return true
	}
	return false
}

func at(objs set, path string) []place {
	var out []place
	for _, o := range objs {
		out = append(out, place{o, path})
	}
	return out
}

func deeper(list []place, name string) []place {
	var out []place
	for _, pl := range list {
		if pl.path != "" {
			name = pl.path + "." + strings.TrimPrefix(name, ".")
		}
		out = append(out, place{pl.obj, name})
	}
	return out
}

func isFunc(t types.Type) bool {
	_, ok := under(t).(*types.Signature)
	return ok
}

func (h *heap) loadAll(list []place, t types.Type) set {
	var out set
	for _, pl := range list {
		if isValue(t) {
			out = out.with(pl.obj)
		} else {
			out = out.with(h.load(pl, t)...)
		}
	}
	return out
}

// copyOf returns an object that holds a copy of the values at places.
func (h *heap) copyOf(n ast.Node, places []place, t types.Type) *object {
	o := h.site(n, "copy", nil, t)
	for _, pl := range places {
		o.known = o.known && (pl.obj == nil || pl.obj.known)
	}
	for _, pl := range places {
		if pl.obj != nil {
			h.copyValue(place{o, ""}, pl)
		}
	}
	return o
}

// put stores objects in places. A statement overwrites what a variable held,
// and a field of the one object it can mean.
func (h *heap) put(to []place, objs set, pos token.Pos, statement bool) {
	for _, pl := range to {
		if pl.obj == nil {
			continue
		}
		if statement && len(to) == 1 && !strings.Contains(pl.path, "[]") {
			if pl.obj.isVar && len(h.conds) <= pl.obj.declared || !pl.obj.isVar && len(h.conds) == 0 {
				if sl := pl.obj.slots[pl.path]; sl != nil {
					sl.edges = nil
				}
			}
		}
		h.store(pl, objs, pos)
	}
}

// copyValue copies the slots below src to dst.
func (h *heap) copyValue(dst, src place) {
	if dst == src || dst.obj == nil {
		return
	}
	for _, path := range append([]string(nil), src.obj.order...) {
		rest, ok := strings.CutPrefix(path, src.path)
		if !ok || src.path != "" && rest != "" && rest[0] != '.' {
			continue
		}
		rest = strings.TrimPrefix(rest, ".")
		to := dst.path
		if to != "" && rest != "" {
			to += "."
		}
		for _, e := range src.obj.slots[path].edges {
			h.store(place{dst.obj, to + rest}, set{e.to}, e.pos)
		}
	}
}

// A step is one edge of a way from an object to another, out of the slot called
// path.
type step struct {
	from *object
	path string
	edge link
}

// finalizerSlot is the slot of an object that holds the functions and arguments
// registered for it.
const finalizerSlot = "(finalizer)"

// held returns the shortest way back to o from what call registers for it, nil
// when there is none.
func held(o *object, call *ast.CallExpr) []step {
	return wayBack(o, func(path string, e link) bool {
		return path == finalizerSlot && call.Pos() <= e.pos && e.pos < call.End()
	})
}

// cycle returns the shortest way from o back to it through another object, nil
// when there is none.
func cycle(o *object) []step {
	return wayBack(o, func(path string, _ link) bool { return path != finalizerSlot })
}

// wayBack returns the shortest way from o back to it that begins with an edge
// which counts.
func wayBack(o *object, counts func(path string, e link) bool) []step {
	type node struct {
		obj *object
		way []step
	}
	seen := map[*object]bool{o: true}
	queue := []node{{obj: o}}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, path := range n.obj.order {
			for _, e := range n.obj.slots[path].edges {
				if excludes(n.way, e) || n.obj == o && !counts(path, e) {
					continue
				}
				way := append(append([]step(nil), n.way...), step{n.obj, path, e})
				if e.to == o {
					// A pointer to the object itself does not count, unless it is a
					// cleanup's argument.
					if n.obj != o || path == finalizerSlot {
						return way
					}
					continue
				}
				if !seen[e.to] {
					seen[e.to] = true
					queue = append(queue, node{e.to, way})
				}
			}
		}
	}
	return nil
}

// excludes reports whether e is stored on another branch than an edge of way.
func excludes(way []step, e link) bool {
	for _, s := range way {
		for _, a := range s.edge.conds {
			for _, b := range e.conds {
				if a.stmt == b.stmt && a.way != b.way {
					return true
				}
			}
		}
	}
	return false
}

// leads reports whether something that v holds leads to o.
func (h *heap) leads(v types.Object, o *object) bool {
	seen := map[*object]bool{h.vars[v]: true}
	for queue := []*object{h.vars[v]}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == nil {
			continue
		}
		for _, path := range queue[0].order {
			for _, e := range queue[0].slots[path].edges {
				if e.to == o {
					return true
				}
				if !seen[e.to] {
					seen[e.to] = true
					queue = append(queue, e.to)
				}
			}
		}
	}
	return false
}
