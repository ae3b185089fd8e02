package heat

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// passing says how often an if statement lets its body pass.
type passing int

const (
	asOften     passing = iota // as often as its condition holds
	oncePerLoop                // in one turn of the loop around it
	onceForAll
)

// passes says how often the if statement at c lets its body pass: one that asks
// for a certain turn of the loop around it does so once in that loop, and so does
// one that asks for a flag of the function and sets it; where the flag outlives
// the function, once for all.
func passes(p *rewrite.Package, c inspector.Cursor) passing {
	n := c.Node().(*ast.IfStmt)
	if turnsOf(p, c).asks(n.Cond) {
		return oncePerLoop
	}
	flag := flagOf(p, n)
	switch {
	case swapsOnce(p, n.Cond):
		return onceForAll
	case flag == nil:
		return asOften
	case flag.IsField() || flag.Parent() == p.Types.Scope():
		return onceForAll
	case declaredWithin(flag, c):
		return asOften
	}
	return oncePerLoop
}

// flagOf returns the flag that the condition of n asks for and that its body
// sets to the other value and nothing else sets back; nil where there is none.
func flagOf(p *rewrite.Package, n *ast.IfStmt) *types.Var {
	x, want := ast.Unparen(n.Cond), "false"
	if not, ok := x.(*ast.UnaryExpr); ok && not.Op == token.NOT {
		x, want = ast.Unparen(not.X), "true"
	}
	id := syntax.VariableOf(x)
	if sel, ok := x.(*ast.SelectorExpr); ok {
		id = sel.Sel
	}
	if id == nil {
		return nil
	}
	flag, ok := p.Info.Uses[id].(*types.Var)
	if !ok {
		return nil
	}
	sets := func(body ast.Node, value string) bool {
		return syntax.ContainsNode(body, func(n ast.Node) bool {
			as, ok := n.(*ast.AssignStmt)
			if !ok || as.Tok != token.ASSIGN || len(as.Lhs) != 1 || len(as.Rhs) != 1 || syntax.BaseVar(p, as.Lhs[0]) != flag {
				return false
			}
			tv := p.Info.Types[as.Rhs[0]]
			return tv.Value != nil && tv.Value.String() == value
		})
	}
	if !sets(n.Body, want) {
		return nil
	}
	back := "true"
	if want == "true" {
		back = "false"
	}
	for _, f := range p.Files {
		if sets(f.AST, back) {
			return nil
		}
	}
	return flag
}

// declaredWithin reports whether v is declared in the body of the innermost loop
// around c, so that each turn has its own.
func declaredWithin(v *types.Var, c inspector.Cursor) bool {
	for loop := range c.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch n := loop.Node().(type) {
		case *ast.ForStmt:
			return syntax.DeclaredIn(n.Body, v)
		case *ast.RangeStmt:
			return syntax.DeclaredIn(n.Body, v)
		}
		return false
	}
	return false
}

// isTurn reports whether the case clause at c is for one turn of the loop around
// it: a value of a switch over the loop's counter.
func isTurn(p *rewrite.Package, c inspector.Cursor) bool {
	clause, ok := c.Node().(*ast.CaseClause)
	sw, isSwitch := c.Parent().Parent().Node().(*ast.SwitchStmt)
	if !ok || !isSwitch || len(clause.List) != 1 {
		return false
	}
	t := turnsOf(p, c)
	if sw.Tag == nil {
		return t.asks(clause.List[0])
	}
	return t.counts(sw.Tag) && t.same(clause.List[0])
}

// turns knows the innermost loop around a place.
type turns struct {
	p       *rewrite.Package
	loop    ast.Node // nil for none
	counter types.Object
}

// turnsOf returns the loop around c with the variable that is another number in
// each of its turns.
func turnsOf(p *rewrite.Package, c inspector.Cursor) *turns {
	t := &turns{p: p}
	for loop := range c.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch n := loop.Node().(type) {
		case *ast.ForStmt:
			t.loop = n
			if inc, ok := n.Post.(*ast.IncDecStmt); ok {
				if id, ok := inc.X.(*ast.Ident); ok {
					t.counter = p.Info.Uses[id]
				}
			}
		case *ast.RangeStmt:
			t.loop = n
			if id, ok := n.Key.(*ast.Ident); ok && isFiniteIndex(p, n.X) {
				t.counter = p.Info.Defs[id]
			}
		}
		break
	}
	if v, ok := t.counter.(*types.Var); ok && syntax.ContainsNode(syntax.LoopBody(t.loop), func(n ast.Node) bool {
		as, ok := n.(*ast.AssignStmt)
		return ok && syntax.Sets(p, as, v)
	}) {
		t.counter = nil // it may come to the same number again
	}
	return t
}

// counts reports whether x is the counter.
func (t *turns) counts(x ast.Expr) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	return ok && t.counter != nil && t.p.Info.Uses[id] == t.counter
}

// same reports whether x is the same in each turn: it calls nothing but len, and
// the loop neither declares nor sets its variables.
func (t *turns) same(x ast.Expr) bool {
	return !syntax.ContainsNode(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			return !syntax.IsBuiltin(t.p, n, "len") && !t.p.Info.Types[n.Fun].IsType()
		case *ast.Ident:
			v, ok := t.p.Info.Uses[n].(*types.Var)
			return ok && (syntax.DeclaredIn(t.loop, v) || syntax.ContainsNode(t.loop, func(n ast.Node) bool {
				as, ok := n.(*ast.AssignStmt)
				return ok && syntax.Sets(t.p, as, v)
			}))
		}
		return false
	})
}

// asks reports whether cond holds in one turn at most: it compares the counter
// with something that is the same in each turn by ==, alone or with more
// conditions.
func (t *turns) asks(cond ast.Expr) bool {
	b, ok := ast.Unparen(cond).(*ast.BinaryExpr)
	if !ok || t.counter == nil {
		return false
	}
	switch b.Op {
	case token.LAND:
		return t.asks(b.X) || t.asks(b.Y)
	case token.EQL:
		return t.counts(b.X) && t.same(b.Y) || t.counts(b.Y) && t.same(b.X)
	}
	return false
}

// isFiniteIndex reports whether the keys of a range over x are numbers that go
// up.
func isFiniteIndex(p *rewrite.Package, x ast.Expr) bool {
	t := p.Info.TypeOf(x)
	if t == nil {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Slice, *types.Array, *types.Pointer:
		return true
	case *types.Basic:
		return u.Info()&types.IsInteger != 0
	}
	return false
}

// prompts matches libraries that read what somebody types.
var prompts = regexp.MustCompile(`readline|/liner$|go-prompt|promptui|/survey|golang\.org/x/term$|/bubbletea|/cli-prompt`)

// readsTyped reports whether the loop at c reads the program's input, each turn a
// command that somebody types. It is asked of each call in the loop.
func readsTyped(p *rewrite.Package, c inspector.Cursor) bool {
	type key struct{ loop ast.Node }
	return rewrite.Memo(p.Snapshot(), key{c.Node()}, func() bool { return loopReadsTyped(p, c) })
}

func loopReadsTyped(p *rewrite.Package, c inspector.Cursor) bool {
	r := typedInput{p, make(map[types.Object]bool)}
	if decl := syntax.EnclosingDecl(c); decl != nil {
		r.collect(decl)
	}
	switch n := c.Node().(type) {
	case *ast.RangeStmt:
		return r.within(n.X)
	case *ast.ForStmt:
		if n.Cond != nil && r.within(n.Cond) {
			return true
		}
		for _, stmt := range n.Body.List {
			switch s := stmt.(type) {
			case *ast.AssignStmt, *ast.ExprStmt:
				if r.within(s) {
					return true
				}
			case *ast.IfStmt:
				if s.Init != nil && r.within(s.Init) || r.within(s.Cond) {
					return true
				}
			}
		}
	}
	return false
}

// typedInput finds what reads what somebody types.
type typedInput struct {
	p     *rewrite.Package
	typed map[types.Object]bool // variables that the input is behind
}

// collect notes the variables of decl that the input is behind.
func (r typedInput) collect(decl *ast.FuncDecl) {
	ast.Inspect(decl, func(n ast.Node) bool {
		as, ok := n.(*ast.AssignStmt)
		if !ok || len(as.Lhs) == 0 {
			return true
		}
		for _, rhs := range as.Rhs {
			if syntax.ContainsNode(rhs, r.reads) {
				if id := syntax.VariableOf(as.Lhs[0]); id != nil && r.p.Info.ObjectOf(id) != nil {
					r.typed[r.p.Info.ObjectOf(id)] = true
				}
			}
		}
		return true
	})
}

// reads reports whether n itself is the input, or a call that reads from it.
func (r typedInput) reads(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.Ident:
		v := r.p.Info.Uses[n]
		return v != nil && (r.typed[v] || v.Pkg() != nil && v.Pkg().Path() == "os" && v.Name() == "Stdin")
	case *ast.CallExpr:
		fn := r.p.Callee(n)
		if fn == nil || fn.Pkg() == nil {
			return false
		}
		return r.p.IsCall(n, "fmt", "Scan", "Scanf", "Scanln") || prompts.MatchString(fn.Pkg().Path())
	}
	return false
}

// within reports whether n reads the input, by itself or by a function that it
// calls.
func (r typedInput) within(n ast.Node) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool { return r.reads(n) || r.helper(n) })
}

// helper reports whether n is a call of a function that reads the input.
func (r typedInput) helper(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	fn := r.p.Callee(call)
	if fn == nil {
		return false
	}
	callee := syntax.DeclOf(r.p, fn)
	return callee != nil && callee.Body != nil && syntax.ContainsNode(callee.Body, r.reads)
}
