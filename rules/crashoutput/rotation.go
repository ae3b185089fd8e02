package crashoutput

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// pickedUp reports whether the program deals with what an earlier run left in
// the file: before opening it the function renames or removes something or
// calls a function that does, or some function reads a file of that name.
func (f *crashFile) pickedUp() bool {
	decl := syntax.EnclosingDecl(f.call.At)
	if f.emptying || decl != nil && (f.saves(decl.Body, f.p, f.opening.Pos(), maxNameSteps) || f.callersSave(decl) || f.handsOver(decl.Body)) {
		return true
	}
	parts := make(map[any]bool)
	f.wholeName(f.p, f.open.Args[0], parts, 0)
	f.nameParts(f.p, f.open.Args[0], parts, 0)
	if len(parts) == 0 {
		return false
	}
	f.p.Snapshot().TryWiden("Rename")
	for _, q := range f.p.Snapshot().Packages {
		if q.Module != f.p.Module {
			continue
		}
		for c := range q.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
			call := c.Node().(*ast.CallExpr)
			if !q.IsCall(call, "os", "ReadFile", "Open", "Stat", "Lstat", "Rename", "Remove", "RemoveAll", "Truncate") && !q.IsCall(call, "io/ioutil", "ReadFile") {
				continue
			}
			for _, arg := range call.Args {
				of := make(map[any]bool)
				f.wholeName(q, arg, of, maxNameSteps)
				f.nameParts(q, arg, of, 0)
				for part := range of {
					if parts[part] {
						return true
					}
				}
			}
		}
	}
	return false
}

// callersSave reports whether a caller of decl renames or removes files before
// it calls decl.
func (f *crashFile) callersSave(decl *ast.FuncDecl) bool {
	fn, ok := f.p.Info.Defs[decl.Name].(*types.Func)
	if !ok {
		return false
	}
	for _, ref := range f.p.Snapshot().Refs(rewrite.ObjectKey(fn)) {
		if up := syntax.EnclosingDecl(ref.Cursor()); up != nil && up != decl && f.saves(up.Body, ref.Pkg, ref.Ident.Pos(), maxNameSteps) {
			return true
		}
	}
	return false
}

var savesFile = regexp.MustCompile(`(?i)rotat|rename|backup|back_?up|archiv|prune|keep_?(last|old|prev)|(report|upload|send|submit|collect|check|read|load|process|handle)\w*crash|prev(ious)?_?crash|last_?crash|crash\w*(report|upload|send|submit|collect)`)

// saves reports whether n, before end, calls a function that renames or removes
// files, or is named after keeping them. Functions of the module are followed
// within depth calls, whatever package they are in.
func (f *crashFile) saves(n ast.Node, p *rewrite.Package, end token.Pos, depth int) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || end.IsValid() && call.Pos() > end {
			return false
		}
		if p.IsCall(call, "os", "Rename", "Remove", "RemoveAll") {
			return true
		}
		fn := p.Callee(call)
		if fn == nil || fn.Pkg() == nil || call == f.call.Call {
			return false
		}
		return savesFile.MatchString(fn.Name()) || rotates.MatchString(fn.Pkg().Path()) || f.renames(fn, depth)
	})
}

// rotates matches the paths of packages that rotate files.
var rotates = regexp.MustCompile(`(?i)lumberjack|rotat`)

// renames reports whether fn, or a function that it calls within depth calls,
// renames a file.
func (f *crashFile) renames(fn *types.Func, depth int) bool {
	if depth == 0 || !f.ours(fn.Pkg()) || f.asked[fn] {
		return false
	}
	f.asked[fn] = true
	s := f.p.Snapshot()
	decl, q := syntax.DeclarationOf(s, fn)
	if decl == nil && depth == maxNameSteps {
		s.Widen(fn.Name())
		decl, q = syntax.DeclarationOf(s, fn)
	}
	if decl == nil {
		return depth == maxNameSteps && f.takesName(fn) // its body is not at hand
	}
	return decl.Body != nil && syntax.ContainsNode(decl.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		if q.IsCall(call, "os", "Rename", "Link") {
			return true
		}
		other := q.Callee(call)
		return other != nil && other.Pkg() != nil && f.renames(other, depth-1)
	})
}

// takesName reports whether fn may be called with the name of a file.
func (f *crashFile) takesName(fn *types.Func) bool {
	for v := range fn.Signature().Params().Variables() {
		if b, ok := v.Type().Underlying().(*types.Basic); ok && b.Kind() == types.String {
			return true
		}
	}
	return false
}

// ours reports whether the package belongs to the module.
func (f *crashFile) ours(p *types.Package) bool {
	return p == f.p.Types || f.p.Module.Holds(p.Path())
}

// wholeName adds the variable or field that x is, whatever it is called, and what
// callers pass for a parameter: who reads a file by it reads the same file.
func (f *crashFile) wholeName(p *rewrite.Package, x ast.Expr, parts map[any]bool, step int) {
	id := syntax.LastName(x)
	if id == nil {
		return
	}
	v, ok := p.Info.Uses[id].(*types.Var)
	if !ok || v.Pkg() == nil {
		return
	}
	if v.IsField() || v.Parent() == v.Pkg().Scope() {
		parts[rewrite.ObjectKey(v)] = true
		return
	}
	parts[v] = true
	if step < maxNameSteps {
		for _, a := range syntax.ArgumentsFor(p, v) {
			f.wholeName(a.Pkg, a.Expr, parts, step+1)
			f.nameParts(a.Pkg, a.Expr, parts, step+1)
		}
	}
}

// lastElement returns what the last element of the path x is made of: what stands
// before it is a folder, which other files are in as well.
func lastElement(p *rewrite.Package, x ast.Expr) ast.Expr {
	switch n := ast.Unparen(x).(type) {
	case *ast.CallExpr:
		if (p.IsCall(n, "path/filepath", "Join") || p.IsCall(n, "path", "Join")) && len(n.Args) > 0 && !n.Ellipsis.IsValid() {
			return lastElement(p, n.Args[len(n.Args)-1])
		}
	case *ast.BinaryExpr:
		if s, ok := syntax.ConstString(p, n.Y); ok && n.Op == token.ADD && strings.ContainsAny(s, `/\`) && !strings.HasSuffix(s, "/") {
			return n.Y
		}
	}
	return x
}

// nameParts collects what identifies the file name x: constants, variables,
// and strings that look like a file's name.
func (f *crashFile) nameParts(p *rewrite.Package, x ast.Expr, parts map[any]bool, step int) {
	if step > maxNameSteps {
		return
	}
	x = lastElement(p, x)
	if s, ok := syntax.ConstString(p, x); ok {
		if base := s[strings.LastIndexAny(s, `/\`)+1:]; strings.Contains(base, ".") && len(base) > 4 || strings.Contains(strings.ToLower(base), "crash") {
			parts[base] = true
		}
		return
	}
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit, *ast.SelectorExpr:
			if s, ok := syntax.ConstString(p, n.(ast.Expr)); ok && s != "" {
				f.nameParts(p, n.(ast.Expr), parts, step)
				return false
			}
		case *ast.CallExpr:
			if fn := p.Callee(n); fn != nil && fn.Pkg() != nil && p.Module != nil && p.Snapshot().Package(fn.Pkg().Path()) != nil && len(n.Args) == 0 && strings.Contains(strings.ToLower(fn.Name()), "crash") {
				parts[rewrite.ObjectKey(fn)] = true
			}
		case *ast.Ident:
			if s, ok := syntax.ConstString(p, n); ok && s != "" {
				f.nameParts(p, n, parts, step)
				return false
			}
			v, ok := p.Info.Uses[n].(*types.Var)
			if !ok {
				return true
			}
			if strings.Contains(strings.ToLower(n.Name), "crash") || v.Parent() != nil && v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
				if v.Parent() != nil && v.Pkg() != nil && v.Parent() != v.Pkg().Scope() {
					parts[v] = true
				} else {
					parts[rewrite.ObjectKey(v)] = true
				}
			}
			if def := syntax.Definition(p, n); def != nil && def.Value != nil {
				f.nameParts(p, def.Value, parts, step+1)
			}
		}
		return true
	})
}
