package finalizer

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// Needs are the files that register finalizers or cleanups. Tests do so to see that an
// object is collected: nothing is freed then, and what the finalizer holds leads
// nowhere. Both show in the file alone, so that no package is loaded with its tests for
// that.
var Needs = []rewrite.Need{
	{Import: "runtime", Idents: []string{"SetFinalizer", "AddCleanup"}},
	{Import: "runtime", Idents: []string{"SetFinalizer", "AddCleanup"}, Tests: true, Syntax: Acts},
}

// Acts reports whether a finalizer or cleanup that f registers may do more than to say
// that it ran, as far as f shows.
func Acts(f *ast.File) bool {
	called := make(map[ast.Expr]bool)
	return importsDot(f, "runtime") || slices.ContainsFunc(f.Decls, func(decl ast.Decl) bool {
		return syntax.ContainsNode(decl, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				called[ast.Unparen(n.Fun)] = true
				return registers(f, n.Fun) && !onlyTells(f, decl, n)
			case *ast.SelectorExpr:
				return registers(f, n) && !called[n] // as a value
			}
			return false
		})
	})
}

// Tells reports whether call, in f's declaration decl, registers a finalizer or
// cleanup that does no more than to say that it ran, as far as f shows.
func Tells(f *ast.File, decl ast.Decl, call *ast.CallExpr) bool {
	return registers(f, call.Fun) && onlyTells(f, decl, call)
}

// registers reports whether x is a function of the runtime that registers.
func registers(f *ast.File, x ast.Expr) bool {
	sel, ok := ast.Unparen(x).(*ast.SelectorExpr)
	return ok && (sel.Sel.Name == "SetFinalizer" || sel.Sel.Name == "AddCleanup") && isPackage(f, sel.X, "runtime")
}

// isPackage reports whether x is the name under which f imports the package.
func isPackage(f *ast.File, x ast.Expr, path string) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	return ok && importedAs(f, id.Name) == path
}

// importedAs returns the path of the package of the standard library that f has
// under the name, "" where there is none.
func importedAs(f *ast.File, name string) string {
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		as := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			as = spec.Name.Name
		}
		if as == name {
			return path
		}
	}
	return ""
}

func importsDot(f *ast.File, path string) bool {
	for _, spec := range f.Imports {
		if spec.Name != nil && spec.Name.Name == "." && spec.Path.Value == strconv.Quote(path) {
			return true
		}
	}
	return false
}

// onlyTells reports whether what call registers only tells that it ran.
func onlyTells(f *ast.File, decl ast.Decl, call *ast.CallExpr) bool {
	if len(call.Args) < 2 {
		return false
	}
	if id, ok := call.Args[1].(*ast.Ident); ok && id.Name == "nil" {
		return true
	}
	lit, ok := ast.Unparen(call.Args[1]).(*ast.FuncLit)
	if !ok {
		return false
	}
	for _, arg := range call.Args[2:] {
		if id, ok := ast.Unparen(arg).(*ast.Ident); ok && id.Name != "nil" && !leadsNowhere(f, decl, lit, id.Name) || !ok && !isPlain(arg) {
			return false
		}
	}
	t := &teller{f: f, decl: decl, lit: lit, own: make(map[string]bool), arg: len(call.Args) > 2}
	for _, p := range lit.Type.Params.List {
		for _, id := range p.Names {
			t.own[id.Name] = true
		}
	}
	return t.stmts(lit.Body.List)
}

// isPlain reports whether x is a literal without variables in it.
func isPlain(x ast.Expr) bool {
	switch n := ast.Unparen(x).(type) {
	case *ast.BasicLit:
		return true
	case *ast.CompositeLit:
		return len(n.Elts) == 0
	}
	return false
}

// teller looks at the function of one registration.
type teller struct {
	f    *ast.File
	decl ast.Decl
	lit  *ast.FuncLit
	own  map[string]bool // the function's parameters
	arg  bool            // the parameter is a cleanup's argument, which leads nowhere
}

// stmts reports whether the statements only tell.
func (t *teller) stmts(list []ast.Stmt) bool {
	return !slices.ContainsFunc(list, func(s ast.Stmt) bool { return !t.stmt(s) })
}

// stmt reports whether the statement only tells: it sends or counts something, or
// prints.
func (t *teller) stmt(stmt ast.Stmt) bool {
	switch n := stmt.(type) {
	case *ast.SendStmt:
		return t.harmless(n.Chan) && t.value(n.Value)
	case *ast.IncDecStmt:
		return t.harmless(n.X)
	case *ast.AssignStmt:
		id, ok := n.Rhs[0].(*ast.Ident)
		return n.Tok == token.ASSIGN && len(n.Lhs) == 1 && t.harmless(n.Lhs[0]) && t.value(n.Rhs[0]) && !(ok && t.own[id.Name])
	case *ast.ReturnStmt:
		return len(n.Results) == 0
	case *ast.ExprStmt:
		call, ok := n.X.(*ast.CallExpr)
		return ok && t.call(call)
	case *ast.IfStmt:
		return n.Init == nil && n.Else == nil && t.value(n.Cond) && t.stmts(n.Body.List)
	case *ast.SelectStmt:
		for _, s := range n.Body.List {
			clause := s.(*ast.CommClause)
			if send, ok := clause.Comm.(*ast.SendStmt); clause.Comm != nil && (!ok || !t.stmt(send)) || !t.stmts(clause.Body) {
				return false
			}
		}
		return true
	}
	return false
}

// telling matches methods of tests, loggers, counters and wait groups.
var telling = regexp.MustCompile(`^(?:Log|Logf|Error|Errorf|Fatal|Fatalf|Fail|FailNow|Helper|Print|Printf|Println|Debug|Debugf|Info|Infof|Warn|Warnf|Add|Done|Store|Swap|Lock|Unlock|Broadcast|Signal)$`)

// tellingPackages have functions that only tell.
var tellingPackages = map[string]bool{"fmt": true, "log": true, "log/slog": true, "sync/atomic": true}

// call reports whether the call only tells, or asks the object for its name.
func (t *teller) call(call *ast.CallExpr) bool {
	for _, arg := range call.Args {
		if addr, ok := arg.(*ast.UnaryExpr); ok && addr.Op == token.AND {
			arg = addr.X
		}
		if !t.value(arg) {
			return false
		}
	}
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		switch fun.Name {
		case "close", "print", "println", "len", "cap", "string", "int", "uintptr":
			return true
		}
	case *ast.SelectorExpr:
		id, ok := fun.X.(*ast.Ident)
		if !ok {
			return false
		}
		if path := importedAs(t.f, id.Name); path != "" {
			return tellingPackages[path]
		}
		if t.own[id.Name] {
			return strings.HasSuffix(fun.Sel.Name, "String") || fun.Sel.Name == "Name" || fun.Sel.Name == "ID"
		}
		return telling.MatchString(fun.Sel.Name) && t.harmless(id)
	}
	return false
}

// value reports whether to take the value of x does nothing and holds nothing.
func (t *teller) value(x ast.Expr) bool {
	switch n := ast.Unparen(x).(type) {
	case *ast.BasicLit:
		return true
	case *ast.CompositeLit:
		return len(n.Elts) == 0
	case *ast.Ident:
		return t.own[n.Name] || t.harmless(n)
	case *ast.SelectorExpr:
		id, ok := n.X.(*ast.Ident)
		return ok && (t.own[id.Name] || t.harmless(id))
	case *ast.CallExpr:
		return t.call(n)
	case *ast.UnaryExpr:
		return n.Op != token.AND && n.Op != token.ARROW && t.value(n.X)
	case *ast.BinaryExpr:
		return t.value(n.X) && t.value(n.Y)
	}
	return false
}

// harmless reports whether x is a variable that leads nowhere.
func (t *teller) harmless(x ast.Expr) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	if ok && t.own[id.Name] {
		return t.arg
	}
	return ok && (importedAs(t.f, id.Name) != "" || leadsNowhere(t.f, t.decl, t.lit, id.Name))
}

// leadsNowhere reports whether all that decl declares under the name, outside lit,
// has a type without pointers to what others made. A name that it does not declare is
// the package's, and what that holds lives for ever anyway.
func leadsNowhere(f *ast.File, decl ast.Decl, lit *ast.FuncLit, name string) bool {
	ok := true
	ast.Inspect(decl, func(n ast.Node) bool {
		if n == lit || !ok {
			return false
		}
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				ok = ok && (id.Name != name || isFlat(f, n.Type))
			}
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if id.Name == name {
					ok = ok && (n.Type != nil && isFlat(f, n.Type) || n.Type == nil && i < len(n.Values) && makesFlat(f, n.Values[i]))
				}
			}
		case *ast.AssignStmt:
			for i, lhs := range n.Lhs {
				if id, isID := lhs.(*ast.Ident); isID && id.Name == name && n.Tok == token.DEFINE {
					ok = ok && len(n.Lhs) == len(n.Rhs) && makesFlat(f, n.Rhs[i])
				}
			}
		case *ast.RangeStmt:
			for _, x := range []ast.Expr{n.Key, n.Value} {
				if id, isID := x.(*ast.Ident); isID && id.Name == name && n.Tok == token.DEFINE {
					ok = false
				}
			}
		}
		return ok
	})
	return ok
}

var flatTypes = map[string]bool{
	"bool": true, "string": true, "int": true, "int8": true, "int16": true, "int32": true, "int64": true, "uint": true,
	"uint8": true, "uint16": true, "uint32": true, "uint64": true, "uintptr": true, "byte": true, "rune": true, "float32": true, "float64": true,
}

// isFlat reports whether a variable of the type leads to no other objects.
func isFlat(f *ast.File, t ast.Expr) bool {
	switch n := ast.Unparen(t).(type) {
	case *ast.Ident:
		return flatTypes[n.Name]
	case *ast.StructType:
		return len(n.Fields.List) == 0
	case *ast.ChanType:
		return isFlat(f, n.Value)
	case *ast.StarExpr:
		return isFlat(f, n.X)
	case *ast.SelectorExpr:
		id, ok := n.X.(*ast.Ident)
		if !ok {
			return false
		}
		switch importedAs(f, id.Name) {
		case "sync/atomic":
			return n.Sel.Name != "Pointer" && n.Sel.Name != "Value"
		case "sync":
			return n.Sel.Name == "WaitGroup" || n.Sel.Name == "Mutex"
		case "testing":
			return true
		}
	}
	return false
}

// makesFlat reports whether x makes a value of such a type.
func makesFlat(f *ast.File, x ast.Expr) bool {
	switch n := ast.Unparen(x).(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return n.Name == "true" || n.Name == "false"
	case *ast.CompositeLit:
		return n.Type != nil && isFlat(f, n.Type)
	case *ast.UnaryExpr:
		return n.Op == token.AND && makesFlat(f, n.X)
	case *ast.CallExpr:
		id, ok := n.Fun.(*ast.Ident)
		if ok && (id.Name == "make" || id.Name == "new") && len(n.Args) > 0 {
			return isFlat(f, n.Args[0])
		}
		return ok && flatTypes[id.Name]
	}
	return false
}
