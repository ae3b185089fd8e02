package gctrace

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// othersSet reports whether the program sets GODEBUG elsewhere in a way that
// would show where this setting goes: by os.Setenv, or, for an element of a list,
// by another element in the same function.
func (x *goTrace) othersSet() bool {
	for _, r := range x.s.Refs("os.Setenv") {
		at, ok := r.Call()
		if !ok || r.File.Test || r.Pkg.Module != x.p.Module {
			continue
		}
		args := at.Node().(*ast.CallExpr).Args
		if len(args) != 2 || syntax.Encloses(args[1], x.lit) {
			continue
		}
		if name, ok := syntax.ConstString(r.Pkg, args[0]); ok && name == "GODEBUG" && !traceOnly(r.Pkg, args[1]) {
			return true
		}
	}
	decl := syntax.EnclosingDecl(x.cur)
	return decl != nil && syntax.InDecl(decl, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit == x.lit || lit.Kind != token.STRING {
			return false
		}
		s, err := strconv.Unquote(lit.Value)
		return err == nil && strings.HasPrefix(s, "GODEBUG=") && !traceOnly(x.p, lit) && strings.Contains(x.lit.Value, "GODEBUG=")
	})
}

// traceOnly reports whether the value sets nothing but the trace.
func traceOnly(p *rewrite.Package, value ast.Expr) bool {
	s, ok := syntax.ConstString(p, value)
	g := godebug.Read(strings.TrimPrefix(s, "GODEBUG="))
	return ok && g.Setting != "" && g.Rest == ""
}

// conditional reports whether an if, switch or select stands around the literal
// within its function.
func (x *goTrace) conditional() bool {
	for cur := range x.cur.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil), (*ast.IfStmt)(nil), (*ast.CaseClause)(nil), (*ast.CommClause)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			return false
		case *ast.IfStmt:
			if n.Init != nil && n.Init.Pos() <= x.lit.Pos() && x.lit.End() <= n.Init.End() {
				continue // if err := os.Setenv(...)
			}
			if n.Cond.Pos() <= x.lit.Pos() && x.lit.End() <= n.Cond.End() {
				continue
			}
			return true
		default:
			return true
		}
	}
	return false
}

// readsErrors reports whether the function around the literal reads what a
// child writes to standard error: it sets Stderr to anything but os.Stderr, or
// calls StderrPipe or CombinedOutput.
func (x *goTrace) readsErrors() bool {
	decl := syntax.EnclosingDecl(x.cur)
	if decl == nil {
		return false
	}
	return syntax.InDecl(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			return n.Sel.Name == "StderrPipe" || n.Sel.Name == "CombinedOutput"
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if sel, ok := l.(*ast.SelectorExpr); ok && sel.Sel.Name == "Stderr" && len(n.Lhs) == len(n.Rhs) {
					return !x.isStderr(n.Rhs[i])
				}
			}
		case *ast.KeyValueExpr:
			id, ok := n.Key.(*ast.Ident)
			return ok && id.Name == "Stderr" && !x.isStderr(n.Value)
		}
		return false
	})
}

func (x *goTrace) isStderr(e ast.Expr) bool {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	if !ok {
		id, ok := e.(*ast.Ident)
		return ok && x.p.Info.Uses[id] == types.Universe.Lookup("nil")
	}
	v, ok := x.p.Info.Uses[sel.Sel].(*types.Var)
	return ok && v.Pkg() != nil && v.Pkg().Path() == "os" && (v.Name() == "Stderr" || v.Name() == "Stdout")
}

// isStrings reports whether t is []string.
func isStrings(t types.Type) bool {
	if t == nil {
		return false
	}
	sl, ok := t.Underlying().(*types.Slice)
	return ok && types.Identical(sl.Elem(), types.Typ[types.String])
}
