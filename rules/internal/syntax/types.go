package syntax

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
)

// PointerElem returns what t points at, nil when t is no pointer to a known
// type.
func PointerElem(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	ptr, ok := t.Underlying().(*types.Pointer)
	if !ok {
		return nil
	}
	switch elem := types.Unalias(ptr.Elem()).(type) {
	case *types.TypeParam:
		return nil
	case *types.Basic:
		if elem.Kind() == types.Invalid { // a type of C
			return nil
		}
	}
	return ptr.Elem()
}

// IsType reports whether t is the named type path.name.
func IsType(t types.Type, path, name string) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == name && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == path
}

// NamedBehind returns the named type that t is or points at, nil for others.
func NamedBehind(t types.Type) *types.Named {
	if t == nil {
		return nil
	}
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		t = ptr.Elem()
	}
	named, _ := types.Unalias(t).(*types.Named)
	return named
}

// IsPointerTo reports whether t is a pointer to the named type path.name.
func IsPointerTo(t types.Type, path, name string) bool {
	ptr, ok := types.Unalias(t).(*types.Pointer)
	return ok && IsType(ptr.Elem(), path, name)
}

// TypeKey names the type behind a pointer independently of how its package was
// loaded.
func TypeKey(t types.Type) string {
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		t = ptr.Elem()
	}
	return types.TypeString(t, func(p *types.Package) string { return p.Path() })
}

// IsClock reports whether x is a channel of times: a ticker's or timer's C,
// time.Tick or time.After.
func IsClock(p *rewrite.Package, x ast.Expr) bool {
	t := p.Info.TypeOf(x)
	if t == nil {
		return false
	}
	ch, ok := t.Underlying().(*types.Chan)
	return ok && IsType(ch.Elem(), "time", "Time")
}

// TypeBehind returns the type of the last of fields, that of v when there are
// none.
func TypeBehind(v *types.Var, fields []*types.Var) types.Type {
	if len(fields) == 0 {
		return v.Type()
	}
	return fields[len(fields)-1].Type()
}

func PointerLike(t types.Type) bool {
	switch Under(t).(type) {
	case *types.Pointer, *types.Interface, *types.Map, *types.Chan, *types.Slice, *types.Signature:
		return true
	}
	return false
}

// IsContextFunc reports whether t is one of context's cancel functions.
func IsContextFunc(t types.Type) bool {
	return t != nil && (IsType(t, "context", "CancelFunc") || IsType(t, "context", "CancelCauseFunc"))
}

// IsError reports whether t is the type error itself.
func IsError(t types.Type) bool {
	return t != nil && types.Identical(t, types.Universe.Lookup("error").Type())
}

// IsErrorResult reports whether the function returns nothing but an error.
func IsErrorResult(sig *types.Signature) bool {
	return sig.Results().Len() == 1 && IsError(sig.Results().At(0).Type())
}

// HasMethod reports whether x has a method called name.
func HasMethod(p *rewrite.Package, x ast.Expr, name string) bool {
	obj, _, _ := types.LookupFieldOrMethod(p.Info.TypeOf(x), true, p.Types, name)
	_, ok := obj.(*types.Func)
	return ok
}

func Under(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return t.Underlying()
}

func IsPointer(t types.Type) bool {
	_, ok := Under(t).(*types.Pointer)
	return ok
}
