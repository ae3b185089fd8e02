package threadlock

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
)

// exit is one way out of the function, or of a turn of the loop that locks.
type exit struct {
	pos   token.Pos
	text  string
	stmt  ast.Stmt       // a return, break or continue statement, or a panic that is recovered
	block *ast.BlockStmt // a loop body or the function's body, at its end
	all   states
	held  states // of all, those that leave the lock held
	end   outcome
}

// leaks reports whether the lock may be held there.
func (x exit) leaks() bool { return x.held != 0 }

// definite reports whether the lock is held on every way there.
func (x exit) definite() bool { return x.held == x.all }

// freed reports whether a way that passed the lock ends there without it.
func (x exit) freed() bool {
	return (x.all &^ x.held).only(func(s state) bool { return s.passed }) != 0
}

type exits []exit

// leaking returns the exits at which the lock may be held.
func (l exits) leaking() exits {
	return slices.DeleteFunc(slices.Clone(l), func(x exit) bool { return !x.leaks() })
}

// where says at which exits the lock is still held.
func (l exits) where() string {
	if len(l) == 1 {
		return l[0].text
	}
	return fmt.Sprintf("on %d ways out", len(l))
}

// exits returns the ways out of the function and of the loops that lock, in order
// of position.
func (f *lockFunc) exits(flow *lockFlow) exits {
	var out exits
	add := func(x exit, st, held states) {
		x.all, x.held = st, held
		out = append(out, x)
	}
	for s, st := range flow.exits {
		switch s := s.(type) {
		case *ast.ReturnStmt:
			add(exit{pos: s.Pos(), text: "before this return", stmt: s}, st, st.held())
		case *ast.ExprStmt:
			add(exit{pos: s.Pos(), text: "before this panic", stmt: s}, st, st.held())
		case *ast.BranchStmt:
			if loop := f.loopOf(s); s.Tok == token.CONTINUE && loop != nil {
				add(exit{pos: s.Pos(), text: "before this continue", stmt: s}, st, st.grown(flow.entry[loop]))
			}
		}
	}
	for b, st := range flow.ends {
		switch {
		case b == f.body:
			add(exit{pos: b.Rbrace, text: "at the end of the function", block: b}, st, st.held())
		case flow.contains(b, flow.locks):
			add(exit{pos: b.Rbrace, text: "at the end of the loop's turn", block: b}, st, st.grown(flow.entry[b]))
		}
	}
	slices.SortFunc(out, func(a, b exit) int { return int(a.pos) - int(b.pos) })
	for i := range out {
		out[i].end = f.outcome(out[i])
	}
	return out
}

// loopOf returns the body of the loop that a break or continue leaves, nil when
// it leaves a switch or select, or a function literal is in between.
func (f *lockFunc) loopOf(s *ast.BranchStmt) *ast.BlockStmt {
	cur, ok := f.p.Cursor(s)
	if !ok {
		return nil
	}
	for c := range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.SwitchStmt)(nil), (*ast.TypeSwitchStmt)(nil), (*ast.SelectStmt)(nil)) {
		if s.Label != nil {
			if l, ok := c.Parent().Node().(*ast.LabeledStmt); !ok || l.Label.Name != s.Label.Name {
				continue
			}
		}
		switch n := c.Node().(type) {
		case *ast.ForStmt:
			return n.Body
		case *ast.RangeStmt:
			return n.Body
		default:
			if s.Tok == token.BREAK {
				return nil
			}
		}
	}
	return nil
}
