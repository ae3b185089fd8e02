package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// unnamed reports a boundary that gets the handle of an object which no variable
// has: one that was just made or received from a channel. It is dead once the
// handle is read.
func (k *keeper) unnamed(x *crossing, arg ast.Expr) *rewrite.Finding {
	p := x.p
	obj, field := k.holderOf(p, arg)
	if obj == nil {
		return nil
	}
	t := p.Info.TypeOf(obj)
	if syntax.PointerElem(t) == nil || !k.releases.Backed(t) || !k.releases.Frees(t, field) || k.releases.Listed(t) || k.releases.RunsIn(p, x.fn, t) {
		return nil
	}
	switch n := obj.(type) {
	case *ast.UnaryExpr:
		if n.Op != token.ARROW {
			return nil
		}
	case *ast.CallExpr:
		if !k.fresh(p, n, nil, 3) {
			return nil
		}
	default:
		return nil
	}
	f := &rewrite.Finding{
		Pos: x.at.Pos(), End: x.at.End(),
		Message: "no variable holds the object whose handle " + x.What() + " gets: the finalizer may free it meanwhile",
	}
	if fix := nameFix(x, obj, t); fix != nil {
		f.Fixes = []*rewrite.Fix{fix}
	} else {
		f.NoFix = "give the object a variable, and call runtime.KeepAlive with it when the call is done"
	}
	return f
}

// holderOf returns the object whose handle arg is, and the name of the field that
// has the handle: x for x.h, and for x.ptr() where that returns the field.
func (k *keeper) holderOf(p *rewrite.Package, arg ast.Expr) (obj ast.Expr, field string) {
	x := cgo.Converted(p, arg)
	call, isCall := x.(*ast.CallExpr)
	if isCall {
		x = ast.Unparen(call.Fun)
	}
	sel, ok := x.(*ast.SelectorExpr)
	if !ok || p.Info.Selections[sel] == nil {
		return nil, ""
	}
	switch s := p.Info.Selections[sel]; {
	case !isCall && s.Kind() == types.FieldVal:
		return ast.Unparen(sel.X), sel.Sel.Name
	case isCall && s.Kind() == types.MethodVal && !types.IsInterface(s.Recv()):
		fn, _ := s.Obj().(*types.Func)
		if pass := k.passage(p, fn); pass != nil && pass.param < 0 && len(pass.steps) == 1 && pass.steps[0].field != nil {
			return ast.Unparen(sel.X), pass.steps[0].field.Name()
		}
	}
	return nil, ""
}

// nameFix returns the fix that puts the object, which has the type, into a variable
// before the statement around the crossing, and keeps that alive; nil where
// something else of the statement comes before the object.
func nameFix(x *crossing, obj ast.Expr, t types.Type) *rewrite.Fix {
	cur, stmt := listStmt(x.cur)
	if stmt == nil || !comesFirst(x.p, cur, stmt, obj) || jumps(x.body) {
		return nil
	}
	deferred, last := yieldsPart(x, stmt), false
	switch s := stmt.(type) {
	case *ast.ExprStmt:
		last = noReturn(x.p, s)
	case *ast.AssignStmt, *ast.DeclStmt:
	case *ast.ReturnStmt:
		last = true
	case *ast.IfStmt, *ast.SwitchStmt:
		if deferred = true; syntax.InsideLoop(cur, x.fn) {
			return nil
		}
	default:
		return nil
	}
	if deferred && !last && syntax.InsideLoop(cur, x.fn) {
		return nil // it would pile up
	}
	deferred = deferred || last
	name := x.file.FreeName(x.fn.Node(), variableName(t), "object")
	whole, _ := x.p.Cursor(obj)
	for isParen(whole.Parent().Node()) {
		whole = whole.Parent()
	}
	return &rewrite.Fix{
		Message: "give the object a variable, and keep it alive until the call returns", Safety: rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			holes := rewrite.Holes{"v": name, "obj": e.Clone(obj)}
			form := "$v := $obj"
			if deferred {
				form += "\ndefer runtime.KeepAlive($v)"
			}
			e.InsertBefore(stmt, rewrite.Stmts(form, holes)...)
			e.Replace(whole.Node(), rewrite.Expr(name, nil))
			if !deferred {
				e.InsertAfter(stmt, rewrite.Stmts("runtime.KeepAlive($v)", rewrite.Holes{"v": name})...)
			}
			return nil
		},
	}
}

func isParen(n ast.Node) bool {
	_, ok := n.(*ast.ParenExpr)
	return ok
}

// variableName returns a name for a variable of type t: that of what it points
// at, in small letters.
func variableName(t types.Type) string {
	named := syntax.NamedBehind(t)
	if named == nil {
		return "object"
	}
	return strings.ToLower(named.Obj().Name())
}

// comesFirst reports whether obj is evaluated in stmt, once and in every case, and
// no call or receive before it.
func comesFirst(p *rewrite.Package, cur inspector.Cursor, stmt ast.Stmt, obj ast.Expr) bool {
	at, ok := p.Cursor(obj)
	if !ok {
		return false
	}
	for c := at; c.Node() != stmt; c = c.Parent() {
		switch n := c.Parent().Node().(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.LAND || n.Op == token.LOR) && n.Y == c.Node() {
				return false
			}
		case *ast.IfStmt:
			if c.Node() != n.Init && (n.Init != nil || c.Node() != n.Cond) {
				return false
			}
		case *ast.SwitchStmt:
			if c.Node() != n.Init && (n.Init != nil || c.Node() != n.Tag) {
				return false
			}
		case *ast.FuncLit, *ast.CaseClause:
			return false
		}
	}
	for c := range cur.Preorder((*ast.CallExpr)(nil), (*ast.UnaryExpr)(nil)) {
		n := c.Node()
		call, isCall := n.(*ast.CallExpr)
		if n.End() > obj.Pos() || isCall && p.Info.Types[call.Fun].IsType() {
			continue
		}
		if unary, ok := n.(*ast.UnaryExpr); isCall || ok && unary.Op == token.ARROW {
			return false
		}
	}
	return true
}
