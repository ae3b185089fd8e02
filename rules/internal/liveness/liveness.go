// Package liveness answers whether an object is still in use behind a statement.
package liveness

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/cfg"
)

// Liveness tells whether something in a function still refers to what a local
// variable refers to, after a place in that function. It follows the control
// flow, as the compiler does: a variable is dead where no path uses it again.
// Where it cannot tell it says that the object is alive.
type Liveness struct {
	p    *rewrite.Package
	body *ast.BlockStmt
	g    *cfg.CFG
	held map[Subject]holding
}

// A Subject is what an object's life is asked for: v leads to it. What v points
// at is meant, or, if part is set, an object that the fields behind v lead to;
// part is the type of a pointer to it.
type Subject struct {
	V    *types.Var
	Part types.Type
}

// leadsTo reports whether a value of type t may lead to s, or to what holds it.
func (s Subject) leadsTo(t types.Type) bool {
	if s.Part == nil {
		return canHold(t, s.V.Type())
	}
	whole := syntax.PointerElem(s.V.Type())
	if whole == nil {
		whole = s.V.Type()
	}
	return holds(t, whole, make(map[types.Type]bool)) || canHold(t, s.Part)
}

// holding says where else in the function a reference to an object is.
type holding struct {
	vars   []*types.Var // variables that may hold one, in order of assignment
	Stored bool         // one went out of sight: into a field, a channel, another function
}

// New returns the liveness in the function of p with the body.
func New(p *rewrite.Package, body *ast.BlockStmt) *Liveness {
	return &Liveness{
		p: p, body: body,
		g:    syntax.FlowOf(p, body),
		held: make(map[Subject]holding),
	}
}

// usedAfter reports whether v's value is used on a path from the end of the
// expression or statement at to an exit. at stands in the function itself.
func (l *Liveness) usedAfter(v *types.Var, at ast.Node) bool {
	for _, b := range l.g.Blocks {
		for i, n := range b.Nodes {
			if n.Pos() > at.Pos() || at.End() > n.End() || !syntax.Encloses(n, at) {
				continue
			}
			switch l.within(n, at, v) {
			case used:
				return true
			case Overwritten:
				continue
			}
			if (search{node: func(n ast.Node) flowEffect { return l.Effect(n, v) }}).from(b, i+1) {
				return true
			}
		}
	}
	return false
}

// ReachesWith reports whether the flow leads from the end of a to b without
// setting v.
func (l *Liveness) ReachesWith(v *types.Var, a, b ast.Node) bool {
	return l.after(a, func(block *cfg.Block, i int) bool {
		if n := block.Nodes[i]; a != b && syntax.Encloses(n, b) {
			return b.End() > a.End() // in one statement
		} else if l.Effect(n, v) == Overwritten {
			return false
		}
		return search{node: func(n ast.Node) flowEffect {
			if syntax.Encloses(n, b) {
				return used
			}
			return l.setting(n, v)
		}}.from(block, i+1)
	})
}

// after reports whether f does for one of the nodes of the flow that have at
// inside: f gets its block and its index there.
func (l *Liveness) after(at ast.Node, f func(b *cfg.Block, i int) bool) bool {
	for _, b := range l.g.Blocks {
		for i, n := range b.Nodes {
			if syntax.Encloses(n, at) && f(b, i) {
				return true
			}
		}
	}
	return false
}

// LeavesWith reports whether the flow leads from at, a part of the header of the
// statement s, to what stands behind s, with the value that v has at at.
func (l *Liveness) LeavesWith(v *types.Var, at ast.Node, s ast.Stmt) bool {
	behind := search{
		node: func(n ast.Node) flowEffect { return l.setting(n, v) },
		into: func(b *cfg.Block) bool {
			switch b.Kind {
			case cfg.KindForDone, cfg.KindRangeDone, cfg.KindIfDone, cfg.KindSwitchDone, cfg.KindSelectDone:
				return b.Stmt == s
			}
			return false
		},
	}
	return l.after(at, func(b *cfg.Block, i int) bool { return behind.from(b, i+1) })
}

// setting is Effect for those who do not mind that v is used.
func (l *Liveness) setting(n ast.Node, v *types.Var) flowEffect {
	if l.Effect(n, v) == Overwritten {
		return Overwritten
	}
	return untouched
}

// Leaks reports whether a path from at leads to the end of the function on
// which no node passes stops.
func (l *Liveness) Leaks(at ast.Node, stops func(ast.Node) bool) bool {
	end := search{
		node: func(n ast.Node) flowEffect {
			if stops(n) {
				return Overwritten
			}
			return untouched
		},
		end: func(b *cfg.Block) bool { return b.Live },
	}
	return l.after(at, func(b *cfg.Block, i int) bool { return end.from(b, i+1) })
}

// Effect says what a node of the control flow does with v.
func (l *Liveness) Effect(n ast.Node, v *types.Var) flowEffect {
	sets := false
	switch n := n.(type) {
	case *ast.AssignStmt:
		discards := true
		for _, x := range n.Lhs {
			id, ok := ast.Unparen(x).(*ast.Ident)
			switch {
			case ok && l.Object(id) == v && (n.Tok == token.ASSIGN || n.Tok == token.DEFINE):
				sets = true
			case l.Mentions(x, v):
				return used
			}
			discards = discards && ok && id.Name == "_"
		}
		for _, x := range n.Rhs {
			if id, ok := ast.Unparen(x).(*ast.Ident); ok && discards && l.Object(id) == v {
				continue // "_ = v" is no use for the compiler
			}
			if l.Mentions(x, v) {
				return used
			}
		}
	case *ast.ReturnStmt:
		// A return without operands hands out the named results.
		if len(n.Results) == 0 && l.isResult(v) || l.Mentions(n, v) {
			return used
		}
	case *ast.ValueSpec:
		for _, x := range n.Values {
			if l.Mentions(x, v) {
				return used
			}
		}
		for _, id := range n.Names {
			sets = sets || l.Object(id) == v
		}
	case *ast.Ident:
		// A range clause or receive that declares v, or a bare use.
		if l.p.Info.Defs[n] == v {
			return Overwritten
		}
		if l.p.Info.Uses[n] == v {
			return used
		}
	default:
		if l.Mentions(n, v) {
			return used
		}
	}
	if sets {
		return Overwritten
	}
	return untouched
}

// isResult reports whether v is a named result of the function itself.
func (l *Liveness) isResult(v *types.Var) bool {
	body, ok := l.p.Cursor(l.body)
	return ok && v.Kind() == types.ResultVar && body.Parent().Node().Pos() <= v.Pos() && v.Pos() < l.body.Pos()
}

// within says what the rest of node n does with v after at, a part of n, was
// evaluated. What was called before counts as done; operands that are no calls
// are read when the calls have returned.
func (l *Liveness) within(n, at ast.Node, v *types.Var) flowEffect {
	if n == at {
		return untouched
	}
	result := untouched
	if as, ok := n.(*ast.AssignStmt); ok {
		for _, x := range as.Lhs {
			if id, ok := ast.Unparen(x).(*ast.Ident); ok && l.Object(id) == v && as.Tok != token.ADD_ASSIGN {
				result = Overwritten
			}
		}
	}
	ast.Inspect(n, func(m ast.Node) bool {
		if m == nil || result == used || m == at {
			return false
		}
		switch m := m.(type) {
		case *ast.CallExpr:
			// A call before, unless at is one of its operands.
			return m.End() > at.Pos()
		case *ast.BinaryExpr:
			if (m.Op == token.LAND || m.Op == token.LOR) && syntax.Encloses(m.Y, at) {
				// The left operand is done.
				if l.within(m.Y, at, v) == used {
					result = used
				}
				return false
			}
		case *ast.FuncLit:
			if l.Mentions(m, v) {
				result = used
			}
			return false
		case *ast.AssignStmt:
			if m == n {
				for _, x := range append(append([]ast.Expr(nil), m.Lhs...), m.Rhs...) {
					if id, ok := ast.Unparen(x).(*ast.Ident); ok && l.Object(id) == v && x.Pos() < at.Pos() && result == Overwritten {
						continue
					}
					if x != at && !syntax.Encloses(x, at) && l.Mentions(x, v) && !callBefore(x, at) {
						result = used
					}
				}
				for _, x := range m.Rhs {
					if x != at && syntax.Encloses(x, at) && l.within(x, at, v) == used {
						result = used
					}
				}
				for _, x := range m.Lhs {
					if x != at && syntax.Encloses(x, at) && l.within(x, at, v) == used {
						result = used
					}
				}
				return false
			}
		case *ast.Ident:
			if l.Object(m) == v {
				result = used
			}
		}
		return true
	})
	return result
}

// callBefore reports whether x is a call that is done before at is evaluated.
func callBefore(x ast.Expr, at ast.Node) bool {
	_, ok := ast.Unparen(x).(*ast.CallExpr)
	return ok && x.End() <= at.Pos()
}

// Object returns the object that id defines or uses.
func (l *Liveness) Object(id *ast.Ident) types.Object {
	if o := l.p.Info.Uses[id]; o != nil {
		return o
	}
	return l.p.Info.Defs[id]
}

// Mentions reports whether v occurs in n.
func (l *Liveness) Mentions(n ast.Node, v *types.Var) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return ok && l.Object(id) == v
	})
}

// Kept reports whether the object o is certainly, or possibly, still referred to
// in the function after at: by its variable, by another that may lead to it, by
// a deferred call or by a closure.
func (l *Liveness) Kept(o Subject, at ast.Node) bool {
	if l.usedAfter(o.V, at) || l.deferred(o, at) || l.captured(o.V, at) || l.registered(o, at) {
		return true
	}
	for _, w := range l.Holding(o).vars {
		if l.usedAfter(w, at) || l.deferred(Subject{w, o.Part}, at) || l.captured(w, at) {
			return true
		}
	}
	return false
}

// deferred reports whether a deferred call that stands before at refers to o:
// its receiver, an argument or a captured variable. What an argument or its fields
// are is read at the defer statement, so nothing may set the variable from there on.
func (l *Liveness) deferred(o Subject, at ast.Node) bool {
	return syntax.ContainsNode(l.body, func(n ast.Node) bool {
		d, ok := n.(*ast.DeferStmt)
		if !ok || d.Pos() > at.Pos() || syntax.Encloses(d, at) {
			return false
		}
		if encloseLit(l.body, d) {
			return false
		}
		return l.Refers(d.Call, o) && (l.ReachesWith(o.V, d, at) || l.sharedIn(d, o.V))
	})
}

// sharedIn reports whether the deferred call gets v's address: it sees what v is set
// to later.
func (l *Liveness) sharedIn(d *ast.DeferStmt, v *types.Var) bool {
	_, value := syntax.Under(v.Type()).(*types.Struct) // the receiver of a method, maybe
	return value || slices.ContainsFunc(syntax.AssignmentsOf(l.p, v), func(a syntax.Assignment) bool {
		return a.Kind == syntax.Shared && syntax.Encloses(d, a.Target)
	})
}

// encloseLit reports whether a function literal in body is around n.
func encloseLit(body *ast.BlockStmt, n ast.Node) bool {
	return syntax.ContainsNode(body, func(m ast.Node) bool {
		lit, ok := m.(*ast.FuncLit)
		return ok && lit.Pos() <= n.Pos() && n.End() <= lit.End()
	})
}

// Refers reports whether the value of x, or a call's operands, may refer to o:
// its variable itself, its address or that of a part of it, a method's receiver.
// A field's value does only where its type allows for it.
func (l *Liveness) Refers(n ast.Node, o Subject) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if found {
			return false
		}
		switch n := n.(type) {
		case *ast.UnaryExpr:
			if n.Op == token.AND && l.Mentions(n.X, o.V) {
				found = true
				return false
			}
		case *ast.SelectorExpr:
			sel := l.p.Info.Selections[n]
			if sel == nil || !l.Mentions(n.X, o.V) {
				return true
			}
			if sel.Kind() != types.FieldVal {
				// The receiver: the variable, or a part of it by address.
				if root, ok := syntax.FieldChain(l.p, n.X); ok && root != nil && l.Object(root) == o.V {
					found = ast.Unparen(n.X) == ast.Expr(root) || !syntax.PointerLike(l.p.Info.TypeOf(n.X)) || o.leadsTo(l.p.Info.TypeOf(n.X))
					return false
				}
				return true
			}
			if root, ok := syntax.FieldChain(l.p, n); ok && l.Object(root) == o.V {
				found = !l.isRawField(n) && o.leadsTo(l.p.Info.TypeOf(n))
				return false
			}
		case *ast.Ident:
			if l.Object(n) == o.V {
				found = true
			}
		}
		return true
	})
	return found
}

// captured reports whether a function literal that is not around at captures v.
// One that is called where it stands is part of the flow.
func (l *Liveness) captured(v *types.Var, at ast.Node) bool {
	now := make(map[*ast.FuncLit]bool)
	ast.Inspect(l.body, func(n ast.Node) bool {
		if s, ok := n.(*ast.ExprStmt); ok {
			if call, ok := s.X.(*ast.CallExpr); ok {
				if lit, ok := call.Fun.(*ast.FuncLit); ok {
					now[lit] = true
				}
			}
		}
		return true
	})
	return syntax.ContainsNode(l.body, func(n ast.Node) bool {
		lit, ok := n.(*ast.FuncLit)
		return ok && !now[lit] && !(lit.Pos() <= at.Pos() && at.End() <= lit.End()) && l.Mentions(lit, v)
	})
}
