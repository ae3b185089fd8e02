package collect

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// idleGoroutine returns the go statement whose goroutine does nothing but wait
// for a clock and collect, and the declaration of its function when that is
// used for nothing else.
func idleGoroutine(s *rewrite.Snapshot, call rewrite.Call) (ast.Stmt, *ast.FuncDecl) {
	p := call.Pkg
	var loop inspector.Cursor
	for c := range call.At.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		loop = c
		break
	}
	var body *ast.BlockStmt
	switch n := loop.Node().(type) {
	case *ast.ForStmt:
		if n.Init != nil || n.Cond != nil || n.Post != nil {
			return nil, nil
		}
		body = n.Body
	case *ast.RangeStmt:
		if !syntax.IsClock(p, n.X) {
			return nil, nil
		}
		body = n.Body
	default:
		return nil, nil
	}
	if !inert(p, body.List) || loop.ParentEdgeKind() != edge.BlockStmt_List {
		return nil, nil
	}
	block := loop.Parent()
	for _, stmt := range block.Node().(*ast.BlockStmt).List {
		if stmt != loop.Node() && !makesClock(p, stmt) {
			return nil, nil
		}
	}
	fn := block.Parent()
	switch n := fn.Node().(type) {
	case *ast.FuncLit:
		c, ok := fn.Parent().Node().(*ast.CallExpr)
		if !ok || c.Fun != n {
			return nil, nil
		}
		if g, ok := fn.Parent().Parent().Node().(*ast.GoStmt); ok {
			return g, nil
		}
	case *ast.FuncDecl:
		obj, _ := p.Info.Defs[n.Name].(*types.Func)
		if obj == nil || obj.Exported() {
			return nil, nil
		}
		refs := s.Refs(rewrite.ObjectKey(obj))
		if len(refs) != 1 || syntax.Mentioned(p, obj.Name()) {
			return nil, nil
		}
		if c, ok := refs[0].Call(); ok && refs[0].Pkg == p {
			if g, ok := c.Parent().Node().(*ast.GoStmt); ok {
				return g, n
			}
		}
	}
	return nil, nil
}

// inert reports whether statements only collect, wait for a clock, or return
// when told to.
func inert(p *rewrite.Package, list []ast.Stmt) bool {
	for _, stmt := range list {
		if heat.WaitsForClock(p, stmt) {
			continue
		}
		switch s := stmt.(type) {
		case *ast.ExprStmt:
			if IsCollection(p, s.X) {
				continue
			}
		case *ast.ReturnStmt:
			continue
		case *ast.SelectStmt:
			ok := true
			for _, c := range s.Body.List {
				comm := c.(*ast.CommClause)
				if comm.Comm == nil || !receives(comm.Comm) || !inert(p, comm.Body) {
					ok = false
				}
			}
			if ok {
				continue
			}
		}
		return false
	}
	return true
}

// receives reports whether stmt is a plain receive.
func receives(stmt ast.Stmt) bool {
	s, ok := stmt.(*ast.ExprStmt)
	if !ok {
		return false
	}
	u, ok := ast.Unparen(s.X).(*ast.UnaryExpr)
	return ok && u.Op == token.ARROW
}

// makesClock reports whether stmt makes a ticker or defers its stop.
func makesClock(p *rewrite.Package, stmt ast.Stmt) bool {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		return len(s.Rhs) == 1 && p.IsCall(ast.Unparen(s.Rhs[0]), "time", "NewTicker", "NewTimer", "Tick")
	case *ast.DeferStmt:
		return p.IsCall(s.Call, "", "(*time.Ticker).Stop", "(*time.Timer).Stop")
	}
	return false
}
