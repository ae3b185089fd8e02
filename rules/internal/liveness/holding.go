package liveness

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/cfg"
)

// Holding returns where references to o are put in the function.
func (l *Liveness) Holding(o Subject) holding {
	if h, ok := l.held[o]; ok {
		return h
	}
	k := keeping{Liveness: l, of: o, known: map[*types.Var]bool{o.V: true}, holders: []*types.Var{o.V}}
	for again := true; again; {
		again = false
		ast.Inspect(l.body, func(n ast.Node) bool {
			again = k.node(n) || again
			return true
		})
	}
	l.held[o] = k.found
	return k.found
}

// keeping finds what holds references to one subject.
type keeping struct {
	*Liveness
	of      Subject
	known   map[*types.Var]bool
	holders []*types.Var // the subject's variable, and those that hold references to it
	found   holding
}

// node notes where n puts references. It reports whether there is a new holder.
func (k *keeping) node(n ast.Node) (again bool) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for i, lhs := range n.Lhs {
			rhs := n.Rhs[0]
			if len(n.Rhs) == len(n.Lhs) {
				rhs = n.Rhs[i]
			}
			again = k.assign(lhs, rhs) || again
			again = k.mapKey(lhs) || again
		}
	case *ast.IncDecStmt:
		again = k.mapKey(n.X)
	case *ast.ValueSpec:
		for i, lhs := range n.Names {
			if len(n.Values) == 0 {
				break
			}
			rhs := n.Values[0]
			if len(n.Values) == len(n.Names) {
				rhs = n.Values[i]
			}
			again = k.assign(lhs, rhs) || again
		}
	case *ast.RangeStmt:
		if n.Key != nil {
			again = k.assign(n.Key, n.X) || again
		}
		if n.Value != nil {
			again = k.assign(n.Value, n.X) || again
		}
	case *ast.SendStmt:
		k.found.Stored = k.found.Stored || k.Refers(n.Value, k.of)
	case *ast.GoStmt:
		k.found.Stored = k.found.Stored || k.Refers(n.Call, k.of)
	case *ast.CallExpr:
		for _, a := range n.Args {
			if k.Refers(a, k.of) && !k.forgets(n) {
				k.found.Stored = true
			}
		}
	case *ast.UnaryExpr:
		// The variable's own address.
		if id, ok := ast.Unparen(n.X).(*ast.Ident); ok && n.Op == token.AND && k.Object(id) == k.of.V {
			k.found.Stored = true
		}
	}
	return again
}

// assign notes that lhs is set to rhs. It reports whether lhs is a new holder.
func (k *keeping) assign(lhs, rhs ast.Expr) bool {
	from := slices.ContainsFunc(k.holders, func(w *types.Var) bool { return k.Mentions(rhs, w) })
	if !from || cgo.IsCgoCall(k.p, rhs) || k.isRawField(cgo.Converted(k.p, rhs)) {
		return false
	}
	if !k.of.leadsTo(k.p.Info.TypeOf(lhs)) && !slices.ContainsFunc(k.holders, func(w *types.Var) bool { return k.pointsInto(rhs, w) }) {
		return false
	}
	lhs = ast.Unparen(lhs)
	id, ok := lhs.(*ast.Ident)
	if !ok {
		id = syntax.VariableOf(lhs)
	}
	if id == nil || id.Name == "_" && id == lhs {
		k.found.Stored = k.found.Stored || id == nil
		return false
	}
	w, _ := k.Object(id).(*types.Var)
	if w == nil || w.IsField() || !(syntax.DeclaredIn(k.body, w) || k.isResult(w)) {
		if w != k.of.V {
			k.found.Stored = true
		}
		return false
	}
	if k.known[w] {
		return false
	}
	k.known[w] = true
	k.holders = append(k.holders, w)
	k.found.vars = append(k.found.vars, w)
	return true
}

// mapKey notes the key under which an element of a map is set. It reports whether
// the map is a new holder.
func (k *keeping) mapKey(lhs ast.Expr) bool {
	index, ok := ast.Unparen(lhs).(*ast.IndexExpr)
	if !ok {
		return false
	}
	_, isMap := syntax.Under(k.p.Info.TypeOf(index.X)).(*types.Map)
	return isMap && k.assign(index.X, index.Index)
}

// registered reports whether package runtime holds o at at: it was pinned or got a
// cgo.Handle on the way there, and is not let go of before.
func (l *Liveness) registered(o Subject, at ast.Node) bool {
	return syntax.ContainsNode(l.body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !(l.p.IsCall(call, "runtime/cgo", "NewHandle") || l.p.IsCall(call, "runtime", "(*runtime.Pinner).Pin")) || !l.Refers(call.Args[0], o) {
			return false
		}
		way := search{node: func(n ast.Node) flowEffect {
			switch {
			case syntax.Encloses(n, at):
				return used
			case l.letsGo(n):
				return Overwritten
			}
			return l.setting(n, o.V)
		}}
		return l.after(call, func(b *cfg.Block, i int) bool {
			return syntax.Encloses(b.Nodes[i], at) || way.from(b, i+1)
		})
	})
}

// letsGo reports whether n unpins objects or deletes a cgo.Handle, now.
func (l *Liveness) letsGo(n ast.Node) bool {
	if _, later := n.(*ast.DeferStmt); later {
		return false
	}
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && (l.p.IsCall(call, "runtime/cgo", "(runtime/cgo.Handle).Delete") || l.p.IsCall(call, "runtime", "(*runtime.Pinner).Unpin"))
	})
}

// forgets reports whether the called function keeps none of its arguments.
func (l *Liveness) forgets(call *ast.CallExpr) bool {
	if cgo.IsCgoCall(l.p, call) || l.p.Info.Types[call.Fun].IsType() {
		return true
	}
	if id := syntax.LastName(call.Fun); id != nil {
		if _, ok := l.p.Info.Uses[id].(*types.Builtin); ok {
			return true // append, unsafe.SliceData: the result is looked at
		}
	}
	fn := l.p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	switch fn.Pkg().Path() {
	case "runtime", "fmt", "log", "errors", "syscall", "golang.org/x/sys/unix", "golang.org/x/sys/windows", "unsafe":
		return true
	}
	return false
}

// isRawField reports whether x is a field of type unsafe.Pointer: that is how
// handles of C are kept. An object has no such pointer to itself.
func (l *Liveness) isRawField(x ast.Expr) bool {
	sel, ok := ast.Unparen(x).(*ast.SelectorExpr)
	if !ok || syntax.Under(l.p.Info.TypeOf(sel)) != types.Typ[types.UnsafePointer] {
		return false
	}
	_, ok = syntax.FieldChain(l.p, sel)
	return ok
}

// pointsInto reports whether x is the address of a part of what v points at, as
// &v.mu is. It keeps the whole alive.
func (l *Liveness) pointsInto(x ast.Expr, v *types.Var) bool {
	u, ok := ast.Unparen(x).(*ast.UnaryExpr)
	if !ok || u.Op != token.AND {
		return false
	}
	x = ast.Unparen(u.X)
	for {
		var part ast.Expr
		switch n := x.(type) {
		case *ast.SelectorExpr:
			part = n.X
		case *ast.IndexExpr:
			if _, ok := syntax.Under(l.p.Info.TypeOf(n.X)).(*types.Array); !ok {
				return false
			}
			part = n.X
		default:
			return false
		}
		root, fields, ok := syntax.FieldsBehind(l.p, x)
		if ok && l.Object(root) == v {
			// No pointer leads on to something else.
			return !slices.ContainsFunc(fields[:len(fields)-1], func(f *types.Var) bool { return syntax.PointerLike(f.Type()) })
		}
		x = ast.Unparen(part)
	}
}

// canHold reports whether a value of type t may lead to an object that a
// variable of type ptr points at.
func canHold(t, ptr types.Type) bool {
	elem := syntax.PointerElem(ptr)
	if elem == nil {
		return true
	}
	return holds(t, elem, make(map[types.Type]bool))
}

func holds(t, elem types.Type, seen map[types.Type]bool) bool {
	if t == nil || seen[t] {
		return false
	}
	seen[t] = true
	if syntax.IsError(t) {
		return false
	}
	if types.Identical(t, elem) {
		return true
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Kind() == types.UnsafePointer
	case *types.Pointer:
		return types.Identical(u.Elem(), elem) || holds(u.Elem(), elem, seen)
	case *types.Slice:
		return holds(u.Elem(), elem, seen)
	case *types.Array:
		return holds(u.Elem(), elem, seen)
	case *types.Chan:
		return holds(u.Elem(), elem, seen)
	case *types.Map:
		return holds(u.Key(), elem, seen) || holds(u.Elem(), elem, seen)
	case *types.Struct:
		for f := range u.Fields() {
			if holds(f.Type(), elem, seen) {
				return true
			}
		}
	case *types.Tuple:
		for v := range u.Variables() {
			if holds(v.Type(), elem, seen) {
				return true
			}
		}
	case *types.Interface, *types.Signature:
		return true
	}
	return false
}
