// Package heap runs a function on an abstract heap and tells which objects lead
// to themselves when a finalizer is set.
package heap

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// A Heap is what the objects of one function's run point at: an abstract run in
// which every branch is taken and every loop makes one turn. Functions of the
// package that it calls are run too, up to a depth.
type Heap struct {
	p     *rewrite.Package
	sites map[siteKey]*Object
	vars  map[types.Object]*Object // of the present frame
	conds []branch                 // the branches around the present statement
	// ctx numbers the way of calls to the present function: each call makes
	// objects of its own.
	ctx   int
	ctxs  map[callKey]int
	steps int // what is left of the budget
	// registered are the finalizations that the run came by, with their objects.
	Registered []registeredObject
	// symbols are the objects that were there before the run.
	Symbols []*Object
	stack   []*types.Func
	results []Set // of the present call
	// given are parameters of the functions being run that got an object and keep
	// it: they are not nil.
	given map[types.Object]bool
	// deferred are the function literals that the present call defers.
	deferred []deferredLit
}

// branch is one way through a statement.
type branch struct {
	Stmt ast.Node
	way  int
}

type siteKey struct {
	node ast.Node
	ctx  int
	path string
	of   *Object
}

// An Object is what one allocation makes, one variable, or something that was
// there before.
type Object struct {
	Typ   types.Type
	slots map[string]*slot // by the path of fields within it, "[]" for elements
	order []string
	// known reports whether the function made it, so that a slot without a store
	// is empty.
	known bool
	Level int // of indirections from a parameter
	// declared are the branches around a variable's declaration.
	declared int
	IsVar    bool
}

type slot struct {
	edges []Link
}

// Link is one store of a pointer.
type Link struct {
	to    *Object
	Pos   token.Pos
	Conds []branch
}

type Set []*Object

func (a Set) With(b ...*Object) Set {
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
	obj  *Object
	path string
}

func (h *Heap) variable(v types.Object) *Object {
	if o := h.vars[v]; o != nil {
		return o
	}
	o := &Object{Typ: v.Type(), slots: make(map[string]*slot), known: true, IsVar: true, declared: len(h.conds)}
	h.vars[v] = o
	return o
}

func (h *Heap) site(n ast.Node, path string, of *Object, typ types.Type) *Object {
	k := siteKey{node: n, ctx: h.ctx, path: path, of: of}
	if of != nil {
		k.ctx = 0 // what is behind an object is the same for all
	}
	if o := h.sites[k]; o != nil {
		return o
	}
	o := &Object{Typ: typ, slots: make(map[string]*slot), known: true}
	h.sites[k] = o
	return o
}

// store adds objects to a slot.
func (h *Heap) store(at place, to Set, pos token.Pos) {
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
			dup = dup || e.to == o && (at.path != FinalizerSlot || e.Pos == pos)
		}
		if !dup {
			sl.edges = append(sl.edges, Link{to: o, Pos: pos, Conds: append([]branch(nil), h.conds...)})
		}
	}
}

// load returns what a slot holds, making it up where the object was there
// before.
func (h *Heap) load(at place, typ types.Type) Set {
	if at.obj == nil {
		return nil
	}
	var out Set
	if sl := at.obj.slots[at.path]; sl != nil {
		for _, e := range sl.edges {
			out = out.With(e.to)
		}
		return out
	}
	if at.obj.known || at.obj.Level >= maxLevel || !refers(typ) {
		return nil
	}
	o := h.site(nil, at.path, at.obj, typ)
	if elem := syntax.PointerElem(typ); elem != nil {
		o.Typ = elem
	}
	if o.Level == 0 {
		o.known, o.Level = false, at.obj.Level+1
		h.Symbols = append(h.Symbols, o)
	}
	h.store(at, Set{o}, token.NoPos)
	return Set{o}
}

// refers reports whether values of type t are references.
func refers(t types.Type) bool {
	switch t := syntax.Under(t).(type) {
	case *types.Pointer, *types.Slice, *types.Map, *types.Chan, *types.Interface, *types.Signature:
		return true
	case *types.Basic:
		return t.Kind() == types.UnsafePointer
	}
	return false
}

// isValue reports whether t is a struct or array, whose values are copied.
func isValue(t types.Type) bool {
	switch syntax.Under(t).(type) {
	case *types.Struct, *types.Array:
		return true
	}
	return false
}

func at(objs Set, path string) []place {
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
	_, ok := syntax.Under(t).(*types.Signature)
	return ok
}

func (h *Heap) loadAll(list []place, t types.Type) Set {
	var out Set
	for _, pl := range list {
		if isValue(t) {
			out = out.With(pl.obj)
		} else {
			out = out.With(h.load(pl, t)...)
		}
	}
	return out
}

// copyOf returns an object that holds a copy of the values at places.
func (h *Heap) copyOf(n ast.Node, places []place, t types.Type) *Object {
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
func (h *Heap) put(to []place, objs Set, pos token.Pos, statement bool) {
	for _, pl := range to {
		if pl.obj == nil {
			continue
		}
		if statement && len(to) == 1 && !strings.Contains(pl.path, "[]") {
			if pl.obj.IsVar && len(h.conds) <= pl.obj.declared || !pl.obj.IsVar && len(h.conds) == 0 {
				if sl := pl.obj.slots[pl.path]; sl != nil {
					sl.edges = nil
				}
			}
		}
		h.store(pl, objs, pos)
	}
}

// copyValue copies the slots below src to dst.
func (h *Heap) copyValue(dst, src place) {
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
			h.store(place{dst.obj, to + rest}, Set{e.to}, e.Pos)
		}
	}
}

// A Step is one edge of a way from an object to another, out of the slot called
// path.
type Step struct {
	From *Object
	Path string
	Edge Link
}

// finalizerSlot is the slot of an object that holds the functions and arguments
// registered for it.
const FinalizerSlot = "(finalizer)"

// Held returns the shortest way back to o from what call registers for it, nil
// when there is none.
func Held(o *Object, call *ast.CallExpr) []Step {
	return wayBack(o, func(path string, e Link) bool {
		return path == FinalizerSlot && call.Pos() <= e.Pos && e.Pos < call.End()
	})
}

// Cycle returns the shortest way from o back to it through another object, nil
// when there is none.
func Cycle(o *Object) []Step {
	return wayBack(o, func(path string, _ Link) bool { return path != FinalizerSlot })
}

// Through reports whether a way leads from o back to it through the field.
func Through(o *Object, field string) bool {
	return o != nil && wayBack(o, func(path string, _ Link) bool {
		return path == field || strings.HasPrefix(path, field+".")
	}) != nil
}

// wayBack returns the shortest way from o back to it that begins with an edge
// which counts.
func wayBack(o *Object, counts func(path string, e Link) bool) []Step {
	type node struct {
		obj *Object
		way []Step
	}
	seen := map[*Object]bool{o: true}
	queue := []node{{obj: o}}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, path := range n.obj.order {
			for _, e := range n.obj.slots[path].edges {
				if excludes(n.way, e) || n.obj == o && !counts(path, e) {
					continue
				}
				way := append(append([]Step(nil), n.way...), Step{n.obj, path, e})
				if e.to == o {
					// A pointer to the object itself does not count, unless it is a
					// cleanup's argument.
					if n.obj != o || path == FinalizerSlot {
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
func excludes(way []Step, e Link) bool {
	for _, s := range way {
		for _, a := range s.Edge.Conds {
			for _, b := range e.Conds {
				if a.Stmt == b.Stmt && a.way != b.way {
					return true
				}
			}
		}
	}
	return false
}

// Leads reports whether something that v holds leads to o.
func (h *Heap) Leads(v types.Object, o *Object) bool {
	seen := map[*Object]bool{h.vars[v]: true}
	for queue := []*Object{h.vars[v]}; len(queue) > 0; queue = queue[1:] {
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
