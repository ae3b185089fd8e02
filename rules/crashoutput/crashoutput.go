// Package crashoutput finds crash logs that the next start truncates.
package crashoutput

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

var Rule = &rule.Rule{
	Name:  "crashoutput",
	Title: "SetCrashOutput file",
	Doc: `The report of a crash is missing from the crash file, or only a part of it is there.

A file that os.Create or O_TRUNC opens is emptied by the process that the supervisor starts after the crash. One that is opened without O_APPEND has a file offset of its own, so that a second report, or another opening of the path, overwrites what is there. An error that debug.SetCrashOutput returns means that nothing will be written at all. The runtime writes to a duplicate of the descriptor (runtime/debug/stack.go), so the file can be closed at once.

The file is opened with O_APPEND, the error is returned or logged as that of opening the file is, and the file is closed. A new file gets the mode 0600, unless the program changes modes or owners of files.

It fires when a file that the same function opens by name goes to debug.SetCrashOutput, or to a function that does nothing else with it, and is emptied or not opened for appending, when the error of opening it or of the call is dropped (not by name, in a function that says nothing where the file cannot be opened either), when the file stays open for nothing, and when the operational log is written to the file too; then it only reports. It stays silent about emptying where the name is new in every run, O_EXCL is set, or the program, in whatever package of the module, renames, reads or empties what is there, and about pipes, temporary files and nil. In tests it only reports.`,
	Before: `f, err := os.Create("/var/log/crash.log")
if err != nil {
	log.Fatal(err)
}
debug.SetCrashOutput(f, debug.CrashOptions{})`,
	After: `f, err := os.OpenFile("/var/log/crash.log", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
if err != nil {
	log.Fatal(err)
}
if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
	log.Printf("debug.SetCrashOutput: %v", err)
}
_ = f.Close() // the runtime writes to its own duplicate`,
	Needs: []rewrite.Need{{Import: "runtime/debug", Idents: []string{"SetCrashOutput"}, Tests: true}},
	Emits: []string{"log", "fmt", "os"},
	Find:  crashFiles,
}

func crashFiles(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for _, to := range settings(s) {
		call := to.call
		if call.Pkg.Wide {
			continue
		}
		f := crashFileOf(to)
		if f == nil {
			continue
		}
		// Have: a file that the function opens by name, for crash reports.
		if f.logged {
			out = append(out, f.shared())
			continue
		}
		if x, ok := f.emptied(); ok {
			out = append(out, x)
		}
		if call.File.Test {
			continue
		}
		if x, ok := f.openingUnchecked(); ok {
			out = append(out, x)
		}
		if x, ok := f.errorDropped(); ok && to.own {
			out = append(out, x)
		}
		if x, ok := f.leftOpen(); ok {
			out = append(out, x)
		}
	}
	return out
}

// crashFile is a file for crash reports.
type crashFile struct {
	call rewrite.Call // that hands it to the runtime
	arg  ast.Expr     // the file there
	p    *rewrite.Package
	fn   inspector.Cursor // the function around call
	v    *types.Var       // the variable that holds the file
	open *ast.CallExpr    // of os.Create or os.OpenFile
	// opening is the statement that assigns v; check is the if statement that
	// looks at its error, nil when none does, and failed the block that runs
	// when opening failed.
	opening ast.Stmt
	check   *ast.IfStmt
	failed  *ast.BlockStmt
	errv    types.Object
	asked   map[*types.Func]bool // whether they rename files

	fileUses
}

// fileUses says what else the function does with the file.
type fileUses struct {
	closed bool // by the function
	logged bool // the operational log goes there
	tested bool // against nil, before the call
	// headed: something is written to it or asked of it before the call.
	headed bool
	// placed: the position in the file matters.
	placed bool
	// emptying: the function empties it before the call.
	emptying bool
	// kept: it is stored, returned, handed on or used after the call.
	kept bool
}

// crashFileOf returns the file that goes to SetCrashOutput, nil when the
// function around the call does not open it by name.
func crashFileOf(x setting) *crashFile {
	call := x.call
	f := &crashFile{call: call, arg: x.file, p: call.Pkg, asked: make(map[*types.Func]bool)}
	id := syntax.LastName(x.file)
	if id == nil {
		return nil
	}
	var ok bool
	if f.v, ok = f.p.Info.Uses[id].(*types.Var); !ok || f.v.Pkg() != f.p.Types {
		return nil
	}
	if f.fn, ok = syntax.EnclosingFunc(call.At); !ok {
		return nil
	}
	for c := range f.p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		if f.p.Info.ObjectOf(c.Node().(*ast.Ident)) != f.v {
			continue
		}
		value, assigned := syntax.AssignedTo(c)
		at := wholeName(c)
		switch {
		case !assigned && syntax.Written(at):
			return nil
		case !assigned:
			f.use(at)
		case f.isFallback(value):
			f.kept = true // it is not for us to close
		case value != nil:
			if f.open != nil || !f.opens(c, value) {
				return nil
			}
		}
	}
	if f.open == nil {
		return nil
	}
	if f.v.IsField() || f.v.Parent() == f.p.Types.Scope() {
		f.kept = true
	}
	f.findCheck()
	return f
}

// isFallback reports whether x is what takes the place of a file that cannot be
// opened.
func (f *crashFile) isFallback(x ast.Expr) bool {
	if x == nil {
		return false
	}
	if sel, ok := ast.Unparen(x).(*ast.SelectorExpr); ok {
		obj := f.p.Info.Uses[sel.Sel]
		return obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "os" && (obj.Name() == "Stderr" || obj.Name() == "Stdout")
	}
	return syntax.IsNil(f.p, x)
}

// wholeName returns the selector expression whose last name is at c, else c.
func wholeName(c inspector.Cursor) inspector.Cursor {
	if sel, ok := c.Parent().Node().(*ast.SelectorExpr); ok && sel.Sel == c.Node() {
		return c.Parent()
	}
	return c
}

// opensByName reports whether call opens a file by name for writing.
func opensByName(p *rewrite.Package, call *ast.CallExpr) bool {
	return p.IsCall(call, "os", "Create") || p.IsCall(call, "os", "OpenFile") && len(call.Args) == 3
}

// openedBy returns the call that opens the file which a function of the package
// returns, if the function is called nowhere else and does nothing else with the
// file; nil otherwise.
func openedBy(p *rewrite.Package, call *ast.CallExpr) *ast.CallExpr {
	decl := syntax.CalledHereOnly(p, call)
	if decl == nil {
		return nil
	}
	body, ok := p.Cursor(decl.Body)
	if !ok {
		return nil
	}
	var open *ast.CallExpr
	var file types.Object
	returned := false
	for c := range body.Preorder((*ast.CallExpr)(nil)) {
		n := c.Node().(*ast.CallExpr)
		if !opensByName(p, n) {
			continue
		}
		if open != nil {
			return nil
		}
		open = n
		switch s := c.Parent().Node().(type) {
		case *ast.ReturnStmt:
			returned = true
		case *ast.AssignStmt:
			if id, ok := s.Lhs[0].(*ast.Ident); ok {
				file = p.Info.ObjectOf(id)
			}
		default:
			return nil
		}
	}
	if open == nil || !returned && file == nil {
		return nil
	}
	for c := range body.Preorder((*ast.Ident)(nil)) {
		if file == nil || p.Info.Uses[c.Node().(*ast.Ident)] != file {
			continue
		}
		switch c.Parent().Node().(type) {
		case *ast.ReturnStmt:
			returned = true
		case *ast.BinaryExpr:
		default:
			return nil
		}
	}
	if !returned {
		return nil
	}
	return open
}

// opens notes that the variable at c is assigned an opened file by a statement
// of the function, and reports whether it is so.
func (f *crashFile) opens(c inspector.Cursor, value ast.Expr) bool {
	open, ok := ast.Unparen(value).(*ast.CallExpr)
	if !ok {
		return false
	}
	if !opensByName(f.p, open) {
		if open = openedBy(f.p, open); open == nil {
			return false
		}
	}
	if fn, ok := syntax.EnclosingFunc(c); !ok || fn.Node() != f.fn.Node() {
		return false
	}
	assign, ok := wholeName(c).Parent().Node().(*ast.AssignStmt)
	if !ok || len(assign.Lhs) != 2 || assign.Pos() > f.call.Call.Pos() {
		return false
	}
	f.open, f.opening = open, assign
	if id, ok := assign.Lhs[1].(*ast.Ident); ok && id.Name != "_" {
		f.errv = f.p.Info.ObjectOf(id)
	}
	return true
}

// findCheck finds the if statement that looks at the error of opening.
func (f *crashFile) findCheck() {
	if f.errv == nil {
		return
	}
	cur, ok := f.p.Cursor(f.opening)
	if !ok {
		return
	}
	check, ok := cur.Parent().Node().(*ast.IfStmt)
	if !ok || check.Init != f.opening {
		next, found := cur.NextSibling()
		if !found {
			return
		}
		if check, ok = next.Node().(*ast.IfStmt); !ok || check.Init != nil {
			return
		}
	}
	switch isNil, ok := comparesToNil(f.p, check.Cond, f.errv); {
	case !ok:
	case isNil:
		f.check = check
		f.failed, _ = check.Else.(*ast.BlockStmt)
	default:
		f.check, f.failed = check, check.Body
	}
}

// comparesToNil reports whether x is v == nil or v != nil, and which of them.
func comparesToNil(p *rewrite.Package, x ast.Expr, v types.Object) (isNil, ok bool) {
	b, isBinary := ast.Unparen(x).(*ast.BinaryExpr)
	if !isBinary || b.Op != token.EQL && b.Op != token.NEQ || !p.Info.Types[b.Y].IsNil() {
		return false, false
	}
	id, isIdent := ast.Unparen(b.X).(*ast.Ident)
	return b.Op == token.EQL, isIdent && v != nil && p.Info.Uses[id] == v
}

// use notes what the mention of the file at c is for.
func (f *crashFile) use(c inspector.Cursor) {
	fn, _ := syntax.EnclosingFunc(c)
	// A function within may run later, wherever it stands.
	after := c.Node().Pos() > f.call.Call.Pos() || fn != f.fn
	at := c
	for {
		if _, ok := at.Parent().Node().(*ast.ParenExpr); !ok {
			break
		}
		at = at.Parent()
	}
	switch n := at.Parent().Node().(type) {
	case *ast.BinaryExpr:
		if f.p.Info.Types[n.X].IsNil() || f.p.Info.Types[n.Y].IsNil() {
			f.tested = f.tested || !after
			return
		}
	case *ast.SelectorExpr:
		switch n.Sel.Name {
		case "Close":
			if refused := f.refused(); refused != nil && within(refused, n) {
				return // there only
			}
			f.closed = true
			return
		case "Fd":
			if redirectsTo(f.p, at) {
				f.logged = true
				return
			}
			if call, ok := enclosingCall(at.Parent().Parent()); ok && !after && f.isEmptying(call) {
				f.emptying = true
				return
			}
			f.kept = f.kept || isStored(f.p, at.Parent().Parent())
		case "Truncate":
			call, ok := at.Parent().Parent().Node().(*ast.CallExpr)
			f.emptying = f.emptying || ok && !after && f.isEmptying(call)
			f.placed = true
		case "Seek", "WriteAt", "ReadAt", "Read", "ReadFrom", "WriteTo":
			f.placed = true
		}
		f.headed, f.kept = true, f.kept || after
		return
	case *ast.CallExpr:
		if n == f.call.Call || f.p.IsCall(n, "runtime", "KeepAlive") {
			return
		}
		if f.p.IsCall(n, "runtime/debug", "SetCrashOutput") {
			f.kept = true
			return
		}
		if n.Fun != at.Node() {
			if logsTo(f.p, n) {
				f.logged = true
				return
			}
			if f.p.IsCall(n, "fmt", "Fprintf", "Fprintln", "Fprint") || f.p.IsCall(n, "io", "WriteString") {
				f.headed, f.kept = true, f.kept || after
				return
			}
		}
	case *ast.AssignStmt:
		for i, r := range n.Rhs {
			if r == at.Node() && len(n.Lhs) == len(n.Rhs) && isLogOutput(f.p, n.Lhs[i]) {
				f.logged = true
				return
			}
		}
	}
	f.kept = true
}

// enclosingCall returns the innermost call that the one at c is an argument of.
func enclosingCall(c inspector.Cursor) (*ast.CallExpr, bool) {
	for at := range c.Parent().Enclosing((*ast.CallExpr)(nil)) {
		if call := at.Node().(*ast.CallExpr); syntax.LastName(call.Fun) != nil && len(call.Args) > 1 {
			return call, true
		}
	}
	return nil, false
}

var (
	logCallee = regexp.MustCompile(`^(SetOutput|SetErrOutput|MultiWriter|NewMultiWriter|AddSync|NewSyncer|SetLogOutput|AddOutput|RedirectStdLog)$|Handler$|Logger$|LogWriter$|ConsoleWriter$`)
	logOutput = regexp.MustCompile(`^(Out|Output|Writer|DefaultWriter|DefaultErrorWriter|LogOutput|ErrorLog|Log)$`)
)

// logsTo reports whether call makes its argument the place where a log goes.
func logsTo(p *rewrite.Package, call *ast.CallExpr) bool {
	fn := p.Callee(call)
	if fn == nil {
		return false
	}
	return logCallee.MatchString(fn.Name()) || fn.Pkg() != nil && fn.Name() == "New" && knowledge.LogPackage(fn.Pkg().Path())
}

// isLogOutput reports whether x is where a log or the standard error goes.
func isLogOutput(p *rewrite.Package, x ast.Expr) bool {
	sel, ok := ast.Unparen(x).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	if obj := p.Info.Uses[sel.Sel]; obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "os" {
		return obj.Name() == "Stderr" || obj.Name() == "Stdout"
	}
	return logOutput.MatchString(sel.Sel.Name)
}

// redirectsTo reports whether the descriptor of the file at c becomes another
// one, standard error's usually.
func redirectsTo(p *rewrite.Package, c inspector.Cursor) bool {
	for at := range c.Enclosing((*ast.CallExpr)(nil)) {
		switch calleeName := syntax.LastName(at.Node().(*ast.CallExpr).Fun); {
		case calleeName == nil:
		case calleeName.Name == "Dup2" || calleeName.Name == "Dup3" || calleeName.Name == "SetStdHandle":
			return true
		}
	}
	return false
}

// isStored reports whether the value of the call at c outlives its statement.
func isStored(p *rewrite.Package, c inspector.Cursor) bool {
	for {
		switch n := c.Parent().Node().(type) {
		case *ast.ParenExpr:
		case *ast.CallExpr:
			if !p.Info.Types[n.Fun].IsType() {
				return false
			}
		default:
			return true
		}
		c = c.Parent()
	}
}

// errorDropped reports a call whose error nobody looks at.
func (f *crashFile) errorDropped() (rewrite.Finding, bool) {
	stmt := syntax.EffectStmt(f.call.At)
	if stmt == nil || f.bestEffort(stmt) {
		return rewrite.Finding{}, false
	}
	out := rewrite.Finding{
		Pos: f.call.Call.Pos(), End: f.call.Call.End(),
		Message: "the error of debug.SetCrashOutput is dropped: nobody learns that crash reports are not written",
	}
	if cur, ok := f.p.Cursor(stmt); !ok || !syntax.InList(cur) {
		out.NoFix = "the call is not a statement in a list; log or return its error"
		return out, true
	}
	h := f.handling()
	out.Fixes = []*rewrite.Fix{{
		Message: h.message(),
		Safety:  rewrite.Safe,
		Apply: func(e *rewrite.Edit) error {
			e.ReplaceStmt(stmt, rewrite.Stmts("if err := $call; err != nil {\n$body\n}", rewrite.Holes{
				"call": e.Clone(f.call.Call),
				"body": h.body(e),
			})...)
			return nil
		},
	}}
	return out, true
}

// bestEffort reports whether the error of the call in stmt is dropped by name, in a
// function that also says nothing where the file cannot be opened: reports are
// written where that works.
func (f *crashFile) bestEffort(stmt ast.Stmt) bool {
	if _, named := stmt.(*ast.AssignStmt); !named || f.failed == nil || len(f.failed.List) != 1 {
		return false
	}
	ret, ok := f.failed.List[0].(*ast.ReturnStmt)
	return ok && len(ret.Results) == 0
}

// leftOpen reports a file that stays open though only the runtime needs it.
func (f *crashFile) leftOpen() (rewrite.Finding, bool) {
	if f.closed || f.kept || f.placed {
		return rewrite.Finding{}, false
	}
	apply := f.closing()
	if apply == nil {
		return rewrite.Finding{}, false
	}
	arg := f.arg
	return rewrite.Finding{
		Pos: arg.Pos(), End: arg.End(),
		Message: fmt.Sprintf("%s stays open: the runtime writes to a duplicate of its descriptor", f.v.Name()),
		Fixes:   []*rewrite.Fix{{Message: "close the file", Safety: rewrite.Safe, Apply: apply}},
	}, true
}
