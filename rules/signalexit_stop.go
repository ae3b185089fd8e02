package rules

import (
	"go/ast"
	"go/token"
	"regexp"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// cleanupName matches functions that clean up, which deferred calls are for.
var cleanupName = regexp.MustCompile(`(?i)^(close|flush|sync|remove|stop|end|release|free|restore|unlock|reset|shutdown|disconnect|destroy|cleanup|save)`)

// block plans that the function returns when the context is done: every wait in
// it is one that can be told to end, and every loop comes to one.
func (x *signalFix) block(p *rewrite.Package, decl *ast.FuncDecl, leave func(e *rewrite.Edit) []dst.Stmt) string {
	list := []ast.Node{decl.Body}
	if decl == x.main {
		list = []ast.Node{x.at}
	}
	ws := waitsIn(p, list...)
	if len(ws.slow) > 0 {
		x.limit = true
	}
	if decl == x.main && len(ws.list) > 1 {
		return "main waits in several places of one loop: " + ws.list[0].text + " and " + ws.list[1].text
	}
	for _, w := range ws.list {
		c, ok := p.Inspector.Root().FindNode(w.node)
		if !ok {
			return "a statement is not found"
		}
		stmt, sc := enclosingStmt(c)
		if loop := spinning(decl, w.node); loop != nil && w.kind != waitSpin && !reaches(loop, stmt) {
			return "a turn of the loop may come by " + w.text + " without waiting in it"
		}
		switch w.kind {
		case waitSleep:
			x2, isExpr := stmt.(*ast.ExprStmt)
			if !isExpr || x2.X != w.node || !inList(sc) {
				return "time.Sleep is not a statement of its own"
			}
			x.edits = append(x.edits, func(e *rewrite.Edit) {
				e.ReplaceStmt(stmt, rewrite.Stmts("select {\ncase <-$ctx.Done():\n$leave\ncase <-time.After($d):\n}",
					rewrite.Holes{"ctx": x.ctx, "leave": leave(e), "d": e.Clone(w.call.Args[0])})...)
			})
		case waitClock:
			x2, isExpr := stmt.(*ast.ExprStmt)
			if !isExpr || x2.X != w.node || !inList(sc) {
				return "the receive from a timer is not a statement of its own"
			}
			recv := w.node.(*ast.UnaryExpr)
			x.edits = append(x.edits, func(e *rewrite.Edit) {
				e.ReplaceStmt(stmt, rewrite.Stmts("select {\ncase <-$ctx.Done():\n$leave\ncase <-$c:\n}",
					rewrite.Holes{"ctx": x.ctx, "leave": leave(e), "c": e.Clone(recv.X)})...)
			})
		case waitClockRange:
			loop := w.node.(*ast.RangeStmt)
			if why := x.clockRange(sc, loop, leave); why != "" {
				return why
			}
		case waitSelect:
			sel := w.node.(*ast.SelectStmt)
			if len(sel.Body.List) == 0 {
				if decl != x.main || stmt != x.at {
					return "select {} is not in main itself"
				}
				x.edits = append(x.edits, func(e *rewrite.Edit) {
					e.ReplaceStmt(stmt, append(rewrite.Stmts("<-$ctx.Done()", rewrite.Holes{"ctx": x.ctx}), x.tail(e, false)...)...)
				})
				continue
			}
			if containsNode(sel.Body, func(n ast.Node) bool {
				u, ok := n.(*ast.UnaryExpr)
				return ok && u.Op == token.ARROW && isDone(p, u.X)
			}) {
				return "the select looks at a context already"
			}
			x.edits = append(x.edits, func(e *rewrite.Edit) {
				e.Modify(sel.Body, func(n dst.Node) error {
					body := n.(*dst.BlockStmt)
					clause := rewrite.Stmts("select {\ncase <-$ctx.Done():\n$leave\n}", rewrite.Holes{"ctx": x.ctx, "leave": leave(e)})[0].(*dst.SelectStmt).Body.List[0]
					clause.Decorations().Before, clause.Decorations().After = dst.NewLine, dst.NewLine
					body.List = append([]dst.Stmt{clause}, body.List...)
					return nil
				})
			})
		case waitReceive:
			x2, isExpr := stmt.(*ast.ExprStmt)
			if decl != x.main || !isExpr || x2.X != w.node || stmt != x.at {
				return "main waits in " + w.text + ", which nothing ends on a signal"
			}
			recv := w.node.(*ast.UnaryExpr)
			x.edits = append(x.edits, func(e *rewrite.Edit) {
				e.ReplaceStmt(stmt, rewrite.Stmts("select {\ncase <-$c:\ncase <-$ctx.Done():\n$leave\n}",
					rewrite.Holes{"ctx": x.ctx, "leave": leave(e), "c": e.Clone(recv.X)})...)
			})
		case waitSpin:
			loop, ok := w.node.(*ast.ForStmt)
			if !ok || loop.Cond != nil || loop.Init != nil || loop.Post != nil || !endsWith(decl, loop) || decl == x.main {
				return "the loop does not wait in anything that a context could end"
			}
			if decl.Type.Results != nil {
				return "the loop is in a function with results"
			}
			x.edits = append(x.edits, func(e *rewrite.Edit) {
				e.Modify(loop, func(n dst.Node) error {
					n.(*dst.ForStmt).Cond = rewrite.Expr("$ctx.Err() == nil", rewrite.Holes{"ctx": x.ctx})
					return nil
				})
			})
		case waitServe:
			if indexOf(decl.Body.List, stmt) < 0 || decl == x.main {
				if s := statementOf(decl.Body.List, w.node); s != nil && decl != x.main {
					stmt = s
				} else {
					return "the server is not started by a statement of the function itself"
				}
			}
			if indexOf(decl.Body.List, stmt) != len(decl.Body.List)-1 {
				return "statements follow " + w.text + " in " + decl.Name.Name
			}
			if why := x.serveIn(p, decl, stmt, w.call, leave); why != "" {
				return why
			}
		case waitCallee:
			if decl == x.main {
				return "main waits in " + w.text + " in a loop"
			}
			s, isExpr := stmt.(*ast.ExprStmt)
			ret, isRet := stmt.(*ast.ReturnStmt)
			direct := isExpr && s.X == w.call || isRet && len(ret.Results) == 1 && ret.Results[0] == w.call
			if !direct || stmt != decl.Body.List[len(decl.Body.List)-1] {
				return decl.Name.Name + " goes on behind " + w.text + ", which it waits in"
			}
			if why := x.function(w); why != "" {
				return why
			}
		default:
			return "main waits in " + w.text + ", which nothing ends on a signal"
		}
	}
	return ""
}

// isDone reports whether x is the Done channel of a context.
func isDone(p *rewrite.Package, x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	return ok && p.IsCall(call, "context", "(context.Context).Done")
}

// spinning returns the innermost loop without a count around n in decl.
func spinning(decl *ast.FuncDecl, n ast.Node) (loop *ast.ForStmt) {
	ast.Inspect(decl.Body, func(m ast.Node) bool {
		if f, ok := m.(*ast.ForStmt); ok && f.Body.Pos() <= n.Pos() && n.End() <= f.Body.End() {
			if f.Cond == nil || f.Post == nil {
				loop = f
			} else {
				loop = nil
			}
		}
		return true
	})
	return loop
}

// reaches reports whether every turn of the loop comes to stmt: it stands in
// the loop's own list, and no continue comes by it.
func reaches(loop *ast.ForStmt, stmt ast.Stmt) bool {
	i := indexOf(loop.Body.List, stmt)
	if i < 0 {
		return false
	}
	for _, s := range loop.Body.List[:i] {
		if containsNode(s, func(n ast.Node) bool {
			b, ok := n.(*ast.BranchStmt)
			return ok && (b.Tok == token.CONTINUE || b.Tok == token.GOTO)
		}) {
			return false
		}
	}
	return true
}

func endsWith(decl *ast.FuncDecl, s ast.Stmt) bool {
	list := decl.Body.List
	return len(list) > 0 && list[len(list)-1] == s
}

// clockRange plans a select in the place of a range over a ticker.
func (x *signalFix) clockRange(c interface{ Node() ast.Node }, loop *ast.RangeStmt, leave func(e *rewrite.Edit) []dst.Stmt) string {
	if c.Node() != loop || loop.Key != nil {
		return "the loop over a ticker uses its times"
	}
	if containsNode(loop.Body, func(n ast.Node) bool {
		b, ok := n.(*ast.BranchStmt)
		return ok && b.Tok != token.CONTINUE
	}) {
		return "the loop over a ticker has a break"
	}
	if !pure(x.h.p, loop.X) {
		return "the ticker is made by the loop itself"
	}
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		body := e.CloneStmts(loop.Body.List...)
		e.ReplaceStmt(loop, rewrite.Stmts("for {\nselect {\ncase <-$ctx.Done():\n$leave\ncase <-$c:\n$body\n}\n}",
			rewrite.Holes{"ctx": x.ctx, "leave": leave(e), "c": e.Clone(loop.X), "body": body})...)
	})
	return ""
}
