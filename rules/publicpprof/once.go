package publicpprof

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// maxCallers bounds how many callers up it is looked for whether code runs once.
const maxCallers = 4

// runsOnce reports whether the code of the function at cur runs at most once in a
// process, as far as can be seen: it is main or a command's, or a function that
// runs once calls it in one place, and no test does.
func runsOnce(p *rewrite.Package, cur inspector.Cursor, depth int) bool {
	if depth > maxCallers {
		return false
	}
	if lit, ok := cur.Node().(*ast.FuncLit); ok {
		return literalOnce(p, cur, lit, depth)
	}
	decl, ok := cur.Node().(*ast.FuncDecl)
	if !ok {
		return false
	}
	if syntax.IsMain(p, decl) {
		return true
	}
	fn, ok := p.Info.Defs[decl.Name].(*types.Func)
	if !ok {
		return false
	}
	refs := p.Snapshot().Refs(rewrite.ObjectKey(fn))
	if len(refs) != 1 || refs[0].File.Test || syntax.Mentioned(p, fn.Name()) {
		return false
	}
	if isCommand(refs[0].Expr()) {
		return true
	}
	at, ok := refs[0].Call()
	if !ok || syntax.InLoop(at) {
		return false
	}
	caller, ok := syntax.EnclosingFunc(at)
	return ok && runsOnce(refs[0].Pkg, caller, depth+1)
}

// literalOnce is runsOnce of a function literal: one that is called where it
// stands, by a go or defer statement too, or by a router's method that groups
// routes, or what a command runs.
func literalOnce(p *rewrite.Package, cur inspector.Cursor, lit *ast.FuncLit, depth int) bool {
	if isCommand(cur) {
		return true
	}
	call, ok := cur.Parent().Node().(*ast.CallExpr)
	if !ok || syntax.InLoop(cur) || call.Fun != lit && !groups(p, call, lit) {
		return false
	}
	around, ok := syntax.EnclosingFunc(cur.Parent())
	return ok && runsOnce(p, around, depth+1)
}

// groups reports whether call is one of a router's method that calls lit with a
// router: r.Route("/x", func(r chi.Router) { ... }).
func groups(p *rewrite.Package, call *ast.CallExpr, lit *ast.FuncLit) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || !slices.Contains(call.Args, ast.Expr(lit)) || len(lit.Type.Params.List) != 1 {
		return false
	}
	t := p.Info.TypeOf(lit.Type.Params.List[0].Type)
	return t != nil && (sel.Sel.Name == "Route" || sel.Sel.Name == "Group") && syntax.HasMethod(p, sel.X, sel.Sel.Name)
}

// isCommand reports whether the function at cur is given to a command.
func isCommand(cur inspector.Cursor) bool {
	kv, ok := cur.Parent().Node().(*ast.KeyValueExpr)
	if !ok || kv.Value != cur.Node() {
		return false
	}
	key, ok := kv.Key.(*ast.Ident)
	return ok && knowledge.CommandField(key.Name)
}

// onceAbove returns the statement of a function that runs once in which, callers
// up, the only call outside of tests of the function at cur stands; nil when there
// is none.
func onceAbove(p *rewrite.Package, cur inspector.Cursor) (*rewrite.Package, ast.Stmt) {
	for range maxCallers {
		decl := syntax.EnclosingDecl(cur)
		if decl == nil {
			return nil, nil
		}
		call, q := syntax.OnlyCall(p.Snapshot(), p, decl)
		if q == nil || syntax.InLoop(call) || testsAsk(p) {
			return nil, nil
		}
		p, cur = q, call
		if fn, ok := syntax.EnclosingFunc(call); ok && runsOnce(q, fn, 0) {
			return q, statement(call)
		}
	}
	return nil, nil
}

// testsAsk reports whether tests of the package ask for profiles.
func testsAsk(p *rewrite.Package) bool {
	for _, f := range p.Files {
		if f.Test && strings.Contains(string(f.Src), "/debug/") {
			return true
		}
	}
	for _, f := range p.OtherFiles() {
		path := p.Snapshot().Position(f.Package).Filename
		if !strings.HasSuffix(path, "_test.go") {
			continue
		}
		if src, err := p.Snapshot().Read(path); err != nil || strings.Contains(string(src), "/debug/") {
			return true
		}
	}
	return false
}
