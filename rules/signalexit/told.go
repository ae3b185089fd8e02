package signalexit

import (
	"go/ast"
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/ended"
	"github.com/runtimefix/runtimefix/rules/signalexit/params"
)

// tellGoroutine plans that the function decl, which main starts as a goroutine and
// nobody else calls, gets the context that the signal ends: by a parameter that
// it has and does nothing else with than look whether it is done, or by a new one.
// It returns the name of the context there.
func (x *signalFix) tellGoroutine(e *ended.Set, decl *ast.FuncDecl) (ctx string, ok bool) {
	if ctx, ok := x.told[decl]; ok {
		return ctx, true
	}
	p := x.h.P
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	file := p.File(decl)
	if obj == nil || file == nil || file.Generated || decl.Type.Results != nil || decl.Type.TypeParams != nil ||
		obj.Exported() && p.Name != "main" || syntax.Mentioned(p, obj.Name()) {
		return "", false
	}
	refs := x.h.S.Refs(rewrite.ObjectKey(obj))
	if len(refs) != 1 {
		return "", false
	}
	c, isCall := refs[0].Call()
	if !isCall {
		return "", false
	}
	call := c.Node().(*ast.CallExpr)
	if _, started := c.Parent().Node().(*ast.GoStmt); !started || !syntax.Encloses(x.main.Body, call) || x.before(call) != "" {
		return "", false
	}
	// Have: go decl(...), in main, where the context is known by then.
	sc := &scope{p: p, fn: decl, body: decl.Body, name: decl.Name.Name}
	for i := range obj.Signature().Params().Len() {
		v := obj.Signature().Params().At(i)
		if !syntax.IsType(v.Type(), "context", "Context") {
			continue
		}
		if sc.given = v; v.Name() == "" || v.Name() == "_" || !params.OnlyLooks(p, decl, v) && !e.Mentions(p, call.Args[i]) || x.sign(x.mainScope(), call.Args[i]) != "" {
			return "", false
		}
		x.told[decl] = v.Name()
		return v.Name(), true
	}
	if decl.Recv != nil && params.InInterface(p, obj.Name()) {
		return "", false
	}
	ctx = sc.free("ctx", "sigCtx", "signalCtx")
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		params.Prepend(e, call, dst.NewIdent(x.ctx))
		e.Modify(decl.Type.Params, func(n dst.Node) error {
			params.TakeContext(n.(*dst.FieldList), ctx)
			return nil
		})
	})
	x.told[decl] = ctx
	return ctx, true
}
