package threadlock

import (
	"go/ast"
	"go/token"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// lockFlow interprets one function body over states.
//
// It follows the statements, not a control flow graph, because a fix needs to
// know the break and continue statements that a graph no longer has. Functions
// with goto are given up on.
type lockFlow struct {
	p      *rewrite.Package
	locks  map[ast.Stmt]bool // statements that lock
	unlock map[ast.Stmt]bool // statements that unlock
	defers map[ast.Stmt]bool // statements that defer an unlock

	// What a fix would change, to try it out.
	before map[ast.Stmt]bool       // an unlock is inserted before the statement
	atEnd  map[*ast.BlockStmt]bool // an unlock is inserted at the end of the block
	after  map[ast.Stmt]bool       // a deferred unlock is inserted after the statement

	exits map[ast.Stmt]states       // states in which return, break and continue are reached
	ends  map[*ast.BlockStmt]states // states at the end of loop bodies and the function
	entry map[*ast.BlockStmt]states // states in which loop bodies are entered
	over  bool                      // an unlock was reached with nothing to unlock
	stuck bool                      // goto

	recovers token.Pos // where a recover is deferred, after which a panic is a way out

	// unseen reports whether a call goes to a function whose body is not at hand.
	// The last call of a block that does may end the way.
	unseen func(*ast.CallExpr) bool

	targets []target

	// conds are conditions that several if statements share, and assume is
	// what each is in the present interpretation.
	conds  []string
	assume map[string]bool
}

// target is a statement that break or continue can refer to.
type target struct {
	label    string
	loop     *ast.BlockStmt // body, nil for switch and select
	brk, con *states
}

// run interprets body, which begins unlocked, once for each way in which the
// shared conditions can turn out.
func (f *lockFlow) run(body *ast.BlockStmt) {
	f.exits = make(map[ast.Stmt]states)
	f.ends = make(map[*ast.BlockStmt]states)
	f.entry = make(map[*ast.BlockStmt]states)
	f.over, f.stuck, f.targets = false, false, nil
	for way := range 1 << len(f.conds) {
		f.assume = make(map[string]bool)
		for i, cond := range f.conds {
			f.assume[cond] = way>>i&1 == 1
		}
		out := f.list(body.List, stateOf(state{}))
		if f.atEnd[body] {
			out = f.unlocked(out)
		}
		f.ends[body] |= out
	}
}

func (f *lockFlow) list(list []ast.Stmt, in states) states {
	for _, s := range list {
		in = f.stmt(s, in, "")
	}
	if len(list) > 0 && f.mayEnd(list[len(list)-1]) {
		return 0
	}
	return in
}

// mayEnd reports whether s may end the way, for all that is known.
func (f *lockFlow) mayEnd(s ast.Stmt) bool {
	x, ok := s.(*ast.ExprStmt)
	if !ok || f.unseen == nil {
		return false
	}
	call, ok := ast.Unparen(x.X).(*ast.CallExpr)
	return ok && f.unseen(call)
}

func (f *lockFlow) locked(in states) states {
	return in.each(func(x state) states { x.count, x.passed = min(x.count+1, most), true; return stateOf(x) })
}

func (f *lockFlow) unlocked(in states) states {
	return in.each(func(x state) states {
		if x.left() <= 0 {
			f.over = true
		}
		x.undone = x.undone || x.count > 1
		x.count = max(x.count-1, 0)
		return stateOf(x)
	})
}

func deferring(in states) states {
	return in.each(func(x state) states { x.deferred = min(x.deferred+1, most); return stateOf(x) })
}

func (f *lockFlow) stmt(s ast.Stmt, in states, label string) states {
	if f.before[s] && in != 0 {
		in = f.unlocked(in)
	}
	out := f.effect(s, in, label)
	if f.after[s] {
		out = deferring(out)
	}
	return out
}

func (f *lockFlow) effect(s ast.Stmt, in states, label string) states {
	switch {
	case f.locks[s]:
		return f.locked(in)
	case f.unlock[s]:
		return f.unlocked(in)
	case f.defers[s]:
		return deferring(in)
	}
	switch s := s.(type) {
	case *ast.ExprStmt:
		if call, ok := ast.Unparen(s.X).(*ast.CallExpr); ok && syntax.NoReturn(f.p, call) {
			if f.recovers.IsValid() && f.recovers < s.Pos() && syntax.IsBuiltin(f.p, call, "panic") {
				f.exits[s] |= in
			}
			return 0
		}
	case *ast.BlockStmt:
		return f.list(s.List, in)
	case *ast.LabeledStmt:
		return f.stmt(s.Stmt, in, s.Label.Name)
	case *ast.IfStmt:
		key, negated := condKey(s.Cond)
		if is, known := f.assume[key]; known && s.Init == nil {
			switch {
			case is != negated:
				return f.list(s.Body.List, in)
			case s.Else != nil:
				return f.stmt(s.Else, in, "")
			}
			return in
		}
		out := f.list(s.Body.List, in)
		if s.Else == nil {
			return out | in
		}
		return out | f.stmt(s.Else, in, "")
	case *ast.ForStmt:
		return f.loop(s.Body, in, label, s.Cond != nil)
	case *ast.RangeStmt:
		return f.loop(s.Body, in, label, true)
	case *ast.SwitchStmt:
		return f.clauses(s.Body, in, label)
	case *ast.TypeSwitchStmt:
		return f.clauses(s.Body, in, label)
	case *ast.SelectStmt:
		return f.clauses(s.Body, in, label)
	case *ast.ReturnStmt:
		f.exits[s] |= in
		return 0
	case *ast.BranchStmt:
		return f.branch(s, in)
	}
	return in
}

// loop interprets a loop. Its body is entered in the states before the loop: a
// turn that ends in another state is a fault of that turn, and not passed on to
// the next, where it would blur what is definite. A loop that only unlocks may
// well end its turns in other states; these are passed on.
func (f *lockFlow) loop(body *ast.BlockStmt, in states, label string, mayEnd bool) states {
	var brk, con states
	f.targets = append(f.targets, target{label, body, &brk, &con})
	defer func() { f.targets = f.targets[:len(f.targets)-1] }()
	head := in
	locksInside := f.contains(body, f.locks)
	for {
		f.entry[body] |= head
		out := f.list(body.List, head)
		if f.atEnd[body] && out != 0 {
			out = f.unlocked(out)
		}
		f.ends[body] |= out
		if locksInside || head|out|con == head {
			break
		}
		head |= out | con
	}
	if mayEnd {
		return head | brk
	}
	return brk
}

func (f *lockFlow) clauses(body *ast.BlockStmt, in states, label string) states {
	var brk, out states
	f.targets = append(f.targets, target{label, nil, &brk, nil})
	defer func() { f.targets = f.targets[:len(f.targets)-1] }()
	hasDefault, isSelect := false, false
	var fall states
	for _, c := range body.List {
		var list []ast.Stmt
		switch c := c.(type) {
		case *ast.CaseClause:
			list = c.Body
			hasDefault = hasDefault || c.List == nil
		case *ast.CommClause:
			list = c.Body
			isSelect = true
		}
		end := f.list(list, in|fall)
		fall = 0
		if n := len(list); n > 0 {
			if b, ok := list[n-1].(*ast.BranchStmt); ok && b.Tok == token.FALLTHROUGH {
				fall, end = end, 0
			}
		}
		out |= end
	}
	if !hasDefault && !isSelect {
		out |= in
	}
	return out | brk
}

func (f *lockFlow) branch(s *ast.BranchStmt, in states) states {
	switch s.Tok {
	case token.FALLTHROUGH:
		return in
	case token.GOTO:
		f.stuck = true
		return 0
	}
	f.exits[s] |= in
	if t := f.target(s); t != nil {
		if s.Tok == token.BREAK {
			*t.brk |= in
		} else {
			*t.con |= in
		}
	}
	return 0
}

// target returns what a break or continue statement refers to.
func (f *lockFlow) target(s *ast.BranchStmt) *target {
	for i := len(f.targets) - 1; i >= 0; i-- {
		t := &f.targets[i]
		if s.Label != nil && t.label != s.Label.Name || s.Label == nil && s.Tok == token.CONTINUE && t.loop == nil || t.con == nil && s.Tok == token.CONTINUE {
			continue
		}
		return t
	}
	return nil
}
