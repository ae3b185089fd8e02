package threadlock

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
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

	// conds are conditions that several if statements share, and assume is
	// what each is in the present interpretation.
	conds  []string
	assume map[string]bool
	// flagged: an unlock hangs on a flag that changes.
	flagged bool
}

// target is a statement that break or continue can refer to.
type target struct {
	label    string
	loop     *ast.BlockStmt // body, nil for switch and select
	brk, con *lockState
}

// run interprets body, which begins unlocked, once for each way in which the
// shared conditions can turn out.
func (f *lockFlow) run(body *ast.BlockStmt) {
	f.exits = make(map[ast.Stmt]lockState)
	f.ends = make(map[*ast.BlockStmt]lockState)
	f.entry = make(map[*ast.BlockStmt]lockState)
	f.over, f.stuck, f.targets = false, false, nil
	for way := range 1 << len(f.conds) {
		f.assume = make(map[string]bool)
		for i, cond := range f.conds {
			f.assume[cond] = way>>i&1 == 1
		}
		out := f.list(body.List, stateOf(0, false))
		if f.atEnd[body] {
			out = f.unlocked(out)
		}
		f.ends[body] |= out
	}
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
		if call, ok := ast.Unparen(s.X).(*ast.CallExpr); ok && syntax.NoReturn(f.p, call) {
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

// condKey names a condition; it and its negation have the same name.
func condKey(x ast.Expr) (key string, negated bool) {
	switch x := ast.Unparen(x).(type) {
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			key, negated = condKey(x.X)
			return key, !negated
		}
	case *ast.BinaryExpr:
		if x.Op == token.NEQ {
			return types.ExprString(x.X) + " == " + types.ExprString(x.Y), true
		}
	}
	return types.ExprString(ast.Unparen(x)), false
}

// maxSharedConds bounds the number of interpretations.
const maxSharedConds = 3

// shareConds finds the conditions that several if statements of body have, some
// of which lock or unlock. What they look at must not change in body: an unlock
// that hangs on a flag which does is not understood, and ends the matter.
func (f *lockFlow) shareConds(body *ast.BlockStmt) {
	uses := make(map[string]int)
	locking := make(map[string]bool)
	var order []string
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.IfStmt:
			touches := f.contains(n, f.locks) || f.contains(n, f.unlock) || f.contains(n, f.defers)
			if n.Init != nil || !f.stable(n.Cond, body) {
				if touches && f.isFlag(n.Cond) && f.contains(n, f.unlock) && !leavesList(n.Body) {
					f.flagged = true
				}
				break
			}
			key, _ := condKey(n.Cond)
			if uses[key]++; uses[key] == 1 {
				order = append(order, key)
			}
			locking[key] = locking[key] || touches
		}
		return true
	})
	for _, key := range order {
		if uses[key] > 1 && locking[key] && len(f.conds) < maxSharedConds {
			f.conds = append(f.conds, key)
		}
	}
}

// isFlag reports whether the condition x is a variable or field, or its
// negation.
func (f *lockFlow) isFlag(x ast.Expr) bool {
	x = ast.Unparen(x)
	if u, ok := x.(*ast.UnaryExpr); ok && u.Op == token.NOT {
		x = ast.Unparen(u.X)
	}
	id := syntax.LastName(x)
	if id == nil {
		return false
	}
	_, isVar := f.p.Info.Uses[id].(*types.Var)
	return isVar
}

// leavesList reports whether the block ends in a statement that leaves it.
func leavesList(b *ast.BlockStmt) bool {
	if len(b.List) == 0 {
		return false
	}
	switch b.List[len(b.List)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	}
	return false
}

// stable reports whether the condition x calls nothing and body assigns to
// nothing that it looks at.
func (f *lockFlow) stable(x ast.Expr, body *ast.BlockStmt) bool {
	looksAt := make(map[types.Object]bool)
	if syntax.ContainsNode(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr, *ast.IndexExpr, *ast.StarExpr:
			return true
		case *ast.UnaryExpr:
			return n.Op == token.ARROW
		case *ast.Ident:
			if v, ok := f.p.Info.Uses[n].(*types.Var); ok {
				looksAt[v] = true
			}
		}
		return false
	}) {
		return false
	}
	changed := func(x ast.Expr) bool {
		if x == nil {
			return false
		}
		id := syntax.LastName(x)
		return id != nil && looksAt[f.p.Info.Uses[id]]
	}
	return !syntax.ContainsNode(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			return slices.ContainsFunc(n.Lhs, changed)
		case *ast.IncDecStmt:
			return changed(n.X)
		case *ast.UnaryExpr:
			return n.Op == token.AND && changed(n.X)
		case *ast.RangeStmt:
			return changed(n.Key) || changed(n.Value)
		}
		return false
	})
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
