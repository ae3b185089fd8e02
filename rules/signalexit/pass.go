package signalexit

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/contexts"
	"github.com/runtimefix/runtimefix/rules/signalexit/params"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// function plans that the function in which from waits at w gets the context
// and returns when it is done. looped says that it is called in a loop.
func (x *signalFix) function(from *scope, w waits.Wait, looped bool) string {
	decl, p := w.Callee, w.Pkg
	if x.planned[decl] {
		return syntax.ExprText(w.Call.Fun) + " waits in several places"
	}
	x.planned[decl] = true
	if f := p.File(decl); f == nil || f.Generated || f.Test {
		return syntax.ExprText(w.Call.Fun) + " is in a generated file"
	}
	if params.DeclaredElsewhere(p, decl) {
		return decl.Name.Name + " is declared in files that are not built here, too"
	}
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return "a function that main waits in is not found"
	}
	sig := obj.Signature()
	sc := &scope{p: p, fn: decl, body: decl.Body, code: decl.Body, name: decl.Name.Name, looped: from.looped || looped}
	if sig.Results().Len() > 0 && !syntax.IsErrorResult(sig) {
		return decl.Name.Name + " returns something that the signal does not give"
	}
	sc.leave = func(*rewrite.Edit) []dst.Stmt {
		if sig.Results().Len() == 0 {
			return rewrite.Stmts("return", nil)
		}
		return rewrite.Stmts("return nil", nil)
	}
	x.funcs = append(x.funcs, decl)
	for i := range sig.Params().Len() {
		if v := sig.Params().At(i); syntax.IsType(v.Type(), "context", "Context") {
			return x.inherits(from, sc, w.Call, i, v)
		}
	}
	sc.ctx = sc.free("ctx", "sigCtx", "signalCtx")
	if why := x.pass(from, w.Call, sc); why != "" {
		return why
	}
	return x.block(sc)
}

// pass plans that the call passes from's context and the function takes it
// under the name given. Where others call the function, too, they keep it as it
// is: the context goes to a new one that it calls.
func (x *signalFix) pass(from *scope, call *ast.CallExpr, sc *scope) string {
	p, decl := sc.p, sc.fn.(*ast.FuncDecl)
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return "a function that main waits in is not found"
	}
	others, alone := x.otherCalls(obj, call)
	if !alone || syntax.Mentioned(p, obj.Name()) || obj.Exported() && p.Name != "main" {
		return x.split(from, call, sc, obj)
	}
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		params.Prepend(e, call, dst.NewIdent(from.ctx))
		for _, c := range others {
			params.Prepend(e, c, rewrite.Expr("context.Background()", nil))
		}
		e.Modify(decl.Type.Params, func(n dst.Node) error {
			params.TakeContext(n.(*dst.FieldList), sc.ctx)
			return nil
		})
	})
	return ""
}

// split plans that the function becomes one with a context, under a new name,
// and calls that one itself for all others who use it.
func (x *signalFix) split(from *scope, call *ast.CallExpr, sc *scope, obj *types.Func) string {
	if why := params.Splittable(from.p, call, sc.p, obj); why != "" {
		return why
	}
	x.edits = append(x.edits, func(e *rewrite.Edit) { params.Split(e, from.ctx, call, sc.fn.(*ast.FuncDecl), sc.ctx, obj.Signature()) })
	return ""
}

// otherCalls returns the calls of the function in tests; alone says that there
// is no other use of it but call.
func (x *signalFix) otherCalls(obj *types.Func, call *ast.CallExpr) (others []*ast.CallExpr, alone bool) {
	for _, r := range x.h.S.Refs(rewrite.ObjectKey(obj)) {
		c, ok := r.Call()
		if !ok {
			return nil, false
		}
		if c.Node() == call {
			continue
		}
		if !r.File.Test || r.File.Generated {
			return nil, false
		}
		others = append(others, c.Node().(*ast.CallExpr))
	}
	return others, true
}

// inherits plans that a function which takes a context already, as v, gets the
// one that the signal ends, and that it returns when that is done.
func (x *signalFix) inherits(from, sc *scope, call *ast.CallExpr, i int, v *types.Var) string {
	if v.Name() == "" || v.Name() == "_" {
		return sc.name + " drops its context"
	}
	sc.ctx, sc.given = v.Name(), v
	x.ends = append(x.ends, endedValue{v: v})
	if why := x.sign(from, call.Args[i]); why != "" {
		return why
	}
	if !sc.keepsGiven() {
		return sc.name + " puts another context in the place of the one that it takes"
	}
	if d := defersWith(sc.p, sc.body, v); d != nil {
		return "the deferred " + syntax.ExprText(d.Call.Fun) + "() in " + sc.name + " uses the context, which is done by then"
	}
	before := len(x.edits)
	if why := x.block(sc); why != "" {
		return why
	}
	if len(x.edits) == before {
		return ""
	}
	// It changes for all who call it.
	obj := sc.p.Info.Defs[sc.fn.(*ast.FuncDecl).Name].(*types.Func)
	if _, alone := x.otherCalls(obj, call); !alone || obj.Exported() && sc.p.Name != "main" {
		return sc.name + " is used by others, and does not look at its context"
	}
	return ""
}

// sign plans that the context passed as arg ends with the signal.
func (x *signalFix) sign(from *scope, arg ast.Expr) string {
	arg = ast.Unparen(arg)
	if from.isGiven(arg) {
		return "" // it comes from the caller, who has signed it
	}
	if contexts.IsRoot(from.p, arg) {
		x.edits = append(x.edits, func(e *rewrite.Edit) { e.Replace(arg, dst.NewIdent(from.ctx)) })
		return ""
	}
	if call, ok := arg.(*ast.CallExpr); ok && from.main && x.parent == nil && x.getter == nil && contexts.IsGetter(from.p, x.main.Type, call) {
		x.getter, x.given = call, true // cmd.Context()
		x.edits = append(x.edits, func(e *rewrite.Edit) { e.Replace(arg, dst.NewIdent(from.ctx)) })
		return ""
	}
	id, ok := arg.(*ast.Ident)
	if !ok || !from.main {
		return unknownContext
	}
	v, ok := from.p.Info.Uses[id].(*types.Var)
	if ok && syntax.DeclaredIn(x.main.Type, v) {
		return x.signParam(v, id)
	}
	if !ok || x.main.Body.Pos() > v.Pos() || v.Pos() > x.main.Body.End() {
		return unknownContext
	}
	if v.Pos() < x.asks() {
		// Made before the signals are asked for: it is the parent.
		if x.getter != nil || x.parent != nil && x.h.P.Info.Uses[x.parent] != v || contexts.SetAfter(from.p, x.main.Body, v, x.asks()) {
			return unknownContext
		}
		x.parent = id
		x.edits = append(x.edits, func(e *rewrite.Edit) { e.Replace(arg, dst.NewIdent(from.ctx)) })
		return ""
	}
	return x.signRoot(from, v)
}

// signParam plans that the parameter v, passed as arg, is the parent of the
// signal's context: it is set by nothing but what makes another of arg.
func (x *signalFix) signParam(v *types.Var, arg *ast.Ident) string {
	if x.getter != nil || x.parent != nil && x.h.P.Info.Uses[x.parent] != v || contexts.SetBut(x.h.P, x.main.Body, v, arg) {
		return unknownContext
	}
	x.parent, x.given = arg, true
	x.edits = append(x.edits, func(e *rewrite.Edit) { e.Replace(arg, dst.NewIdent(x.ctx)) })
	return ""
}

const unknownContext = "it is not known what ends the context that main passes"

// signRoot plans that the root of main's context v, which is made behind the
// signal's, is the one that the signal ends.
func (x *signalFix) signRoot(from *scope, v *types.Var) string {
	var vars []*types.Var
	for range 4 {
		vars = append(vars, v)
		init := contexts.DerivedFrom(from.p, x.main.Body, v)
		if init == nil {
			init = contexts.DefinedAs(from.p, x.main.Body, v)
		}
		if init == nil {
			return unknownContext
		}
		if contexts.IsRoot(from.p, init) {
			for _, d := range x.pending() {
				if slices.ContainsFunc(vars, func(v *types.Var) bool { return syntax.Mentions(from.p, d, v) }) {
					return "the deferred " + syntax.ExprText(d.Call.Fun) + "() uses the context, which is done by then"
				}
			}
			if !x.signed[init] {
				x.signed[init] = true
				for _, v := range vars {
					x.ends = append(x.ends, endedValue{v: v})
				}
				x.edits = append(x.edits, func(e *rewrite.Edit) { e.Replace(init, dst.NewIdent(from.ctx)) })
			}
			return ""
		}
		next, ok := init.(*ast.Ident)
		if !ok {
			return unknownContext
		}
		if v, ok = from.p.Info.Uses[next].(*types.Var); !ok || v.Pos() < x.asks() {
			return unknownContext
		}
	}
	return unknownContext
}

// asks returns the position from which on the signal's context is there.
func (x *signalFix) asks() token.Pos {
	switch {
	case x.first != nil:
		return x.first.Pos()
	case x.keep:
		return x.w.Start.Pos()
	case syntax.IndexOf(x.h.Pre, x.h.NotifyStmt) >= 0:
		return x.h.Gostmt.Pos()
	}
	return x.h.NotifyStmt.Pos()
}

// defersWith returns a deferred call in body that uses the context v, or one
// that is derived from it.
func defersWith(p *rewrite.Package, body *ast.BlockStmt, v *types.Var) (found *ast.DeferStmt) {
	sc := &scope{p: p, body: body, given: v}
	ast.Inspect(body, func(n ast.Node) bool {
		d, ok := n.(*ast.DeferStmt)
		if ok && syntax.ContainsNode(d, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			return ok && syntax.IsType(p.Info.TypeOf(id), "context", "Context") && sc.isGiven(id)
		}) {
			found = d
		}
		return found == nil
	})
	return found
}

// obeys looks at a select's case for the context that the function takes: it
// says at which statement the function is left, and notes when it returns the
// context's error.
func (x *signalFix) obeys(sc *scope, sel *ast.SelectStmt, clause *ast.CommClause) (ast.Stmt, string) {
	if len(clause.Body) == 0 {
		return nil, ""
	}
	ret, ok := clause.Body[len(clause.Body)-1].(*ast.ReturnStmt)
	if !ok {
		return nil, ""
	}
	if len(ret.Results) == 0 && sc.results() == nil {
		return sel, ""
	}
	if len(ret.Results) != 1 {
		return nil, sc.name + " returns something that the signal does not give"
	}
	switch r := ast.Unparen(ret.Results[0]); {
	case syntax.IsNil(sc.p, r):
		return sel, ""
	case sc.p.IsCall(r, "context", "(context.Context).Err"):
		x.canceled = true
		return sel, ""
	}
	return nil, sc.name + " returns an error when its context is done"
}
