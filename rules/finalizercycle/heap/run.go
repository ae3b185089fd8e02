package heap

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

const (
	heapSteps = 5000
	heapDepth = 3
	// maxLevel bounds what is made up behind a parameter: p.a.b.c.
	maxLevel = 3
)

// Run runs decl, of package p.
func Run(p *rewrite.Package, decl *ast.FuncDecl) *Heap {
	h := &Heap{
		p: p, steps: heapSteps,
		sites: make(map[siteKey]*Object), ctxs: make(map[callKey]int),
		vars: make(map[types.Object]*Object), given: make(map[types.Object]bool),
	}
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

// symbolic makes v a variable that holds what was there before.
func (h *Heap) symbolic(v types.Object) {
	cell := h.variable(v)
	cell.known = false
}

// places returns what an addressable expression denotes.
func (h *Heap) places(x ast.Expr) []place {
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
		if _, isArray := syntax.Under(t).(*types.Array); isArray {
			return deeper(h.places(x.X), "[]")
		}
		return at(h.eval(x.X), "[]")
	case *ast.CompositeLit:
		return []place{{h.literal(x), ""}}
	}
	return at(h.eval(x), "")
}

// fields follows the fields given by a selection's index from x, or from what x
// points at. It returns where they end, and the type there.
func (h *Heap) fields(x ast.Expr, index []int) ([]place, types.Type) {
	t := h.p.Info.TypeOf(x)
	var cur []place
	if syntax.IsPointer(t) {
		cur = at(h.eval(x), "")
		t = syntax.Under(t).(*types.Pointer).Elem()
	} else {
		cur = h.places(x)
	}
	for i, k := range index {
		st, ok := syntax.Under(t).(*types.Struct)
		if !ok {
			return nil, nil
		}
		f := st.Field(k)
		cur = deeper(cur, f.Name())
		t = f.Type()
		if i < len(index)-1 && syntax.IsPointer(t) {
			var next []place
			for _, pl := range cur {
				next = append(next, at(h.load(pl, t), "")...)
			}
			cur, t = next, syntax.Under(t).(*types.Pointer).Elem()
		}
	}
	return cur, t
}

// eval returns the objects that a value refers to. For a struct or array it is
// the object that holds the value.
func (h *Heap) eval(x ast.Expr) Set {
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
			h.store(place{o, "receiver"}, h.receiver(x, sel), x.Pos())
			return Set{o}
		}
		return h.loadAll(h.places(x), h.p.Info.TypeOf(x))
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			var out Set
			for _, pl := range h.places(x.X) {
				out = out.With(pl.obj)
			}
			return out
		}
		if x.Op == token.ARROW {
			return h.loadAll(at(h.eval(x.X), "[]"), h.p.Info.TypeOf(x))
		}
	case *ast.CompositeLit:
		return Set{h.literal(x)}
	case *ast.FuncLit:
		return Set{h.closure(x)}
	case *ast.TypeAssertExpr:
		return h.eval(x.X)
	case *ast.SliceExpr:
		t := h.p.Info.TypeOf(x.X)
		if _, isArray := syntax.Under(t).(*types.Array); isArray {
			var out Set
			for _, pl := range h.places(x.X) {
				out = out.With(pl.obj)
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

// literal returns the object that a composite literal makes, whether its
// address is taken or not.
func (h *Heap) literal(x *ast.CompositeLit) *Object {
	t := h.p.Info.TypeOf(x)
	if elem := syntax.PointerElem(t); elem != nil {
		t = elem // an element of []*T{{...}}
	}
	o := h.site(x, "", nil, t)
	st, isStruct := syntax.Under(t).(*types.Struct)
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
func (h *Heap) refs(x ast.Expr) Set {
	if refers(h.p.Info.TypeOf(x)) {
		return h.eval(x)
	}
	return nil
}

// closure returns the object for a function literal: it refers to the variables
// that it captures. Its body is run as something that may happen.
func (h *Heap) closure(x *ast.FuncLit) *Object {
	k := siteKey{node: x, ctx: h.ctx}
	if o := h.sites[k]; o != nil {
		return o
	}
	o := h.site(x, "", nil, nil)
	ast.Inspect(x.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		v, ok := h.p.Info.Uses[id].(*types.Var)
		if ok && !v.IsField() && v.Pkg() != nil && v.Parent() != v.Pkg().Scope() && (v.Pos() < x.Pos() || x.End() <= v.Pos()) {
			h.store(place{o, "captures"}, Set{h.variable(v)}, id.Pos())
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
func (h *Heap) in(stmt ast.Node, way int, f func()) {
	h.conds = append(h.conds, branch{stmt, way})
	f()
	h.conds = h.conds[:len(h.conds)-1]
}

// assign stores the value of x, of type t, in the places. statement says
// whether it overwrites what is there.
func (h *Heap) assign(to []place, x ast.Expr, t types.Type, pos token.Pos, statement bool) {
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
	if refers(t) || syntax.IsNil(h.p, x) {
		h.put(to, objs, pos, statement)
	}
}

func (h *Heap) stmts(list []ast.Stmt) {
	for _, s := range list {
		h.stmt(s)
	}
}

func (h *Heap) stmt(s ast.Stmt) {
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
			if _, isArray := syntax.Under(h.p.Info.TypeOf(s.X)).(*types.Array); isArray {
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
		var objs Set
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
			var objs []Set
			t := h.p.Info.TypeOf(x)
			call, isCall := ast.Unparen(x).(*ast.CallExpr)
			switch {
			case isCall && len(s.Results) == 1:
				objs = h.call(call)
			case isValue(t):
				objs = []Set{{h.copyOf(x, h.places(x), t)}}
			default:
				objs = []Set{h.eval(x)}
			}
			for k, o := range objs {
				for len(h.results) <= i+k {
					h.results = append(h.results, nil)
				}
				h.results[i+k] = h.results[i+k].With(o...)
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
		to, value := h.eval(s.Chan), h.refs(s.Value)
		if !unbuffered(h.p, s.Chan) {
			h.put(at(to, "[]"), value, s.Pos(), false)
		}
	case *ast.LabeledStmt:
		h.stmt(s.Stmt)
	}
}

// testsGiven returns the operator of x where it compares a given parameter with
// nil.
func (h *Heap) testsGiven(x ast.Expr) token.Token {
	b, ok := ast.Unparen(x).(*ast.BinaryExpr)
	if !ok || b.Op != token.EQL && b.Op != token.NEQ || !syntax.IsNil(h.p, b.Y) {
		return token.ILLEGAL
	}
	if id, ok := ast.Unparen(b.X).(*ast.Ident); ok && h.given[h.p.Info.Uses[id]] {
		return b.Op
	}
	return token.ILLEGAL
}

func (h *Heap) clauses(stmt ast.Stmt, body *ast.BlockStmt) {
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

func (h *Heap) valueSpec(v *ast.ValueSpec) {
	for i, name := range v.Names {
		if i < len(v.Values) && len(v.Values) == len(v.Names) {
			h.assign(h.places(name), v.Values[i], h.p.Info.TypeOf(name), name.Pos(), true)
		}
	}
	if len(v.Values) == 1 && len(v.Names) > 1 {
		h.tuple(v.Values[0], func(i int) []place { return h.places(v.Names[i]) }, len(v.Names), v.Pos())
	}
}

func (h *Heap) assignStmt(s *ast.AssignStmt) {
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
	values, to := make([]Set, len(s.Rhs)), make([][]place, len(s.Rhs))
	for i := range s.Rhs {
		values[i], to[i] = h.eval(s.Rhs[i]), h.places(s.Lhs[i])
	}
	for i := range s.Rhs {
		t := h.p.Info.TypeOf(s.Rhs[i])
		if isValue(t) {
			h.assign(to[i], s.Rhs[i], t, s.Pos(), true)
		} else if refers(t) || syntax.IsNil(h.p, s.Rhs[i]) {
			h.put(to[i], values[i], s.Pos(), true)
		}
	}
}

// keys stores a map's key that is a reference.
func (h *Heap) keys(x ast.Expr) {
	ix, ok := ast.Unparen(x).(*ast.IndexExpr)
	if !ok {
		return
	}
	if m, isMap := syntax.Under(h.p.Info.TypeOf(ix.X)).(*types.Map); isMap && refers(m.Key()) {
		h.put(at(h.eval(ix.X), "[]"), h.eval(ix.Index), ix.Pos(), false)
	}
}

// unbuffered reports whether the channel x holds nothing: what is sent to it is
// with the receiver, or still with the sender.
func unbuffered(p *rewrite.Package, x ast.Expr) bool {
	var id *ast.Ident
	switch n := ast.Unparen(x).(type) {
	case *ast.Ident:
		id = n
	case *ast.SelectorExpr:
		id = n.Sel
	default:
		return false
	}
	made := false
	for val := range syntax.ValuesOf(p, p.Info.Uses[id]) {
		call, ok := ast.Unparen(val).(*ast.CallExpr)
		if !ok || !syntax.IsBuiltin(p, call, "make") || len(call.Args) != 1 {
			return false
		}
		made = true
	}
	return made
}
