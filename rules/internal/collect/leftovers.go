package collect

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

// removal is what goes with a call.
type removal struct {
	stmt    ast.Stmt   // the call's statement, or the if statement that guards nothing else
	more    []ast.Stmt // what only served its condition
	decls   []ast.Decl
	comment string // the line above the if statement, which says when it held
}

// leftovers looks for what is without an effect once nodes are gone.
type leftovers struct {
	p    *rewrite.Package
	gone []ast.Node
}

// leftoversOf says what goes with the call of stmt: if statements around it whose
// conditions have no effect, with the stores in them that only these conditions
// read, and the variables, constants and helpers that nothing else uses then.
func leftoversOf(call rewrite.Call, stmt ast.Stmt, words []string) removal {
	p := call.Pkg
	r := removal{stmt: stmt}
	l := &leftovers{p: p, gone: []ast.Node{stmt}}
	at, ok := p.Cursor(stmt)
	for ok {
		block, isBlock := at.Parent().Node().(*ast.BlockStmt)
		n, isIf := at.Parent().Parent().Node().(*ast.IfStmt)
		if !isBlock || !isIf || n.Body != block || n.Else != nil || !syntax.InList(at.Parent().Parent()) || !harmless(p, n.Cond) || !aboutCollection(call.File, n, words) {
			break
		}
		outer := &leftovers{p: p, gone: []ast.Node{n}}
		if !outer.onlyServes(block.List, at.Node().(ast.Stmt)) || n.Init != nil && !outer.onlyServes([]ast.Stmt{n.Init}, nil) {
			break
		}
		l, r.stmt = outer, n
		at = at.Parent().Parent()
	}
	more, settled := l.unused()
	if !settled {
		return removal{stmt: stmt}
	}
	r.more = more
	if r.stmt != stmt {
		r.comment = lineAbove(call.File, r.stmt)
	}
	r.decls = l.unusedDecls()
	return r
}

// lineAbove returns the comment of one line right above the statement, "" where
// there is none or it asks for something.
func lineAbove(f *rewrite.File, stmt ast.Stmt) string {
	line := func(p token.Pos) int { return f.Pkg.Snapshot().Position(p).Line }
	for _, c := range f.AST.Comments {
		if len(c.List) == 1 && line(c.End()) == line(stmt.Pos())-1 && line(c.Pos()) == line(c.End()) && !todo.MatchString(c.Text()) {
			return c.List[0].Text
		}
	}
	return ""
}

var todo = regexp.MustCompile(`TODO|FIXME|BUG|XXX|nolint|^//\S`)

var aboutMemory = regexp.MustCompile(`(?i)\bgc\b|garbage|collect|memory|\bheap\b|\bfree\b|\brss\b`)

// aboutCollection reports whether all comments within n are about the collection.
func aboutCollection(f *rewrite.File, n ast.Node, words []string) bool {
	for _, c := range f.AST.Comments {
		if c.Pos() < n.Pos() || n.End() < c.End() {
			continue
		}
		text := c.Text()
		if !aboutMemory.MatchString(text) && !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) }) || todo.MatchString(text) {
			return false
		}
	}
	return true
}

// onlyServes reports whether the statements of a list beside stmt only store what
// nothing reads once the nodes are gone.
func (l *leftovers) onlyServes(list []ast.Stmt, stmt ast.Stmt) bool {
	for _, s := range list {
		if s == stmt {
			continue
		}
		v := l.stored(s)
		if v == nil {
			return false
		}
		if _, ok := l.dead(v); !ok {
			return false
		}
	}
	return true
}

// stored returns the variable, local or the package's own, that s sets to
// something without another effect; nil where s is something else.
func (l *leftovers) stored(s ast.Stmt) *types.Var {
	var id *ast.Ident
	switch s := s.(type) {
	case *ast.AssignStmt:
		if len(s.Lhs) != 1 || len(s.Rhs) != 1 || !harmless(l.p, s.Rhs[0]) {
			return nil
		}
		id, _ = s.Lhs[0].(*ast.Ident)
	case *ast.IncDecStmt:
		id, _ = s.X.(*ast.Ident)
	case *ast.DeclStmt:
		gen, ok := s.Decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR || len(gen.Specs) != 1 {
			return nil
		}
		spec := gen.Specs[0].(*ast.ValueSpec)
		if len(spec.Names) != 1 || len(spec.Values) == 1 && !harmless(l.p, spec.Values[0]) {
			return nil
		}
		id = spec.Names[0]
	case *ast.ExprStmt:
		return l.stopped(s.X)
	case *ast.DeferStmt:
		return l.stopped(s.Call)
	}
	if id == nil || id.Name == "_" {
		return nil
	}
	v, _ := l.p.Info.ObjectOf(id).(*types.Var)
	if v == nil || v.Pkg() != l.p.Types || v.Kind() == types.ParamVar || v.Kind() == types.ResultVar || v.Kind() == types.RecvVar {
		return nil
	}
	return v
}

// stopped returns the clock that x stops.
func (l *leftovers) stopped(x ast.Expr) *types.Var {
	call, ok := x.(*ast.CallExpr)
	if !ok || !stopsClock(l.p, call) {
		return nil
	}
	id, ok := call.Fun.(*ast.SelectorExpr).X.(*ast.Ident)
	if !ok {
		return nil
	}
	v, _ := l.p.Info.Uses[id].(*types.Var)
	return v
}

func (l *leftovers) isGone(n ast.Node) bool {
	return slices.ContainsFunc(l.gone, func(g ast.Node) bool { return g.Pos() <= n.Pos() && n.End() <= g.End() })
}

// dead returns the statements that set v outside of what is gone; ok is false
// when something reads it there, or a statement cannot go.
func (l *leftovers) dead(v *types.Var) (stores []ast.Stmt, ok bool) {
	global := v.Parent() == l.p.Types.Scope()
	if global && (v.Exported() || syntax.Mentioned(l.p, v.Name())) {
		return nil, false
	}
	for c := range l.p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		id := c.Node().(*ast.Ident)
		if l.p.Info.ObjectOf(id) != v || l.isGone(id) {
			continue
		}
		if global && l.p.Info.Defs[id] == v {
			if spec, isSpec := c.Parent().Node().(*ast.ValueSpec); isSpec && len(spec.Names) == 1 && len(spec.Values) == 0 {
				continue
			}
			return nil, false
		}
		s, at := syntax.EnclosingStmt(c)
		if s == nil || !syntax.InList(at) && !isDeclStmt(s) || l.stored(s) != v {
			return nil, false
		}
		if !slices.Contains(stores, s) {
			stores = append(stores, s)
		}
	}
	return stores, true
}

func isDeclStmt(s ast.Stmt) bool {
	_, ok := s.(*ast.DeclStmt)
	return ok
}

// unused returns the statements that set local variables which only what is gone
// used; settled is false when a variable would be left unused that cannot go.
func (l *leftovers) unused() (stmts []ast.Stmt, settled bool) {
	for round := 0; round < 4; round++ {
		grown := false
		for _, v := range l.vars() {
			stores, ok := l.dead(v)
			if !ok {
				if !l.read(v) && v.Parent() != l.p.Types.Scope() {
					return nil, false // the compiler would refuse it
				}
				continue
			}
			for _, s := range stores {
				if !slices.Contains(stmts, s) {
					stmts, grown = append(stmts, s), true
					l.gone = append(l.gone, s)
				}
			}
		}
		if !grown {
			break
		}
	}
	return stmts, true
}

// vars returns the variables, local or the package's, that what is gone uses and
// that are declared elsewhere, parameters left out.
func (l *leftovers) vars() []*types.Var {
	var out []*types.Var
	for _, g := range l.gone {
		ast.Inspect(g, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			v, ok := l.p.Info.Uses[id].(*types.Var)
			if ok && !v.IsField() && v.Pkg() == l.p.Types && v.Kind() != types.ParamVar && v.Kind() != types.ResultVar && v.Kind() != types.RecvVar && !slices.Contains(out, v) {
				out = append(out, v)
			}
			return true
		})
	}
	return out
}

// read reports whether something that stays reads v, so that the compiler takes
// it as used. Range variables are dropped by whoever removes their last use.
func (l *leftovers) read(v *types.Var) bool {
	for c := range l.p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		id := c.Node().(*ast.Ident)
		if l.p.Info.Defs[id] == v {
			if _, ok := c.Parent().Node().(*ast.RangeStmt); ok {
				return true
			}
		}
		if l.p.Info.Uses[id] != v || l.isGone(id) {
			continue
		}
		switch n := c.Parent().Node().(type) {
		case *ast.IncDecStmt:
			continue
		case *ast.AssignStmt:
			if slices.Contains(n.Lhs, ast.Expr(id)) {
				continue
			}
		}
		return true
	}
	return false
}

// unusedDecls returns the unexported declarations of the package that only what
// is gone used: a constant, a variable, a helper without an effect.
func (l *leftovers) unusedDecls() []ast.Decl {
	var out []ast.Decl
	for _, f := range l.p.Files {
		if f.Test || f.Generated {
			continue
		}
		for _, d := range f.AST.Decls {
			var id *ast.Ident
			switch d := d.(type) {
			case *ast.GenDecl:
				if len(d.Specs) != 1 || d.Tok != token.CONST && d.Tok != token.VAR {
					continue
				}
				if spec := d.Specs[0].(*ast.ValueSpec); len(spec.Names) == 1 && (len(spec.Values) == 0 || harmless(l.p, spec.Values[0])) {
					id = spec.Names[0]
				}
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name != "main" && d.Name.Name != "init" && d.Body != nil && returnsHarmless(l.p, d) {
					id = d.Name
				}
			}
			if id != nil && id.Name != "_" && !id.IsExported() && l.onlyUsedBefore(id) {
				out = append(out, d)
			}
		}
	}
	return out
}

// onlyUsedBefore reports whether what id declares was used, and only by what is
// gone.
func (l *leftovers) onlyUsedBefore(id *ast.Ident) bool {
	obj := l.p.Info.Defs[id]
	if obj == nil || syntax.Mentioned(l.p, id.Name) {
		return false
	}
	used := false
	for c := range l.p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		x := c.Node().(*ast.Ident)
		if l.p.Info.Uses[x] != obj {
			continue
		}
		if !l.isGone(x) {
			return false
		}
		used = true
	}
	return used
}

// clockFuncs are functions that only look at the clock, or have no effect either.
var clockFuncs = regexp.MustCompile(`^(?:time\.(?:Now|Since|Until|Duration|NewTicker|NewTimer|Tick)|\(time\.(?:Time|Duration)\)\.\w+|math\.\w+|strings\.(?:Has\w+|Contains\w*|EqualFold|Index\w*|Count)|\(\*?sync/atomic\.\w+\)\.Load|sync/atomic\.Load\w+|context\.(?:Background|TODO))$`)

// harmless reports whether evaluating x has no effect.
func harmless(p *rewrite.Package, x ast.Expr) bool {
	return !syntax.ContainsNode(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.UnaryExpr:
			return n.Op == token.ARROW
		case *ast.FuncLit, *ast.TypeAssertExpr:
			return true
		case *ast.CallExpr:
			tv := p.Info.Types[n.Fun]
			if tv.IsType() || syntax.IsBuiltin(p, n, "len") || syntax.IsBuiltin(p, n, "cap") || syntax.IsBuiltin(p, n, "min") || syntax.IsBuiltin(p, n, "max") {
				return false
			}
			fn := p.Callee(n)
			if fn == nil {
				return true
			}
			if clockFuncs.MatchString(rewrite.ObjectKey(fn)) {
				return false
			}
			decl := syntax.DeclOf(p, fn)
			return decl == nil || decl.Body == nil || !returnsHarmless(p, decl)
		}
		return false
	})
}

// returnsHarmless reports whether the function does nothing but return something
// that has no effect and calls nothing of the module itself.
func returnsHarmless(p *rewrite.Package, decl *ast.FuncDecl) bool {
	if len(decl.Body.List) != 1 {
		return false
	}
	ret, ok := decl.Body.List[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) == 0 {
		return false
	}
	for _, x := range ret.Results {
		if syntax.ContainsNode(x, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || p.Info.Types[call.Fun].IsType() {
				return false
			}
			fn := p.Callee(call)
			return fn != nil && !clockFuncs.MatchString(rewrite.ObjectKey(fn))
		}) || !harmless(p, x) {
			return false
		}
	}
	return true
}
