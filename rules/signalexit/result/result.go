// Package result tells what a statement does with the result of a call.
package result

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Form is how a statement takes what a call returns.
type Form int

const (
	Other   Form = iota // in a way that is not understood
	Plain               // it is the call, and drops the result
	Dropped             // _ = call()
	If                  // if err := call(); err != nil
	Assign              // err := call()
	Return              // return call()
	Wrap                // log.Fatal(call())
)

// FormOf says how stmt takes what the call returns.
func FormOf(stmt ast.Stmt, call *ast.CallExpr) Form {
	switch s := stmt.(type) {
	case *ast.ExprStmt:
		if s.X == call {
			return Plain
		}
		if outer, ok := s.X.(*ast.CallExpr); ok && slices.Contains(outer.Args, ast.Expr(call)) {
			return Wrap
		}
	case *ast.ReturnStmt:
		if len(s.Results) == 1 && s.Results[0] == call {
			return Return
		}
	case *ast.IfStmt:
		// if err := run(); err != nil { ... }
		if a, ok := s.Init.(*ast.AssignStmt); ok && len(a.Rhs) == 1 && a.Rhs[0] == call && s.Else == nil && ErrorIn(s.Cond) != nil {
			return If
		}
	case *ast.AssignStmt:
		if len(s.Rhs) == 1 && s.Rhs[0] == call && len(s.Lhs) == 1 {
			if id, ok := s.Lhs[0].(*ast.Ident); ok && id.Name == "_" {
				return Dropped
			}
			return Assign
		}
	}
	return Other
}

// ComparesNil reports whether x is err != nil.
func ComparesNil(x ast.Expr) bool {
	b, ok := x.(*ast.BinaryExpr)
	if !ok || b.Op != token.NEQ {
		return false
	}
	id, ok := b.Y.(*ast.Ident)
	return ok && id.Name == "nil"
}

// ErrorIn returns the error of which the condition asks that it is one, and maybe
// more behind that: err != nil && err != io.EOF; nil where it does not.
func ErrorIn(cond ast.Expr) ast.Expr {
	b, ok := ast.Unparen(cond).(*ast.BinaryExpr)
	switch {
	case !ok:
		return nil
	case b.Op == token.LAND:
		return ErrorIn(b.X)
	case ComparesNil(b):
		return b.X
	}
	return nil
}

// Fails reports whether st is a branch that is taken when call returns an error.
func Fails(p *rewrite.Package, st ast.Stmt, call *ast.CallExpr) bool {
	look, ok := st.(*ast.IfStmt)
	if !ok || look.Init != nil || look.Else != nil {
		return false
	}
	cond, ok := ast.Unparen(look.Cond).(*ast.BinaryExpr)
	return ok && cond.Op == token.NEQ && ast.Unparen(cond.X) == call && syntax.IsNil(p, cond.Y)
}

// Terminates reports whether the block leaves the function at its end.
func Terminates(p *rewrite.Package, b *ast.BlockStmt) bool {
	if len(b.List) == 0 {
		return false
	}
	switch s := b.List[len(b.List)-1].(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		return ok && syntax.NoReturn(p, call)
	}
	return false
}

// Types returns the types of the function type's results.
func Types(p *rewrite.Package, typ *ast.FuncType) (out []types.Type) {
	if typ.Results == nil {
		return nil
	}
	for _, f := range typ.Results.List {
		for range max(1, len(f.Names)) {
			out = append(out, p.Info.TypeOf(f.Type))
		}
	}
	return out
}

// OnlyError reports whether the function returns nothing but an error.
func OnlyError(p *rewrite.Package, decl *ast.FuncDecl) bool {
	list := Types(p, decl.Type)
	return len(list) == 1 && syntax.IsError(list[0])
}

// SameVar reports whether a and b are the same variable.
func SameVar(p *rewrite.Package, a, b ast.Expr) bool {
	x, ok := a.(*ast.Ident)
	y, ok2 := b.(*ast.Ident)
	return ok && ok2 && p.Info.ObjectOf(x) != nil && p.Info.ObjectOf(x) == p.Info.ObjectOf(y)
}

// IsZero reports whether x is the constant 0.
func IsZero(p *rewrite.Package, x ast.Expr) bool {
	n, ok := syntax.ConstInt(p, x)
	return ok && n == 0
}
