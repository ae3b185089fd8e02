// Package threadlock finds exits that leave the goroutine locked to its thread.
package threadlock

import (
	"go/ast"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

var Rule = &rule.Rule{
	Name:  "threadlock",
	Title: "LockOSThread without UnlockOSThread on some path",
	Doc: `The service uses far more threads than GOMAXPROCS explains, or creates and destroys threads all the time.

A goroutine that returns from a function without undoing runtime.LockOSThread stays wired to its thread. While it lives the thread serves nothing else; when it ends the thread is destroyed (runtime/proc.go, gdestroy). The lock nests: each lock needs its own unlock.

Where everything after the unlock only returns, a deferred unlock right after the lock replaces the explicit ones; elsewhere, and in loops, the missing unlock is inserted before the exit that lacks it.

It fires when a path through the function, or a turn of the loop that holds the lock, ends with the lock held though the function unlocks where it succeeds; where it locks twice and unlocks once, which is only reported; where it never unlocks, when it is reached again and again; and when a goroutine locks, never unlocks and ends.

It stays silent in init and main; when only failures unlock, for then the lock is handed to the caller; when a function of the module that calls this one, or takes or returns what it hands out, undoes the lock; when the unlock hangs on a flag, a mode or a build constant, or on whether the thread could be restored; when the thread is to die because its namespace, credentials or the like were changed; when the function hands out a function; and when a comment says that the lock is kept or who unlocks. A missing unlock behind a failed call is safe to add only where nothing was done with the thread before. In tests it only reports.`,
	Before: `runtime.LockOSThread()
call()
if err := ctx.Err(); err != nil {
	return
}
runtime.UnlockOSThread()`,
	After: `runtime.LockOSThread()
defer runtime.UnlockOSThread()
call()
if err := ctx.Err(); err != nil {
	return
}`,
	Needs: []rewrite.Need{{Import: "runtime", Idents: []string{"LockOSThread"}, Tests: true, Syntax: mayLeak}},
	Find:  findThreadlock,
}

func findThreadlock(s *rewrite.Snapshot) []rewrite.Finding {
	done := make(map[ast.Node]bool)
	var out []rewrite.Finding
	for call := range s.Calls("runtime", "LockOSThread") {
		fn, ok := syntax.EnclosingFunc(call.At)
		if !ok || done[fn.Node()] || call.Pkg.Wide {
			continue
		}
		done[fn.Node()] = true
		if f := checkLock(s, call, fn); f != nil {
			out = append(out, *f)
		}
	}
	return out
}

// lockFunc is a function that locks its thread.
type lockFunc struct {
	s    *rewrite.Snapshot
	call rewrite.Call // the first lock
	p    *rewrite.Package
	cur  inspector.Cursor
	decl *ast.FuncDecl // nil for literals
	typ  *ast.FuncType
	body *ast.BlockStmt
	flow *lockFlow
}

func checkLock(s *rewrite.Snapshot, call rewrite.Call, cur inspector.Cursor) *rewrite.Finding {
	f := &lockFunc{s: s, call: call, p: call.Pkg, cur: cur}
	switch n := cur.Node().(type) {
	case *ast.FuncDecl:
		f.decl, f.typ, f.body = n, n.Type, n.Body
		if n.Recv == nil && (n.Name.Name == "init" || n.Name.Name == "main" && f.p.Name == "main" || n.Name.Name == "TestMain") {
			return nil
		}
	case *ast.FuncLit:
		f.typ, f.body = n.Type, n.Body
	}
	if !f.read() {
		return nil
	}
	// Have: every use of lock and unlock in the function is understood.
	ways, ok := f.follow()
	if !ok || len(ways.leaking()) == 0 {
		return nil
	}
	lv, why := f.judge(ways)
	if lv == silent {
		return nil
	}
	if f.loadCallees() {
		// What was just loaded may end the way, or change the thread; what could
		// not be loaded may, too.
		f.flow.unseen = f.unseen
		if ways, ok = f.follow(); !ok || len(ways.leaking()) == 0 {
			return nil
		}
		if lv, why = f.judge(ways); lv == silent {
			return nil
		}
	}
	return f.finding(ways, lv, why)
}

// follow interprets the function. ok is false where that cannot be done.
func (f *lockFunc) follow() (ways exits, ok bool) {
	f.flow.shareConds(f.body)
	f.flow.run(f.body)
	return f.exits(f.flow), !f.flow.stuck
}

func (f *lockFunc) finding(ways exits, lv level, why string) *rewrite.Finding {
	leaks := ways.leaking()
	finding := &rewrite.Finding{
		Pos: f.call.Call.Pos(), End: f.call.Call.End(),
		Message: "the goroutine stays locked to its thread: no UnlockOSThread " + leaks.where(),
	}
	for _, l := range leaks {
		if l.pos.IsValid() {
			finding.Notes = append(finding.Notes, rewrite.Note{Pos: l.pos, Message: "still locked " + l.text})
		}
	}
	if f.call.File.Test {
		finding.NoFix = "tests are only reported"
		return finding
	}
	if lv == report {
		finding.NoFix = why
		return finding
	}
	fix, none := f.fix(ways)
	if fix == nil {
		finding.NoFix = none
		return finding
	}
	if lv == doubtful {
		fix.Safety = rewrite.Unsafe
		fix.Message += "; " + why
	}
	finding.Fixes = []*rewrite.Fix{fix}
	return finding
}

func (f *lockFunc) bodyCursor() inspector.Cursor {
	c, _ := f.p.Cursor(f.body)
	return c
}

// read collects the statements that lock and unlock. It reports false where
// the lock is used in a way that the interpretation does not follow.
func (f *lockFunc) read() bool {
	f.flow = &lockFlow{p: f.p, locks: make(map[ast.Stmt]bool), unlock: make(map[ast.Stmt]bool), defers: make(map[ast.Stmt]bool)}
	ok := true
	var lits []*ast.FuncLit
	ast.Inspect(f.body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			lits = append(lits, n)
			return false
		case *ast.ExprStmt:
			if f.is(n.X, "LockOSThread") {
				f.flow.locks[n] = true
				return false
			}
			if f.is(n.X, "UnlockOSThread") {
				f.flow.unlock[n] = true
				return false
			}
		case *ast.DeferStmt:
			if f.is(n.Call, "UnlockOSThread") {
				f.flow.defers[n] = true
				return false
			}
			lit, isLit := ast.Unparen(n.Call.Fun).(*ast.FuncLit)
			if isLit && !f.flow.recovers.IsValid() && recovers(f.p, lit) {
				f.flow.recovers = n.Pos()
			}
			if isLit && f.mentions(lit) {
				if !f.alwaysUnlocks(lit) {
					ok = false
				}
				f.flow.defers[n] = true
				return false
			}
		case *ast.Ident:
			// Any other use: a function value, an argument, a go statement.
			if obj := f.p.Info.Uses[n]; obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "runtime" &&
				(obj.Name() == "UnlockOSThread" || obj.Name() == "LockOSThread") {
				ok = false
			}
		}
		return true
	})
	for _, lit := range lits {
		if f.mentions(lit) {
			return false // unlocked by a closure, or one that locks itself
		}
	}
	return ok
}

// recovers reports whether a deferred literal ends a panic: it recovers, and
// panics no more.
func recovers(p *rewrite.Package, lit *ast.FuncLit) bool {
	calls := func(name string) bool {
		return syntax.ContainsNode(lit.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			return ok && syntax.IsBuiltin(p, call, name)
		})
	}
	return calls("recover") && !calls("panic")
}

func (f *lockFunc) is(x ast.Expr, name string) bool {
	return f.p.IsCall(ast.Unparen(x), "runtime", name)
}

// mentions reports whether n uses UnlockOSThread.
func (f *lockFunc) mentions(n ast.Node) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return false
		}
		obj := f.p.Info.Uses[id]
		return obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "runtime" && obj.Name() == "UnlockOSThread"
	})
}

// alwaysUnlocks reports whether a deferred literal unlocks once on every path:
// the call is a statement of its body, and nothing before it returns.
func (f *lockFunc) alwaysUnlocks(lit *ast.FuncLit) bool {
	for _, s := range lit.Body.List {
		if x, ok := s.(*ast.ExprStmt); ok && f.is(x.X, "UnlockOSThread") {
			return true
		}
		if syntax.ContainsNode(s, func(n ast.Node) bool { _, isRet := n.(*ast.ReturnStmt); return isRet }) {
			return false
		}
	}
	return false
}
