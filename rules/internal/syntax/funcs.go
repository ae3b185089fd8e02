package syntax

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// EnclosingDecl returns the function declaration around cur, nil outside of
// functions.
func EnclosingDecl(cur inspector.Cursor) *ast.FuncDecl {
	for c := range cur.Enclosing((*ast.FuncDecl)(nil)) {
		return c.Node().(*ast.FuncDecl)
	}
	return nil
}

// CalledHereOnly returns the function of the package that call calls, when it
// has a body and no other use; nil otherwise.
func CalledHereOnly(p *rewrite.Package, call *ast.CallExpr) *ast.FuncDecl {
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() != p.Types || fn.Exported() || len(p.Snapshot().Refs(rewrite.ObjectKey(fn))) != 1 || Mentioned(p, fn.Name()) {
		return nil
	}
	decl := DeclOf(p, fn)
	if decl == nil || decl.Body == nil {
		return nil
	}
	return decl
}

// ParamObjects returns the objects of a function's parameters, nil for those
// without a name.
func ParamObjects(p *rewrite.Package, typ *ast.FuncType) []types.Object {
	var out []types.Object
	for _, field := range typ.Params.List {
		for _, name := range field.Names {
			out = append(out, p.Info.Defs[name])
		}
		if len(field.Names) == 0 {
			out = append(out, nil)
		}
	}
	return out
}

func SignatureOf(p *rewrite.Package, lit *ast.FuncLit) *types.Signature {
	sig, _ := p.Info.TypeOf(lit).(*types.Signature)
	return sig
}

func IsFuncBody(block inspector.Cursor) bool {
	k := block.ParentEdgeKind()
	return k == edge.FuncDecl_Body || k == edge.FuncLit_Body
}

// BodyOf returns the body of a function declaration or literal, nil of others.
func BodyOf(fn ast.Node) *ast.BlockStmt {
	switch fn := fn.(type) {
	case *ast.FuncDecl:
		return fn.Body
	case *ast.FuncLit:
		return fn.Body
	}
	return nil
}

// FuncName returns the name of the declared function around c, "" outside of
// functions.
func FuncName(c inspector.Cursor) string {
	for d := range c.Enclosing((*ast.FuncDecl)(nil)) {
		return d.Node().(*ast.FuncDecl).Name.Name
	}
	return ""
}

// MethodName returns fn's name, behind its receiver's type and a dot when it has
// one.
func MethodName(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return fn.Name()
	}
	if n := NamedBehind(recv.Type()); n != nil {
		return n.Obj().Name() + "." + fn.Name()
	}
	return fn.Name()
}

// The handler may stand in a function that main calls: func main() { if err :=
// run(); err != nil { ... } }. That function waits and returns; main goes on
// behind the call as it does when there was no error.

// IsMain reports whether decl is the program's main.
func IsMain(p *rewrite.Package, decl *ast.FuncDecl) bool {
	return p.Name == "main" && decl.Recv == nil && decl.Name.Name == "main"
}

// Internal reports whether only the module itself can import the package.
func Internal(path string) bool {
	return slices.Contains(strings.Split(path, "/"), "internal")
}

// OnlyCall returns the only call of the declared function, outside of tests.
func OnlyCall(s *rewrite.Snapshot, p *rewrite.Package, decl *ast.FuncDecl) (inspector.Cursor, *rewrite.Package) {
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return inspector.Cursor{}, nil
	}
	if obj.Exported() {
		s.Widen(obj.Name())
	}
	var found *rewrite.Ref
	for _, r := range s.Refs(rewrite.ObjectKey(obj)) {
		if r.File.Test {
			continue
		}
		if found != nil {
			return inspector.Cursor{}, nil
		}
		found = &r
	}
	if found == nil {
		return inspector.Cursor{}, nil
	}
	call, ok := found.Call()
	if !ok {
		return inspector.Cursor{}, nil
	}
	switch call.Parent().Node().(type) {
	case *ast.GoStmt, *ast.DeferStmt:
		return inspector.Cursor{}, nil
	}
	return call, found.Pkg
}

// IsAbstract reports whether fn is a method of an interface.
func IsAbstract(fn *types.Func) bool {
	recv := fn.Signature().Recv()
	return recv != nil && types.IsInterface(recv.Type())
}

// EnclosingFunc returns the innermost function around cur.
func EnclosingFunc(cur inspector.Cursor) (inspector.Cursor, bool) {
	for c := range cur.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		return c, true
	}
	return inspector.Cursor{}, false
}

// An Arg is what a call passes for a parameter.
type Arg struct {
	Pkg  *rewrite.Package
	Call *ast.CallExpr
	Expr ast.Expr
}

// Arguments returns what the calls outside of tests pass for the parameter at
// id; nil when id is none, or its function is used otherwise than by calls.
func Arguments(p *rewrite.Package, id *ast.Ident) []Arg {
	fn, i := parameter(p, id)
	if fn == nil {
		return nil
	}
	var out []Arg
	for _, r := range p.Snapshot().Refs(rewrite.ObjectKey(fn)) {
		if r.File.Test {
			continue
		}
		call, ok := r.Call()
		if !ok {
			return nil
		}
		if n := call.Node().(*ast.CallExpr); i < len(n.Args) {
			out = append(out, Arg{r.Pkg, n, n.Args[i]})
		}
	}
	return out
}

// ArgumentsFor returns what is passed for the parameter v, of a declared function
// or of a literal that is called where it stands; nothing when v is no parameter
// of p.
func ArgumentsFor(p *rewrite.Package, v *types.Var) []Arg {
	for c := range p.Inspector.Root().Preorder((*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		if n := c.Node(); v.Pos() < n.Pos() || n.End() <= v.Pos() {
			continue
		}
		switch n := c.Node().(type) {
		case *ast.FuncLit:
			i := slices.Index(ParamObjects(p, n.Type), types.Object(v))
			if call, ok := c.Parent().Node().(*ast.CallExpr); ok && call.Fun == n && 0 <= i && i < len(call.Args) {
				return []Arg{{p, call, call.Args[i]}}
			}
		case *ast.FuncDecl:
			i := slices.Index(ParamObjects(p, n.Type), types.Object(v))
			fn, _ := p.Info.Defs[n.Name].(*types.Func)
			if i < 0 || fn == nil {
				continue
			}
			var out []Arg
			for _, r := range p.Snapshot().Refs(rewrite.ObjectKey(fn)) {
				c, ok := r.Call()
				if !ok {
					continue
				}
				if call := c.Node().(*ast.CallExpr); i < len(call.Args) {
					out = append(out, Arg{r.Pkg, call, call.Args[i]})
				}
			}
			return out
		}
	}
	return nil
}

// parameter returns the declared function of which id names a parameter, and
// the parameter's place. There is none in a variadic function.
func parameter(p *rewrite.Package, id *ast.Ident) (*types.Func, int) {
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok {
		return nil, 0
	}
	at, ok := p.Cursor(id)
	if !ok {
		return nil, 0
	}
	decl := EnclosingDecl(at)
	if decl == nil {
		return nil, 0
	}
	fn, ok := p.Info.Defs[decl.Name].(*types.Func)
	if !ok || fn.Signature().Variadic() {
		return nil, 0
	}
	for i := range fn.Signature().Params().Len() {
		if fn.Signature().Params().At(i) == v {
			return fn, i
		}
	}
	return nil, 0
}
