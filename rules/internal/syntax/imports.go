package syntax

import (
	"go/ast"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// IsStandard reports whether an import path is of the standard library, going by its
// first element, which has no dot. A program's own paths may have none either.
func IsStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// ImportNamed returns the package that f imports under the name, nil when there
// is none.
func ImportNamed(f *rewrite.File, name string) *types.Package {
	for _, spec := range f.AST.Imports {
		var obj types.Object
		if spec.Name != nil {
			obj = f.Pkg.Info.Defs[spec.Name]
		} else {
			obj = f.Pkg.Info.Implicits[spec]
		}
		if pn, ok := obj.(*types.PkgName); ok && pn.Name() == name {
			return pn.Imported()
		}
	}
	return nil
}

// Imports reports whether f imports path.
func Imports(f *rewrite.File, path string) bool {
	return slices.ContainsFunc(f.AST.Imports, func(spec *ast.ImportSpec) bool { return strings.Trim(spec.Path.Value, "\"`") == path })
}

// TypeExpr returns t as an expression for new code of file, nil when it
// cannot be written there: it is declared in a function, or in a package that
// the file does not import.
func TypeExpr(file *rewrite.File, t types.Type) dst.Expr {
	switch t := t.(type) {
	case *types.Basic:
		if t.Kind() != types.UnsafePointer && t.Info()&types.IsUntyped == 0 {
			return dst.NewIdent(t.Name())
		}
	case *types.Pointer:
		if x := TypeExpr(file, t.Elem()); x != nil {
			return &dst.StarExpr{X: x}
		}
	case *types.Slice:
		if x := TypeExpr(file, t.Elem()); x != nil {
			return &dst.ArrayType{Elt: x}
		}
	case *types.Map:
		if k, v := TypeExpr(file, t.Key()), TypeExpr(file, t.Elem()); k != nil && v != nil {
			return &dst.MapType{Key: k, Value: v}
		}
	case *types.Chan:
		if x := TypeExpr(file, t.Elem()); x != nil {
			return &dst.ChanType{Dir: chanDir[t.Dir()], Value: x}
		}
	case *types.Struct:
		if t.NumFields() == 0 {
			return &dst.StructType{Fields: &dst.FieldList{Opening: true, Closing: true}}
		}
	case *types.Alias:
		return typeName(file, t.Obj(), t.TypeArgs())
	case *types.Named:
		return typeName(file, t.Obj(), t.TypeArgs())
	case *types.TypeParam:
		return dst.NewIdent(t.Obj().Name())
	}
	return nil
}

var chanDir = map[types.ChanDir]dst.ChanDir{types.SendRecv: dst.SEND | dst.RECV, types.SendOnly: dst.SEND, types.RecvOnly: dst.RECV}

func typeName(file *rewrite.File, obj *types.TypeName, args *types.TypeList) dst.Expr {
	switch {
	case args.Len() > 0:
		return nil
	case obj.Pkg() == nil:
		return dst.NewIdent(obj.Name())
	case obj.Parent() != obj.Pkg().Scope():
		return nil
	case obj.Pkg() == file.Pkg.Types:
		return dst.NewIdent(obj.Name())
	case obj.Exported() && ImportsPath(file, obj.Pkg().Path()):
		return rewrite.Use(obj.Pkg().Path(), obj.Name())
	}
	return nil
}

// ImportsPath reports whether the file imports path and can name it.
func ImportsPath(f *rewrite.File, path string) bool {
	for _, spec := range f.AST.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil && p == path && (spec.Name == nil || spec.Name.Name != "_") {
			return true
		}
	}
	return false
}
