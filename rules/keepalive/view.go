package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/keepalive/release"
	"golang.org/x/tools/go/ast/inspector"
)

// accessAt returns the place at c where Go code reads or writes memory that a
// finalizer unmaps or frees, through a slice; nil when it is none.
func (k *keeper) accessAt(p *rewrite.Package, f *rewrite.File, c inspector.Cursor) *crossing {
	fn, ok := syntax.EnclosingFunc(c)
	if !ok {
		return nil
	}
	loop, isLoop := c.Node().(*ast.RangeStmt)
	at, _ := c.Node().(ast.Expr)
	if isLoop {
		at = loop.X
	}
	x := &crossing{Boundary: bareBoundary(c.Node()), at: at, p: p, file: f, cur: c, fn: fn, body: syntax.BodyOf(fn.Node()), read: true, memory: true}
	if base := pointed(p, c); base != nil {
		// Have: a part of what the pointer leads to is read or written.
		if whole := sliceBehind(x, base, copyDepth); whole != nil {
			x.operands, x.seen = append(x.operands, base), k.viewsBehind(x, whole, copyDepth)
		}
	}
	for _, e := range k.accessed(p, c) {
		if of := k.viewsBehind(x, e, copyDepth); len(of) > 0 {
			x.operands, x.seen = append(x.operands, e), append(x.seen, of...)
		}
	}
	if len(x.seen) == 0 {
		return nil
	}
	if isLoop {
		x.cur, _ = p.Cursor(at)
	}
	return x
}

// pointed returns the pointer of which the expression at c is the value, or a field
// of it; nil where it is neither, or only its address is taken.
func pointed(p *rewrite.Package, c inspector.Cursor) ast.Expr {
	if addr, ok := c.Parent().Node().(*ast.UnaryExpr); ok && addr.Op == token.AND {
		return nil
	}
	switch n := c.Node().(type) {
	case *ast.StarExpr:
		if !p.Info.Types[n].IsType() {
			return n.X
		}
	case *ast.SelectorExpr:
		if s := p.Info.Selections[n]; s != nil && s.Kind() == types.FieldVal && syntax.IsPointer(p.Info.TypeOf(n.X)) {
			return n.X
		}
	}
	return nil
}

// bareBoundary returns the call that n is as a boundary of C memory.
func bareBoundary(n ast.Node) *cgo.Boundary {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return &cgo.Boundary{}
	}
	b := &cgo.Boundary{Call: call, Name: "the call"}
	if id := syntax.LastName(call.Fun); id != nil {
		b.Name = id.Name
	}
	return b
}

// accessed returns the operands of the expression or loop at c of which the
// elements are read or written there.
func (k *keeper) accessed(p *rewrite.Package, c inspector.Cursor) []ast.Expr {
	switch n := c.Node().(type) {
	case *ast.IndexExpr:
		if addr, ok := c.Parent().Node().(*ast.UnaryExpr); ok && addr.Op == token.AND || !mayBeSlice(p.Info.TypeOf(n.X)) {
			return nil
		}
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Value == nil || !mayBeSlice(p.Info.TypeOf(n.X)) {
			return nil
		}
		return []ast.Expr{n.X}
	case *ast.CallExpr:
		return k.accessedBy(p, c, n)
	}
	return nil
}

// accessedBy returns the operands of the call that may be read or written by the
// called function while it runs.
func (k *keeper) accessedBy(p *rewrite.Package, c inspector.Cursor, call *ast.CallExpr) []ast.Expr {
	switch c.Parent().Node().(type) {
	case *ast.GoStmt, *ast.DeferStmt:
		return nil
	}
	if p.Info.Types[call.Fun].IsType() {
		switch u := syntax.Under(p.Info.TypeOf(call)).(type) {
		case *types.Basic:
			if u.Info()&types.IsString != 0 {
				return call.Args // a copy
			}
		case *types.Array:
			return call.Args
		}
		return nil
	}
	if id := syntax.LastName(call.Fun); id != nil {
		if b, ok := p.Info.Uses[id].(*types.Builtin); ok {
			switch b.Name() {
			case "copy":
				return call.Args
			case "append":
				return call.Args[1:]
			}
			return nil
		}
	}
	if k.releases.PassedBack(p, call) != nil || k.releases.Unmaps(p, call) || syntax.ContainsNode(call, isUnmapNumber) || p.IsCall(call, "runtime", "KeepAlive") {
		return nil
	}
	out := slices.Clone(call.Args)
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && p.Info.Selections[sel] != nil && p.Info.Selections[sel].Kind() == types.MethodVal {
		out = append(out, sel.X)
	}
	return out
}

// isUnmapNumber reports whether n is the number of the system call that unmaps.
func isUnmapNumber(n ast.Node) bool {
	id, ok := n.(*ast.Ident)
	return ok && id.Name == "SYS_MUNMAP"
}

// viewsBehind returns the objects whose finalizers unmap or free what e is a
// slice of, or leads to. Variables are followed up to depth.
func (k *keeper) viewsBehind(x *crossing, e ast.Expr, depth int) []resource {
	p := x.p
	switch n := ast.Unparen(e).(type) {
	case *ast.SliceExpr:
		if call, ok := ast.Unparen(n.X).(*ast.CallExpr); ok && isPointerType(call.Fun) {
			return k.handlesOf(x, call, depth) // (*[1 << 20]byte)(unsafe.Pointer(r.h))[:n]
		}
		return k.viewsBehind(x, n.X, depth)
	case *ast.Ident:
		v := syntax.LocalVar(p, n)
		if v == nil || depth == 0 || !mayView(v.Type()) {
			return nil
		}
		var out []resource
		for _, val := range syntax.AssignedValues(p, x.body, v) {
			if val == nil || val.Pos() > x.cur.Node().End() {
				continue
			}
			for _, o := range k.viewsBehind(x, val, depth-1) {
				o.taken = val.Pos()
				out = append(out, o)
			}
		}
		return out
	case *ast.SelectorExpr:
		if s := p.Info.Selections[n]; s == nil || s.Kind() != types.FieldVal || !mayView(s.Type()) {
			return nil
		}
		if w, ok := k.pathOf(p, n); ok {
			if o, ok := k.viewerOf(p, w); ok {
				return []resource{o}
			}
		}
	case *ast.CallExpr:
		if cgo.IsUnsafe(p, n, "Slice") || cgo.IsUnsafe(p, n, "String") {
			return k.handlesOf(x, n.Args[0], depth)
		}
		if arg := k.releases.PassedBack(p, n); arg != nil {
			return k.viewsBehind(x, arg, depth)
		}
		if whole := sliceBehind(x, n, depth); whole != nil {
			return k.viewsBehind(x, whole, depth)
		}
	}
	return nil
}

// sliceBehind returns the slice to an element of which e is a pointer of another
// type, or an integer: m for (*header)(unsafe.Pointer(&m[0])).
func sliceBehind(x *crossing, e ast.Expr, depth int) ast.Expr {
	inner := cgo.Converted(x.p, e)
	switch n := inner.(type) {
	case *ast.Ident:
		if v := syntax.LocalVar(x.p, n); v != nil && depth > 0 && syntax.PointerLike(v.Type()) {
			if val := syntax.OnlyValue(x.p, x.body, v); val != nil {
				return sliceBehind(x, val, depth-1)
			}
		}
	case *ast.CallExpr:
		if cgo.IsUnsafe(x.p, n, "SliceData") {
			return n.Args[0]
		}
		if cgo.IsUnsafe(x.p, n, "Add") {
			return sliceBehind(x, n.Args[0], depth)
		}
	case *ast.UnaryExpr:
		if index, ok := ast.Unparen(n.X).(*ast.IndexExpr); ok && n.Op == token.AND && inner != ast.Unparen(e) && release.IsSlice(x.p.Info.TypeOf(index.X)) {
			return index.X
		}
	}
	return nil
}

// isPointerType reports whether x is written as a pointer type.
func isPointerType(x ast.Expr) bool {
	_, ok := ast.Unparen(x).(*ast.StarExpr)
	return ok
}

// mayBeSlice reports whether t is a slice or a string, or has a part of C, so
// that it is not known.
func mayBeSlice(t types.Type) bool {
	return release.IsSlice(t) || t == nil || t == types.Typ[types.Invalid]
}

// mayView reports whether a value of type t may lead to mapped memory: numbers
// and errors do not. What has a part of C is not known.
func mayView(t types.Type) bool {
	switch u := syntax.Under(t).(type) {
	case *types.Basic:
		return u.Info()&types.IsString != 0 || u.Kind() == types.Invalid
	case *types.Slice, *types.Pointer, *types.Struct:
		return true
	case *types.Interface:
		return !syntax.IsError(t)
	}
	return false
}

// viewerOf returns the object that unmaps the memory that the path leads to: the
// innermost on it one of whose views the path passes.
func (k *keeper) viewerOf(p *rewrite.Package, w path) (o resource, ok bool) {
	v := syntax.LocalVar(p, w.root)
	if v == nil {
		return o, false
	}
	for i := len(w.steps) - 1; i >= 0; i-- {
		t := w.typeAt(v, i)
		f := w.steps[i].field
		if f == nil || syntax.PointerElem(t) == nil {
			continue
		}
		if k.releases.Views(t)[f.Name()] {
			return resource{v: v, typ: t}.along(w.steps[:i]), true
		}
		if !release.IsSlice(f.Type()) {
			continue
		}
		if owner, typ := k.releases.OwnerField(t, f.Name()); owner != nil {
			return resource{v: v, typ: typ}.along(append(slices.Clip(w.steps[:i]), step{owner, owner.Type()})), true
		}
	}
	return o, false
}

// along returns o with the fields of the steps to it.
func (o resource) along(steps []step) resource {
	for _, s := range steps {
		if s.field == nil {
			o.element = true
			break
		}
		o.fields = append(o.fields, s.field)
	}
	return o
}
