package threadlock

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// fix returns the repair, or why there is none.
func (f *lockFunc) fix(ways exits) (*rewrite.Fix, string) {
	if fix := f.deferFix(); fix != nil {
		return fix, ""
	}
	if !f.unlocks() {
		return nil, "nothing in the function says where the lock should end"
	}
	return f.insertFix(ways.leaking())
}

// deferFix defers the unlock right after the lock and removes the others. That
// must not hold the thread for longer than the author wanted, nor pile up
// deferred calls in a loop.
func (f *lockFunc) deferFix() *rewrite.Fix {
	lock, ok := f.onlyLock()
	if !ok {
		return nil
	}
	for s := range f.flow.unlock {
		if !syntax.OnlyReturnsAfter(f.p, f.cur, s) || f.defersBetween(lock, s) {
			return nil
		}
	}
	for s := range f.flow.defers {
		if d := s.(*ast.DeferStmt); !f.is(d.Call, "UnlockOSThread") || f.defersBetween(lock, s) {
			return nil
		}
	}
	// Try it out: with the deferred unlock and without the others no exit may
	// hold the lock.
	try := *f.flow
	try.unlock, try.defers = nil, nil
	try.after = map[ast.Stmt]bool{lock: true}
	if !f.helps(&try) {
		return nil
	}
	remove := slices.Concat(inOrder(f.flow.unlock), inOrder(f.flow.defers))
	slices.SortFunc(remove, func(a, b ast.Stmt) int { return int(a.Pos()) - int(b.Pos()) })
	fix := &rewrite.Fix{
		Message: "defer the unlock right after the lock", Safety: rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			e.InsertAfter(lock, rewrite.Stmts("defer runtime.UnlockOSThread()", nil)...)
			for _, s := range remove {
				e.Delete(s, about.Removed("unlock"))
			}
			return nil
		},
	}
	if len(remove) > 0 {
		fix.Message += " instead of the explicit unlocks"
	}
	return fix
}

// onlyLock returns the one statement that locks, where it is in no loop.
func (f *lockFunc) onlyLock() (ast.Stmt, bool) {
	list := inOrder(f.flow.locks)
	if len(list) != 1 {
		return nil, false
	}
	cur, ok := f.p.Cursor(list[0])
	return list[0], ok && !syntax.InsideLoop(cur, f.cur)
}

// helps runs the flow with what a fix changes, and reports whether the lock is
// held at no way out, and nothing is unlocked twice.
func (f *lockFunc) helps(try *lockFlow) bool {
	try.run(f.body)
	return !try.over && len(f.exits(try).leaking()) == 0
}

// defersBetween reports whether something else is deferred between the lock and
// the unlock: behind a deferred unlock in the lock's place it would run with the
// lock held, and did not before.
func (f *lockFunc) defersBetween(lock, unlock ast.Stmt) bool {
	return syntax.ContainsNode(f.body, func(n ast.Node) bool {
		d, ok := n.(*ast.DeferStmt)
		return ok && d != unlock && lock.Pos() < d.Pos() && d.Pos() < unlock.Pos()
	})
}

// insertFix inserts the missing unlock before the exits that lack it.
func (f *lockFunc) insertFix(leaks exits) (*rewrite.Fix, string) {
	for _, withBreaks := range []bool{false, true} {
		try := *f.flow
		try.before = make(map[ast.Stmt]bool)
		try.atEnd = make(map[*ast.BlockStmt]bool)
		for _, l := range leaks {
			if !l.definite() {
				continue
			}
			if ret, ok := l.stmt.(*ast.ReturnStmt); ok && syntax.Busy(f.p, ret) && f.soleCall(ret) == nil {
				return nil, "a return that lacks the unlock evaluates calls, which may need the thread"
			}
			if x, ok := l.stmt.(*ast.ExprStmt); ok && callIn(x.X.(*ast.CallExpr).Args[0]) != nil {
				return nil, "a panic that lacks the unlock evaluates calls, which may need the thread"
			}
			if l.stmt != nil {
				try.before[l.stmt] = true
			} else {
				try.atEnd[l.block] = true
			}
		}
		if withBreaks {
			f.addBreaks(try.before)
		}
		if len(try.before)+len(try.atEnd) == 0 || !f.helps(&try) {
			continue
		}
		stmts, blocks := inOrder(try.before), inOrder(try.atEnd)
		return &rewrite.Fix{
			Message: "insert the missing unlock; a deferred one would hold the thread for longer", Safety: rewrite.Safe,
			Apply: func(e *rewrite.Edit) error {
				for _, s := range stmts {
					if ret, ok := s.(*ast.ReturnStmt); ok && syntax.Busy(f.p, ret) {
						f.callFirst(e, ret)
					}
					e.InsertBefore(s, rewrite.Stmts("runtime.UnlockOSThread()", nil)...)
				}
				for _, b := range blocks {
					e.Append(b, rewrite.Stmts("runtime.UnlockOSThread()", nil)...)
				}
				return nil
			},
		}, ""
	}
	if len(f.flow.defers) > 0 {
		return nil, "a deferred unlock and the missing one cannot be told apart on every path"
	}
	return nil, "on some way out the thread is locked only sometimes"
}

// addBreaks adds to before the break statements that are reached with the lock
// held for sure.
func (f *lockFunc) addBreaks(before map[ast.Stmt]bool) {
	for s, st := range f.flow.exits {
		b, ok := s.(*ast.BranchStmt)
		if !ok || b.Tok != token.BREAK || st == 0 {
			continue
		}
		loop := f.loopOf(b)
		switch {
		case loop == nil && st.held() != st:
		case loop != nil && (!f.flow.contains(loop, f.flow.locks) || st.grown(f.flow.entry[loop]) != st):
		default:
			before[s] = true
		}
	}
}

// inOrder returns the nodes of a set as they stand in the file.
func inOrder[N interface {
	comparable
	ast.Node
}](set map[N]bool) []N {
	return slices.SortedFunc(maps.Keys(set), func(a, b N) int { return int(a.Pos()) - int(b.Pos()) })
}
