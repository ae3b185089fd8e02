// Package heat answers how often a place in the code is reached: once, in a
// loop, on a timer, for every request.
package heat

import (
	"go/ast"
	"go/token"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
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
	// Guarded: the guard that OfUnless was given holds for a call on the way there.
	Guarded bool
	// Mixed: there are callers on the way that are not known to recur.
	Mixed bool
	// Dynamic: the way there leads through an interface that several types
	// implement.
	Dynamic bool
	// Loads: a function on the way makes something ready for use, going by its
	// name.
	Loads bool
	// Typed: the loop around it reads what somebody types.
	Typed bool
	// Path are the calls that lead there, the nearest first, and the loop's body
	// or the handler as the last one.
	Path []Place
	// why is the evidence: "in a loop", "for every request".
	Why string
}

// Place is a node of a package.
type Place struct {
	Pkg *rewrite.Package
	At  inspector.Cursor
}

type heatKind int

const (
	unknownHeat heatKind = iota
	OneShot              // at most once in the life of the process, or nearly so
	Recurring            // again and again
	passedOn             // as often as the function that is told where to stop
)

// hot reports whether the place is reached again and again without a pause or
// a condition.
func (h Heat) hot() bool { return h.Kind == Recurring && !h.Paced && !h.Conditional }

// Request reports whether a request leads there, and no loop around that.
func (h Heat) Request() bool {
	if h.Kind != Recurring || len(h.Path) == 0 {
		return false
	}
	switch h.Path[len(h.Path)-1].At.Node().(type) {
	case *ast.FuncDecl, *ast.FuncLit:
		return true
	}
	return false
}

// MaxCallers is the number of functions through which callers are followed.
const MaxCallers = 4

// Of returns the heat of the node at cur.
func Of(p *rewrite.Package, cur inspector.Cursor) Heat {
	return OfUnless(p, cur, nil)
}

// OfUnless is Of that would rather follow callers for whose call guard does not
// hold, and says where it had to.
func OfUnless(p *rewrite.Package, cur inspector.Cursor, guard func(*rewrite.Package, inspector.Cursor) bool) Heat {
	f := &heatFinder{s: p.Snapshot(), guard: guard, busy: make(map[string]bool)}
	return f.at(p, cur, MaxCallers)
}

type heatFinder struct {
	s     *rewrite.Snapshot
	guard func(*rewrite.Package, inspector.Cursor) bool // nil for none
	busy  map[string]bool                               // functions whose callers are being looked at
	stop  *ast.FuncDecl                                 // where to stop climbing
}

// climb is what is known of the way from a place up to the loop, handler or
// function that decides.
type climb struct {
	conditional bool // some condition stands before it
	returns     bool // the function returns right after it, which ends its loops
	once        bool // only one turn of the next loop gets there
}

// at climbs from cur to the loop, handler or function that decides.
func (f *heatFinder) at(p *rewrite.Package, cur inspector.Cursor, depth int) Heat {
	var up climb
	for c := cur; ; c = c.Parent() {
		parent := c.Parent()
		kind := c.ParentEdgeKind()
		switch n := parent.Node().(type) {
		case nil, *ast.File:
			return Heat{}
		case *ast.IfStmt, *ast.CaseClause, *ast.CommClause, *ast.BlockStmt:
			if up.branch(p, c) {
				return Heat{Kind: OneShot}
			}
		case *ast.ForStmt, *ast.RangeStmt:
			if kind != edge.ForStmt_Body && kind != edge.RangeStmt_Body {
				continue
			}
			if up.once {
				up.once = false
			} else if h := loopHeat(p, n, c); h.Kind != unknownHeat && !up.returns {
				if isPhases(p, n) && f.at(p, parent, depth).Kind == OneShot {
					return Heat{Kind: OneShot}
				}
				h.Conditional = h.Conditional || up.conditional
				return h
			}
		case *ast.FuncLit:
			if kind != edge.FuncLit_Body {
				continue
			}
			h, on := f.literal(p, parent, depth)
			if on {
				up.returns = false
				continue
			}
			h.Conditional = h.Conditional || up.conditional
			return h
		case *ast.FuncDecl:
			if n == f.stop {
				return Heat{Kind: passedOn, Conditional: up.conditional}
			}
			h := f.function(p, n, depth)
			if h.Kind == Recurring && len(h.Path) == 0 {
				h.Path = []Place{{p, parent}}
			}
			h.Conditional = h.Conditional || up.conditional
			return h
		}
	}
}

// branch notes what the if, case, clause of a select or block above c makes of
// c. It reports whether c happens but once in the program's life.
func (up *climb) branch(p *rewrite.Package, c inspector.Cursor) (oneShot bool) {
	parent := c.Parent()
	kind := c.ParentEdgeKind()
	switch n := parent.Node().(type) {
	case *ast.IfStmt:
		if kind != edge.IfStmt_Body && kind != edge.IfStmt_Else {
			return false
		}
		up.conditional = true
		if kind == edge.IfStmt_Body {
			switch passes(p, parent) {
			case oncePerLoop:
				up.once = true
			case onceForAll:
				return true
			}
		}
	case *ast.CaseClause:
		up.conditional = true
		up.once = up.once || isTurn(p, parent)
		up.returns = up.returns || leavesBy(n.Body, c.Node()) == token.RETURN
	case *ast.CommClause:
		up.returns = up.returns || leavesBy(n.Body, c.Node()) == token.RETURN
		if kind == edge.CommClause_Body {
			up.conditional = up.conditional || rationed(p, n.Body, c.Node())
			if n.Comm != nil && waitsForSignal(p, n.Comm) {
				return true
			}
			if n.Comm == nil || !WaitsForClock(p, n.Comm) {
				up.conditional = true
			}
		}
	case *ast.BlockStmt:
		up.conditional = up.conditional || rationed(p, n.List, c.Node())
		// What is followed by a return or break in its block happens once.
		if by := leavesBy(n.List, c.Node()); by != token.ILLEGAL && !syntax.IsFuncBody(parent) {
			up.conditional = true
			up.returns = up.returns || by == token.RETURN
		}
	}
	return false
}

// loopHeat returns the heat of the body, at c, of the loop n: unknown where n has
// but a few turns.
func loopHeat(p *rewrite.Package, n ast.Node, c inspector.Cursor) Heat {
	h := Heat{Kind: Recurring, Why: "in a loop", Path: []Place{{p, c}}}
	var body *ast.BlockStmt
	switch n := n.(type) {
	case *ast.ForStmt:
		if fewTurns(p, n, maxTurns) {
			return Heat{}
		}
		body = n.Body
		h.Paced = n.Post != nil && WaitsForClock(p, n.Post)
	case *ast.RangeStmt:
		if fewElements(p, n.X, maxTurns) {
			return Heat{}
		}
		if isSignals(p, n.X) {
			return Heat{Kind: OneShot}
		}
		body = n.Body
		h.Paced, h.Finite = syntax.IsClock(p, n.X), isFinite(p, n.X)
	}
	if awaitsSignal(p, body) {
		return Heat{Kind: OneShot}
	}
	h.Paced = h.Paced || pacedBody(p, body)
	h.Typed = readsTyped(p, c.Parent())
	return h
}
