// Package served tells where a function that serves does so in several places.
package served

import (
	"go/ast"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/signalexit/result"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// InBranches reports whether the statement at serves in each of its branches,
// with a certificate or without.
func InBranches(at ast.Stmt, list []waits.Wait) bool {
	blocks := BranchesOf(at)
	if len(list) < 2 || len(blocks) != len(list) {
		return false
	}
	for i, w := range list {
		if w.Kind != waits.WaitServe || !syntax.Encloses(blocks[i], w.Node) {
			return false
		}
	}
	return true
}

// BranchesOf returns the blocks of which the statement runs one, nil where it may run
// none.
func BranchesOf(s ast.Stmt) []*ast.BlockStmt {
	look, ok := s.(*ast.IfStmt)
	if !ok {
		return nil
	}
	switch e := look.Else.(type) {
	case *ast.BlockStmt:
		return []*ast.BlockStmt{look.Body, e}
	case *ast.IfStmt:
		if rest := BranchesOf(e); rest != nil {
			return append([]*ast.BlockStmt{look.Body}, rest...)
		}
	}
	return nil
}

// AtEnds reports whether the waits are several ends of the function: each
// returns what a server returns, or passes it to what ends the process.
func AtEnds(p *rewrite.Package, body *ast.BlockStmt, list []waits.Wait) bool {
	if len(list) < 2 {
		return false
	}
	for _, w := range list {
		c, ok := p.Cursor(w.Node)
		if w.Kind != waits.WaitServe || !ok || syntax.InLoop(c) || syntax.StatementOf(body.List, w.Node) == nil {
			return false
		}
		stmt, at := syntax.EnclosingStmt(c)
		if stmt == nil || !syntax.InList(at) {
			return false
		}
		switch result.FormOf(stmt, w.Call) {
		case result.Return:
		case result.Wrap:
			if !syntax.EndsProcess(p, stmt.(*ast.ExprStmt).X.(*ast.CallExpr)) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// Named reports whether all servers have a name.
func Named(p *rewrite.Package, list []waits.Wait) bool {
	return !slices.ContainsFunc(list, func(w waits.Wait) bool { return web.ServeCall(p, w.Call).On == nil })
}

// Same reports whether sv is of the server of first, which has its name
// before the statement at.
func Same(p *rewrite.Package, body *ast.BlockStmt, sv, first *web.Serving, at ast.Stmt) bool {
	if sv.On == nil || first.On == nil || syntax.ExprText(sv.On) != syntax.ExprText(first.On) {
		return false
	}
	v := syntax.BaseVar(p, first.On)
	return v != nil && v == syntax.BaseVar(p, sv.On) && (v.Pos() < at.Pos() || v.Pos() > body.End())
}
