package syntax

import (
	"go/ast"
	"go/types"
	"sync"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"golang.org/x/tools/go/cfg"
)

// EndsProcess reports whether the call exits without running deferred calls:
// os.Exit, log.Fatal and the Fatal functions of other loggers.
func EndsProcess(p *rewrite.Package, call *ast.CallExpr) bool {
	return knowledge.Exits(p.Callee(call))
}

// NoReturn reports whether control never goes on behind the call: it ends the
// goroutine or the process, or runs for ever. Functions of the loaded packages
// are judged by their bodies, also those that a variable holds which is set once.
// What is not loaded is known by name only (package knowledge).
func NoReturn(p *rewrite.Package, call *ast.CallExpr) bool {
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.FuncLit:
		return endless(p, fun.Body)
	case *ast.Ident:
		switch obj := p.Info.Uses[fun].(type) {
		case *types.Builtin:
			return obj.Name() == "panic"
		case *types.Var:
			lit := onlyLiteral(p, obj)
			return lit != nil && endless(p, lit.Body)
		}
	}
	fn := p.Callee(call)
	if fn == nil {
		return false
	}
	if knowledge.NoReturn(fn) {
		return true
	}
	decl, q := DeclarationOf(p.Snapshot(), fn)
	return decl != nil && decl.Body != nil && endless(q, decl.Body)
}

// onlyLiteral returns the function literal that the local variable v always
// holds, nil when it may hold another function.
func onlyLiteral(p *rewrite.Package, v *types.Var) *ast.FuncLit {
	sig, ok := v.Type().Underlying().(*types.Signature)
	if !ok || sig.Results().Len() > 0 || v.Parent() == nil || v.Parent() == p.Types.Scope() {
		return nil
	}
	for _, f := range p.Files {
		if v.Pos() < f.AST.FileStart || f.AST.FileEnd < v.Pos() {
			continue
		}
		for _, d := range f.AST.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Body == nil || v.Pos() < decl.Body.Pos() || decl.Body.End() < v.Pos() {
				continue
			}
			lit, _ := OnlyValue(p, decl.Body, v).(*ast.FuncLit)
			return lit
		}
	}
	return nil
}

// endlessBodies holds what is known of bodies; one that is being looked at counts
// as one that returns, so recursion ends.
type endlessBodies struct {
	mu sync.Mutex
	m  map[*ast.BlockStmt]bool
}

// endless reports whether no way through the body leads to its end or a return.
// A body with deferred calls may return by recover.
func endless(p *rewrite.Package, body *ast.BlockStmt) bool {
	type key struct{}
	memo := rewrite.Memo(p.Snapshot(), key{}, func() *endlessBodies { return &endlessBodies{m: make(map[*ast.BlockStmt]bool)} })
	memo.mu.Lock()
	is, ok := memo.m[body]
	if !ok {
		memo.m[body] = false
	}
	memo.mu.Unlock()
	if ok {
		return is
	}
	is = FlowOf(p, body).NoReturn()
	memo.mu.Lock()
	memo.m[body] = is
	memo.mu.Unlock()
	return is
}

// FlowOf returns the control-flow graph of a function's body, in which a call
// that never returns ends its path.
func FlowOf(p *rewrite.Package, body *ast.BlockStmt) *cfg.CFG {
	return cfg.New(body, func(call *ast.CallExpr) bool { return !NoReturn(p, call) })
}
