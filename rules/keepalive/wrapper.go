package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// wrappers reports the uintptr parameters that the function around the crossing
// hands on to it, and for which callers convert pointers: nothing keeps what
// these point at in place until the system call has it (package unsafe, pattern
// 4).
func (k *keeper) wrappers(x *crossing) []rewrite.Finding {
	decl := syntax.EnclosingDecl(x.cur)
	if decl == nil {
		return nil
	}
	var out []rewrite.Finding
	for _, arg := range x.Call.Args {
		if v, i := handedOn(x.p, decl, arg); v != nil {
			out = append(out, k.wrapper(x, x.p, decl, v, i, 3)...)
		}
	}
	return out
}

// wrapper reports the function of decl, which hands its i-th parameter v on to
// the crossing, and callers that do no more than that, up to depth.
func (k *keeper) wrapper(x *crossing, p *rewrite.Package, decl *ast.FuncDecl, v *types.Var, i, depth int) []rewrite.Finding {
	fn, _ := p.Info.Defs[decl.Name].(*types.Func)
	if fn == nil || k.wrapped[v] || cgo.KeepsConverted(decl) {
		return nil
	}
	k.wrapped[v] = true
	if fn.Exported() && x.Raw {
		k.s.Widen(fn.Name())
	}
	var out []rewrite.Finding
	var converting []conversion
	for _, r := range k.s.Refs(rewrite.ObjectKey(fn)) {
		c, ok := r.Call()
		if !ok || r.File.Test {
			continue // used as a value, say
		}
		at := callAt(r.Pkg, r.File, c, nil)
		if at == nil || i >= len(at.Call.Args) {
			continue
		}
		call, caller := at.Call, at.fn
		if conv, ok := k.converts(at, call.Args[i]); ok {
			converting = append(converting, conv)
		}
		if outer, ok := caller.Node().(*ast.FuncDecl); ok && depth > 0 {
			if w, j := handedOn(r.Pkg, outer, call.Args[i]); w != nil {
				out = append(out, k.wrapper(x, r.Pkg, outer, w, j, depth-1)...)
			}
		}
	}
	file := p.File(decl)
	if len(converting) == 0 || p.Wide || file == nil || file.Generated || file.Test || k.marked[decl] {
		return out
	}
	k.marked[decl] = true // one parameter tells
	// Have: callers that convert a pointer to an integer, which goes on to a
	// system call or to C from here.
	f := rewrite.Finding{
		Pos: v.Pos(), End: v.Pos() + token.Pos(len(v.Name())),
		Message: v.Name() + " is an integer for the collector: the memory whose address callers hand over may be moved or collected before " + x.What() + " is done with it",
	}
	for _, c := range converting[:min(5, len(converting))] {
		f.Notes = append(f.Notes, rewrite.Note{Pos: c.arg.Pos(), Message: "here the address of " + c.name + " is converted"})
	}
	if slices.ContainsFunc(converting, func(c conversion) bool { return !c.direct }) {
		f.NoFix = "not all callers convert in the argument list; take an unsafe.Pointer, and convert it in the argument list of " + x.What()
	} else {
		f.Fixes = []*rewrite.Fix{escapeFix(decl)}
	}
	return append(out, f)
}

// handedOn returns the uintptr parameter of decl's function that the argument is,
// and its index.
func handedOn(p *rewrite.Package, decl *ast.FuncDecl, arg ast.Expr) (*types.Var, int) {
	id, ok := cgo.Converted(p, arg).(*ast.Ident)
	if !ok {
		return nil, 0
	}
	v := syntax.LocalVar(p, id)
	if v == nil || syntax.Under(v.Type()) != types.Typ[types.Uintptr] {
		return nil, 0
	}
	i := slices.Index(syntax.ParamObjects(p, decl.Type), types.Object(v))
	if i < 0 || decl.Body == nil || len(syntax.AssignedValues(p, decl.Body, v)) > 0 {
		return nil, 0
	}
	return v, i
}

// A conversion is an argument of a wrapper that a pointer was converted to.
type conversion struct {
	arg    ast.Expr
	name   string // of the variable that the pointer comes from
	direct bool   // the argument itself is the conversion
}

// converts returns the conversion of a pointer to Go memory that the argument of
// a wrapper is, or a variable that was set to one.
func (k *keeper) converts(at *crossing, arg ast.Expr) (c conversion, ok bool) {
	ptr := cgo.UintptrOfPointer(at.p, arg)
	direct := ptr != nil
	if id, isVar := cgo.Converted(at.p, arg).(*ast.Ident); isVar && !direct {
		if v := syntax.LocalVar(at.p, id); v != nil {
			if def := syntax.OnlyValue(at.p, at.body, v); def != nil {
				ptr = cgo.UintptrOfPointer(at.p, def)
			}
		}
	}
	if ptr == nil {
		return c, false
	}
	name, ok := k.movable(at, ptr)
	return conversion{arg, name, direct}, ok
}

// movable returns the variable from which the pointer to Go memory comes, which
// may be on the stack or on the heap. Pointers to types of Go are taken to point
// at such memory.
func (k *keeper) movable(x *crossing, ptr ast.Expr) (name string, ok bool) {
	if m, ok := k.goMemory(x, ptr); ok {
		return m.v.Name(), true
	}
	if call, ok := cgo.Converted(x.p, ptr).(*ast.CallExpr); ok {
		// A new string for the system, by syscall.BytePtrFromString and the like.
		fn := x.p.Callee(call)
		return x.file.Text(call), fn != nil && fn.Pkg() != nil && cgo.SyscallPackages[fn.Pkg().Path()] && syntax.PointerElem(x.p.Info.TypeOf(call)) != nil
	}
	id, ok := cgo.Converted(x.p, ptr).(*ast.Ident)
	if !ok {
		return "", false
	}
	v := syntax.LocalVar(x.p, id)
	return id.Name, v != nil && syntax.PointerElem(v.Type()) != nil && len(syntax.AssignedValues(x.p, x.body, v)) == 0
}

// escapeFix marks the function for the compiler.
func escapeFix(decl *ast.FuncDecl) *rewrite.Fix {
	return &rewrite.Fix{
		Message: "mark " + decl.Name.Name + " " + cgo.EscapesDirective + ", so that what callers convert in its argument list stays alive and in place; it is then allocated on the heap",
		Safety:  rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			e.Modify(decl, func(n dst.Node) error {
				decs := &n.(*dst.FuncDecl).Decs.Start
				if all := decs.All(); decl.Doc != nil && len(all) > 0 && !strings.HasPrefix(all[len(all)-1], "//go:") {
					decs.Append("//")
				}
				decs.Append(cgo.EscapesDirective)
				return nil
			})
			return nil
		},
	}
}
