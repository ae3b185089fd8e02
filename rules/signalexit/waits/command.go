package waits

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// A command line library calls the function of the command that was typed, in the
// goroutine that executes the commands, and returns what that returns.

// library is one that runs commands.
type library struct {
	path  string   // how its import path begins
	run   []string // fields that hold the function of a command
	after []string // fields that hold functions that are called behind it
	exec  []string // methods that execute the command typed
}

var libraries = []library{
	{"github.com/spf13/cobra", []string{"Run", "RunE"}, []string{"PostRun", "PostRunE", "PersistentPostRun", "PersistentPostRunE"}, []string{"Execute", "ExecuteContext"}},
	{"github.com/urfave/cli", []string{"Action"}, []string{"After"}, []string{"Run", "RunContext", "RunAndExitOnError"}},
}

// libraryOf returns the library that declares obj, nil for none.
func libraryOf(obj types.Object) *library {
	if obj == nil || obj.Pkg() == nil {
		return nil
	}
	for i, l := range libraries {
		if path := obj.Pkg().Path(); path == l.path || strings.HasPrefix(path, l.path+"/") {
			return &libraries[i]
		}
	}
	return nil
}

// commandField returns the library in whose field, one of those that fields
// chooses, the function at c is put.
func commandField(p *rewrite.Package, c inspector.Cursor, fields func(*library) []string) *library {
	field := func(id *ast.Ident) *library {
		if id == nil {
			return nil
		}
		v, ok := p.Info.Uses[id].(*types.Var)
		if !ok || !v.IsField() {
			return nil
		}
		if l := libraryOf(v); l != nil && slices.Contains(fields(l), v.Name()) {
			return l
		}
		return nil
	}
	switch n := c.Parent().Node().(type) {
	case *ast.KeyValueExpr:
		if id, ok := n.Key.(*ast.Ident); ok && n.Value == c.Node() {
			return field(id)
		}
	case *ast.AssignStmt:
		if len(n.Lhs) == 1 && n.Rhs[0] == c.Node() {
			return field(syntax.LastName(n.Lhs[0]))
		}
	}
	return nil
}

func runFields(l *library) []string { return l.run }

// Command returns a declaration made of the parts of the function literal at c,
// when that is the function of a command, nil otherwise. It has no object.
func Command(p *rewrite.Package, c inspector.Cursor) *ast.FuncDecl {
	lit, ok := c.Node().(*ast.FuncLit)
	if !ok || commandField(p, c, runFields) == nil {
		return nil
	}
	return &ast.FuncDecl{Name: &ast.Ident{NamePos: lit.Pos(), Name: "the command"}, Type: lit.Type, Body: lit.Body}
}

// Caller returns the only call of the function at fn. For the function of a
// command that is the call that executes the commands.
func Caller(s *rewrite.Snapshot, p *rewrite.Package, fn inspector.Cursor) (call inspector.Cursor, q *rewrite.Package) {
	switch n := fn.Node().(type) {
	case *ast.FuncDecl:
		if call, q = syntax.OnlyCall(s, p, n); q != nil {
			return call, q
		}
		obj, _ := p.Info.Defs[n.Name].(*types.Func)
		if obj == nil {
			return call, nil
		}
		refs := slices.DeleteFunc(slices.Clone(s.Refs(rewrite.ObjectKey(obj))), func(r rewrite.Ref) bool { return r.File.Test })
		// Several commands may have it; one of them is executed.
		var of *library
		for _, r := range refs {
			l := commandField(r.Pkg, r.Expr(), runFields)
			if l == nil || of != nil && l != of {
				return call, nil
			}
			of = l
		}
		if of != nil {
			return executed(s, of, p)
		}
	case *ast.FuncLit:
		if l := commandField(p, fn, runFields); l != nil {
			return executed(s, l, p)
		}
	}
	return call, nil
}

// executed returns the only call that executes the commands of the library in a
// program with package of. There is none to be named where the library calls
// further functions behind the command's.
func executed(s *rewrite.Snapshot, l *library, of *rewrite.Package) (call inspector.Cursor, q *rewrite.Package) {
	s.Widen(l.exec...)
	count := 0
	for _, p := range s.Packages {
		if p != of && !Imports(p.Types, of.Path) && !Imports(of.Types, p.Path) {
			continue
		}
		for c := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil), (*ast.Ident)(nil)) {
			if f := p.File(c.Node()); f == nil || f.Test {
				continue
			}
			switch n := c.Node().(type) {
			case *ast.Ident:
				if v, ok := p.Info.Uses[n].(*types.Var); ok && v.IsField() && libraryOf(v) == l && slices.Contains(l.after, v.Name()) {
					return call, nil
				}
			case *ast.CallExpr:
				fn := p.Callee(n)
				if fn == nil || libraryOf(fn) != l || fn.Signature().Recv() == nil || !slices.Contains(l.exec, fn.Name()) {
					continue
				}
				call, q = c, p
				count++
			}
		}
	}
	if count != 1 {
		return call, nil
	}
	if st, _ := syntax.EnclosingStmt(call); st != nil {
		switch st.(type) {
		case *ast.GoStmt, *ast.DeferStmt:
			return call, nil
		}
	}
	return call, q
}

// Imports reports whether p imports path, itself or through others.
func Imports(p *types.Package, path string) bool {
	seen := make(map[*types.Package]bool)
	var visit func(p *types.Package) bool
	visit = func(p *types.Package) bool {
		if seen[p] {
			return false
		}
		seen[p] = true
		return slices.ContainsFunc(p.Imports(), func(q *types.Package) bool { return q.Path() == path || visit(q) })
	}
	return visit(p)
}
