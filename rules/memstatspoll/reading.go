package memstatspoll

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// memReading is a variable that ReadMemStats fills, with all that is done with
// it.
type memReading struct {
	pkg  *rewrite.Package
	file *rewrite.File
	at   inspector.Cursor // the call that was found
	v    *types.Var
	base types.Object // the variable whose field v is, nil when v is no field
	// pointer says that v is a *runtime.MemStats.
	pointer bool

	decl   ast.Stmt       // the declaration in a statement of its own, nil at package level
	spec   *ast.ValueSpec // the declaration with var
	gen    *ast.GenDecl
	holder *syntax.StructDecl // the struct that v is a field of
	field  *ast.Field         // its declaration there
	typ    ast.Expr           // runtime.MemStats in the declaration
	reads  []memRead
	uses   []memUse
}

// memRead is a call of ReadMemStats as a statement.
type memRead struct {
	call *ast.CallExpr
	stmt ast.Stmt
	list ast.Node // what holds the statement
}

// memUse is a use of a field.
type memUse struct {
	node  ast.Expr // what is replaced
	at    inspector.Cursor
	field memField
	name  string // of the field
	// helper is the key in memHelpers of the function that the replacement
	// calls, "" where it calls none.
	helper string
	index  ast.Expr // the element of the ring of pauses that helper is asked for
	// duration says that node is the conversion of PauseTotalNs to a Duration.
	duration bool
}

// memReadingOf returns the variable that call fills, or says why its uses
// cannot be replaced.
func memReadingOf(call rewrite.Call) (*memReading, string) {
	r := &memReading{pkg: call.Pkg, file: call.File, at: call.At}
	arg := ast.Unparen(call.Call.Args[0])
	if u, ok := arg.(*ast.UnaryExpr); ok && u.Op == token.AND {
		arg = ast.Unparen(u.X)
	} else {
		r.pointer = true
	}
	switch x := arg.(type) {
	case *ast.Ident:
		r.v, _ = r.pkg.Info.Uses[x].(*types.Var)
	case *ast.SelectorExpr:
		r.v, r.base = r.fieldOf(x)
	default:
		return nil, "the statistics are kept in an element"
	}
	if r.v == nil {
		return nil, "the statistics are not in a variable"
	}
	find := r.findDeclaration
	if r.base != nil {
		find = r.findField
	}
	if why := find(); why != "" {
		return nil, why
	}
	if why := r.findUses(); why != "" {
		return nil, why
	}
	if why := r.checkOrder(); why != "" {
		return nil, why
	}
	return r, ""
}

// scope returns the cursors at the declarations in which v can be used.
func (r *memReading) scope() []inspector.Cursor {
	if r.shared() {
		return []inspector.Cursor{r.pkg.Inspector.Root()}
	}
	for c := range r.at.Enclosing((*ast.FuncDecl)(nil), (*ast.GenDecl)(nil)) {
		if c.ParentEdgeKind() == edge.File_Decls {
			return []inspector.Cursor{c}
		}
	}
	return nil
}

func (r *memReading) packageLevel() bool { return r.v.Parent() == r.pkg.Types.Scope() }

// shared reports whether v outlives the function that reads into it.
func (r *memReading) shared() bool { return r.base != nil || r.packageLevel() }

// findDeclaration looks for the place where v is declared.
func (r *memReading) findDeclaration() string {
	const elsewhere = "the struct comes from elsewhere"
	var def inspector.Cursor
	for _, in := range r.scope() {
		for c := range in.Preorder((*ast.Ident)(nil)) {
			if r.pkg.Info.Defs[c.Node().(*ast.Ident)] == r.v {
				def = c
			}
		}
	}
	if def.Node() == nil {
		return elsewhere
	}
	switch n := def.Parent().Node().(type) {
	case *ast.ValueSpec:
		if len(n.Names) != 1 {
			return "the variable is declared together with others"
		}
		r.spec, r.gen = n, def.Parent().Parent().Node().(*ast.GenDecl)
		if d, ok := def.Parent().Parent().Parent().Node().(*ast.DeclStmt); ok {
			r.decl = d
		}
		switch {
		case len(n.Values) == 0:
			r.typ = n.Type
		case n.Type == nil && len(n.Values) == 1:
			r.typ = emptyMemStats(r.pkg, n.Values[0])
		}
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE || len(n.Lhs) != 1 || len(n.Rhs) != 1 || !syntax.InList(def.Parent()) {
			return elsewhere
		}
		r.decl = n
		r.typ = emptyMemStats(r.pkg, n.Rhs[0])
	}
	if r.typ == nil || !syntax.IsType(r.pkg.Info.TypeOf(r.typ), "runtime", "MemStats") {
		return elsewhere
	}
	if r.packageLevel() {
		if r.v.Exported() || syntax.Mentioned(r.pkg, r.v.Name()) {
			return "other code may use the variable"
		}
	}
	return ""
}

// emptyMemStats returns the type in an expression that makes an empty MemStats:
// runtime.MemStats{}, &runtime.MemStats{} or new(runtime.MemStats).
func emptyMemStats(p *rewrite.Package, x ast.Expr) ast.Expr {
	x = ast.Unparen(x)
	if u, ok := x.(*ast.UnaryExpr); ok && u.Op == token.AND {
		x = ast.Unparen(u.X)
	}
	switch n := x.(type) {
	case *ast.CompositeLit:
		if len(n.Elts) == 0 {
			return n.Type
		}
	case *ast.CallExpr:
		if syntax.IsBuiltin(p, n, "new") && len(n.Args) == 1 {
			return n.Args[0]
		}
	}
	return nil
}

// is reports whether x is the variable.
func (r *memReading) is(x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return r.base == nil && r.pkg.Info.Uses[x] == r.v
	case *ast.SelectorExpr:
		id, ok := ast.Unparen(x.X).(*ast.Ident)
		return ok && r.base != nil && r.pkg.Info.Uses[id] == r.base && r.pkg.Info.Uses[x.Sel] == r.v
	}
	return false
}

// commented reports whether a comment stands within n.
func commented(f *rewrite.File, n ast.Node) bool {
	return slices.ContainsFunc(f.AST.Comments, func(c *ast.CommentGroup) bool { return n.Pos() <= c.Pos() && c.End() <= n.End() })
}

func (r *memReading) constant(x ast.Expr, want int64) bool {
	tv, ok := r.pkg.Info.Types[x]
	if !ok || tv.Value == nil {
		return false
	}
	got, exact := constant.Int64Val(constant.ToInt(tv.Value))
	return exact && got == want
}

// checkOrder makes sure that each use comes after a reading: the values of a
// sample that was not read cannot be asked for, while the fields of an empty
// MemStats are 0.
func (r *memReading) checkOrder() string {
	home := syntax.EnclosingDecl(r.at)
	if home != nil && syntax.InDecl(home, func(n ast.Node) bool {
		b, ok := n.(*ast.BranchStmt)
		return ok && b.Tok == token.GOTO
	}) {
		return "the function uses goto"
	}
	for _, u := range r.uses {
		if !slices.ContainsFunc(r.reads, func(read memRead) bool {
			return read.list.Pos() <= u.at.Node().Pos() && u.at.Node().End() <= read.list.End() && read.stmt.End() <= u.at.Node().Pos()
		}) {
			return fmt.Sprintf("%s may be used before it is read", u.name)
		}
	}
	return ""
}

// fieldNames lists the fields that are used and for which keep holds, in order
// of first use.
func (r *memReading) fieldNames(keep func(memUse) bool) string {
	var names []string
	for _, u := range r.uses {
		if keep(u) && !slices.Contains(names, u.name) {
			names = append(names, u.name)
		}
	}
	switch n := len(names); n {
	case 0:
		return ""
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}
