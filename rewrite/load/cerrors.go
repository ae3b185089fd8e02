package load

import (
	"go/ast"
	"go/constant"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/packages"
)

// C.x has no type here, nor has what is made of it. Where the compiler knows no
// better, because a C library is missing say, the type checker complains about
// things that it cannot know: constants of C as the keys of a map, conversions of
// C's types. Such a complaint is none of the user's.

// lacksC reports whether p, or something that it imports, is checked without the
// types of C.
func (p *Package) lacksC() bool {
	return slices.ContainsFunc(p.Files, func(f *File) bool { return f.Cgo }) || len(p.fakedDeps()) > 0
}

// fakedDeps returns the packages, among those that p depends on, whose types are
// taken from their sources because the compiler made none of them.
func (p *Package) fakedDeps() []*packages.Package {
	if p.snap.l == nil || p.meta == nil || len(p.snap.l.home(p.ID).faked) == 0 {
		return nil
	}
	home := p.snap.l.home(p.ID)
	var out []*packages.Package
	packages.Visit([]*packages.Package{p.meta}, nil, func(m *packages.Package) {
		if home.faked[m.ID] && m.PkgPath != p.Path {
			out = append(out, home.meta[m.ID])
		}
	})
	return out
}

// needsC reports whether the package m, or one that it depends on, has files that
// import "C" outside of the standard library, which needs no C compiler.
func (l *Loader) needsC(m *packages.Package) bool {
	found := false
	packages.Visit([]*packages.Package{m}, func(m *packages.Package) bool {
		found = found || m.Module != nil && l.usesCgo(m)
		return !found
	}, nil)
	return found
}

// stemsFromC reports whether the type checker's complaint e is about an expression
// that something of C, which has no type here, is part of.
func (p *Package) stemsFromC(e Problem) bool {
	i := slices.IndexFunc(p.Files, func(f *File) bool { return f.Path == e.Pos.Filename })
	if i < 0 || p.Files[i].ReadOnly == "it has a syntax error" {
		return false
	}
	if strings.Contains(e.Message, "invalid type") || strings.Contains(e.Message, "invalid operand") {
		return true // the type checker itself holds them back behind the first error
	}
	if strings.HasPrefix(e.Message, "declared and not used") || strings.HasPrefix(e.Message, "undefined: ") {
		return false
	}
	tf := p.snap.Fset.File(p.Files[i].AST.FileStart)
	if e.Pos.Offset > tf.Size() {
		return false
	}
	pos := tf.Pos(e.Pos.Offset)
	c, ok := p.Inspector.Root().FindByPos(pos, pos)
	return ok && p.involvesC(c)
}

// involvesC reports whether something of C is part of the expression at c, or of
// what it is part of: up to the statement or declaration, or to the literal whose
// element it is.
func (p *Package) involvesC(c inspector.Cursor) bool {
	for ; ; c = c.Parent() {
		switch n := c.Node().(type) {
		case nil, *ast.File, *ast.BlockStmt:
			return false
		case *ast.FuncLit:
			return p.hasC(n.Type)
		case *ast.CompositeLit:
			return p.hasC(n)
		case *ast.FuncDecl:
			return n.Recv != nil && p.hasC(n.Recv) || p.hasC(n.Type)
		case *ast.ReturnStmt:
			for f := range c.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
				switch f := f.Node().(type) {
				case *ast.FuncDecl:
					return p.hasC(n) || p.hasC(f.Type)
				case *ast.FuncLit:
					return p.hasC(n) || p.hasC(f.Type)
				}
			}
		case *ast.CaseClause:
			return slices.ContainsFunc(n.List, func(x ast.Expr) bool { return p.hasC(x) }) || p.hasC(c.Parent().Parent().Node())
		case ast.Stmt, ast.Spec, *ast.Field:
			return p.hasC(n)
		default:
			if p.hasC(n) {
				return true
			}
		}
	}
}

// hasC reports whether n holds an expression whose type or value is not known for
// want of C, apart from blocks, and from the elements of literals.
func (p *Package) hasC(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.BlockStmt:
			return false
		case *ast.CompositeLit:
			found = found || p.unknown(m) || m.Type != nil && p.hasC(m.Type)
			return false
		case ast.Expr:
			found = found || p.unknown(m)
		}
		return !found
	})
	return found
}

// unknown reports whether x has no type, or one made of such, or is a constant
// without a value.
func (p *Package) unknown(x ast.Expr) bool {
	if tv, ok := p.Info.Types[x]; ok {
		return tv.Value != nil && tv.Value.Kind() == constant.Unknown || untyped(tv.Type, 0)
	}
	id, ok := x.(*ast.Ident)
	if !ok {
		return false
	}
	switch obj := p.Info.ObjectOf(id).(type) {
	case nil:
		return false
	case *types.PkgName:
		return obj.Imported().Path() == "C"
	case *types.Const:
		return obj.Val().Kind() == constant.Unknown || untyped(obj.Type(), 0)
	case *types.Builtin, *types.Nil, *types.Label:
		return false
	default:
		return untyped(obj.Type(), 0)
	}
}

// untyped reports whether t is no type or is made of one. Of the fields of a named
// struct only embedded ones count, whose fields and methods are not known.
func untyped(t types.Type, depth int) bool {
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
				if untyped(arg, depth) {
					return true
				}
			}
		}
		if s, ok := t.Underlying().(*types.Struct); ok {
			for f := range s.Fields() {
				if f.Embedded() && untyped(f.Type(), depth) {
					return true
				}
			}
			return false
		}
		if _, ok := t.Underlying().(*types.Interface); ok {
			return false
		}
		return untyped(t.Underlying(), depth)
	case *types.Pointer:
		return untyped(t.Elem(), depth)
	case *types.Slice:
		return untyped(t.Elem(), depth)
	case *types.Array:
		return untyped(t.Elem(), depth) || t.Len() < 0
	case *types.Chan:
		return untyped(t.Elem(), depth)
	case *types.Map:
		return untyped(t.Key(), depth) || untyped(t.Elem(), depth)
	case *types.Signature:
		return untyped(t.Params(), depth) || untyped(t.Results(), depth)
	case *types.Tuple:
		for v := range t.Variables() {
			if untyped(v.Type(), depth) {
				return true
			}
		}
	case *types.Struct:
		for f := range t.Fields() {
			if untyped(f.Type(), depth) {
				return true
			}
		}
	}
	return false
}

// withoutC returns the package that dep stands for where it has no export data for
// want of C, and notes that what it declares comes from its sources; else nil.
func (l *Loader) withoutC(dep *packages.Package) *packages.Package {
	if dep == nil || l.meta[dep.ID] == nil {
		return nil
	}
	m := l.meta[dep.ID]
	if len(m.GoFiles) == 0 || !l.needsC(m) {
		return nil
	}
	l.faked[m.ID] = true
	return m
}
