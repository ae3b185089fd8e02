// Package heat answers how often a place in the code is reached: once, in a
// loop, on a timer, for every request.
package heat

import (
	"go/ast"
	"go/token"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// Heat says how often a place in the code is reached.
type Heat struct {
	Kind heatKind
	// paced: the loop around it waits for a clock in every turn.
	Paced bool
	// conditional: an if, switch or select inside the loop or handler guards it.
	Conditional bool
	// finite: the loop around it goes over elements that are all there.
	Finite bool
	// guarded: a function on the way there reads memory statistics, to decide by
	// them.
	Guarded bool
	// why is the evidence: "in a loop", "for every request".
	Why string
}

type heatKind int

const (
	unknownHeat heatKind = iota
	OneShot              // at most once in the life of the process, or nearly so
	Recurring            // again and again
)

// hot reports whether the place is reached again and again without a pause or
// a condition.
func (h Heat) hot() bool { return h.Kind == Recurring && !h.Paced && !h.Conditional }

// maxCallers is the number of functions through which callers are followed.
const MaxCallers = 4

// Of returns the heat of the node at cur.
func Of(p *rewrite.Package, cur inspector.Cursor) Heat {
	return (&heatFinder{s: p.Snapshot(), busy: make(map[string]bool)}).at(p, cur, MaxCallers)
}

type heatFinder struct {
	s    *rewrite.Snapshot
	busy map[string]bool // functions whose callers are being looked at
}

// at climbs from cur to the loop, handler or function that decides.
func (f *heatFinder) at(p *rewrite.Package, cur inspector.Cursor, depth int) Heat {
	conditional := false
	returns := false // the function returns right after it, which ends its loops
	for c := cur; ; c = c.Parent() {
		parent := c.Parent()
		kind := c.ParentEdgeKind()
		switch n := parent.Node().(type) {
		case nil, *ast.File:
			return Heat{}
		case *ast.IfStmt:
			if kind == edge.IfStmt_Body || kind == edge.IfStmt_Else {
				conditional = true
			}
		case *ast.CaseClause:
			conditional = true
			returns = returns || leavesBy(n.Body, c.Node()) == token.RETURN
		case *ast.CommClause:
			returns = returns || leavesBy(n.Body, c.Node()) == token.RETURN
			if kind == edge.CommClause_Body {
				if n.Comm != nil && waitsForSignal(p, n.Comm) {
					return Heat{Kind: OneShot}
				}
				if n.Comm == nil || !WaitsForClock(p, n.Comm) {
					conditional = true
				}
			}
		case *ast.BlockStmt:
			// What is followed by a return or break in its block happens once.
			if by := leavesBy(n.List, c.Node()); by != token.ILLEGAL && !syntax.IsFuncBody(parent) {
				conditional = true
				returns = returns || by == token.RETURN
			}
		case *ast.ForStmt:
			if kind == edge.ForStmt_Body && !returns && !fewTurns(p, n) {
				if awaitsSignal(p, n.Body) {
					return Heat{Kind: OneShot}
				}
				return Heat{Kind: Recurring, Paced: pacedBody(p, n.Body) || n.Post != nil && WaitsForClock(p, n.Post), Conditional: conditional, Why: "in a loop"}
			}
		case *ast.RangeStmt:
			if kind == edge.RangeStmt_Body && !returns && !fewElements(p, n.X) {
				if isSignals(p, n.X) || awaitsSignal(p, n.Body) {
					return Heat{Kind: OneShot}
				}
				return Heat{Kind: Recurring, Paced: syntax.IsClock(p, n.X) || pacedBody(p, n.Body), Conditional: conditional, Finite: isFinite(p, n.X), Why: "in a loop"}
			}
		case *ast.FuncLit:
			if kind != edge.FuncLit_Body {
				continue
			}
			if web.IsHandler(syntax.SignatureOf(p, n)) {
				return Heat{Kind: Recurring, Conditional: conditional, Why: "for every request"}
			}
			h, on := literalUse(p, parent)
			if on {
				returns = false
				continue
			}
			if named, ok := f.namedLiteral(p, parent, depth); ok {
				h = named
			}
			h.Conditional = h.Conditional || conditional
			return h
		case *ast.FuncDecl:
			h := f.function(p, n, depth)
			h.Conditional = h.Conditional || conditional
			return h
		}
	}
}
