package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/keepalive/inplace"
	"golang.org/x/tools/go/ast/inspector"
)

// crossing is a boundary in its surroundings.
type crossing struct {
	*cgo.Boundary
	at   ast.Expr // the call, or what reads C memory
	p    *rewrite.Package
	file *rewrite.File
	cur  inspector.Cursor // of at
	fn   inspector.Cursor // the innermost function
	body *ast.BlockStmt
	// wrapper is the function of Go that is called and hands handles on; operands
	// are the arguments that it does so with, or what is read.
	wrapper  *types.Func
	through  bool // a function of Go is called, a literal maybe
	operands []ast.Expr
	read     bool // C memory is read or written in place
	// memory tells that Go code reads or writes memory that a finalizer unmaps or
	// frees, through a slice; seen are the objects that have the finalizers.
	memory bool
	seen   []resource
}

// callAt returns the call at c in its surroundings, nil outside of functions. b
// says what it is as a boundary.
func callAt(p *rewrite.Package, f *rewrite.File, c inspector.Cursor, b *cgo.Boundary) *crossing {
	fn, ok := syntax.EnclosingFunc(c)
	if !ok {
		return nil
	}
	call := c.Node().(*ast.CallExpr)
	if b == nil {
		b = &cgo.Boundary{Call: call}
	}
	return &crossing{Boundary: b, at: call, p: p, file: f, cur: c, fn: fn, body: syntax.BodyOf(fn.Node()), operands: call.Args}
}

// crossingAt returns the boundary that the call at c crosses, nil when it
// crosses none or stands outside of functions.
func crossingAt(p *rewrite.Package, f *rewrite.File, c inspector.Cursor) *crossing {
	b := cgo.BoundaryOf(p, c.Node().(*ast.CallExpr))
	if b == nil {
		return nil
	}
	return callAt(p, f, c, b)
}

// throughGo returns the boundary behind the called function of Go, which hands
// an argument on to it; nil when there is none.
func (k *keeper) throughGo(p *rewrite.Package, f *rewrite.File, c inspector.Cursor) *crossing {
	call := c.Node().(*ast.CallExpr)
	name := syntax.LastName(call.Fun)
	if !hasHandle(p, call) || name == nil {
		return nil
	}
	x := callAt(p, f, c, &cgo.Boundary{Call: call, Name: name.Name, C: true})
	if x == nil {
		return nil
	}
	var on map[int]bool
	if fn := p.Callee(call); fn != nil && fn.Pkg() != nil {
		k.look(x, fn)
		on, x.wrapper = k.handsOn(p, fn, 3), fn
	} else if lit := literalIn(p, name); lit != nil {
		on = k.handsOnIn(p, lit.Type, nil, lit.Body, 2)
	}
	if len(on) == 0 {
		return nil
	}
	x.operands, x.through = nil, true
	for i, arg := range call.Args {
		if on[i] {
			x.operands = append(x.operands, arg)
		}
	}
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && on[-1] {
		x.operands = append(x.operands, sel.X)
	}
	return x
}

// look loads the package of fn, which the crossing calls, where it gets the handle
// of an object with a finalizer and is another one of the module.
func (k *keeper) look(x *crossing, fn *types.Func) {
	path := fn.Pkg().Path()
	if path == x.p.Path || !x.p.Module.Holds(path) || k.s.Package(path) != nil {
		return
	}
	for _, arg := range x.operands {
		if cgo.IsHandle(x.p.Info.TypeOf(arg)) && len(k.handlesOf(x, arg, copyDepth)) > 0 {
			k.s.TryWidenTo(path)
			return
		}
	}
}

// What is the boundary's name for messages.
func (x *crossing) What() string {
	switch {
	case x.through:
		return x.Name
	case x.memory && x.Call != nil:
		return x.Name
	case x.read:
		return "the access"
	}
	return x.Boundary.What()
}

// hasHandle reports whether the call's arguments or receiver may be handles.
func hasHandle(p *rewrite.Package, call *ast.CallExpr) bool {
	for _, arg := range call.Args {
		if t := p.Info.TypeOf(arg); (cgo.IsHandle(t) || t != nil && hasHandles(t)) && p.Info.Types[arg].Value == nil {
			return true
		}
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	return ok && p.Info.Selections[sel] != nil && cgo.IsHandle(p.Info.TypeOf(sel.X))
}

// handsOn returns the parameters, by index, and the receiver, -1, that fn hands
// on to a boundary as handles, or reads C memory by, up to depth functions away.
func (k *keeper) handsOn(p *rewrite.Package, fn *types.Func, depth int) map[int]bool {
	key := rewrite.ObjectKey(fn)
	if on, ok := k.handing[key]; ok || depth == 0 {
		return on
	}
	k.handing[key] = nil // for recursion
	home, decl := syntax.Source(k.s, p, fn)
	if decl == nil {
		delete(k.handing, key) // it may be loaded later
		return nil
	}
	on := k.handsOnIn(home, decl.Type, decl.Recv, decl.Body, depth)
	k.handing[key] = on
	return on
}

// handsOnIn is handsOn for the function with the type, the receiver and the body.
func (k *keeper) handsOnIn(home *rewrite.Package, typ *ast.FuncType, recv *ast.FieldList, body *ast.BlockStmt, depth int) map[int]bool {
	params := make(map[types.Object]int)
	for i, v := range syntax.ParamObjects(home, typ) {
		if v != nil && (cgo.IsHandle(v.Type()) || hasHandles(v.Type())) {
			params[v] = i
		}
	}
	if recv != nil && len(recv.List[0].Names) > 0 {
		if v := home.Info.Defs[recv.List[0].Names[0]]; v != nil && cgo.IsHandle(v.Type()) {
			params[v] = -1
		}
	}
	if len(params) == 0 {
		return nil
	}
	on := make(map[int]bool)
	note := func(x ast.Expr) {
		if i, ok := params[paramBehind(home, body, x)]; ok {
			on[i] = true
		} else if v := containerAt(home, x); v != nil {
			if i, ok := params[v]; ok && hasHandles(v.Type()) {
				on[i] = true
			}
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if cgo.BoundaryOf(home, n) != nil {
				for _, arg := range n.Args {
					note(arg)
				}
			} else if inner := home.Callee(n); inner != nil && hasHandle(home, n) {
				for i := range k.handsOn(home, inner, depth-1) {
					if i >= 0 && i < len(n.Args) {
						note(n.Args[i])
					}
				}
			}
		case *ast.SelectorExpr:
			if inplace.ReadsC(home, n) {
				note(n.X)
			}
		case *ast.StarExpr:
			if inplace.ReadsC(home, n) {
				note(n.X)
			}
		}
		return true
	})
	return on
}

// hasHandles reports whether t is a slice of handles: of C's pointers, not of
// numbers.
func hasHandles(t types.Type) bool {
	list, ok := syntax.Under(t).(*types.Slice)
	if !ok {
		return false
	}
	b, isBasic := syntax.Under(list.Elem()).(*types.Basic)
	return cgo.IsHandle(list.Elem()) && (!isBasic || b.Info()&types.IsInteger == 0 || b.Kind() == types.Uintptr)
}

// literalIn returns the function literal that the variable at id has, and no other
// value.
func literalIn(p *rewrite.Package, id *ast.Ident) *ast.FuncLit {
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || v.IsField() {
		return nil
	}
	var out *ast.FuncLit
	for val := range syntax.ValuesOf(p, v) {
		lit, ok := ast.Unparen(val).(*ast.FuncLit)
		if !ok || out != nil {
			return nil
		}
		out = lit
	}
	return out
}

// paramBehind returns the variable that x is, or that x was copied from.
func paramBehind(p *rewrite.Package, body *ast.BlockStmt, x ast.Expr) types.Object {
	for range 3 {
		id, ok := cgo.Converted(p, x).(*ast.Ident)
		if !ok {
			return nil
		}
		v := syntax.LocalVar(p, id)
		if v == nil {
			return nil
		}
		def := syntax.OnlyValue(p, body, v)
		if def == nil {
			return v
		}
		x = def
	}
	return nil
}

// readAt returns the place at c where C memory is read or written by Go, through
// a pointer that may be a handle; nil when it is none.
func readAt(p *rewrite.Package, f *rewrite.File, c inspector.Cursor) *crossing {
	x := c.Node().(ast.Expr)
	if sel, ok := x.(*ast.SelectorExpr); !inplace.ReadsC(p, x) || ok && (inplace.HoldsValue(p, sel.X) || inplace.LeadsToGo(p, sel.X)) {
		return nil // the value stands in the object itself, or in a variable
	}
	switch n := c.Parent().Node().(type) {
	case *ast.SelectorExpr, *ast.IndexExpr, *ast.StarExpr:
		return nil // the whole is looked at
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return nil // an address
		}
	}
	fn, ok := syntax.EnclosingFunc(c)
	if !ok {
		return nil
	}
	return &crossing{
		Boundary: &cgo.Boundary{C: true}, at: x, p: p, file: f, cur: c, fn: fn, body: syntax.BodyOf(fn.Node()),
		operands: []ast.Expr{x}, read: true,
	}
}
