package heap

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// deferredLit is a deferred call of a function literal, in the branches around
// the statement.
type deferredLit struct {
	call  *ast.CallExpr
	lit   *ast.FuncLit
	conds []branch
}

type registeredObject struct {
	Call *ast.CallExpr
	Objs Set
}

type callKey struct {
	ctx  int
	call *ast.CallExpr
}

// runDeferred runs what the present call has deferred.
func (h *Heap) runDeferred() {
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
func (h *Heap) inline(lit *ast.FuncLit, args []ast.Expr) []Set {
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

// receiver returns what a method that is called or bound gets: what a pointer
// points at, or a copy of the value.
func (h *Heap) receiver(x *ast.SelectorExpr, sel *types.Selection) Set {
	recv := sel.Obj().(*types.Func).Signature().Recv()
	if recv == nil {
		return nil
	}
	embedded := sel.Index()[:len(sel.Index())-1]
	if len(embedded) == 0 && refers(h.p.Info.TypeOf(x.X)) {
		objs := h.eval(x.X)
		if isValue(recv.Type()) {
			return Set{h.copyOf(x, at(objs, ""), recv.Type())}
		}
		return objs
	}
	places, t := h.fields(x.X, embedded)
	switch {
	case refers(t):
		objs := h.loadAll(places, t)
		if isValue(recv.Type()) {
			return Set{h.copyOf(x, at(objs, ""), recv.Type())}
		}
		return objs
	case syntax.IsPointer(recv.Type()):
		var out Set
		for _, pl := range places {
			out = out.With(pl.obj)
		}
		return out
	case isValue(recv.Type()):
		return Set{h.copyOf(x, places, recv.Type())}
	}
	return nil
}

// holders are functions of other packages whose result refers to their
// arguments for as long as it lives.
var holders = map[string]bool{
	"bufio.NewReader": true, "bufio.NewReaderSize": true, "bufio.NewWriter": true, "bufio.NewWriterSize": true,
	"bufio.NewScanner": true, "bufio.NewReadWriter": true, "encoding/json.NewEncoder": true, "encoding/json.NewDecoder": true,
	"encoding/gob.NewEncoder": true, "encoding/gob.NewDecoder": true, "io.LimitReader": true, "io.MultiReader": true,
	"io.MultiWriter": true, "io.TeeReader": true, "io.NewSectionReader": true, "crypto/tls.Client": true, "crypto/tls.Server": true,
	"net/textproto.NewConn": true, "net/textproto.NewReader": true, "net/textproto.NewWriter": true, "log.New": true,
	"context.WithValue": true, "sync.OnceFunc": true, "sync.NewCond": true, "container/list.New": true,
	"time.AfterFunc": true, "context.AfterFunc": true, // even after the function was called
}

// keepers are methods of other packages that store their last argument in the
// receiver.
var keepers = map[string]bool{
	"(*container/list.List).PushBack": true, "(*container/list.List).PushFront": true,
	"(*sync.Map).Store": true, "(*sync.Map).LoadOrStore": true, "(*sync/atomic.Value).Store": true,
	"(*sync/atomic.Pointer[T]).Store": true, "(*sync/atomic.Pointer).Store": true,
}

// call runs a call and returns what its results refer to.
func (h *Heap) call(x *ast.CallExpr) []Set {
	fun := ast.Unparen(x.Fun)
	if h.p.Info.Types[fun].IsType() {
		if len(x.Args) == 1 && refers(h.p.Info.TypeOf(x.Args[0])) && refers(h.p.Info.TypeOf(x)) {
			return []Set{h.eval(x.Args[0])}
		}
		return nil
	}
	if id, ok := fun.(*ast.Ident); ok {
		if b, ok := h.p.Info.Uses[id].(*types.Builtin); ok {
			return []Set{h.builtin(x, b.Name())}
		}
	}
	if lit, ok := fun.(*ast.FuncLit); ok {
		return h.inline(lit, x.Args)
	}
	args := make([]Set, len(x.Args))
	for i, a := range x.Args {
		switch t := h.p.Info.TypeOf(a); {
		case refers(t):
			args[i] = h.eval(a)
		case isValue(t):
			args[i] = Set{h.copyOf(a, h.places(a), t)}
		default:
			h.eval(a)
		}
	}
	fn := h.p.Callee(x)
	if fn == nil {
		h.eval(fun)
		if finalizer.Of(h.p.Snapshot()).Through(x) {
			h.register(x, args)
		}
		return nil
	}
	if fn.Pkg() != nil && fn.Pkg().Path() == "runtime" && (fn.Name() == "SetFinalizer" || fn.Name() == "AddCleanup") {
		h.register(x, args)
		return nil
	}
	if y := finalizer.Of(h.p.Snapshot()).Wrapped(x); y != nil && !y.Clears {
		h.registerBy(y, args)
	}
	var recv Set
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
		return []Set{{o}}
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
func (h *Heap) register(x *ast.CallExpr, args []Set) {
	if len(x.Args) < 2 || syntax.IsNil(h.p, x.Args[1]) {
		return
	}
	h.Registered = append(h.Registered, registeredObject{x, args[0]})
	for _, o := range args[0] {
		h.store(place{o, FinalizerSlot}, args[1], x.Args[1].Pos())
		if len(args) > 2 {
			h.store(place{o, FinalizerSlot}, args[2], x.Args[2].Pos())
		}
	}
}

// registerBy notes a finalization that a function of the module makes: the object
// refers to the functions that it is handed.
func (h *Heap) registerBy(y *finalizer.Finalization, args []Set) {
	call := y.Call.Call
	i := slices.IndexFunc(call.Args, func(a ast.Expr) bool { return ast.Unparen(a) == y.Object })
	if i < 0 {
		return
	}
	h.Registered = append(h.Registered, registeredObject{call, args[i]})
	for _, run := range y.Runs {
		j := slices.IndexFunc(call.Args, func(a ast.Expr) bool { return ast.Unparen(a) == run.X })
		for _, o := range args[i] {
			if j >= 0 {
				h.store(place{o, FinalizerSlot}, args[j], run.X.Pos())
			}
		}
	}
}

func (h *Heap) builtin(x *ast.CallExpr, name string) Set {
	switch name {
	case "new", "make":
		t := h.p.Info.TypeOf(x)
		if elem := syntax.PointerElem(t); elem != nil && name == "new" {
			t = elem
		}
		return Set{h.site(x, "", nil, t)}
	case "append":
		if len(x.Args) == 0 {
			return nil
		}
		o := h.site(x, "", nil, h.p.Info.TypeOf(x))
		out := h.eval(x.Args[0]).With(o)
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
func (h *Heap) enter(x *ast.CallExpr, fn *types.Func, recv Set, args []Set) []Set {
	decl := syntax.DeclsOf(h.p)[rewrite.ObjectKey(fn)]
	recursive := false
	for _, f := range h.stack {
		recursive = recursive || f == fn
	}
	if decl == nil || decl.Body == nil || len(h.stack) > heapDepth || recursive || x.Ellipsis.IsValid() {
		return h.unknown(x, fn)
	}
	outer, results, deferred := h.vars, h.results, h.deferred
	h.vars, h.results, h.deferred = make(map[types.Object]*Object), nil, nil
	for v, o := range outer {
		h.vars[v] = o
	}
	h.stack = append(h.stack, fn)
	caller, k := h.ctx, callKey{h.ctx, x}
	if h.ctxs[k] == 0 {
		h.ctxs[k] = len(h.ctxs) + 1
	}
	h.ctx = h.ctxs[k]
	bind := func(name *ast.Ident, objs Set, t types.Type) {
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
		h.given[v] = len(objs) > 0 && !syntax.ContainsNode(decl.Body, func(n ast.Node) bool { return assigns(h.p, n, v) })
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
				bind(name, Set{o}, nil)
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
					out[k] = out[k].With(h.load(place{h.variable(v), ""}, nil)...)
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

func (h *Heap) unknown(x *ast.CallExpr, fn *types.Func) []Set {
	var out []Set
	sig, _ := fn.Type().(*types.Signature)
	for i := range sig.Results().Len() {
		t := sig.Results().At(i).Type()
		if !refers(t) {
			out = append(out, nil)
			continue
		}
		if elem := syntax.PointerElem(t); elem != nil {
			t = elem
		}
		o := h.site(x, string(rune('0'+i%10)), nil, t)
		if o.known {
			o.known, o.Level = false, maxLevel
		}
		out = append(out, Set{o})
	}
	return out
}

// tuple stores what x, the one operand of an assignment to n variables, yields.
func (h *Heap) tuple(x ast.Expr, to func(int) []place, n int, pos token.Pos) {
	if call, ok := ast.Unparen(x).(*ast.CallExpr); ok {
		results, _ := h.p.Info.TypeOf(call).(*types.Tuple)
		for i, objs := range h.call(call) {
			switch {
			case i >= n:
			case results != nil && i < results.Len() && isValue(results.At(i).Type()):
				for _, dst := range to(i) {
					for _, o := range objs {
						h.copyValue(dst, place{o, ""})
					}
				}
			default:
				h.put(to(i), objs, pos, true)
			}
		}
		return
	}
	h.put(to(0), h.eval(x), pos, true) // v, ok := x.(T), m[k], <-c
}
