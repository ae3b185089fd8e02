package collect

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// helper is a function that does nothing but collect, with all its calls.
type helper struct {
	decl  *ast.FuncDecl
	calls []ast.Stmt
}

// helperOf returns the function of the call when stmt is all that it does, and
// every use of it is a statement that can go, too; nil otherwise.
func helperOf(s *rewrite.Snapshot, call rewrite.Call, stmt ast.Stmt) *helper {
	p := call.Pkg
	decl := syntax.EnclosingDecl(call.At)
	if decl == nil || decl.Recv != nil || len(decl.Body.List) != 1 || decl.Body.List[0] != stmt {
		return nil
	}
	fn, _ := p.Info.Defs[decl.Name].(*types.Func)
	if fn == nil || fn.Exported() || syntax.Mentioned(p, fn.Name()) {
		return nil
	}
	h := &helper{decl: decl}
	for _, r := range s.Refs(rewrite.ObjectKey(fn)) {
		at, ok := r.Call()
		if !ok || r.Pkg != p || r.File.Test || r.File.Generated {
			return nil
		}
		s, ok := syntax.CallStatement(at)
		if !ok || len(at.Node().(*ast.CallExpr).Args) > 0 {
			return nil
		}
		c, _ := p.Cursor(s)
		if list := syntax.StmtsOf(c.Parent().Node()); len(list) < 2 || !syntax.InList(c) {
			return nil // it would leave an empty block
		}
		h.calls = append(h.calls, s)
	}
	return h
}
