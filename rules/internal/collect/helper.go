package collect

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// helper is a function that does nothing but collect, with all its calls.
type helper struct {
	decl  *ast.FuncDecl // nil for a function literal in a variable
	calls []ast.Stmt    // the statement that makes that variable included
	rest  []ast.Stmt    // what only served the arguments of the calls
}

// helperOf returns the function of the call when it does nothing without what is
// gone, the statement of the call and what goes with it, and every use of it is a
// statement that can go, too; nil otherwise.
func helperOf(s *rewrite.Snapshot, call rewrite.Call, gone ...ast.Stmt) *helper {
	if h := literalHelper(call, gone[0]); h != nil {
		return h
	}
	decl := syntax.EnclosingDecl(call.At)
	if decl == nil || decl.Recv != nil {
		return nil
	}
	for _, stmt := range decl.Body.List {
		if !slices.Contains(gone, stmt) {
			return nil
		}
	}
	p := call.Pkg
	fn, _ := p.Info.Defs[decl.Name].(*types.Func)
	if fn == nil || fn.Exported() || fn.Name() == "main" || fn.Name() == "init" || syntax.Mentioned(p, fn.Name()) {
		return nil
	}
	h := &helper{decl: decl}
	for _, r := range s.Refs(rewrite.ObjectKey(fn)) {
		at, ok := r.Call()
		if !ok || r.Pkg != p || r.File.Test || r.File.Generated {
			return nil
		}
		if !h.drops(p, at) {
			return nil
		}
	}
	l := &leftovers{p: p, gone: []ast.Node{decl}}
	for _, s := range h.calls {
		l.gone = append(l.gone, s)
	}
	rest, settled := l.unused()
	if !settled {
		return nil
	}
	h.rest = slices.DeleteFunc(rest, func(s ast.Stmt) bool { return decl.Pos() <= s.Pos() && s.End() <= decl.End() })
	return h
}

// remove removes the function, its calls and what only served them.
func (h *helper) remove(e *rewrite.Edit, words []string) {
	for _, s := range h.calls {
		e.Delete(s, about.Removed(words...))
	}
	for _, s := range h.rest {
		e.Delete(s, about.Removed())
	}
	if h.decl != nil {
		e.DeleteDecl(h.decl)
	}
}

// drops notes the statement that is the call at at alone. It reports false where
// arguments have an effect, or an empty block would be left.
func (h *helper) drops(p *rewrite.Package, at inspector.Cursor) bool {
	s, ok := syntax.CallStatement(at)
	if !ok {
		return false
	}
	for _, arg := range at.Node().(*ast.CallExpr).Args {
		if !harmless(p, arg) {
			return false
		}
	}
	c, _ := p.Cursor(s)
	if list := syntax.StmtsOf(c.Parent().Node()); len(list) < 2 || !syntax.InList(c) {
		return false
	}
	h.calls = append(h.calls, s)
	return true
}

// literalHelper is helperOf for a function literal that a local variable is made
// with: collect := func() { runtime.GC() }.
func literalHelper(call rewrite.Call, stmt ast.Stmt) *helper {
	p := call.Pkg
	fn, ok := syntax.EnclosingFunc(call.At)
	if !ok {
		return nil
	}
	lit, ok := fn.Node().(*ast.FuncLit)
	if !ok || len(lit.Body.List) != 1 || lit.Body.List[0] != stmt {
		return nil
	}
	as, ok := fn.Parent().Node().(*ast.AssignStmt)
	if !ok || as.Tok != token.DEFINE || len(as.Lhs) != 1 || !syntax.InList(fn.Parent()) {
		return nil
	}
	v := p.Info.Defs[as.Lhs[0].(*ast.Ident)]
	h := &helper{calls: []ast.Stmt{as}}
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		if v == nil || p.Info.Uses[c.Node().(*ast.Ident)] != v {
			continue
		}
		at := c.Parent()
		if n, ok := at.Node().(*ast.CallExpr); !ok || n.Fun != c.Node() || !h.drops(p, at) {
			return nil
		}
	}
	return h
}
