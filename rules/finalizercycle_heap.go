package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// A heap is what the objects of one function's run point at: an abstract run in
// which every branch is taken and every loop makes one turn. Functions of the
// package that it calls are run too, up to a depth.
type heap struct {
	s     *rewrite.Snapshot
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

// deferredLit is a deferred call of a function literal, in the branches around
// the statement.
type deferredLit struct {
	call  *ast.CallExpr
	lit   *ast.FuncLit
	conds []branch
}

type registeredObject struct {
	call *ast.CallExpr
	objs set
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

type callKey struct {
	ctx  int
	call *ast.CallExpr
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
	isFunc   bool
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

const (
	heapSteps = 5000
	heapDepth = 3
	// maxLevel bounds what is made up behind a parameter: p.a.b.c.
	maxLevel = 3
)

// runHeap runs decl, of package p.
func runHeap(s *rewrite.Snapshot, p *rewrite.Package, decl *ast.FuncDecl) *heap {
	h := &heap{s: s, p: p, sites: make(map[siteKey]*object), ctxs: make(map[callKey]int), vars: make(map[types.Object]*object), given: make(map[types.Object]bool), steps: heapSteps}
	fn, _ := p.Info.Defs[decl.Name].(*types.Func)
	h.stack = append(h.stack, fn)
	var fields []*ast.Field
	if decl.Recv != nil {
		fields = append(fields, decl.Recv.List...)
	}
	fields = append(fields, decl.Type.Params.List...)
	for _, f := range fields {
		for _, name := range f.Names {
			if v := p.Info.Defs[name]; v != nil {
				h.symbolic(v)
			}
		}
	}
	h.stmt(decl.Body)
	h.runDeferred()
	return h
}

// runDeferred runs what the present call has deferred.
func (h *heap) runDeferred() {
	list, conds := h.deferred, h.conds
	h.deferred = nil
	for i := len(list) - 1; i >= 0; i-- {
		h.conds = list[i].conds
		h.inline(list[i].lit, list[i].call.Args)
	}
	h.conds = conds
}

// inline runs a function literal that is called where it stands and returns what
// its results refer to.
func (h *heap) inline(lit *ast.FuncLit, args []ast.Expr) []set {
	i := 0
	for _, f := range lit.Type.Params.List {
		for _, name := range f.Names {
			if v := h.p.Info.Defs[name]; v != nil && i < len(args) {
				h.assign([]place{{h.variable(v), ""}}, args[i], v.Type(), name.Pos(), true)
			}
			i++
		}
	}
	results, deferred := h.results, h.deferred
	h.results, h.deferred = nil, nil
	h.stmt(lit.Body)
	h.runDeferred()
	out := h.results
	h.results, h.deferred = results, deferred
	return out
}

// symbolic makes v a variable that holds what was there before.
func (h *heap) symbolic(v types.Object) {
	cell := h.variable(v)
	cell.known = false
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

// places returns what an addressable expression denotes.
func (h *heap) places(x ast.Expr) []place {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		v, ok := h.p.Info.ObjectOf(x).(*types.Var)
		if !ok || x.Name == "_" || v.Pkg() == nil || v.Parent() == v.Pkg().Scope() {
			return nil // what package-level variables hold is no cycle's
		}
		return []place{{h.variable(v), ""}}
	case *ast.SelectorExpr:
		sel := h.p.Info.Selections[x]
		if sel == nil || sel.Kind() != types.FieldVal {
			return nil
		}
		places, _ := h.fields(x.X, sel.Index())
		return places
	case *ast.StarExpr:
		return at(h.eval(x.X), "")
	case *ast.IndexExpr:
		t := h.p.Info.TypeOf(x.X)
		if _, isArray := under(t).(*types.Array); isArray {
			return deeper(h.places(x.X), "[]")
		}
		return at(h.eval(x.X), "[]")
	case *ast.CompositeLit:
		return []place{{h.literal(x), ""}}
	}
	return at(h.eval(x), "")
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

// fields follows the fields given by a selection's index from x, or from what x
// points at. It returns where they end, and the type there.
func (h *heap) fields(x ast.Expr, index []int) ([]place, types.Type) {
	t := h.p.Info.TypeOf(x)
	var cur []place
	if isPointer(t) {
		cur = at(h.eval(x), "")
		t = under(t).(*types.Pointer).Elem()
	} else {
		cur = h.places(x)
	}
	for i, k := range index {
		st, ok := under(t).(*types.Struct)
		if !ok {
			return nil, nil
		}
		f := st.Field(k)
		cur = deeper(cur, f.Name())
		t = f.Type()
		if i < len(index)-1 && isPointer(t) {
			var next []place
			for _, pl := range cur {
				next = append(next, at(h.load(pl, t), "")...)
			}
			cur, t = next, under(t).(*types.Pointer).Elem()
		}
	}
	return cur, t
}

// eval returns the objects that a value refers to. For a struct or array it is
// the object that holds the value.
func (h *heap) eval(x ast.Expr) set {
	if h.steps--; h.steps < 0 {
		return nil
	}
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident, *ast.IndexExpr, *ast.StarExpr:
		if ix, ok := x.(*ast.IndexExpr); ok {
			if h.p.Info.Types[ix.X].IsType() || isFunc(h.p.Info.TypeOf(ix.X)) {
				return nil
			}
		}
		return h.loadAll(h.places(x), h.p.Info.TypeOf(x))
	case *ast.SelectorExpr:
		if sel := h.p.Info.Selections[x]; sel != nil && sel.Kind() == types.MethodVal {
			o := h.site(x, "method", nil, nil)
			o.isFunc = true
			h.store(place{o, "receiver"}, h.receiver(x, sel), x.Pos())
			return set{o}
		}
		return h.loadAll(h.places(x), h.p.Info.TypeOf(x))
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			var out set
			for _, pl := range h.places(x.X) {
				out = out.with(pl.obj)
			}
			return out
		}
		if x.Op == token.ARROW {
			return h.loadAll(at(h.eval(x.X), "[]"), h.p.Info.TypeOf(x))
		}
	case *ast.CompositeLit:
		return set{h.literal(x)}
	case *ast.FuncLit:
		return set{h.closure(x)}
	case *ast.TypeAssertExpr:
		return h.eval(x.X)
	case *ast.SliceExpr:
		t := h.p.Info.TypeOf(x.X)
		if _, isArray := under(t).(*types.Array); isArray {
			var out set
			for _, pl := range h.places(x.X) {
				out = out.with(pl.obj)
			}
			return out
		}
		return h.eval(x.X)
	case *ast.CallExpr:
		if r := h.call(x); len(r) > 0 {
			return r[0]
		}
	}
	return nil
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

// receiver returns what a method that is called or bound gets: what a pointer
// points at, or a copy of the value.
func (h *heap) receiver(x *ast.SelectorExpr, sel *types.Selection) set {
	recv := sel.Obj().(*types.Func).Signature().Recv()
	if recv == nil {
		return nil
	}
	embedded := sel.Index()[:len(sel.Index())-1]
	if len(embedded) == 0 && refers(h.p.Info.TypeOf(x.X)) {
		objs := h.eval(x.X)
		if isValue(recv.Type()) {
			return set{h.copyOf(x, at(objs, ""), recv.Type())}
		}
		return objs
	}
	places, t := h.fields(x.X, embedded)
	switch {
	case refers(t):
		objs := h.loadAll(places, t)
		if isValue(recv.Type()) {
			return set{h.copyOf(x, at(objs, ""), recv.Type())}
		}
		return objs
	case isPointer(recv.Type()):
		var out set
		for _, pl := range places {
			out = out.with(pl.obj)
		}
		return out
	case isValue(recv.Type()):
		return set{h.copyOf(x, places, recv.Type())}
	}
	return nil
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

// literal returns the object that a composite literal makes, whether its
// address is taken or not.
func (h *heap) literal(x *ast.CompositeLit) *object {
	t := h.p.Info.TypeOf(x)
	if elem := pointerElem(t); elem != nil {
		t = elem // an element of []*T{{...}}
	}
	o := h.site(x, "", nil, t)
	st, isStruct := under(t).(*types.Struct)
	for i, e := range x.Elts {
		name := "[]"
		if isStruct && i < st.NumFields() {
			name = st.Field(i).Name()
		}
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, isIdent := kv.Key.(*ast.Ident); isIdent && isStruct {
				name = id.Name
			} else if !isStruct {
				h.store(place{o, "[]"}, h.refs(kv.Key), kv.Pos())
			}
			e = kv.Value
		}
		h.assign([]place{{o, name}}, e, h.p.Info.TypeOf(e), e.Pos(), false)
	}
	return o
}

// refs returns what x refers to, nothing for values.
func (h *heap) refs(x ast.Expr) set {
	if refers(h.p.Info.TypeOf(x)) {
		return h.eval(x)
	}
	return nil
}

// closure returns the object for a function literal: it refers to the variables
// that it captures. Its body is run as something that may happen.
func (h *heap) closure(x *ast.FuncLit) *object {
	k := siteKey{node: x, ctx: h.ctx}
	if o := h.sites[k]; o != nil {
		return o
	}
	o := h.site(x, "", nil, nil)
	o.isFunc = true
	ast.Inspect(x.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		v, ok := h.p.Info.Uses[id].(*types.Var)
		if ok && !v.IsField() && v.Pkg() != nil && v.Parent() != v.Pkg().Scope() && (v.Pos() < x.Pos() || x.End() <= v.Pos()) {
			h.store(place{o, "captures"}, set{h.variable(v)}, id.Pos())
		}
		return true
	})
	for _, f := range x.Type.Params.List {
		for _, name := range f.Names {
			if v := h.p.Info.Defs[name]; v != nil {
				h.symbolic(v)
			}
		}
	}
	results, deferred := h.results, h.deferred
	h.deferred = nil
	h.in(x, 0, func() {
		h.stmt(x.Body)
		h.runDeferred()
	})
	h.results, h.deferred = results, deferred
	return o
}

// in runs f within one way through stmt.
func (h *heap) in(stmt ast.Node, way int, f func()) {
	h.conds = append(h.conds, branch{stmt, way})
	f()
	h.conds = h.conds[:len(h.conds)-1]
}

// assign stores the value of x, of type t, in the places. statement says
// whether it overwrites what is there.
func (h *heap) assign(to []place, x ast.Expr, t types.Type, pos token.Pos, statement bool) {
	if isValue(t) {
		for _, src := range h.places(x) {
			if src.obj == nil {
				continue
			}
			for _, dst := range to {
				h.copyValue(dst, src)
			}
		}
		return
	}
	objs := h.eval(x)
	if refers(t) || isNil(h.p, x) {
		h.put(to, objs, pos, statement)
	}
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

func (h *heap) stmts(list []ast.Stmt) {
	for _, s := range list {
		h.stmt(s)
	}
}

func (h *heap) stmt(s ast.Stmt) {
	if h.steps--; h.steps < 0 {
		return
	}
	switch s := s.(type) {
	case *ast.BlockStmt:
		if s != nil {
			h.stmts(s.List)
		}
	case *ast.ExprStmt:
		h.eval(s.X)
	case *ast.AssignStmt:
		h.assignStmt(s)
	case *ast.DeclStmt:
		if d, ok := s.Decl.(*ast.GenDecl); ok {
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					h.valueSpec(v)
				}
			}
		}
	case *ast.IfStmt:
		if s.Init != nil {
			h.stmt(s.Init)
		}
		h.eval(s.Cond)
		op := h.testsGiven(s.Cond)
		if op != token.EQL {
			h.in(s, 0, func() { h.stmt(s.Body) })
		}
		if s.Else != nil && op != token.NEQ {
			h.in(s, 1, func() { h.stmt(s.Else) })
		}
	case *ast.ForStmt:
		if s.Init != nil {
			h.stmt(s.Init)
		}
		h.in(s, 0, func() {
			h.stmt(s.Body)
			if s.Post != nil {
				h.stmt(s.Post)
			}
		})
	case *ast.RangeStmt:
		objs := h.eval(s.X)
		h.in(s, 0, func() {
			from := at(objs, "[]")
			if _, isArray := under(h.p.Info.TypeOf(s.X)).(*types.Array); isArray {
				from = deeper(h.places(s.X), "[]")
			}
			if s.Value != nil {
				if t := h.p.Info.TypeOf(s.Value); refers(t) {
					h.put(h.places(s.Value), h.loadAll(from, t), s.Pos(), true)
				}
			}
			h.stmt(s.Body)
		})
	case *ast.SwitchStmt:
		if s.Init != nil {
			h.stmt(s.Init)
		}
		h.clauses(s, s.Body)
	case *ast.TypeSwitchStmt:
		if s.Init != nil {
			h.stmt(s.Init)
		}
		var objs set
		switch a := s.Assign.(type) {
		case *ast.AssignStmt:
			objs = h.eval(a.Rhs[0])
		}
		for _, c := range s.Body.List {
			if v := h.p.Info.Implicits[c]; v != nil {
				h.put([]place{{h.variable(v), ""}}, objs, c.Pos(), true)
			}
		}
		h.clauses(s, s.Body)
	case *ast.SelectStmt:
		h.clauses(s, s.Body)
	case *ast.ReturnStmt:
		for i, x := range s.Results {
			var objs []set
			if call, ok := ast.Unparen(x).(*ast.CallExpr); ok && len(s.Results) == 1 {
				objs = h.call(call)
			} else {
				objs = []set{h.eval(x)}
			}
			for k, o := range objs {
				for len(h.results) <= i+k {
					h.results = append(h.results, nil)
				}
				h.results[i+k] = h.results[i+k].with(o...)
			}
		}
	case *ast.DeferStmt:
		if lit, ok := ast.Unparen(s.Call.Fun).(*ast.FuncLit); ok {
			h.deferred = append(h.deferred, deferredLit{s.Call, lit, slices.Clone(h.conds)})
			return
		}
		h.eval(s.Call)
	case *ast.GoStmt:
		h.in(s, 0, func() { h.eval(s.Call) })
	case *ast.SendStmt:
		h.put(at(h.eval(s.Chan), "[]"), h.refs(s.Value), s.Pos(), false)
	case *ast.LabeledStmt:
		h.stmt(s.Stmt)
	}
}

// testsGiven returns the operator of x where it compares a given parameter with
// nil.
func (h *heap) testsGiven(x ast.Expr) token.Token {
	b, ok := ast.Unparen(x).(*ast.BinaryExpr)
	if !ok || b.Op != token.EQL && b.Op != token.NEQ || !isNil(h.p, b.Y) {
		return token.ILLEGAL
	}
	if id, ok := ast.Unparen(b.X).(*ast.Ident); ok && h.given[h.p.Info.Uses[id]] {
		return b.Op
	}
	return token.ILLEGAL
}

func (h *heap) clauses(stmt ast.Stmt, body *ast.BlockStmt) {
	for i, c := range body.List {
		h.in(stmt, i, func() {
			switch c := c.(type) {
			case *ast.CaseClause:
				h.stmts(c.Body)
			case *ast.CommClause:
				if c.Comm != nil {
					h.stmt(c.Comm)
				}
				h.stmts(c.Body)
			}
		})
	}
}

func (h *heap) valueSpec(v *ast.ValueSpec) {
	for i, name := range v.Names {
		if i < len(v.Values) && len(v.Values) == len(v.Names) {
			h.assign(h.places(name), v.Values[i], h.p.Info.TypeOf(name), name.Pos(), true)
		}
	}
	if len(v.Values) == 1 && len(v.Names) > 1 {
		h.tuple(v.Values[0], func(i int) []place { return h.places(v.Names[i]) }, len(v.Names), v.Pos())
	}
}

func (h *heap) tuple(x ast.Expr, to func(int) []place, n int, pos token.Pos) {
	if call, ok := ast.Unparen(x).(*ast.CallExpr); ok {
		for i, objs := range h.call(call) {
			if i < n {
				h.put(to(i), objs, pos, true)
			}
		}
		return
	}
	h.put(to(0), h.eval(x), pos, true) // v, ok := x.(T), m[k], <-c
}

func (h *heap) assignStmt(s *ast.AssignStmt) {
	if len(s.Lhs) != len(s.Rhs) {
		h.tuple(s.Rhs[0], func(i int) []place { return h.places(s.Lhs[i]) }, len(s.Lhs), s.Pos())
		return
	}
	if s.Tok != token.ASSIGN && s.Tok != token.DEFINE {
		return
	}
	if len(s.Lhs) == 1 {
		h.keys(s.Lhs[0])
		h.assign(h.places(s.Lhs[0]), s.Rhs[0], h.p.Info.TypeOf(s.Rhs[0]), s.Pos(), true)
		return
	}
	// All operands are evaluated before the first is stored.
	values, to := make([]set, len(s.Rhs)), make([][]place, len(s.Rhs))
	for i := range s.Rhs {
		values[i], to[i] = h.eval(s.Rhs[i]), h.places(s.Lhs[i])
	}
	for i := range s.Rhs {
		t := h.p.Info.TypeOf(s.Rhs[i])
		if isValue(t) {
			h.assign(to[i], s.Rhs[i], t, s.Pos(), true)
		} else if refers(t) || isNil(h.p, s.Rhs[i]) {
			h.put(to[i], values[i], s.Pos(), true)
		}
	}
}

// isNil reports whether x is there and is nil.
func isNil(p *rewrite.Package, x ast.Expr) bool {
	return x != nil && p.Info.Types[ast.Unparen(x)].IsNil()
}

// keys stores a map's key that is a reference.
func (h *heap) keys(x ast.Expr) {
	ix, ok := ast.Unparen(x).(*ast.IndexExpr)
	if !ok {
		return
	}
	if m, isMap := under(h.p.Info.TypeOf(ix.X)).(*types.Map); isMap && refers(m.Key()) {
		h.put(at(h.eval(ix.X), "[]"), h.eval(ix.Index), ix.Pos(), false)
	}
}

// holders are functions of other packages whose result refers to their
// arguments for as long as it lives.
var holders = map[string]bool{
	"bufio.NewReader": true, "bufio.NewReaderSize": true, "bufio.NewWriter": true, "bufio.NewWriterSize": true,
	"bufio.NewScanner": true, "bufio.NewReadWriter": true, "encoding/json.NewEncoder": true, "encoding/json.NewDecoder": true,
	"encoding/gob.NewEncoder": true, "encoding/gob.NewDecoder": true, "io.LimitReader": true, "io.MultiReader": true,
	"io.MultiWriter": true, "io.TeeReader": true, "io.NewSectionReader": true, "crypto/tls.Client": true, "crypto/tls.Server": true,
	"net/textproto.NewConn": true, "net/textproto.NewReader": true, "net/textproto.NewWriter": true, "log.New": true,
	"context.WithValue": true, "sync.OnceFunc": true, "container/list.New": true,
}

// keepers are methods of other packages that store their last argument in the
// receiver.
var keepers = map[string]bool{
	"(*container/list.List).PushBack": true, "(*container/list.List).PushFront": true,
	"(*sync.Map).Store": true, "(*sync.Map).LoadOrStore": true, "(*sync/atomic.Value).Store": true,
	"(*sync/atomic.Pointer[T]).Store": true, "(*sync/atomic.Pointer).Store": true,
}

// call runs a call and returns what its results refer to.
func (h *heap) call(x *ast.CallExpr) []set {
	fun := ast.Unparen(x.Fun)
	if h.p.Info.Types[fun].IsType() {
		if len(x.Args) == 1 && refers(h.p.Info.TypeOf(x.Args[0])) && refers(h.p.Info.TypeOf(x)) {
			return []set{h.eval(x.Args[0])}
		}
		return nil
	}
	if id, ok := fun.(*ast.Ident); ok {
		if b, ok := h.p.Info.Uses[id].(*types.Builtin); ok {
			return []set{h.builtin(x, b.Name())}
		}
	}
	if lit, ok := fun.(*ast.FuncLit); ok {
		return h.inline(lit, x.Args)
	}
	args := make([]set, len(x.Args))
	for i, a := range x.Args {
		switch t := h.p.Info.TypeOf(a); {
		case refers(t):
			args[i] = h.eval(a)
		case isValue(t):
			args[i] = set{h.copyOf(a, h.places(a), t)}
		default:
			h.eval(a)
		}
	}
	fn := h.p.Callee(x)
	if fn == nil {
		h.eval(fun)
		return nil
	}
	if fn.Pkg() != nil && fn.Pkg().Path() == "runtime" && (fn.Name() == "SetFinalizer" || fn.Name() == "AddCleanup") {
		h.register(x, args)
		return nil
	}
	var recv set
	if sel, ok := fun.(*ast.SelectorExpr); ok {
		if s := h.p.Info.Selections[sel]; s != nil {
			recv = h.receiver(sel, s)
		}
	}
	key := rewrite.ObjectKey(fn)
	switch {
	case holders[key]:
		o := h.site(x, "", nil, nil)
		for _, a := range args {
			h.store(place{o, "held"}, a, x.Pos())
		}
		return []set{{o}}
	case keepers[key] && len(args) > 0:
		for _, r := range recv {
			h.store(place{r, "kept"}, args[len(args)-1], x.Pos())
		}
		return nil
	}
	return h.enter(x, fn, recv, args)
}

// register notes a finalization: the object refers to its function, which the
// collector keeps as long as it is set. A cleanup's function and argument are
// kept too, but not what the object refers to.
func (h *heap) register(x *ast.CallExpr, args []set) {
	if len(x.Args) < 2 || isNil(h.p, x.Args[1]) {
		return
	}
	h.registered = append(h.registered, registeredObject{x, args[0]})
	for _, o := range args[0] {
		h.store(place{o, finalizerSlot}, args[1], x.Args[1].Pos())
		if len(args) > 2 {
			h.store(place{o, finalizerSlot}, args[2], x.Args[2].Pos())
		}
	}
}

func (h *heap) builtin(x *ast.CallExpr, name string) set {
	switch name {
	case "new", "make":
		t := h.p.Info.TypeOf(x)
		if elem := pointerElem(t); elem != nil && name == "new" {
			t = elem
		}
		return set{h.site(x, "", nil, t)}
	case "append":
		if len(x.Args) == 0 {
			return nil
		}
		o := h.site(x, "", nil, h.p.Info.TypeOf(x))
		out := h.eval(x.Args[0]).with(o)
		for _, a := range x.Args[1:] {
			t := h.p.Info.TypeOf(a)
			for _, s := range out {
				switch {
				case x.Ellipsis.IsValid():
					for _, from := range h.eval(a) {
						h.copyValue(place{s, "[]"}, place{from, "[]"})
					}
				case isValue(t):
					h.assign([]place{{s, "[]"}}, a, t, a.Pos(), false)
				default:
					h.store(place{s, "[]"}, h.refs(a), a.Pos())
				}
			}
		}
		return out
	}
	for _, a := range x.Args {
		h.eval(a)
	}
	return nil
}

// enter runs the function that is called, where its source is in the package.
// The result of a function that is not run is an object of which nothing is
// known.
func (h *heap) enter(x *ast.CallExpr, fn *types.Func, recv set, args []set) []set {
	decl := declsOf(h.p)[rewrite.ObjectKey(fn)]
	recursive := false
	for _, f := range h.stack {
		recursive = recursive || f == fn
	}
	if decl == nil || decl.Body == nil || len(h.stack) > heapDepth || recursive || x.Ellipsis.IsValid() {
		return h.unknown(x, fn)
	}
	outer, results, deferred := h.vars, h.results, h.deferred
	h.vars, h.results, h.deferred = make(map[types.Object]*object), nil, nil
	for v, o := range outer {
		h.vars[v] = o
	}
	h.stack = append(h.stack, fn)
	caller, k := h.ctx, callKey{h.ctx, x}
	if h.ctxs[k] == 0 {
		h.ctxs[k] = len(h.ctxs) + 1
	}
	h.ctx = h.ctxs[k]
	bind := func(name *ast.Ident, objs set, t types.Type) {
		v := h.p.Info.Defs[name]
		if v == nil {
			return
		}
		delete(h.vars, v)
		cell := h.variable(v)
		if isValue(t) {
			cell.known = len(objs) > 0
			for _, o := range objs {
				h.copyValue(place{cell, ""}, place{o, ""})
			}
			return
		}
		h.given[v] = len(objs) > 0 && !containsNode(decl.Body, func(n ast.Node) bool { return assigns(h.p, n, v) })
		h.store(place{cell, ""}, objs, name.Pos())
	}
	if decl.Recv != nil {
		for _, f := range decl.Recv.List {
			for _, name := range f.Names {
				bind(name, recv, h.p.Info.TypeOf(f.Type))
			}
		}
	}
	i := 0
	for _, f := range decl.Type.Params.List {
		_, variadic := f.Type.(*ast.Ellipsis)
		for _, name := range f.Names {
			if variadic {
				o := h.site(f, "...", nil, nil)
				for _, a := range args[min(i, len(args)):] {
					h.store(place{o, "[]"}, a, name.Pos())
				}
				bind(name, set{o}, nil)
				continue
			}
			if i < len(args) {
				bind(name, args[i], h.p.Info.TypeOf(f.Type))
			}
			i++
		}
		if len(f.Names) == 0 {
			i++
		}
	}
	h.stmt(decl.Body)
	h.runDeferred()
	out := h.results
	if decl.Type.Results != nil { // named results
		k := 0
		for _, f := range decl.Type.Results.List {
			for _, name := range f.Names {
				if v := h.p.Info.Defs[name]; v != nil && refers(v.Type()) {
					for len(out) <= k {
						out = append(out, nil)
					}
					out[k] = out[k].with(h.load(place{h.variable(v), ""}, nil)...)
				}
				k++
			}
		}
	}
	h.stack = h.stack[:len(h.stack)-1]
	h.ctx, h.vars, h.results, h.deferred = caller, outer, results, deferred
	return out
}

// assigns reports whether n is a statement that assigns v.
func assigns(p *rewrite.Package, n ast.Node, v types.Object) bool {
	a, ok := n.(*ast.AssignStmt)
	return ok && slices.ContainsFunc(a.Lhs, func(l ast.Expr) bool {
		id, ok := l.(*ast.Ident)
		return ok && p.Info.Uses[id] == v
	})
}

// declsOf returns the package's functions and methods by their keys.
func declsOf(p *rewrite.Package) map[string]*ast.FuncDecl {
	type key struct{ p *rewrite.Package }
	return p.Snapshot().Memo(key{p}, func() any {
		out := make(map[string]*ast.FuncDecl)
		for _, f := range p.Files {
			for _, d := range f.AST.Decls {
				if decl, ok := d.(*ast.FuncDecl); ok {
					if fn, ok := p.Info.Defs[decl.Name].(*types.Func); ok {
						out[rewrite.ObjectKey(fn)] = decl
					}
				}
			}
		}
		return out
	}).(map[string]*ast.FuncDecl)
}

func (h *heap) unknown(x *ast.CallExpr, fn *types.Func) []set {
	var out []set
	sig, _ := fn.Type().(*types.Signature)
	for i := range sig.Results().Len() {
		t := sig.Results().At(i).Type()
		if !refers(t) {
			out = append(out, nil)
			continue
		}
		if elem := pointerElem(t); elem != nil {
			t = elem
		}
		o := h.site(x, string(rune('0'+i%10)), nil, t)
		if o.known {
			o.known, o.level = false, maxLevel
		}
		out = append(out, set{o})
	}
	return out
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
