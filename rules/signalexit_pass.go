package rules

import (
	"go/ast"
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// function plans for the callee of at, whose signature gets the context.
func (x *signalFix) function(at wait) string {
	decl, p := at.callee, at.pkg
	if p != x.h.p {
		return exprText(at.call.Fun) + ", which main waits in, is in another package"
	}
	if x.planned[decl] {
		return exprText(at.call.Fun) + " waits in several places"
	}
	x.planned[decl] = true
	if f := p.File(decl); f == nil || f.Generated || f.Test {
		return exprText(at.call.Fun) + " is in a generated file"
	}
	if f := x.h.p.File(decl); x.h.file.FreeName(decl, x.ctx) != x.ctx || f == nil {
		// The context needs a name that is free in all functions.
		for _, name := range []string{"sigCtx", "signalCtx"} {
			if f.FreeName(decl, name) == name && x.h.file.FreeName(x.main, name) == name && len(x.funcs) == 0 {
				x.ctx = name
				break
			}
		}
		if f.FreeName(decl, x.ctx) != x.ctx {
			return "the function " + decl.Name.Name + " has a context or a variable called " + x.ctx
		}
	}
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return "a function that main waits in is not found"
	}
	sig := obj.Signature()
	var leave []dst.Stmt
	switch {
	case sig.Results().Len() == 0:
		leave = rewrite.Stmts("return", nil)
	case isErrorResult(sig):
		leave = rewrite.Stmts("return nil", nil)
	default:
		return decl.Name.Name + " returns something that the signal does not give"
	}
	for i := range sig.Params().Len() {
		if isType(sig.Params().At(i).Type(), "context", "Context") {
			return decl.Name.Name + " has a context already, which its loop does not look at"
		}
	}
	if why := x.pass(at.call, decl, at.node); why != "" {
		return why
	}
	return x.block(p, decl, func(*rewrite.Edit) []dst.Stmt {
		var out []dst.Stmt
		for _, s := range leave {
			out = append(out, dst.Clone(s).(dst.Stmt))
		}
		return out
	})
}

// pass plans that the call passes the context and the function takes it.
func (x *signalFix) pass(call *ast.CallExpr, decl *ast.FuncDecl, _ ast.Node) string {
	p := x.h.p
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return "a function that main waits in is in another package"
	}
	f := p.File(decl)
	for _, name := range []string{x.ctx, "sigCtx", "signalCtx"} {
		if f.FreeName(decl, name) == name && x.h.file.FreeName(x.main, name) == name && len(x.funcs) == 0 {
			if name != x.ctx {
				x.ctx = name
			}
			break
		}
	}
	if f.FreeName(decl, x.ctx) != x.ctx {
		return "there is no name for the context in " + decl.Name.Name
	}
	if mentioned(p, obj.Name()) {
		return obj.Name() + " is used in files that are not built here"
	}
	if decl.Recv != nil && obj.Exported() && p.Name != "main" {
		return obj.Name() + " is exported"
	}
	var others []*ast.CallExpr
	for _, r := range x.h.s.Refs(rewrite.ObjectKey(obj)) {
		c, ok := r.Call()
		if !ok {
			return obj.Name() + " is used as a value"
		}
		if c.Node() == call {
			continue
		}
		if !r.File.Test || r.File.Generated {
			return obj.Name() + " is called in several places"
		}
		others = append(others, c.Node().(*ast.CallExpr))
	}
	x.funcs = append(x.funcs, decl)
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		prepend(e, call, dst.NewIdent(x.ctx))
		for _, c := range others {
			prepend(e, c, rewrite.Expr("context.Background()", nil))
		}
		e.Modify(decl.Type.Params, func(n dst.Node) error {
			list := n.(*dst.FieldList)
			field := &dst.Field{Names: []*dst.Ident{dst.NewIdent(x.ctx)}, Type: rewrite.TypeExpr("context.Context", nil)}
			if len(list.List) > 0 {
				field.Decs.Before = list.List[0].Decs.Before
				field.Decs.After = list.List[0].Decs.Before
			}
			list.List = append([]*dst.Field{field}, list.List...)
			return nil
		})
	})
	return ""
}

// prepend makes arg the first argument of call.
func prepend(e *rewrite.Edit, call *ast.CallExpr, arg dst.Expr) {
	e.Modify(call, func(n dst.Node) error {
		c := n.(*dst.CallExpr)
		if len(c.Args) > 0 {
			arg.Decorations().Before = c.Args[0].Decorations().Before
			arg.Decorations().After = c.Args[0].Decorations().Before
		}
		c.Args = append([]dst.Expr{arg}, c.Args...)
		return nil
	})
}
