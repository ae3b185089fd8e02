package rules

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
)

// lockState is a set of what may hold at one point of a function: how often the
// thread has been locked since the function began (0, 1, or 2 and more), and
// whether an unlock is deferred. Each pair is one bit.
type lockState uint8

func stateOf(count int, deferred bool) lockState {
	i := count * 2
	if deferred {
		i++
	}
	return 1 << i
}

// each calls f for every member of the set and joins the results.
func (s lockState) each(f func(count int, deferred bool) lockState) lockState {
	var out lockState
	for i := range 6 {
		if s&(1<<i) != 0 {
			out |= f(i/2, i%2 == 1)
		}
	}
	return out
}

// held returns the members in which a function that ends now leaves the thread
// locked.
func (s lockState) held() lockState {
	return s.each(func(count int, deferred bool) lockState {
		if count > 1 || count == 1 && !deferred {
			return stateOf(count, deferred)
		}
		return 0
	})
}

// lockFlow interprets one function body over lockStates.
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

	exits map[ast.Stmt]lockState       // states in which return, break and continue are reached
	ends  map[*ast.BlockStmt]lockState // states at the end of loop bodies and the function
	entry map[*ast.BlockStmt]lockState // states in which loop bodies are entered
	over  bool                         // an unlock was reached with nothing to unlock
	stuck bool                         // goto

	targets []target
}

// target is a statement that break or continue can refer to.
type target struct {
	label    string
	loop     *ast.BlockStmt // body, nil for switch and select
	brk, con *lockState
}

// run interprets body, which begins unlocked.
func (f *lockFlow) run(body *ast.BlockStmt) {
	f.exits = make(map[ast.Stmt]lockState)
	f.ends = make(map[*ast.BlockStmt]lockState)
	f.entry = make(map[*ast.BlockStmt]lockState)
	f.over, f.stuck, f.targets = false, false, nil
	out := f.list(body.List, stateOf(0, false))
	if f.atEnd[body] {
		out = f.unlocked(out)
	}
	f.ends[body] = out
}

func (f *lockFlow) list(list []ast.Stmt, in lockState) lockState {
	for _, s := range list {
		in = f.stmt(s, in, "")
	}
	return in
}

func (f *lockFlow) locked(in lockState) lockState {
	return in.each(func(count int, deferred bool) lockState { return stateOf(min(count+1, 2), deferred) })
}

func (f *lockFlow) unlocked(in lockState) lockState {
	return in.each(func(count int, deferred bool) lockState {
		if count == 0 || count == 1 && deferred {
			f.over = true
		}
		return stateOf(max(count-1, 0), deferred)
	})
}

func (f *lockFlow) stmt(s ast.Stmt, in lockState, label string) lockState {
	if f.before[s] && in != 0 {
		in = f.unlocked(in)
	}
	out := f.effect(s, in, label)
	if f.after[s] {
		out = out.each(func(count int, _ bool) lockState { return stateOf(count, true) })
	}
	return out
}

func (f *lockFlow) effect(s ast.Stmt, in lockState, label string) lockState {
	switch {
	case f.locks[s]:
		return f.locked(in)
	case f.unlock[s]:
		return f.unlocked(in)
	case f.defers[s]:
		return in.each(func(count int, _ bool) lockState { return stateOf(count, true) })
	}
	switch s := s.(type) {
	case *ast.ExprStmt:
		if call, ok := ast.Unparen(s.X).(*ast.CallExpr); ok && neverReturns(f.p, call) {
			return 0
		}
	case *ast.BlockStmt:
		return f.list(s.List, in)
	case *ast.LabeledStmt:
		return f.stmt(s.Stmt, in, s.Label.Name)
	case *ast.IfStmt:
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
func (f *lockFlow) loop(body *ast.BlockStmt, in lockState, label string, mayEnd bool) lockState {
	var brk, con lockState
	f.targets = append(f.targets, target{label, body, &brk, &con})
	defer func() { f.targets = f.targets[:len(f.targets)-1] }()
	head := in
	locksInside := f.contains(body, f.locks)
	for {
		f.entry[body] = head
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

// contains reports whether a statement of set stands in n, not in a function
// literal.
func (f *lockFlow) contains(n ast.Node, set map[ast.Stmt]bool) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		if s, ok := n.(ast.Stmt); ok && set[s] {
			found = true
		}
		return !found
	})
	return found
}

func (f *lockFlow) clauses(body *ast.BlockStmt, in lockState, label string) lockState {
	var brk, out lockState
	f.targets = append(f.targets, target{label, nil, &brk, nil})
	defer func() { f.targets = f.targets[:len(f.targets)-1] }()
	hasDefault, isSelect := false, false
	var fall lockState
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

func (f *lockFlow) branch(s *ast.BranchStmt, in lockState) lockState {
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

// neverReturns reports whether the call ends the goroutine or the process.
func neverReturns(p *rewrite.Package, call *ast.CallExpr) bool {
	if id, ok := ast.Unparen(call.Fun).(*ast.Ident); ok {
		if b, ok := p.Info.Uses[id].(*types.Builtin); ok {
			return b.Name() == "panic"
		}
	}
	return p.IsCall(call, "os", "Exit") || p.IsCall(call, "runtime", "Goexit") ||
		p.IsCall(call, "log", "Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln",
			"(*log.Logger).Fatal", "(*log.Logger).Fatalf", "(*log.Logger).Fatalln", "(*log.Logger).Panic", "(*log.Logger).Panicf", "(*log.Logger).Panicln",
			"(*testing.common).Fatal", "(*testing.common).Fatalf", "(*testing.common).FailNow", "(*testing.common).Skip", "(*testing.common).Skipf", "(*testing.common).SkipNow")
}
