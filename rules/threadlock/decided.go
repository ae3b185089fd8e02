package threadlock

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

// An unlock that hangs on a value, a build constant, or on whether the thread
// could be restored, is one that its author leaves out on purpose.

// decided returns how far it is the author's decision that the lock is kept at
// the ways out in leaks: fixable where nothing says so.
func (f *lockFunc) decided(leaks exits) level {
	out := fixable
	for s := range f.flow.unlock {
		out = max(out, f.hangsOn(s))
	}
	for s := range f.flow.defers {
		out = max(out, f.hangsOn(s))
	}
	for _, x := range leaks {
		if x.stmt != nil {
			out = max(out, f.chosen(x))
		}
	}
	return out
}

// locksByChoice reports whether all that leaks is a lock that is made under a
// condition and that no unlock belongs to: if pin { runtime.LockOSThread() }.
func (f *lockFunc) locksByChoice() bool {
	try := *f.flow
	try.locks = make(map[ast.Stmt]bool)
	for s := range f.flow.locks {
		c, ok := f.p.Cursor(s)
		if !ok {
			return false
		}
		block := c.Parent()
		n, isIf := block.Parent().Node().(*ast.IfStmt)
		if !isIf || f.failure(n.Cond, n.Body == block.Node()) != unclear {
			try.locks[s] = true
		}
	}
	return len(try.locks) < len(f.flow.locks) && f.helps(&try)
}

// hangsOn says whether the unlock is made under a condition behind which the
// function goes on all the same: if !keep { runtime.UnlockOSThread() }.
func (f *lockFunc) hangsOn(unlock ast.Stmt) level {
	out := fixable
	c, ok := f.p.Cursor(unlock)
	for ; ok && c.Node() != f.body && c.Node().Pos() > f.call.Call.Pos(); c = c.Parent() {
		if list := syntax.StmtsOf(c.Node()); len(list) > 0 && leaves(list) {
			return out // an unlock for one way out
		}
		switch n := c.Node().(type) {
		case *ast.IfStmt:
			if n.Else != nil && f.unlocksOrLeaves(f.otherBranch(n, unlock)) || f.flow.shares(n.Cond) {
				continue
			}
			inBody := n.Body.Pos() <= unlock.Pos() && unlock.End() <= n.Body.End()
			if f.failure(n.Cond, !inBody) == fails {
				out = max(out, report) // if err == nil { unlock }
				continue
			}
			return silent
		case *ast.SwitchStmt:
			if f.oneClauseOnly(n.Body) {
				return silent
			}
		case *ast.TypeSwitchStmt:
			if f.oneClauseOnly(n.Body) {
				return silent
			}
		}
	}
	return out
}

// otherBranch returns the branch of n in which s is not.
func (f *lockFunc) otherBranch(n *ast.IfStmt, s ast.Stmt) ast.Stmt {
	if n.Body.Pos() <= s.Pos() && s.End() <= n.Body.End() {
		return n.Else
	}
	return n.Body
}

func (f *lockFunc) unlocksOrLeaves(s ast.Stmt) bool {
	if b, ok := s.(*ast.BlockStmt); ok && leavesList(b) {
		return true
	}
	return f.flow.contains(s, f.flow.unlock) || f.flow.contains(s, f.flow.defers)
}

// oneClauseOnly reports whether control may go on behind the switch without an
// unlock, by another clause or by none.
func (f *lockFunc) oneClauseOnly(body *ast.BlockStmt) bool {
	hasDefault := false
	for _, s := range body.List {
		clause := s.(*ast.CaseClause)
		hasDefault = hasDefault || clause.List == nil
		if !leaves(clause.Body) && !f.flow.contains(clause, f.flow.unlock) && !f.flow.contains(clause, f.flow.defers) && !f.endsIn(clause.Body) {
			return true
		}
	}
	return !hasDefault
}

// endsIn reports whether the list ends in a call that never returns.
func (f *lockFunc) endsIn(list []ast.Stmt) bool {
	if len(list) == 0 {
		return false
	}
	x, ok := list[len(list)-1].(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := ast.Unparen(x.X).(*ast.CallExpr)
	return ok && syntax.NoReturn(f.p, call)
}

// chosen says whether the way out x is one that leaves out nothing but the
// unlock, or one that is taken when the thread could not be restored.
func (f *lockFunc) chosen(x exit) level {
	for _, cond := range f.conditions(x.stmt) {
		if cond == nil || cond.stmt.End() < x.stmt.Pos() {
			continue
		}
		if told := f.failure(cond.x, cond.holds); told < perhapsFails && f.skipsOnlyUnlock(x.stmt, cond.stmt) && !f.worksBeside(x.stmt) {
			return silent
		}
		call := f.decidingCall(cond)
		if call == nil || f.harmless(call) {
			return fixable
		}
		if len(f.flow.unlock) == 0 || !f.worksBefore(call) {
			return fixable
		}
		if restoring.MatchString(calleeName(call)) || f.putsBack(call) {
			return silent
		}
		return doubtful
	}
	return fixable
}

// restoring matches names of functions that undo what was done to a thread.
var restoring = regexp.MustCompile(`(?i)^_?(?:restore|reset|undo|revert|recover|leave|exit|detach|unbind|pop|back|switch\w*back|end|finish|tear|clean|unset|clear|drop|release|return|rollback|stop|disable|un(?:mount|share|set|do))`)

// skipsOnlyUnlock reports whether the way out stands in a branch of s, and what
// follows s is the unlock alone, and a return of the same.
func (f *lockFunc) skipsOnlyUnlock(way, s ast.Stmt) bool {
	c, ok := f.p.Cursor(s)
	if !ok {
		return false
	}
	ret, _ := way.(*ast.ReturnStmt)
	unlocks := false
	for c.Node() != f.body {
		next, ok := c.NextSibling()
		if !ok || syntax.StmtsOf(c.Parent().Node()) == nil {
			c = c.Parent()
			if isLoop(c) {
				return unlocks && ret == nil
			}
			continue
		}
		switch n := next.Node().(type) {
		case *ast.ReturnStmt:
			return unlocks && ret != nil && sameOperands(ret, n)
		case ast.Stmt:
			if !f.flow.unlock[n] {
				return false
			}
			unlocks = true
		}
		c = next
	}
	return unlocks
}

// worksBeside reports whether another branch of a statement behind the lock that
// the way out stands in does some work: the way out leaves that out as well.
func (f *lockFunc) worksBeside(way ast.Stmt) bool {
	c, ok := f.p.Cursor(way)
	for ; ok && c.Node() != f.body && c.Node().Pos() > f.call.Call.Pos(); c = c.Parent() {
		switch c.Node().(type) {
		case *ast.CaseClause, *ast.CommClause:
			for clause := range c.Parent().Children() {
				if clause != c && f.works(clause.Node()) {
					return true
				}
			}
		}
		n, isIf := c.Parent().Node().(*ast.IfStmt)
		if !isIf || n.Else == nil || n.Pos() < f.call.Call.Pos() {
			continue
		}
		if f.works(f.otherBranch(n, way)) {
			return true
		}
	}
	return false
}

func isLoop(c inspector.Cursor) bool {
	switch c.Node().(type) {
	case *ast.ForStmt, *ast.RangeStmt:
		return true
	}
	return false
}

func sameOperands(a, b *ast.ReturnStmt) bool {
	text := func(r *ast.ReturnStmt) string {
		var out []string
		for _, x := range r.Results {
			out = append(out, types.ExprString(x))
		}
		return strings.Join(out, ",")
	}
	return text(a) == text(b)
}

// decidingCall returns the call whose result the condition looks at, nil when
// there is none.
func (f *lockFunc) decidingCall(cond *condition) *ast.CallExpr {
	if call := callIn(cond.x); call != nil && !f.harmless(call) {
		return call
	}
	s, ok := cond.stmt.(*ast.IfStmt)
	if ok && s.Init != nil {
		return callIn(s.Init)
	}
	looksAt := make(map[types.Object]bool)
	ast.Inspect(cond.x, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if v, ok := f.p.Info.Uses[id].(*types.Var); ok {
				looksAt[v] = true
			}
		}
		return true
	})
	c, ok := f.p.Cursor(cond.stmt)
	for prev, more := c.PrevSibling(); ok && more; prev, more = prev.PrevSibling() {
		as, isAssign := prev.Node().(*ast.AssignStmt)
		if !isAssign {
			continue
		}
		for _, l := range as.Lhs {
			if id, ok := l.(*ast.Ident); ok && looksAt[f.p.Info.ObjectOf(id)] {
				return callIn(as)
			}
		}
	}
	return nil
}

// worksBefore reports whether something is called between the lock and call that
// may have changed the thread.
func (f *lockFunc) worksBefore(call *ast.CallExpr) bool {
	c, ok := f.p.Cursor(call)
	for ; ok && c.Node() != f.body; c = c.Parent() {
		for prev, more := c.PrevSibling(); more; prev, more = prev.PrevSibling() {
			if s, isStmt := prev.Node().(ast.Stmt); !isStmt || s.Pos() <= f.call.Call.Pos() {
				break
			}
			if _, later := prev.Node().(*ast.DeferStmt); later {
				continue
			}
			if f.works(prev.Node()) {
				return true
			}
		}
	}
	return false
}

// works reports whether something is called in n that may need the thread or
// change it.
func (f *lockFunc) works(n ast.Node) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && !f.harmless(call) && !syntax.NoReturn(f.p, call)
	})
}

// putsBack reports whether call undoes an earlier call of the same function
// behind the lock: it hands over what was asked for before that one, which was
// given something else. old := get(); set(x); ...; set(old)
func (f *lockFunc) putsBack(call *ast.CallExpr) bool {
	fn := f.p.Callee(call)
	if fn == nil {
		return false
	}
	return slices.ContainsFunc(operands(call), func(arg ast.Expr) bool {
		return syntax.ContainsNode(arg, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return false
			}
			old, ok := f.p.Info.Uses[id].(*types.Var)
			return ok && f.body.Pos() <= old.Pos() && old.Pos() < call.Pos() && f.changedSince(old, fn, call.Pos())
		})
	})
}

// changedSince reports whether fn was called behind the lock and before end, and
// not with old, after a call had filled that variable.
func (f *lockFunc) changedSince(old *types.Var, fn *types.Func, end token.Pos) (changed bool) {
	asked := false
	uses := func(n ast.Node) bool {
		return syntax.ContainsNode(n, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			return ok && f.p.Info.Uses[id] == old
		})
	}
	ast.Inspect(f.body, func(n ast.Node) bool {
		if n == nil || n.Pos() >= end {
			return false
		}
		switch n := n.(type) {
		case *ast.AssignStmt:
			asked = asked || callIn(n) != nil && syntax.Sets(f.p, n, old)
		case *ast.CallExpr:
			same := f.p.Callee(n) == fn
			mentions := slices.ContainsFunc(operands(n), func(x ast.Expr) bool { return uses(x) })
			changed = changed || same && !mentions && asked && n.Pos() > f.call.Call.Pos()
			asked = asked || !same && slices.ContainsFunc(n.Args, func(x ast.Expr) bool { return isAddress(x) && uses(x) })
		}
		return true
	})
	return changed
}

// operands returns what is handed to the call, a method's receiver included.
func operands(call *ast.CallExpr) []ast.Expr {
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		return append(slices.Clone(call.Args), sel.X)
	}
	return call.Args
}

func isAddress(x ast.Expr) bool {
	u, ok := ast.Unparen(x).(*ast.UnaryExpr)
	return ok && u.Op == token.AND
}

// harmless reports whether the call cannot change the thread: it is a
// conversion, a builtin, or one into the standard library, but for the packages
// that reach the system.
func (f *lockFunc) harmless(call *ast.CallExpr) bool {
	if tv := f.p.Info.Types[call.Fun]; tv.IsType() || tv.IsBuiltin() {
		return true
	}
	fn := f.p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return fn != nil // error.Error
	}
	switch path := fn.Pkg().Path(); path {
	case "syscall", "os", "os/exec", "plugin", "reflect", "runtime/cgo":
		return false
	case "log/slog":
		return true
	default:
		return syntax.IsStandard(path) && !f.p.Module.Holds(path) || knowledge.LogPackage(path)
	}
}

// calleeName returns the last name of what is called.
func calleeName(call *ast.CallExpr) string {
	if id := syntax.LastName(call.Fun); id != nil {
		return id.Name
	}
	return ""
}

// leaves reports whether the list ends in a statement that leaves it.
func leaves(list []ast.Stmt) bool { return leavesList(&ast.BlockStmt{List: list}) }
