package crashoutput

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// freshName reports whether the file's name is a new one in every run: it holds
// the time, the process or a random part.
func (f *crashFile) freshName() bool {
	return (&nameReader{s: f.p.Snapshot(), seen: make(map[any]bool)}).fresh(f.p, f.open.Args[0], 0)
}

// maxNameSteps bounds how far the parts of a file name are followed through
// variables, parameters and functions.
const maxNameSteps = 4

type nameReader struct {
	s    *rewrite.Snapshot
	seen map[any]bool
}

// freshWords are the words in names of variables, fields and functions that
// speak of something that no two runs have in common.
var freshWords = regexp.MustCompile(`^(time|timestamp|stamp|ts|now|date|day|today|pid|uuid|guid|ulid|xid|nonce|rand|random|session|run|tmp|temp|tempdir|tmpdir|attempt|epoch|unix|seq|id|suffix|unique)$`)

func isFreshName(name string) bool {
	return slices.ContainsFunc(camelWords(name), freshWords.MatchString)
}

// camelWords splits a name in camel or snake case into its words in lower case.
func camelWords(name string) []string {
	var words []string
	start := 0
	for i := 1; i <= len(name); i++ {
		upper := func(j int) bool { return 'A' <= name[j] && name[j] <= 'Z' }
		if i == len(name) || name[i] == '_' || upper(i) && (!upper(i-1) || i+1 < len(name) && !upper(i+1) && name[i+1] != '_') {
			if w := strings.ToLower(strings.Trim(name[start:i], "_")); w != "" {
				words = append(words, w)
			}
			start = i
		}
	}
	return words
}

func (r *nameReader) fresh(p *rewrite.Package, x ast.Node, step int) bool {
	if step > maxNameSteps || r.seen[x] {
		return false
	}
	r.seen[x] = true
	return syntax.ContainsNode(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			return r.freshCall(p, n, step)
		case *ast.Ident:
			obj := p.Info.Uses[n]
			switch obj := obj.(type) {
			case *types.Var:
				return isFreshName(n.Name) || r.freshVar(p, n, obj, step)
			case *types.Func, *types.PkgName, nil:
			default:
				return isFreshName(n.Name)
			}
		}
		return false
	})
}

// freshCall reports whether what call returns differs between runs.
func (r *nameReader) freshCall(p *rewrite.Package, call *ast.CallExpr, step int) bool {
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	switch path := fn.Pkg().Path(); path {
	case "time", "crypto/rand", "math/rand", "math/rand/v2", "testing":
		return true
	case "os":
		return fn.Name() == "Getpid" || fn.Name() == "Getppid" || fn.Name() == "MkdirTemp" || fn.Name() == "CreateTemp"
	case "path/filepath", "path", "fmt", "strings", "strconv":
		return false // its arguments decide
	default:
		if isFreshName(fn.Name()) || strings.Contains(path, "uuid") || strings.Contains(path, "ulid") {
			return true
		}
		q := r.s.Package(path)
		if path == p.Path {
			q = p
		}
		if q == nil {
			return false
		}
		decl := syntax.DeclOf(q, fn)
		return decl != nil && decl.Body != nil && returnsFresh(r, q, decl, step)
	}
}

// returnsFresh reports whether a return statement of decl returns a name that
// differs between runs.
func returnsFresh(r *nameReader, p *rewrite.Package, decl *ast.FuncDecl, step int) bool {
	return syntax.ContainsNode(decl.Body, func(n ast.Node) bool {
		ret, ok := n.(*ast.ReturnStmt)
		return ok && slices.ContainsFunc(ret.Results, func(x ast.Expr) bool { return r.fresh(p, x, step+1) })
	})
}

// freshVar reports whether the variable at id holds something that differs
// between runs: one of its values, or of the arguments passed for it, does.
func (r *nameReader) freshVar(p *rewrite.Package, id *ast.Ident, v *types.Var, step int) bool {
	if v.Pkg() != p.Types || r.seen[v] {
		return false
	}
	r.seen[v] = true
	for c := range p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		if p.Info.ObjectOf(c.Node().(*ast.Ident)) != v {
			continue
		}
		if value, ok := syntax.AssignedTo(c); ok && value != nil && r.fresh(p, value, step+1) {
			return true
		}
	}
	return slices.ContainsFunc(argumentsFor(p, v), func(a passed) bool { return r.fresh(a.pkg, a.arg, step+1) })
}

// passed is an argument of a call.
type passed struct {
	pkg *rewrite.Package
	arg ast.Expr
}

// argumentsFor returns what the loaded callers of its function pass for the
// parameter v; nothing when v is no parameter of a declared function.
func argumentsFor(p *rewrite.Package, v *types.Var) []passed {
	var out []passed
	for _, file := range p.Files {
		for _, d := range file.AST.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || v.Pos() < decl.Pos() || decl.End() < v.Pos() {
				continue
			}
			fn, ok := p.Info.Defs[decl.Name].(*types.Func)
			if !ok {
				continue
			}
			params := fn.Signature().Params()
			for i := range params.Len() {
				if params.At(i) != v {
					continue
				}
				for _, ref := range p.Snapshot().Refs(rewrite.ObjectKey(fn)) {
					if call, ok := ref.Call(); ok {
						if args := call.Node().(*ast.CallExpr).Args; i < len(args) {
							out = append(out, passed{ref.Pkg, args[i]})
						}
					}
				}
			}
		}
	}
	return out
}

// pickedUp reports whether the program deals with what an earlier run left in
// the file: before opening it the function renames or removes something or
// calls a function that does, or some function reads a file of that name.
func (f *crashFile) pickedUp() bool {
	decl := syntax.EnclosingDecl(f.call.At)
	if decl != nil && (f.saves(decl.Body, f.p, f.opening.Pos(), 2) || f.callersSave(decl)) {
		return true
	}
	parts := make(map[any]bool)
	f.nameParts(f.p, f.open.Args[0], parts, 0)
	if len(parts) == 0 {
		return false
	}
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
		if up := syntax.EnclosingDecl(ref.Cursor()); up != nil && up != decl && f.saves(up.Body, ref.Pkg, ref.Ident.Pos(), 1) {
			return true
		}
	}
	return false
}

var savesFile = regexp.MustCompile(`(?i)rotat|rename|backup|back_?up|archiv|prune|keep_?(last|old|prev)|(report|upload|send|submit|collect|check|read|load|process|handle)\w*crash|prev(ious)?_?crash|last_?crash|crash\w*(report|upload|send|submit|collect)`)

// saves reports whether n, before end, calls a function that renames or removes
// files, or is named after keeping them.
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
		if savesFile.MatchString(fn.Name()) {
			return true
		}
		if depth == 0 {
			return false
		}
		q := p.Snapshot().Package(fn.Pkg().Path())
		if fn.Pkg() == p.Types {
			q = p
		}
		if q == nil {
			return false
		}
		decl := syntax.DeclOf(q, fn)
		return decl != nil && decl.Body != nil && syntax.ContainsNode(decl.Body, func(n ast.Node) bool {
			return q.IsCall(n, "os", "Rename")
		})
	})
}

// nameParts collects what identifies the file name x: constants, variables,
// and strings that look like a file's name.
func (f *crashFile) nameParts(p *rewrite.Package, x ast.Expr, parts map[any]bool, step int) {
	if step > maxNameSteps {
		return
	}
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
