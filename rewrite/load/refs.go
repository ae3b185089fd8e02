package load

import (
	"go/ast"
	"go/types"
	"iter"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

// Ref is one use of a function, method, variable or constant.
type Ref struct {
	Pkg   *Package
	File  *File
	Ident *ast.Ident
	Obj   types.Object
}

// Cursor returns the cursor at the reference's identifier.
func (r Ref) Cursor() inspector.Cursor {
	c, _ := r.Pkg.Cursor(r.Ident)
	return c
}

// Expr returns the cursor at the whole operand: the selector expression
// pkg.Name or x.Name that ends in the identifier, with the parentheses and type
// arguments around it, else the identifier itself.
func (r Ref) Expr() inspector.Cursor {
	c := r.Cursor()
	for {
		parent := c.Parent()
		switch n := parent.Node().(type) {
		case *ast.SelectorExpr:
			if n.Sel != c.Node() {
				return c
			}
		case *ast.ParenExpr:
		case *ast.IndexExpr:
			if n.X != c.Node() {
				return c
			}
		case *ast.IndexListExpr:
			if n.X != c.Node() {
				return c
			}
		default:
			return c
		}
		c = parent
	}
}

// Call returns the cursor at the call whose callee the reference is; ok is
// false when the function is not called there but used as a value.
func (r Ref) Call() (call inspector.Cursor, ok bool) {
	e := r.Expr()
	parent := e.Parent()
	if n, isCall := parent.Node().(*ast.CallExpr); isCall && n.Fun == e.Node() {
		return parent, true
	}
	return inspector.Cursor{}, false
}

// ObjectKey names a package-level object, field or method independently of
// how its package was loaded: "net/http.Handle", "(*os.File).Close". A package
// read from source and the same one read from export data have different
// objects for one declaration, and so have a package and its test variant.
func ObjectKey(obj types.Object) string {
	if f, ok := obj.(*types.Func); ok {
		return f.Origin().FullName()
	}
	if obj.Pkg() == nil {
		return obj.Name()
	}
	return obj.Pkg().Path() + "." + obj.Name()
}

// Refs returns the uses of the package-level objects or methods named by keys
// (see ObjectKey) in all loaded packages, in source order.
func (s *Snapshot) Refs(keys ...string) []Ref {
	refs := s.indexed()
	if len(keys) == 1 {
		return refs[keys[0]]
	}
	var out []Ref
	for _, k := range keys {
		out = append(out, refs[k]...)
	}
	slices.SortStableFunc(out, func(a, b Ref) int { return int(a.Ident.Pos()) - int(b.Ident.Pos()) })
	return out
}

func (s *Snapshot) indexed() map[string][]Ref {
	s.mu.Lock()
	defer s.mu.Unlock() // the rules are run on in spite of a panic
	if s.refs == nil {
		s.refs = s.index()
	}
	return s.refs
}

func (s *Snapshot) index() map[string][]Ref {
	refs := make(map[string][]Ref)
	for _, p := range s.Packages {
		keys := make(map[types.Object]string) // "" for what has none; to make one takes long
		for _, f := range p.Files {
			root, _ := p.Cursor(f.AST)
			for c := range root.Preorder((*ast.Ident)(nil)) {
				id := c.Node().(*ast.Ident)
				obj := p.Info.Uses[id]
				k, known := keys[obj]
				if !known {
					// A function, a method, or what a package declares.
					if _, isFunc := obj.(*types.Func); obj != nil && obj.Pkg() != nil && (isFunc || obj.Parent() == obj.Pkg().Scope()) {
						k = ObjectKey(obj)
					}
					keys[obj] = k
				}
				if k != "" {
					refs[k] = append(refs[k], Ref{Pkg: p, File: f, Ident: id, Obj: obj})
				}
			}
		}
	}
	return refs
}

// Call is a direct call of a function or method.
type Call struct {
	Ref
	Call *ast.CallExpr
	// At is the cursor at Call.
	At inspector.Cursor
}

// Calls returns the direct calls of the package-level functions pkgPath.name,
// whatever name the package is imported under, in source order. Generated files
// are left out: nothing in them is to be reported.
func (s *Snapshot) Calls(pkgPath string, names ...string) iter.Seq[Call] {
	keys := make([]string, len(names))
	for i, n := range names {
		keys[i] = pkgPath + "." + n
	}
	refs := s.Refs(keys...)
	return func(yield func(Call) bool) {
		for _, r := range refs {
			if r.File.Generated {
				continue
			}
			c, ok := r.Call()
			if !ok {
				continue
			}
			if !yield(Call{Ref: r, Call: c.Node().(*ast.CallExpr), At: c}) {
				return
			}
		}
	}
}

// IsCall reports whether n is a direct call of the package-level function
// pkgPath.name for one of names, or, where a name has the form
// "(*pkg.T).Method", of that method.
func (p *Package) IsCall(n ast.Node, pkgPath string, names ...string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	fn := p.Callee(call)
	return fn != nil && slices.ContainsFunc(names, func(name string) bool {
		if !strings.HasSuffix(name, fn.Name()) {
			return false // to make the key costs more
		}
		key := ObjectKey(fn)
		return key == name || key == pkgPath+"."+name
	})
}

// Callee returns the function or method that call calls statically, nil for
// calls of function values, conversions and built-in functions. Interface
// methods are returned too.
func (p *Package) Callee(call *ast.CallExpr) *types.Func {
	fn, _ := typeutil.Callee(p.Info, call).(*types.Func)
	return fn
}
