package handler

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// split cuts the goroutine's body at the receive and the exit.
func (h *Handler) split(at inspector.Cursor) bool {
	list, c, ok := h.received(at)
	if !ok {
		return false
	}
	// Out to the goroutine's own list of statements.
	for c.Parent().Node() != h.Body {
		if list, c, ok = h.outward(list, c); !ok {
			return false
		}
	}
	st, ok := c.Node().(ast.Stmt)
	if !ok {
		return false
	}
	h.Recv = st
	i := syntax.IndexOf(h.Body.List, st)
	h.Pre = h.Body.List[:i]
	if !h.Arms {
		list = slices.Concat(list, h.Body.List[i+1:])
	}
	return h.setTail(list)
}

// received notes what is received at the cursor, and returns the statement there
// with what follows in it.
func (h *Handler) received(at inspector.Cursor) (list []ast.Stmt, c inspector.Cursor, ok bool) {
	h.at = at.Node()
	if n, isRange := at.Node().(*ast.RangeStmt); isRange {
		h.From, h.Arms = n.X, true
		if id, ok := n.Key.(*ast.Ident); ok {
			h.Sig, _ = h.P.Info.Defs[id].(*types.Var)
		}
		return n.Body.List, at, true
	}
	st, c := syntax.EnclosingStmt(at)
	if st == nil {
		return nil, c, false
	}
	if u, ok := at.Node().(*ast.UnaryExpr); ok {
		h.From = ast.Unparen(u.X)
	}
	if a, ok := st.(*ast.AssignStmt); ok && len(a.Rhs) == 1 && ast.Unparen(a.Rhs[0]) == at.Node() {
		h.Sig = h.variable(a.Lhs[0])
		if len(a.Lhs) == 2 {
			h.ok = h.variable(a.Lhs[1])
		}
	}
	// if _, ok := <-c; ok {, switch s := <-c; s {, switch <-c {, log.Fatal(<-c)
	switch c.ParentEdgeKind() {
	case edge.IfStmt_Init, edge.SwitchStmt_Init:
		c = c.Parent()
		st = c.Node().(ast.Stmt)
	}
	switch st.(type) {
	case *ast.IfStmt, *ast.SwitchStmt:
		list, h.Mixed = []ast.Stmt{st}, true
	case *ast.ExprStmt:
		if h.ExitCall(st) != nil {
			list, h.Mixed = []ast.Stmt{st}, true
		}
	}
	return list, c, true
}

// outward goes from a statement that holds the receive, and the list that follows
// it, to the statement around it; ok is false when the receive is one of several
// things that this does.
func (h *Handler) outward(list []ast.Stmt, c inspector.Cursor) (_ []ast.Stmt, out inspector.Cursor, ok bool) {
	st, _ := c.Node().(ast.Stmt)
	switch parent := c.Parent().Node().(type) {
	case *ast.CommClause:
		// case <-c:
		if parent.Comm != st {
			return nil, c, false
		}
		c = c.Parent().Parent().Parent()
		h.Arms = true
		h.siblings(c.Node().(*ast.SelectStmt), parent)
		list = parent.Body
		if len(list) > 0 && h.always(list) {
			return list, c, true
		}
		if block, ok := c.Parent().Node().(*ast.BlockStmt); ok {
			h.Mixed = h.Mixed || len(list) > 0
			list = slices.Concat(list, block.List[syntax.IndexOf(block.List, c.Node().(ast.Stmt))+1:])
		}
		return list, c, true
	case *ast.BlockStmt:
		// for { <-c; ...; os.Exit(0) }
		i := syntax.IndexOf(parent.List, st)
		loop, ok := c.Parent().Parent().Node().(*ast.ForStmt)
		if !ok || loop.Cond != nil {
			return nil, c, false
		}
		_, isSelect := st.(*ast.SelectStmt)
		if !isSelect {
			list = slices.Concat(list, parent.List[i+1:])
		}
		h.Mixed = h.Mixed || i > 0 || isSelect && len(parent.List) > 1
		h.Arms = true
		return list, c.Parent().Parent(), true
	case *ast.LabeledStmt:
		h.Mixed = true
		return list, c.Parent(), true
	}
	return nil, c, false
}

// siblings notes what else the select around the receive does: it may exit on
// the signals of another channel, too.
func (h *Handler) siblings(sel *ast.SelectStmt, own *ast.CommClause) {
	for _, c := range sel.Body.List {
		cc := c.(*ast.CommClause)
		if cc == own {
			continue
		}
		h.Mixed = true
		var from ast.Expr
		if cc.Comm != nil && h.always(cc.Body) {
			ast.Inspect(cc.Comm, func(n ast.Node) bool {
				if u, ok := n.(*ast.UnaryExpr); ok && u.Op == token.ARROW && syntax.IsType(h.P.Info.TypeOf(u), "os", "Signal") {
					from = u.X
				}
				return from == nil
			})
		}
		if from == nil {
			continue
		}
		h.More = append(h.More, from)
		for _, s := range cc.Body {
			h.Exits = append(h.Exits, h.exitsIn(s)...)
		}
	}
}

// setTail notes the statements from the receive to the exit, when all paths
// through them end in one.
func (h *Handler) setTail(list []ast.Stmt) bool {
	if !h.always(list) {
		return false
	}
	// What follows the exit is never reached.
	end := 0
	for i, s := range list {
		if h.ends(s) {
			end = i + 1
			break
		}
	}
	for _, s := range list[:end] {
		h.Exits = append(h.Exits, h.exitsIn(s)...)
	}
	if len(h.Exits) == 0 {
		return false
	}
	h.Exit = h.ExitCall(h.Exits[len(h.Exits)-1])
	slices.SortFunc(h.Exits, func(a, b *ast.ExprStmt) int { return int(a.Pos() - b.Pos()) })
	h.Tail = list[:end]
	if last := list[end-1]; h.ExitCall(last) != nil {
		h.Tail, h.Last = list[:end-1], last
	}
	h.Mixed = h.Mixed || slices.ContainsFunc(h.Tail, syntax.Leaves)
	return true
}

// Plain reports whether the receive is a statement of its own, or of one variable,
// or that of a loop or select around the tail.
func (h *Handler) Plain() bool {
	switch s := h.Recv.(type) {
	case *ast.ExprStmt:
		u, isRecv := ast.Unparen(s.X).(*ast.UnaryExpr)
		return isRecv && (h.Arms || u.Pos() == s.Pos())
	case *ast.AssignStmt:
		return h.Arms || len(s.Lhs) == 1
	}
	return h.Arms
}
