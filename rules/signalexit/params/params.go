// Package params gives functions a context as their first parameter, and their
// callers one to pass.
package params

import (
	"go/ast"
	"go/types"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Prepend makes arg the first argument of call.
func Prepend(e *rewrite.Edit, call *ast.CallExpr, arg dst.Expr) {
	e.Modify(call, func(n dst.Node) error {
		c := n.(*dst.CallExpr)
		if len(c.Args) > 0 {
			arg.Decorations().Before = c.Args[0].Decorations().Before
			arg.Decorations().After = c.Args[0].Decorations().Before
		}
		c.Args = append([]dst.Expr{arg}, c.Args...)
		return nil
	})
}

// TakeContext puts a context in front of the parameters.
func TakeContext(list *dst.FieldList, name string) {
	field := &dst.Field{Names: []*dst.Ident{dst.NewIdent(name)}, Type: rewrite.TypeExpr("context.Context", nil)}
	if len(list.List) > 0 {
		field.Decs.Before = list.List[0].Decs.Before
		field.Decs.After = list.List[0].Decs.Before
	}
	list.List = append([]*dst.Field{field}, list.List...)
}

// Splittable says why the function called cannot get a twin with a context.
func Splittable(from *rewrite.Package, call *ast.CallExpr, p *rewrite.Package, obj *types.Func) string {
	old := obj.Name()
	name := old + "Context"
	sig := obj.Signature()
	if p.Module == nil || from.Module == nil || p.Module.Path != from.Module.Path {
		return old + " is in another module"
	}
	if syntax.Mentioned(p, name) || p.Types.Scope().Lookup(name) != nil {
		return old + " is used by others, and there is a " + name + " already"
	}
	var recv string
	if r := sig.Recv(); r != nil {
		if f, _, _ := types.LookupFieldOrMethod(r.Type(), true, p.Types, name); f != nil {
			return old + " is used by others, and there is a " + name + " already"
		}
		if recv = r.Name(); recv == "" || recv == "_" {
			return "the receiver of " + old + " has no name"
		}
	}
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && sig.Recv() != nil {
		// The method may be that of an embedded field.
		if f, _, _ := types.LookupFieldOrMethod(from.Info.TypeOf(sel.X), true, from.Types, name); f != nil {
			return old + " is used by others, and there is a " + name + " already"
		}
	}
	if sig.TypeParams().Len() > 0 {
		return old + " is used by others, and has type parameters"
	}
	for v := range sig.Params().Variables() {
		if v.Name() == "" || v.Name() == "_" || v.Name() == "context" || v.Name() == recv {
			return old + " is used by others, and its parameters have no names"
		}
	}
	return ""
}

// Split makes decl, of the signature given, a function that takes a context as
// ctx, beside one in the form that it has, and makes call one of it that passes
// the context called given.
func Split(e *rewrite.Edit, given string, call *ast.CallExpr, decl *ast.FuncDecl, ctx string, sig *types.Signature) {
	old := decl.Name.Name
	name := old + "Context"
	twin, err := rewrite.Twin[*dst.FuncDecl](e, decl)
	if err != nil {
		return
	}
	e.AddDeclsBefore(decl, keptForm(twin, sig, name))
	e.Drops(decl.Doc) // its first line names the function
	e.Modify(decl, func(n dst.Node) error {
		d := n.(*dst.FuncDecl)
		d.Name.Name = name
		for i, line := range d.Decs.Start {
			if rest, ok := strings.CutPrefix(line, "// "+old+" "); ok && (i == 0 || !strings.HasPrefix(d.Decs.Start[i-1], "//")) {
				d.Decs.Start[i] = "// " + name + " " + rest
			}
		}
		return nil
	})
	e.Modify(decl.Type.Params, func(n dst.Node) error {
		TakeContext(n.(*dst.FieldList), ctx)
		return nil
	})
	rename(e, call, name)
	Prepend(e, call, dst.NewIdent(given))
}

// keptForm returns a function in the form of decl, as all others call it, that
// calls the one with a context under the name given.
func keptForm(decl *dst.FuncDecl, sig *types.Signature, name string) *dst.FuncDecl {
	old := decl.Name.Name
	inner := &dst.CallExpr{Fun: dst.NewIdent(name), Args: []dst.Expr{rewrite.Expr("context.Background()", nil)}, Ellipsis: sig.Variadic()}
	if r := sig.Recv(); r != nil {
		inner.Fun = &dst.SelectorExpr{X: dst.NewIdent(r.Name()), Sel: dst.NewIdent(name)}
	}
	for v := range sig.Params().Variables() {
		inner.Args = append(inner.Args, dst.NewIdent(v.Name()))
	}
	var body dst.Stmt = &dst.ExprStmt{X: inner}
	if sig.Results().Len() > 0 {
		body = &dst.ReturnStmt{Results: []dst.Expr{inner}}
	}
	kept := &dst.FuncDecl{Name: dst.NewIdent(old), Type: dst.Clone(decl.Type).(*dst.FuncType), Body: &dst.BlockStmt{List: []dst.Stmt{body}}}
	if decl.Recv != nil {
		kept.Recv = dst.Clone(decl.Recv).(*dst.FieldList)
	}
	kept.Decs.Start.Append("// " + old + " calls " + name + " with a context that is never done.")
	body.Decorations().Before, body.Decorations().After = dst.NewLine, dst.NewLine
	return kept
}

// rename makes call one of the function called name beside the one that it
// calls now.
func rename(e *rewrite.Edit, call *ast.CallExpr, name string) {
	e.Modify(call, func(n dst.Node) error {
		switch fun := n.(*dst.CallExpr).Fun.(type) {
		case *dst.Ident:
			fun.Name = name
		case *dst.SelectorExpr:
			fun.Sel.Name = name
		}
		return nil
	})
}
