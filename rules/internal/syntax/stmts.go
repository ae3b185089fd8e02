package syntax

import (
	"go/ast"
	"go/token"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// CallStatement returns the statement that consists of the call at cur: an
// expression statement, go or defer.
func CallStatement(cur inspector.Cursor) (ast.Stmt, bool) {
	switch n := cur.Parent().Node().(type) {
	case *ast.ExprStmt:
		switch cur.Parent().ParentEdgeKind() {
		case edge.BlockStmt_List, edge.CaseClause_Body, edge.CommClause_Body:
			return n, true
		}
	case *ast.GoStmt:
		return n, true
	case *ast.DeferStmt:
		return n, true
	}
	return nil, false
}

// EffectStmt returns the statement that is the call alone, or assigns its
// result to nothing but the blank identifier; nil when the result is used.
func EffectStmt(call inspector.Cursor) ast.Stmt {
	c := call.Parent()
	for {
		if _, ok := c.Node().(*ast.ParenExpr); !ok {
			break
		}
		c = c.Parent()
	}
	switch n := c.Node().(type) {
	case *ast.ExprStmt:
		return n
	case *ast.AssignStmt:
		if len(n.Lhs) == 1 && n.Tok == token.ASSIGN {
			if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "_" {
				return n
			}
		}
	}
	return nil
}

// InList reports whether the statement at c is in a statement list.
func InList(c inspector.Cursor) bool {
	switch p := c.Parent().Node().(type) {
	case *ast.BlockStmt, *ast.CaseClause:
		return true
	case *ast.CommClause:
		return p.Comm != c.Node()
	case *ast.LabeledStmt:
		return InList(c.Parent())
	}
	return false
}

func IndexOf(list []ast.Stmt, s ast.Stmt) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

// EnclosingStmt returns the innermost statement around c.
func EnclosingStmt(c inspector.Cursor) (ast.Stmt, inspector.Cursor) {
	for ; c.Node() != nil; c = c.Parent() {
		if s, ok := c.Node().(ast.Stmt); ok {
			return s, c
		}
	}
	return nil, c
}

// Listed returns the innermost statement around c that stands in a list.
func Listed(c inspector.Cursor) (stmt inspector.Cursor, ok bool) {
	for stmt = c; !InList(stmt); {
		if stmt = stmt.Parent(); stmt.Node() == nil {
			return stmt, false
		}
	}
	return stmt, true
}

// StatementOf returns the statement of list that holds n.
func StatementOf(list []ast.Stmt, n ast.Node) ast.Stmt {
	for _, s := range list {
		if s.Pos() <= n.Pos() && n.End() <= s.End() {
			return s
		}
	}
	return nil
}

func NextStmt(list []ast.Stmt, s ast.Stmt) ast.Stmt {
	if i := IndexOf(list, s); i >= 0 && i+1 < len(list) {
		return list[i+1]
	}
	return nil
}

// StmtsOf returns the statement list of a block or clause, nil of other nodes.
func StmtsOf(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	}
	return nil
}
