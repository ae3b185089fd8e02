package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// pointers reports the Go pointers among the call's arguments that the
// collector does not see, or that C keeps.
func (k *keeper) pointers(x *crossing) []rewrite.Finding {
	var out []rewrite.Finding
	add := func(f *rewrite.Finding) {
		if f != nil {
			out = append(out, *f)
		}
	}
	for _, arg := range x.Call.Args {
		switch {
		case x.C:
			add(k.hidden(x, arg))
			add(k.retained(x, arg))
		case x.Raw && !takesMapping(x.p, x.Call):
			add(k.early(x, arg))
		}
		add(k.inStruct(x, arg))
		add(k.reflected(x, arg))
	}
	if x.Raw && x.Call.Ellipsis.IsValid() {
		out = append(out, k.spread(x)...)
	}
	return out
}

// reflected reports an address that reflection gives as an integer: it does not
// keep the value alive, unless it is made a pointer at once (package unsafe,
// pattern 5).
func (k *keeper) reflected(x *crossing, arg ast.Expr) *rewrite.Finding {
	call, ok := cgo.Converted(x.p, arg).(*ast.CallExpr)
	if !ok || !x.p.IsCall(call, "reflect", "(reflect.Value).Pointer", "(reflect.Value).UnsafeAddr") || madePointer(x.p, arg, call) {
		return nil
	}
	of := ast.Unparen(ast.Unparen(call.Fun).(*ast.SelectorExpr).X)
	if valueOf, ok := of.(*ast.CallExpr); ok && x.p.IsCall(valueOf, "reflect", "ValueOf") {
		of = ast.Unparen(valueOf.Args[0])
	}
	id, ok := of.(*ast.Ident)
	if !ok {
		return nil
	}
	v := syntax.LocalVar(x.p, id)
	o := resource{v: v}
	l := k.flow(x.p, x.body)
	if v == nil || k.alive(x, o.subject()) || l.Holding(o.subject()).Stored {
		return nil
	}
	if slices.ContainsFunc(x.Call.Args, func(a ast.Expr) bool { return a != arg && l.Refers(a, o.subject()) }) {
		return nil // it goes into the call as a pointer, too
	}
	f := &rewrite.Finding{
		Pos: arg.Pos(), End: arg.End(),
		Message: "the address is an integer: what " + v.Name() + " refers to may be collected while " + x.What() + " works on it",
	}
	if fix, why := k.keepFix([]use{{x, o}}); fix != nil {
		f.Fixes = []*rewrite.Fix{fix}
	} else {
		f.NoFix = why + "; call runtime.KeepAlive(" + v.Name() + ") when the call is done"
	}
	return f
}

// madePointer reports whether one of the conversions around x, which arg
// consists of, makes it a pointer.
func madePointer(p *rewrite.Package, arg, x ast.Expr) bool {
	for arg = ast.Unparen(arg); arg != x; arg = ast.Unparen(arg.(*ast.CallExpr).Args[0]) {
		t := syntax.Under(p.Info.TypeOf(arg))
		if _, ok := t.(*types.Pointer); ok || t == types.Typ[types.UnsafePointer] {
			return true
		}
	}
	return false
}

// spread reports the pointers in a slice of integers that a call takes as its
// arguments: only those in the argument list itself are kept in place.
func (k *keeper) spread(x *crossing) []rewrite.Finding {
	id, ok := ast.Unparen(x.Call.Args[len(x.Call.Args)-1]).(*ast.Ident)
	if !ok {
		return nil
	}
	v := syntax.LocalVar(x.p, id)
	if v == nil {
		return nil
	}
	var out []rewrite.Finding
	for _, val := range syntax.AssignedValues(x.p, x.body, v) {
		var elts []ast.Expr
		switch n := ast.Unparen(val).(type) {
		case *ast.CompositeLit:
			elts = n.Elts
		case *ast.CallExpr: // append
			elts = n.Args
		}
		for _, elt := range elts {
			ptr := cgo.UintptrOfPointer(x.p, elt)
			if ptr == nil {
				continue
			}
			if name, ok := k.movable(x, ptr); ok {
				out = append(out, rewrite.Finding{
					Pos: elt.Pos(), End: elt.End(),
					Message: "the uintptr was made before the call: " + name + " may be moved or collected meanwhile",
					NoFix:   v.Name() + " has all arguments; write the conversion in the argument list of " + x.What(),
				})
			}
		}
	}
	return out
}

// takesMapping reports whether the system call works on memory that was mapped, which
// the collector neither moves nor frees, and never on memory of Go.
func takesMapping(p *rewrite.Package, call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Args[0]).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	number, ok := p.Info.Uses[sel.Sel].(*types.Const)
	return ok && slices.Contains([]string{"SYS_MUNMAP", "SYS_MSYNC", "SYS_MREMAP", "SYS_MMAP"}, number.Name())
}

// early reports a uintptr for a system call that was made before the call's own
// line: only a conversion in the argument list keeps the memory alive and in
// place (package unsafe, pattern 4).
func (k *keeper) early(x *crossing, arg ast.Expr) *rewrite.Finding {
	p := x.p
	id, ok := cgo.Converted(p, arg).(*ast.Ident)
	if !ok {
		return nil
	}
	v := syntax.LocalVar(p, id)
	if v == nil || syntax.Under(v.Type()) != types.Typ[types.Uintptr] {
		return nil
	}
	all := syntax.AssignedValues(p, x.body, v)
	if len(all) != 1 || all[0] == nil {
		return nil
	}
	def := ast.Unparen(all[0])
	ptr := cgo.UintptrOfPointer(p, def)
	if ptr == nil {
		return nil
	}
	name, ok := k.movable(x, ptr)
	if !ok {
		return nil
	}
	f := &rewrite.Finding{
		Pos: arg.Pos(), End: arg.End(),
		Message: "the uintptr was made before the call: " + name + " may be moved or collected meanwhile",
	}
	why := cannotMove(x, v, arg, def)
	if why != "" {
		f.NoFix = why + "; write the conversion in the argument list of the call"
		return f
	}
	cur, found := p.Cursor(def)
	if !found {
		return nil
	}
	_, decl := listStmt(cur)
	f.Fixes = []*rewrite.Fix{{
		Message: "move the conversion into the call", Safety: rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			e.Replace(id, e.Clone(def))
			e.Delete(decl, about.Removed(v.Name()))
			return nil
		},
	}}
	return f
}

// cannotMove says why the conversion def of v cannot be moved into the call.
func cannotMove(x *crossing, v *types.Var, arg, def ast.Expr) string {
	p := x.p
	uses := 0
	ast.Inspect(x.body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && p.Info.Uses[id] == v {
			uses++
		}
		return true
	})
	if uses != 1 {
		return v.Name() + " is used elsewhere, too"
	}
	if !pureUnsafe(p, def) {
		return "the conversion calls something"
	}
	cur, ok := p.Cursor(def)
	if !ok {
		return "its statement is not in sight"
	}
	declCur, decl := listStmt(cur)
	switch d := decl.(type) {
	case *ast.AssignStmt:
		if len(d.Lhs) != 1 || d.Tok != token.DEFINE {
			return v.Name() + " is declared together with others, or apart"
		}
	case *ast.DeclStmt:
		if g, ok := d.Decl.(*ast.GenDecl); !ok || len(g.Specs) != 1 || len(g.Specs[0].(*ast.ValueSpec).Names) != 1 {
			return v.Name() + " is declared together with others"
		}
	default:
		return "its declaration is part of another statement"
	}
	callCur, _ := listStmt(x.cur)
	if declCur.Parent() != callCur.Parent() {
		return "the conversion and the call stand in different blocks"
	}
	// What def reads must not change between.
	return changesBetween(x, def, decl)
}

// pureUnsafe reports whether x calls nothing but conversions and functions of
// package unsafe.
func pureUnsafe(p *rewrite.Package, x ast.Expr) bool {
	return !syntax.ContainsNode(x, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && !p.Info.Types[call.Fun].IsType() && !cgo.IsUnsafe(p, call, "SliceData") && !cgo.IsUnsafe(p, call, "StringData")
	})
}
