// Package threadlock finds exits that leave the goroutine locked to its thread.
package threadlock

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
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

It fires when a path through the function, or a turn of the loop that holds the lock, ends with the lock held. It stays silent in init and main, when the thread is to die because its namespace, credentials or the like were changed, when another function undoes the lock, when the function hands out a function, and when a comment says that the lock is kept. In tests it only reports.`,
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
	Needs: []rewrite.Need{{Import: "runtime", Idents: []string{"LockOSThread"}, Tests: true}},
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
	f.flow.shareConds(f.body)
	f.flow.run(f.body)
	if f.flow.stuck || f.flow.flagged {
		return nil
	}
	leaks := f.leaks()
	if len(leaks) == 0 || f.meant() {
		return nil
	}
	intent := len(f.flow.unlock)+len(f.flow.defers) > 0
	if !intent {
		// Without any unlock the lock may be held on purpose. It is a fault
		// where the function is called again and again by a goroutine that
		// lives on, or started as a goroutine again and again.
		if f.decl == nil || heat.Of(f.p, f.cur).Kind == heat.OneShot || !f.recurs() {
			return nil
		}
	}
	finding := &rewrite.Finding{
		Pos: call.Call.Pos(), End: call.Call.End(),
		Message: "the goroutine stays locked to its thread: no UnlockOSThread " + leaks.where(),
	}
	for _, l := range leaks {
		if l.pos.IsValid() {
			finding.Notes = append(finding.Notes, rewrite.Note{Pos: l.pos, Message: "still locked " + l.text})
		}
	}
	switch fix, why := f.fix(intent); {
	case call.File.Test:
		finding.NoFix = "tests are only reported"
	case fix == nil:
		finding.NoFix = why
	default:
		finding.Fixes = []*rewrite.Fix{fix}
	}
	return finding
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
			if lit, isLit := ast.Unparen(n.Call.Fun).(*ast.FuncLit); isLit && f.mentions(lit) {
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

// leak is one exit that leaves the lock held.
type leak struct {
	pos      token.Pos
	text     string
	stmt     ast.Stmt       // a return, break or continue statement
	block    *ast.BlockStmt // a loop body or the function's body, at its end
	definite bool           // in all states, not only in some
}

type leaks []leak

// where says at which exits the lock is still held.
func (l leaks) where() string {
	if len(l) == 1 {
		return l[0].text
	}
	return fmt.Sprintf("on %d ways out", len(l))
}

// leaks returns the exits that leave the lock held, in order of position.
func (f *lockFunc) leaks() leaks {
	var out leaks
	for s, st := range f.flow.exits {
		switch s := s.(type) {
		case *ast.ReturnStmt:
			if h := st.held(); h != 0 {
				out = append(out, leak{pos: s.Pos(), text: "before this return", stmt: s, definite: h == st})
			}
		case *ast.BranchStmt:
			loop := f.loopOf(s)
			if s.Tok != token.CONTINUE || loop == nil {
				continue
			}
			if h := grown(st, f.flow.entry[loop]); h != 0 {
				out = append(out, leak{pos: s.Pos(), text: "before this continue", stmt: s, definite: h == st})
			}
		}
	}
	for b, st := range f.flow.ends {
		if b == f.body {
			if h := st.held(); h != 0 {
				out = append(out, leak{pos: b.Rbrace, text: "at the end of the function", block: b, definite: h == st})
			}
			continue
		}
		if !f.flow.contains(b, f.flow.locks) {
			continue
		}
		if h := grown(st, f.flow.entry[b]); h != 0 {
			out = append(out, leak{pos: b.Rbrace, text: "at the end of the loop's turn", block: b, definite: h == st})
		}
	}
	slices.SortFunc(out, func(a, b leak) int { return int(a.pos) - int(b.pos) })
	return out
}

// grown returns the members of st in which the thread is locked more often than
// in all members of entry, deferred unlocks taken into account.
func grown(st, entry lockState) lockState {
	most := 0
	entry.each(func(count int, _ bool) lockState { most = max(most, count); return 0 })
	return st.each(func(count int, deferred bool) lockState {
		if count > most && !(deferred && count == most+1) {
			return stateOf(count, deferred)
		}
		return 0
	})
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

// fix returns the repair, or why there is none.
func (f *lockFunc) fix(intent bool) (*rewrite.Fix, string) {
	if fix := f.deferFix(intent); fix != nil {
		return fix, ""
	}
	if !intent {
		return nil, "nothing in the function says where the lock should end"
	}
	return f.insertFix()
}

// deferFix defers the unlock right after the lock and removes the others. That
// must not hold the thread for longer than the author wanted, nor pile up
// deferred calls in a loop.
func (f *lockFunc) deferFix(intent bool) *rewrite.Fix {
	if len(f.flow.locks) != 1 {
		return nil
	}
	var lock ast.Stmt
	for s := range f.flow.locks {
		lock = s
	}
	cur, ok := f.p.Cursor(lock)
	if !ok || syntax.InsideLoop(cur, f.cur) {
		return nil
	}
	for s := range f.flow.unlock {
		if !syntax.OnlyReturnsAfter(f.p, f.cur, s) {
			return nil
		}
	}
	for s := range f.flow.defers {
		if d := s.(*ast.DeferStmt); !f.is(d.Call, "UnlockOSThread") || deferredBetween(f, lock, s) {
			return nil
		}
	}
	// Try it out: with the deferred unlock and without the others no exit may
	// hold the lock.
	try := *f.flow
	try.unlock, try.defers = nil, nil
	try.after = map[ast.Stmt]bool{lock: true}
	try.run(f.body)
	probe := *f
	probe.flow = &try
	if try.over || len(probe.leaks()) > 0 {
		return nil
	}
	remove := append(slices.Collect(maps.Keys(f.flow.unlock)), slices.Collect(maps.Keys(f.flow.defers))...)
	slices.SortFunc(remove, func(a, b ast.Stmt) int { return int(a.Pos()) - int(b.Pos()) })
	fix := &rewrite.Fix{
		Message: "defer the unlock right after the lock", Safety: rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			e.InsertAfter(lock, rewrite.Stmts("defer runtime.UnlockOSThread()", nil)...)
			for _, s := range remove {
				e.Delete(s, "unlock")
			}
			return nil
		},
	}
	if len(remove) > 0 {
		fix.Message += " instead of the explicit unlocks"
	}
	if !intent {
		fix.Safety = rewrite.Unsafe
		fix.Message += "; callers that rely on staying on the thread afterwards lose that"
	}
	return fix
}

// deferredBetween reports whether a defer stands between the lock and the late
// deferred unlock: moving the unlock up would change the order in which they
// run.
func deferredBetween(f *lockFunc, lock, late ast.Stmt) bool {
	return syntax.ContainsNode(f.body, func(n ast.Node) bool {
		d, ok := n.(*ast.DeferStmt)
		return ok && d != late && lock.Pos() < d.Pos() && d.Pos() < late.Pos()
	})
}

// insertFix inserts the missing unlock before the exits that lack it.
func (f *lockFunc) insertFix() (*rewrite.Fix, string) {
	for _, withBreaks := range []bool{false, true} {
		try := *f.flow
		try.before = make(map[ast.Stmt]bool)
		try.atEnd = make(map[*ast.BlockStmt]bool)
		for _, l := range f.leaks() {
			if !l.definite {
				continue
			}
			if ret, ok := l.stmt.(*ast.ReturnStmt); ok && syntax.Busy(f.p, ret) {
				return nil, "a return that lacks the unlock evaluates a call, which may need the thread"
			}
			if l.stmt != nil {
				try.before[l.stmt] = true
			} else {
				try.atEnd[l.block] = true
			}
		}
		if withBreaks {
			for s, st := range f.flow.exits {
				b, ok := s.(*ast.BranchStmt)
				if !ok || b.Tok != token.BREAK {
					continue
				}
				loop := f.loopOf(b)
				if st == 0 || loop != nil && (!f.flow.contains(loop, f.flow.locks) || grown(st, f.flow.entry[loop]) != st) || loop == nil && st.held() != st {
					continue
				}
				try.before[s] = true
			}
		}
		if len(try.before)+len(try.atEnd) == 0 {
			continue
		}
		before, atEnd := try.before, try.atEnd
		try.run(f.body)
		probe := *f
		probe.flow = &try
		if try.over || len(probe.leaks()) > 0 {
			continue
		}
		stmts := slices.SortedFunc(maps.Keys(before), func(a, b ast.Stmt) int { return int(a.Pos()) - int(b.Pos()) })
		blocks := slices.SortedFunc(maps.Keys(atEnd), func(a, b *ast.BlockStmt) int { return int(a.Pos()) - int(b.Pos()) })
		return &rewrite.Fix{
			Message: "insert the missing unlock; a deferred one would hold the thread for longer", Safety: rewrite.Safe,
			Apply: func(e *rewrite.Edit) error {
				for _, s := range stmts {
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

// recurs reports whether the function is reached again and again, by a call or
// a go statement.
func (f *lockFunc) recurs() bool { return heat.Of(f.p, f.bodyCursor()).Kind == heat.Recurring }

func (f *lockFunc) bodyCursor() inspector.Cursor {
	c, _ := f.p.Cursor(f.body)
	return c
}

// keptComment matches comments that say that the lock is kept on purpose. That a
// path returns without the unlock may as well be a complaint: it counts when the
// comment says what for.
var keptComment = regexp.MustCompile(`(?i)` +
	`\b(?:(?:do|must|should|need|can|will|shall)(?:es)?(?: ?not|n't)|never|cannot|deliberate\w*|intentional\w*|on purpose|by design)\b.{0,30}\bunlock` +
	`|\bunlock.{0,30}\b(?:deliberate|intentional|on purpose|by design)` +
	`|\b(?:without|no|not)\b.{0,30}\bunlock.{0,60}\b(?:so that|because|lets?|since|in order|tainted|runtime|destroy|kill|die)` +
	`|\b(?:thread|goroutine)\b.{0,60}\b(?:not be re-?used|die|dies|killed|terminat\w*|destroyed|thrown away|discard\w*)` +
	`|\bthread (?:(?:will|then|must|should|also|just|to) ){0,2}exits?\b` +
	`|(?:keep|stay|remain|left|leave)\w*\b.{0,20}\blocked`)

// faultComment matches comments that complain.
var faultComment = regexp.MustCompile(`(?i)\b(?:bug|forg[oe]t\w*|miss(?:ing|ed|es)|leak\w*|oops|fixme|todo|xxx|wrong\w*|mistake\w*|broken|still locked)\b`)

// meant reports whether the lock is kept on purpose: the thread is changed, the
// unlock is somebody else's, or a comment says so.
func (f *lockFunc) meant() bool {
	if f.typ.Results != nil {
		for _, r := range f.typ.Results.List {
			if t := f.p.Info.TypeOf(r.Type); t != nil {
				if _, isFunc := t.Underlying().(*types.Signature); isFunc {
					return true
				}
			}
		}
	}
	first, last := f.cur.Node().Pos(), f.body.End()
	if f.decl != nil && f.decl.Doc != nil {
		first = f.decl.Doc.Pos()
	}
	for _, g := range f.call.File.AST.Comments {
		text := strings.ReplaceAll(g.Text(), "\n", " ")
		if first <= g.Pos() && g.Pos() <= last && keptComment.MatchString(text) && !faultComment.MatchString(text) {
			return true
		}
	}
	for _, spec := range f.call.File.AST.Imports {
		if guiImport.MatchString(spec.Path.Value) {
			return true
		}
	}
	if len(f.flow.unlock)+len(f.flow.defers) == 0 && f.unlockedElsewhere() {
		return true
	}
	return f.changesThread(f.body, f.p, 3, make(map[*types.Func]bool)) || f.callsUnlocker()
}

var guiImport = regexp.MustCompile(`(?i)glfw|/sdl|gtk|/gl/|go-gl/|webview|/qt|walk|vulkan|opengl|cocoa|appkit|/ole\b|portaudio|raylib|ebiten|fyne|gioui`)

// unlockers are the functions of a package that unlock and do not lock.
func unlockers(s *rewrite.Snapshot, p *rewrite.Package) map[*types.Func]bool {
	type k struct {
		name string
		p    *rewrite.Package
	}
	return rewrite.Memo(s, k{"unlockers", p}, func() map[*types.Func]bool {
		out := make(map[*types.Func]bool)
		for cur := range p.Inspector.Root().Preorder((*ast.FuncDecl)(nil)) {
			decl := cur.Node().(*ast.FuncDecl)
			var locks, unlocks bool
			ast.Inspect(decl, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					if obj := p.Info.Uses[id]; obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "runtime" {
						locks = locks || obj.Name() == "LockOSThread"
						unlocks = unlocks || obj.Name() == "UnlockOSThread"
					}
				}
				return true
			})
			if fn, ok := p.Info.Defs[decl.Name].(*types.Func); ok && unlocks && !locks {
				out[fn] = true
			}
		}
		return out
	})
}

// unlockedElsewhere reports whether another function of the package undoes the
// lock, in a file that is not loaded perhaps.
func (f *lockFunc) unlockedElsewhere() bool {
	if len(unlockers(f.s, f.p)) > 0 {
		return true
	}
	for _, file := range f.p.OtherFiles() {
		if syntax.ContainsNode(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			return ok && sel.Sel.Name == "UnlockOSThread"
		}) {
			return true
		}
	}
	return false
}

// callsUnlocker reports whether the function calls another one that undoes the
// lock on some of its paths.
func (f *lockFunc) callsUnlocker() bool {
	set := unlockers(f.s, f.p)
	return syntax.ContainsNode(f.body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && set[f.p.Callee(call)]
	})
}

var (
	threadCalls   = regexp.MustCompile(`^(?:Setns|Unshare|Prctl|Set(?:re|res|fs|e)?[ug]id|Setgroups|Capset|SchedSetaffinity|SchedSetattr|Ptrace\w*|PthreadSigmask|Chroot|PivotRoot|Personality|SetThreadToken|Impersonate\w*|CoInitialize\w*|Exec|Setpriority|IoprioSet|KeyctlJoin\w*|Seccomp)$`)
	threadNumbers = regexp.MustCompile(`SYS_(?:SETNS|UNSHARE|PRCTL|SET\w*[UG]ID\w*|CAPSET|SCHED_SET\w*|PTRACE|RT_SIGPROCMASK|CHROOT|PERSONALITY|SECCOMP|SETPRIORITY|IOPRIO_SET|SET_MEMPOLICY)`)
	threadNames   = regexp.MustCompile(`(?i)setns|unshare|netns|namespace|set(?:e|re|res)?uid|setlabel|(?:set|thread|cpu)_?affinity|setfilelabel|selinux|apparmor|exec_?label|setcreate`)
)

// changesThread reports whether n, or a function that it calls within depth
// calls, changes the state of its thread: such a thread must not go back to the
// pool unless it was restored, which only the author knows.
func (f *lockFunc) changesThread(n ast.Node, p *rewrite.Package, depth int, seen map[*types.Func]bool) bool {
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == "C" && p.Info.Uses[id] == nil && threadNames.MatchString(sel.Sel.Name) {
				return true
			}
		}
		fn := p.Callee(call)
		if fn == nil || fn.Pkg() == nil {
			return false
		}
		path := fn.Pkg().Path()
		if path == "syscall" || strings.HasSuffix(path, "golang.org/x/sys/unix") || strings.HasSuffix(path, "golang.org/x/sys/windows") {
			if strings.HasPrefix(fn.Name(), "Syscall") || strings.HasPrefix(fn.Name(), "RawSyscall") {
				if len(call.Args) == 0 {
					return true
				}
				num := types.ExprString(call.Args[0])
				return !strings.Contains(num, "SYS_") || threadNumbers.MatchString(num)
			}
			return threadCalls.MatchString(fn.Name())
		}
		if threadNames.MatchString(fn.Name()) || threadNames.MatchString(path[strings.LastIndexByte(path, '/')+1:]) || strings.Contains(fn.Name(), "CoInitialize") {
			return true
		}
		if depth == 0 || seen[fn] {
			return false
		}
		seen[fn] = true
		q := f.s.Package(path)
		if path == p.Path {
			q = p
		}
		if q == nil {
			return false
		}
		decl := syntax.DeclOf(q, fn)
		return decl != nil && decl.Body != nil && f.changesThread(decl.Body, q, depth-1, seen)
	})
}
