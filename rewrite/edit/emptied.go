package edit

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/dave/dst"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// emptied tidies up after the only statement of a block is gone. comments are
// those that stay in the block.
func (t *tree) emptied(stmt ast.Stmt, comments []string) error {
	cur, _ := t.f.Pkg.Cursor(stmt)
	parent := cur.Parent()
	for {
		if _, ok := parent.Node().(*ast.LabeledStmt); !ok {
			break
		}
		parent = parent.Parent()
	}
	if cc, ok := t.dec.Dst.Nodes[parent.Node()].(*dst.CaseClause); ok {
		cc.Decs.Colon.Append(lines(comments)...)
		return nil
	}
	if cc, ok := t.dec.Dst.Nodes[parent.Node()].(*dst.CommClause); ok {
		cc.Decs.Colon.Append(lines(comments)...)
		return nil
	}
	body, ok := parent.Node().(*ast.BlockStmt)
	if !ok {
		return nil
	}
	twin := t.dec.Dst.Nodes[body].(*dst.BlockStmt)
	if len(comments) > 0 || len(twin.Decs.Lbrace) > 0 {
		twin.Decs.Lbrace.Append(lines(comments)...)
		return nil
	}
	owner := parent.Parent()
	switch n := owner.Node().(type) {
	case *ast.FuncDecl:
		if n.Recv == nil && n.Name.Name == "init" && !t.attached(n) {
			return t.deleteDecl(n)
		}
	case *ast.FuncLit:
		call := owner.Parent()
		c, ok := call.Node().(*ast.CallExpr)
		if !ok || c.Fun != n || len(c.Args) > 0 {
			return nil
		}
		switch s := call.Parent().Node().(type) {
		case *ast.GoStmt:
			return t.delete(s, nil)
		case *ast.DeferStmt:
			return t.delete(s, nil)
		case *ast.ExprStmt:
			return t.delete(s, nil)
		}
	case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
		if s, ok := parent.Node().(ast.Stmt); ok {
			return t.delete(s, nil)
		}
	case *ast.IfStmt:
		return t.emptiedIf(n, body)
	}
	return nil
}

// lines puts comments on lines of their own.
func lines(comments []string) []string {
	if len(comments) == 0 {
		return nil
	}
	if comments[0] != "\n" {
		comments = append([]string{"\n"}, comments...)
	}
	return trimBlank(comments)
}

// emptiedIf drops the else of an if statement that became empty. It inverts one
// whose body became empty, or removes it where evaluating its condition has no
// effect.
func (t *tree) emptiedIf(n *ast.IfStmt, body *ast.BlockStmt) error {
	if n.Else == body {
		t.dec.Dst.Nodes[n].(*dst.IfStmt).Else = nil
		return nil
	}
	if n.Body != body {
		return nil
	}
	if n.Else != nil {
		t.invert(n)
		return nil
	}
	cur, _ := t.f.Pkg.Cursor(n)
	if n.Init != nil || !t.pure(n.Cond) {
		return t.reduceIf(cur, n)
	}
	if up, ok := cur.Parent().Node().(*ast.IfStmt); ok && up.Else == n {
		t.dec.Dst.Nodes[up].(*dst.IfStmt).Else = nil
		return nil
	}
	return t.delete(n, nil)
}

// invert makes the else branch of an if statement its body. The condition is
// evaluated as before.
func (t *tree) invert(n *ast.IfStmt) {
	twin := t.dec.Dst.Nodes[n].(*dst.IfStmt)
	twin.Cond = t.negated(n.Cond, twin.Cond)
	switch els := t.dec.Dst.Nodes[n.Else].(type) {
	case *dst.BlockStmt:
		twin.Body = els
	case *dst.IfStmt:
		els.Decs.Before, els.Decs.After = dst.NewLine, dst.NewLine
		twin.Body = &dst.BlockStmt{List: []dst.Stmt{els}}
	}
	twin.Else = nil
}

// opposites are the comparisons that hold where the others do not.
var opposites = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.GEQ, token.GEQ: token.LSS, token.GTR: token.LEQ, token.LEQ: token.GTR,
}

// negated returns the negation of the condition x, whose twin is cond.
func (t *tree) negated(x ast.Expr, cond dst.Expr) dst.Expr {
	switch x := x.(type) {
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			return cond.(*dst.UnaryExpr).X
		}
	case *ast.BinaryExpr:
		b := cond.(*dst.BinaryExpr)
		basic, ok := types.Default(t.f.Pkg.Info.TypeOf(x.X)).Underlying().(*types.Basic)
		ordered := ok && basic.Info()&(types.IsInteger|types.IsString) != 0 // no NaN
		if op := opposites[x.Op]; op != token.ILLEGAL && (ordered || x.Op == token.EQL || x.Op == token.NEQ) {
			b.Op = op
			return b
		}
		return &dst.UnaryExpr{Op: token.NOT, X: &dst.ParenExpr{X: b}}
	}
	return &dst.UnaryExpr{Op: token.NOT, X: cond}
}

// reduceIf puts the call that an if statement evaluates, or the assignment that it
// begins with, in the place of the statement, whose body became empty, if that is
// all that the condition does.
func (t *tree) reduceIf(cur inspector.Cursor, n *ast.IfStmt) error {
	stmt := t.headOf(n)
	if stmt == nil {
		return nil
	}
	if k := cur.ParentEdgeKind(); k != edge.BlockStmt_List && k != edge.CaseClause_Body && k != edge.CommClause_Body {
		return nil
	}
	list, i, err := t.list(n)
	if err != nil {
		return err
	}
	was, decs := (*list)[i].Decorations(), stmt.Decorations()
	decs.Before, decs.After = was.Before, was.After
	decs.Start, decs.End = was.Start, was.End
	(*list)[i] = stmt
	return nil
}

// headOf returns what an if statement does but for its body, as one statement; nil
// where that cannot be said.
func (t *tree) headOf(n *ast.IfStmt) dst.Stmt {
	x := n.Cond
	switch init := n.Init.(type) {
	case nil:
	case *ast.IncDecStmt:
		if !t.pure(n.Cond) {
			return nil
		}
		return t.dec.Dst.Nodes[init].(dst.Stmt)
	case *ast.AssignStmt:
		if len(init.Rhs) != 1 || !t.pure(n.Cond) {
			return nil
		}
		if init.Tok != token.DEFINE {
			return t.dec.Dst.Nodes[init].(dst.Stmt)
		}
		x = init.Rhs[0]
	default:
		return nil
	}
	call := t.soleCall(x)
	if call == nil {
		return nil
	}
	return &dst.ExprStmt{X: t.dec.Dst.Nodes[call].(dst.Expr)}
}

// soleCall returns the call in x that can be a statement, if it is evaluated in
// any case and the rest of x is pure; nil if there is none.
func (t *tree) soleCall(x ast.Expr) *ast.CallExpr {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return t.soleCall(x.X)
	case *ast.UnaryExpr:
		if x.Op != token.ARROW {
			return t.soleCall(x.X)
		}
	case *ast.BinaryExpr:
		if t.mayPanic(x) {
			return nil
		}
		if t.pure(x.Y) {
			return t.soleCall(x.X)
		}
		if x.Op != token.LAND && x.Op != token.LOR && t.pure(x.X) {
			return t.soleCall(x.Y)
		}
	case *ast.CallExpr:
		fun := t.f.Pkg.Info.Types[x.Fun]
		if fun.IsValue() && !fun.IsBuiltin() {
			return x
		}
	}
	return nil
}
