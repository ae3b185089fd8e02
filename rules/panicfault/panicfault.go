// Package panicfault finds debug.SetPanicOnFault that is never restored.
package panicfault

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

var Rule = &rule.Rule{
	Name:  "panicfault",
	Title: "SetPanicOnFault left on",
	Doc: `A read of memory that is not mapped is recovered and the program goes on with wrong data, where it would have died with "unexpected fault address".

debug.SetPanicOnFault(true) makes faults at addresses other than nil's recoverable, in the goroutine that calls it and until that ends (runtime/signal_unix.go, sigpanic). It is meant for code that reads mapped files or memory of C. In init or main it covers all that the main goroutine does; in another function that does not put the old value back, all that the caller does afterwards. A nil dereference is a panic with or without it.

The call goes from init and main; a function that reads mapped memory and recovers gets the setting for itself, as one deferred call that sets it now and restores it on return. The same form replaces a setting that is not restored on every path.

It fires when the setting is switched on in init or main or by a package variable, or in another function that can return or panic without putting it back, when the setting is deferred by mistake, and for the form defer debug.SetPanicOnFault(true)(), which does not compile. It stays silent when a deferred call or another function restores the setting, with false or the old value: what a parameter or a flag says restores nothing; when a function switches it on or off as its callers ask; when the function is only started as a goroutine, and in tests.`,
	Before: `func readMmap(m []byte) (n int, err error) {
	debug.SetPanicOnFault(true)
	defer recoverAs(&err)
	return sum(m), nil
}`,
	After: `func readMmap(m []byte) (n int, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverAs(&err)
	return sum(m), nil
}`,
	Needs: []rewrite.Need{{Import: "runtime/debug", Idents: []string{"SetPanicOnFault"}}},
	Find:  panicFaults,
}

const debugPath = "runtime/debug"

func panicFaults(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for call := range s.Calls(debugPath, "SetPanicOnFault") {
		if call.File.Test || call.Pkg.Wide || !switchesOn(call.Pkg, call.Call) {
			continue
		}
		if x, ok := packageSetting(call); ok {
			out = append(out, x)
		} else if f := faultSettingOf(call); f != nil {
			if x, ok := f.finding(); ok {
				out = append(out, x)
			}
		}
	}
	return out
}

// switchesOn reports whether call is debug.SetPanicOnFault(true).
func switchesOn(p *rewrite.Package, n ast.Node) bool {
	if !p.IsCall(n, debugPath, "SetPanicOnFault") {
		return false
	}
	call := n.(*ast.CallExpr)
	if len(call.Args) != 1 {
		return false
	}
	v := p.Info.Types[call.Args[0]].Value
	return v != nil && v.Kind() == constant.Bool && constant.BoolVal(v)
}

// faultSetting is a call of debug.SetPanicOnFault(true) that may stay on.
type faultSetting struct {
	call rewrite.Call
	p    *rewrite.Package
	fn   inspector.Cursor // the function around call
	decl *ast.FuncDecl    // nil in a function literal
	body *ast.BlockStmt
	stmt ast.Stmt // the statement that makes the setting
	// deferred: the setting is deferred by mistake; broken: it is the form that
	// does not compile.
	deferred, broken bool
	old              *types.Var // holds the old value, nil when it is dropped
	kept             bool       // the old value goes to a variable or field from elsewhere
}

func faultSettingOf(call rewrite.Call) *faultSetting {
	f := &faultSetting{call: call, p: call.Pkg}
	var ok bool
	if f.fn, ok = syntax.EnclosingFunc(call.At); !ok {
		return nil
	}
	switch n := f.fn.Node().(type) {
	case *ast.FuncDecl:
		f.decl, f.body = n, n.Body
	case *ast.FuncLit:
		f.body = n.Body
	}
	up := call.At.Parent()
	for {
		if _, ok := up.Node().(*ast.ParenExpr); !ok {
			break
		}
		up = up.Parent()
	}
	switch n := up.Node().(type) {
	case *ast.ExprStmt:
		f.stmt = n
	case *ast.DeferStmt:
		f.stmt, f.deferred = n, true
	case *ast.CallExpr: // called again
		d, ok := up.Parent().Node().(*ast.DeferStmt)
		if !ok || ast.Unparen(n.Fun) != call.Call || len(n.Args) > 0 {
			return nil
		}
		f.stmt, f.broken = d, true
	case *ast.AssignStmt:
		if len(n.Lhs) != 1 || len(n.Rhs) != 1 {
			return nil
		}
		f.stmt = n
		id, ok := n.Lhs[0].(*ast.Ident)
		if ok && id.Name == "_" {
			break
		}
		if f.old, f.kept = f.defined(id, n), true; f.old != nil {
			f.kept = false
		} else if !f.inMain() {
			return nil
		}
	default:
		return nil
	}
	if f.body == nil {
		return nil
	}
	return f
}

// defined returns the variable that the assignment declares at id, nil when it
// declares none.
func (f *faultSetting) defined(id *ast.Ident, n *ast.AssignStmt) *types.Var {
	if id == nil || n.Tok != token.DEFINE {
		return nil
	}
	v, _ := f.p.Info.Defs[id].(*types.Var)
	return v
}

// inMain reports whether the setting is made by init or main, for the main
// goroutine as a whole.
func (f *faultSetting) inMain() bool {
	return f.decl != nil && f.decl.Recv == nil && (f.decl.Name.Name == "init" || f.decl.Name.Name == "main" && f.p.Name == "main")
}

func (f *faultSetting) finding() (rewrite.Finding, bool) {
	out := rewrite.Finding{Pos: f.call.Call.Pos(), End: f.call.Call.End()}
	cur, ok := f.p.Cursor(f.stmt)
	if !ok {
		return out, false
	}
	switch {
	case f.broken:
		out.Message = "debug.SetPanicOnFault(true) returns a bool, which cannot be called: this does not compile"
		out.Fixes = []*rewrite.Fix{f.scoped(rewrite.Safe, "set it now and restore it on return", nil)}
		return out, true
	case f.deferred:
		if f.fullyRestored() {
			return out, false
		}
		out.Message = "the deferred debug.SetPanicOnFault(true) switches faults to panics when the function returns, and leaves it so"
		out.Fixes = []*rewrite.Fix{f.scoped(rewrite.Unsafe, "set it now and restore it on return; faults in the function become panics", nil)}
		return out, true
	case f.inMain():
		ok = f.wholeProgram(&out, cur)
	default:
		ok = f.outlives(&out, cur)
	}
	return out, ok
}

// wholeProgram fills in the finding of a setting that main or init makes. It
// reports whether there is one.
func (f *faultSetting) wholeProgram(out *rewrite.Finding, cur inspector.Cursor) bool {
	if f.old != nil || f.fullyRestored() || len(f.plainRestores()) > 0 {
		return false
	}
	if f.kept && f.restoredElsewhere() {
		return false
	}
	out.Message = "debug.SetPanicOnFault(true) in " + f.decl.Name.Name + " makes faults recoverable in all that the main goroutine does, so that a wild read goes unnoticed"
	fix, why := f.remove(cur)
	if f.kept {
		fix, why = nil, "the old value is kept for later; make the setting where memory is read that the program did not allocate, and drop the variable"
	}
	if syntax.Said(f.call.File, f.stmt, aboutFaults) {
		fix, why = nil, "the comment says that faults are to be recovered; the setting is the goroutine's own, so make it in each that reads the memory, by defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))"
	}
	if why != "" {
		out.NoFix = why
	} else {
		out.Fixes = []*rewrite.Fix{fix}
	}
	return true
}

// aboutFaults matches comments by which the author stands for the setting.
var aboutFaults = regexp.MustCompile(`(?i)recover|mmap|unmapped|mapped memory|sigsegv|sigbus|segfault`)

// outlives fills in the finding of a setting that outlives the function, on some
// path. It reports whether there is one.
func (f *faultSetting) outlives(out *rewrite.Finding, cur inspector.Cursor) bool {
	if f.fullyRestored() || f.endsWithGoroutine() {
		return false
	}
	all := f.plainRestores()
	plain := f.following(all)
	if len(all) > 0 && (len(plain) == 0 || !f.coversSomething(plain[len(plain)-1].Pos())) {
		return false // a switch: it sets one value or the other, for its callers
	}
	if f.old != nil && (len(plain) == 0 || f.usesOf(f.old) != len(plain)) {
		return false // the old value goes elsewhere
	}
	if len(plain) == 0 && (f.restoredElsewhere() || f.switchedOff()) {
		return false
	}
	if len(plain) > 0 && f.guarded(plain) {
		return false
	}
	out.Message = "debug.SetPanicOnFault(true) stays on in the goroutine after the function returns"
	if len(plain) > 0 {
		out.Message = "debug.SetPanicOnFault(true) stays on when the function returns early or panics, as on a fault"
	}
	fixable := func(safety rewrite.Safety, message string) {
		out.Fixes = []*rewrite.Fix{f.scoped(safety, message, plain)}
	}
	switch {
	case f.settings() > 1:
		out.NoFix = "the function makes the setting several times; make it once, by defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))"
	case syntax.InsideLoop(cur, f.fn):
		out.NoFix = "a deferred call in a loop runs only when the function returns; move the reads to a function of their own, with defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))"
	case !syntax.InList(cur):
		out.NoFix = "the call is not a statement in a list"
	case len(plain) == 0 && !f.coversSomething(f.body.End()):
		out.NoFix = "the function does nothing that could fault; make the setting where memory is read that the program did not allocate, by defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))"
	case len(plain) == 0:
		fixable(rewrite.Unsafe, "restore the setting on return; code that runs later in the goroutine crashes on a fault again")
	case f.old == nil && f.conditional(plain):
		out.NoFix = "a condition decides whether the setting stays; where it need not, make it by defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))"
	case f.onlyLeaves(plain):
		fixable(rewrite.Safe, "restore the setting by a deferred call")
	default:
		fixable(rewrite.Unsafe, "restore the setting by a deferred call; it then lasts until the function returns")
	}
	return true
}

// scoped puts the deferred form in the place of the setting and deletes the
// restoring statements.
func (f *faultSetting) scoped(safety rewrite.Safety, message string, restoring []ast.Stmt) *rewrite.Fix {
	return &rewrite.Fix{Message: message, Safety: safety, Apply: func(e *rewrite.Edit) error {
		e.ReplaceStmt(f.stmt, scopedSetting()...)
		for _, s := range restoring {
			e.Delete(s, about.Removed("SetPanicOnFault", "restore", "fault"))
		}
		return nil
	}}
}

func scopedSetting() []dst.Stmt {
	return rewrite.Stmts("defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))", nil)
}

// guarded reports whether the setting is restored in the same list, and all
// that happens in between are calls of functions that recover by themselves.
func (f *faultSetting) guarded(plain []ast.Stmt) bool {
	if len(plain) != 1 {
		return false
	}
	cur, ok := f.p.Cursor(f.stmt)
	if !ok {
		return false
	}
	for next, ok := cur.NextSibling(); ok; next, ok = next.NextSibling() {
		if next.Node() == plain[0] {
			return true
		}
		var x ast.Expr
		switch s := next.Node().(type) {
		case *ast.ExprStmt:
			x = s.X
		case *ast.AssignStmt:
			if len(s.Rhs) != 1 {
				return false
			}
			x = s.Rhs[0]
		default:
			return false
		}
		call, isCall := ast.Unparen(x).(*ast.CallExpr)
		if !isCall || !f.recovers(call) {
			return false
		}
	}
	return false
}

// recovers reports whether the function that call calls has a deferred recover.
func (f *faultSetting) recovers(call *ast.CallExpr) bool {
	if lit, ok := ast.Unparen(call.Fun).(*ast.FuncLit); ok {
		return hasRecover(f.p, lit.Body)
	}
	fn := f.p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	q := f.p
	if fn.Pkg() != f.p.Types {
		if q = f.p.Snapshot().Package(fn.Pkg().Path()); q == nil {
			return false
		}
	}
	decl := syntax.DeclOf(q, fn)
	return decl != nil && decl.Body != nil && hasRecover(q, decl.Body)
}

// hasRecover reports whether a deferred call of body recovers: a literal that
// calls recover, or a function of the package that does.
func hasRecover(p *rewrite.Package, body *ast.BlockStmt) bool {
	calls := func(n ast.Node) bool {
		return syntax.ContainsNode(n, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			return ok && syntax.IsBuiltin(p, c, "recover")
		})
	}
	for _, s := range body.List {
		d, ok := s.(*ast.DeferStmt)
		if !ok {
			continue
		}
		if lit, ok := ast.Unparen(d.Call.Fun).(*ast.FuncLit); ok {
			if calls(lit.Body) {
				return true
			}
			continue
		}
		fn := p.Callee(d.Call)
		if fn == nil || fn.Pkg() == nil {
			continue
		}
		if fn.Pkg() == p.Types {
			if decl := syntax.DeclOf(p, fn); decl != nil && calls(decl) {
				return true
			}
		} else if strings.Contains(strings.ToLower(fn.Name()), "recover") {
			return true
		}
	}
	return false
}

// coversSomething reports whether anything that could fault follows the setting
// before end: a call, an index, a pointer.
func (f *faultSetting) coversSomething(end token.Pos) bool {
	return f.own(true, func(n ast.Node) bool {
		if n.Pos() <= f.stmt.End() || n.Pos() >= end {
			return false
		}
		switch n := n.(type) {
		case *ast.CallExpr:
			return !f.p.IsCall(n, debugPath, "SetPanicOnFault", "SetGCPercent", "SetMemoryLimit", "SetMaxStack", "SetMaxThreads", "SetTraceback", "SetCrashOutput") && !syntax.IsBuiltin(f.p, n, "recover")
		case *ast.IndexExpr, *ast.StarExpr, *ast.SliceExpr:
			return true
		}
		return false
	})
}

// onlyLeaves reports whether each of the restoring statements is followed by
// nothing that could fault until the function returns.
func (f *faultSetting) onlyLeaves(plain []ast.Stmt) bool {
	for _, s := range plain {
		if !syntax.OnlyReturnsAfter(f.p, f.fn, s) {
			return false
		}
	}
	return true
}
