package signalexit

import (
	"go/ast"
	"go/token"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/handler"
)

// repeats reports whether the goroutine makes the deferred call itself, so that
// it would be made twice.
func (x *signalFix) repeats(d *ast.DeferStmt) bool {
	p := x.h.S.File(d.Pos()).Pkg
	made := func(call *ast.CallExpr) bool {
		return !handler.TellsOnly(p, call) && !syntax.IsContextFunc(p.Info.TypeOf(call.Fun)) && slices.ContainsFunc(x.h.Same(p, call), func(m handler.MadeCall) bool { return !x.left[m.Call] })
	}
	lit, ok := ast.Unparen(d.Call.Fun).(*ast.FuncLit)
	if !ok {
		return made(d.Call)
	}
	return syntax.ContainsNode(lit.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && made(call)
	})
}

// leaveTo plans to leave the goroutine's own calls to the deferred one, where
// they are the same.
func (x *signalFix) leaveTo(d *ast.DeferStmt) {
	h := x.h
	if len(x.links) > 0 || h.Lit == nil || syntax.IndexOf(x.main.Body.List, d) < 0 || d.Pos() > x.w.Start.Pos() {
		return
	}
	line := func(pos token.Pos) int { return h.S.Position(pos).Line }
	for _, s := range h.Tail {
		call := callOf(s)
		if call == nil || handler.TellsOnly(h.P, call) || !handler.SameCall(h.P, x.main.Body, call, d.Call) {
			continue
		}
		x.left[call] = true
		for _, g := range h.File.AST.Comments {
			if line(g.End()) >= line(s.Pos())-1 && line(g.Pos()) <= line(s.End()) {
				x.keep = true // its comments stay
			}
		}
	}
}

// callOf returns the call that s makes without a look at its result, nil for
// other statements.
func callOf(s ast.Stmt) *ast.CallExpr {
	switch s := s.(type) {
	case *ast.ExprStmt:
		call, _ := s.X.(*ast.CallExpr)
		return call
	case *ast.AssignStmt:
		for _, l := range s.Lhs {
			if id, ok := l.(*ast.Ident); !ok || id.Name != "_" {
				return nil
			}
		}
		if len(s.Rhs) == 1 {
			call, _ := s.Rhs[0].(*ast.CallExpr)
			return call
		}
	}
	return nil
}
