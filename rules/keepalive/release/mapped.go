package release

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/finalizer"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Registers reports whether some package registers a finalizer or cleanup: then
// one of them may unmap memory that Go code reads.
func (rs *Releases) Registers() bool {
	if rs.registers == nil {
		found := len(rs.s.Refs("runtime.SetFinalizer", "runtime.AddCleanup")) > 0
		rs.registers = &found
	}
	return *rs.registers
}

// Unmapping reports whether some finalizer or cleanup unmaps or frees memory that Go
// code may read.
func (rs *Releases) Unmapping() bool {
	if rs.unmaps == nil {
		found := false
		for _, list := range rs.registered().Set {
			found = found || rs.Of(list[0].Elem).unmaps
		}
		rs.unmaps = &found
	}
	return *rs.unmaps
}

// Views returns the names of the fields of what t points at that are slices of
// memory that its finalizer unmaps or frees, or that have such slices in them.
// Code of Go reads them like any other memory.
func (rs *Releases) Views(t types.Type) map[string]bool {
	key := finalizer.FinalizedKey(t)
	if out, ok := rs.viewed[key]; ok {
		return out
	}
	rs.viewed[key] = nil
	if !rs.Backed(t) || !rs.Of(t).unmaps {
		return nil
	}
	home := rs.homeOf(t)
	if home == nil {
		return nil
	}
	out := make(map[string]bool)
	for c := range home.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
		for _, x := range rs.unmapped(home, c.Node().(*ast.CallExpr)) {
			for _, x := range originsOf(home, x) {
				if f := fieldOf(home, x, key); f != "" {
					out[f] = true
				}
			}
		}
	}
	rs.addAliases(home, key, out)
	rs.viewed[key] = out
	return out
}

// homeOf returns the package that declares what t points at, nil when it is not
// loaded.
func (rs *Releases) homeOf(t types.Type) *rewrite.Package {
	named := syntax.NamedBehind(t)
	if named == nil || named.Obj().Pkg() == nil {
		return nil
	}
	return rs.s.Package(named.Obj().Pkg().Path())
}

// fieldOf returns the name of the field of the type with the key that x is.
func fieldOf(p *rewrite.Package, x ast.Expr, key string) string {
	sel, ok := x.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	s := p.Info.Selections[sel]
	if s == nil || s.Kind() != types.FieldVal || finalizer.FinalizedKey(s.Recv()) != key {
		return ""
	}
	return syntax.FieldsAlong(s)[0].Name()
}

// originsOf returns x, or what the local variable that x is was set to: data :=
// r.data.
func originsOf(p *rewrite.Package, x ast.Expr) []ast.Expr {
	id, ok := x.(*ast.Ident)
	if !ok {
		return []ast.Expr{x}
	}
	out := []ast.Expr{x}
	if v := syntax.LocalVar(p, id); v != nil {
		for _, a := range syntax.AssignmentsOf(p, v) {
			if a.Value != nil {
				out = append(out, memoryOf(p, []ast.Expr{a.Value})...)
			}
		}
	}
	return out
}

// unmapped returns what the call unmaps or frees, as far as it is memory that Go
// code may have as a slice: arguments, or the receiver. Functions of the module
// are followed.
func (rs *Releases) unmapped(p *rewrite.Package, call *ast.CallExpr) []ast.Expr {
	fun, _ := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if name := cgo.CName(p, call.Fun); name == "free" || name == "munmap" {
		return memoryOf(p, call.Args)
	}
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return nil
	}
	var out []ast.Expr
	if knowledge.Unmaps(rewrite.ObjectKey(fn)) {
		out = slices.Clone(call.Args)
		if fn.Signature().Recv() != nil && fun != nil {
			out = append(out, fun.X)
		}
		return memoryOf(p, out)
	}
	for i := range rs.unmapsOf(p, fn) {
		if i >= 0 && i < len(call.Args) {
			out = append(out, call.Args[i])
		} else if i < 0 && fun != nil {
			out = append(out, fun.X)
		}
	}
	return memoryOf(p, out)
}

// Unmaps reports whether the call unmaps or frees memory that Go code may have as
// a slice.
func (rs *Releases) Unmaps(p *rewrite.Package, call *ast.CallExpr) bool {
	return len(rs.unmapped(p, call)) > 0
}

// memoryOf returns the variables and fields behind the addresses and conversions
// in list: m for unsafe.Pointer(&m[0]).
func memoryOf(p *rewrite.Package, list []ast.Expr) []ast.Expr {
	var out []ast.Expr
	for _, x := range list {
		x = cgo.Converted(p, x)
		if call, ok := x.(*ast.CallExpr); ok && (cgo.IsUnsafe(p, call, "SliceData") || cgo.IsUnsafe(p, call, "StringData")) {
			x = ast.Unparen(call.Args[0])
		}
		if addr, ok := x.(*ast.UnaryExpr); ok && addr.Op == token.AND {
			x = ast.Unparen(addr.X)
			if index, ok := x.(*ast.IndexExpr); ok {
				x = ast.Unparen(index.X)
			}
		}
		if whole, ok := x.(*ast.SliceExpr); ok {
			x = ast.Unparen(whole.X)
		}
		if IsSlice(p.Info.TypeOf(x)) {
			out = append(out, x)
		}
	}
	return out
}

// IsSlice reports whether t is a slice or a string, or a pointer to one.
func IsSlice(t types.Type) bool {
	if elem := syntax.PointerElem(t); elem != nil {
		t = elem
	}
	switch u := syntax.Under(t).(type) {
	case *types.Slice:
		return true
	case *types.Basic:
		return u.Info()&types.IsString != 0
	}
	return false
}

// unmapsOf returns the parameters, by index, and the receiver, -1, that fn
// unmaps.
func (rs *Releases) unmapsOf(p *rewrite.Package, fn *types.Func) map[int]bool {
	if !takesBytes(fn.Signature()) {
		return nil
	}
	key := rewrite.ObjectKey(fn)
	if out, ok := rs.unmapping[key]; ok {
		return out
	}
	rs.unmapping[key] = nil // for recursion
	home, decl := syntax.Source(rs.s, p, fn)
	if decl == nil {
		return nil
	}
	params := make(map[types.Object]int)
	for i, v := range syntax.ParamObjects(home, decl.Type) {
		if v != nil {
			params[v] = i
		}
	}
	if decl.Recv != nil && len(decl.Recv.List[0].Names) > 0 {
		params[home.Info.Defs[decl.Recv.List[0].Names[0]]] = -1
	}
	out := make(map[int]bool)
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		for _, x := range rs.unmapped(home, call) {
			for _, x := range originsOf(home, x) {
				if star, ok := x.(*ast.StarExpr); ok {
					x = ast.Unparen(star.X)
				}
				if id, ok := x.(*ast.Ident); ok {
					if i, ok := params[home.Info.Uses[id]]; ok {
						out[i] = true
					}
				}
			}
		}
		return true
	})
	rs.unmapping[key] = out
	return out
}

// takesBytes reports whether a parameter or the receiver is a slice or string.
func takesBytes(sig *types.Signature) bool {
	if sig.Recv() != nil && IsSlice(sig.Recv().Type()) {
		return true
	}
	for v := range sig.Params().Variables() {
		if IsSlice(v.Type()) {
			return true
		}
	}
	return false
}
