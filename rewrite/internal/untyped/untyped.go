// Package untyped answers whether an expression has something in it whose type or
// value the type checker does not know, as is so for all of C where files with
// import "C" are checked in the original (go/types, Config.FakeImportC).
package untyped

import (
	"go/ast"
	"go/constant"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ast/inspector"
)

// Involves reports whether something that has no type or value is part of the
// expression at c, or of what it is part of: up to the statement or declaration,
// or to the literal whose element it is.
func Involves(info *types.Info, c inspector.Cursor) bool {
	for ; ; c = c.Parent() {
		switch n := c.Node().(type) {
		case nil, *ast.File, *ast.BlockStmt:
			return false
		case *ast.FuncLit:
			return lacks(info, n.Type)
		case *ast.CompositeLit:
			return lacks(info, n)
		case *ast.FuncDecl:
			return n.Recv != nil && lacks(info, n.Recv) || lacks(info, n.Type)
		case *ast.ReturnStmt:
			for f := range c.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
				switch f := f.Node().(type) {
				case *ast.FuncDecl:
					return lacks(info, n) || lacks(info, f.Type)
				case *ast.FuncLit:
					return lacks(info, n) || lacks(info, f.Type)
				}
			}
		case *ast.CaseClause:
			return slices.ContainsFunc(n.List, func(x ast.Expr) bool { return lacks(info, x) }) || lacks(info, c.Parent().Parent().Node())
		case ast.Stmt, ast.Spec, *ast.Field:
			return lacks(info, n)
		default:
			if lacks(info, n) {
				return true
			}
		}
	}
}

// lacks reports whether n holds an expression whose type or value is not known, apart from blocks, and from the elements of literals.
func lacks(info *types.Info, n ast.Node) bool {
	found := false
	ast.Inspect(n, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.BlockStmt:
			return false
		case *ast.CompositeLit:
			found = found || unknown(info, m) || m.Type != nil && lacks(info, m.Type)
			return false
		case ast.Expr:
			found = found || unknown(info, m)
		}
		return !found
	})
	return found
}

// unknown reports whether x has no type, or one made of such, or is a constant
// without a value.
func unknown(info *types.Info, x ast.Expr) bool {
	if tv, ok := info.Types[x]; ok {
		return tv.Value != nil && tv.Value.Kind() == constant.Unknown || hollow(tv.Type, 0)
	}
	id, ok := x.(*ast.Ident)
	if !ok {
		return false
	}
	switch obj := info.ObjectOf(id).(type) {
	case nil:
		return false
	case *types.PkgName:
		return obj.Imported().Path() == "C"
	case *types.Const:
		return obj.Val().Kind() == constant.Unknown || hollow(obj.Type(), 0)
	case *types.Builtin, *types.Nil, *types.Label:
		return false
	default:
		return hollow(obj.Type(), 0)
	}
}

// hollow reports whether t is no type or is made of one. Of the fields of a named
// struct only embedded ones count, whose fields and methods are not known.
func hollow(t types.Type, depth int) bool {
	const deep = 8 // types that hold themselves end somewhere
	if t == nil || depth > deep {
		return t == nil
	}
	depth++
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		return t.Kind() == types.Invalid
	case *types.Named:
		if args := t.TypeArgs(); args != nil {
			for arg := range args.Types() {
				if hollow(arg, depth) {
					return true
				}
			}
		}
		if s, ok := t.Underlying().(*types.Struct); ok {
			for f := range s.Fields() {
				if f.Embedded() && hollow(f.Type(), depth) {
					return true
				}
			}
			return false
		}
		if _, ok := t.Underlying().(*types.Interface); ok {
			return false
		}
		return hollow(t.Underlying(), depth)
	case *types.Pointer:
		return hollow(t.Elem(), depth)
	case *types.Slice:
		return hollow(t.Elem(), depth)
	case *types.Array:
		return hollow(t.Elem(), depth) || t.Len() < 0
	case *types.Chan:
		return hollow(t.Elem(), depth)
	case *types.Map:
		return hollow(t.Key(), depth) || hollow(t.Elem(), depth)
	case *types.Signature:
		return hollow(t.Params(), depth) || hollow(t.Results(), depth)
	case *types.Tuple:
		for v := range t.Variables() {
			if hollow(v.Type(), depth) {
				return true
			}
		}
	case *types.Struct:
		for f := range t.Fields() {
			if hollow(f.Type(), depth) {
				return true
			}
		}
	}
	return false
}
