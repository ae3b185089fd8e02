package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"slices"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
)

// finding describes the exit and what is lost by it.
func (h *signalHandler) finding(w *waiting, lost []lostCall) rewrite.Finding {
	var names []string
	for _, l := range lost {
		if !slices.Contains(names, l.text) {
			names = append(names, l.text)
		}
	}
	text := strings.Join(names[:min(3, len(names))], ", ")
	if n := len(names) - 3; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	f := rewrite.Finding{
		Pos: h.exit.Pos(), End: h.exit.End(),
		Message: fmt.Sprintf("%s in a signal goroutine ends the process without the deferred %s", exprText(h.exit.Fun), text),
	}
	for _, l := range lost {
		f.Notes = append(f.Notes, rewrite.Note{Pos: l.stmt.Pos(), Message: "does not run: " + l.text})
	}
	x := &signalFix{h: h, w: w, lost: lost}
	if why := x.plan(); why != "" {
		f.Notes = append(f.Notes, rewrite.Note{Message: "no fix: " + why + "; let main wait for the signal itself, or make what it waits in return, and clean up behind that"})
		return f
	}
	msg := "end what main waits in by a context that the signal cancels, and clean up behind it; deferred calls run, and a turn of the loop or a request under way is finished first"
	if x.limit {
		msg += fmt.Sprintf("; the process ends %d seconds after the signal in any case", graceSeconds)
	}
	f.Fixes = []*rewrite.Fix{{Message: msg, Safety: rewrite.Unsafe, Apply: x.apply}}
	return f
}

// graceSeconds is how long requests and unfinished work may take after the
// signal.
const graceSeconds = 10

// signalFix turns the goroutine's exit into the end of a context.
type signalFix struct {
	h    *signalHandler
	w    *waiting
	lost []lostCall

	main    *ast.FuncDecl
	chDecl  ast.Stmt
	signals []ast.Expr
	ctx     string // name of the context everywhere
	stop    string
	done    string // name of the channel that says that requests are done
	code    string // name of the variable with the exit code, "" for none

	at      ast.Stmt // main's statement that waits
	follows bool     // statements follow it
	guard   bool     // it may return by itself
	inMain  bool     // the tail goes where main leaves its own loop or select
	serve   bool     // main itself serves HTTP: the tail runs once requests are done
	keep    bool     // the goroutine stays and cancels the context in the place of the exit
	limit   bool     // a goroutine ends the process after a while in any case
	funcs   []*ast.FuncDecl
	edits   []func(e *rewrite.Edit)
	planned map[*ast.FuncDecl]bool
}

// plan says why the exit cannot be replaced, "" when it can.
func (x *signalFix) plan() string {
	h, w := x.h, x.w
	x.planned = make(map[*ast.FuncDecl]bool)
	cur, ok := h.p.Inspector.Root().FindNode(h.gostmt)
	if !ok {
		return "the goroutine is not found"
	}
	switch {
	case version.Compare(h.file.Version(), "go1.16") < 0:
		return "signal.NotifyContext needs Go 1.16"
	case len(h.s.Refs("(*net/http.Server).Shutdown", "(*net/http.Server).Close")) > 0:
		return "something else shuts a server down"
	case w.host == nil || w.host.Name.Name != "main" || w.host.Recv != nil || h.p.Name != "main" || h.p.File(w.host) != h.file:
		return "the goroutine is not started in main"
	case h.lit == nil || cur.Parent().Node() != w.host.Body:
		return "the goroutine is not a function literal that main starts"
	case len(h.lit.Type.Params.List) > 0:
		return "the goroutine's function has parameters"
	case h.last == nil:
		return "the goroutine exits in several places"
	case h.notify.Call.Ellipsis.IsValid() || len(h.notify.Call.Args) < 2:
		return "the signals are not listed"
	}
	x.main, x.signals = w.host, h.notify.Call.Args[1:]
	for _, step := range []func() string{x.channel, x.movable, x.names, x.place} {
		if why := step(); why != "" {
			return why
		}
	}
	if len(w.waits.slow) > 0 {
		x.limit = true
	}
	for _, d := range x.pending() {
		if why := x.staysInDefer(d); why != "" {
			return why
		}
		if x.repeats(d) {
			return "the goroutine makes a call that is deferred, too"
		}
	}
	return ""
}

// channel finds the statement that makes the channel, which nothing else may
// use.
func (x *signalFix) channel() string {
	h := x.h
	for c := range h.p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		id := c.Node().(*ast.Ident)
		if h.p.Info.ObjectOf(id) != h.ch {
			continue
		}
		switch n := c.Parent().Node().(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE && len(n.Lhs) == 1 && (indexOf(x.main.Body.List, n) >= 0 || indexOf(h.pre, n) >= 0) {
				x.chDecl = n
				continue
			}
		case *ast.CallExpr:
			if n == h.notify.Call {
				continue
			}
		case *ast.UnaryExpr, *ast.RangeStmt:
			if h.gostmt.Pos() <= n.Pos() && n.End() <= h.gostmt.End() {
				continue
			}
		}
		return "the channel of signals has other uses"
	}
	if x.chDecl == nil {
		return "the channel of signals is not made in main"
	}
	for _, s := range h.pre {
		if s != x.chDecl && s != h.notifyStmt {
			return "the goroutine does something before it waits for the signal"
		}
	}
	if indexOf(x.main.Body.List, h.notifyStmt) < 0 && indexOf(h.pre, h.notifyStmt) < 0 {
		return "main asks for the signals under a condition"
	}
	return ""
}

// movable says why the goroutine's statements cannot run before main returns.
// Where they cannot be run by main the goroutine keeps them.
func (x *signalFix) movable() string {
	h := x.h
	why := ""
	for _, s := range append(slices.Clone(h.tail), h.last) {
		ast.Inspect(s, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if endsProcess(h.p, n) && n != h.exit {
					why = "the goroutine exits in several places"
				}
			case *ast.DeferStmt:
				why = "the goroutine defers a call"
			case *ast.Ident:
				v, ok := h.p.Info.Uses[n].(*types.Var)
				if ok && v == h.sig && len(x.signals) != 1 {
					x.keep = true
				}
			}
			return why == ""
		})
		switch s := s.(type) {
		case *ast.AssignStmt:
			x.keep = x.keep || s.Tok == token.DEFINE
		case *ast.DeclStmt, *ast.LabeledStmt:
			x.keep = true
		}
	}
	if why != "" {
		return why
	}
	if _, ok := h.recv.(*ast.ExprStmt); !ok && !h.arms {
		if a, ok := h.recv.(*ast.AssignStmt); !ok || len(a.Lhs) != 1 {
			x.keep = true
		}
	} else if ok && !h.arms && ast.Unparen(h.recv.(*ast.ExprStmt).X).Pos() != h.recv.Pos() {
		x.keep = true
	}
	if e, ok := h.recv.(*ast.ExprStmt); ok {
		if _, isRecv := ast.Unparen(e.X).(*ast.UnaryExpr); !isRecv {
			x.keep = true // the receive is an argument
		}
	}
	for _, d := range x.pending() {
		if x.repeats(d) {
			return "the goroutine makes a call that main defers, too"
		}
	}
	return ""
}

// repeats reports whether the goroutine makes the deferred call itself, so that
// it would be made twice.
func (x *signalFix) repeats(d *ast.DeferStmt) bool {
	p := x.h.p
	made := func(call *ast.CallExpr) bool {
		return !tellsOnly(p, call) && !isContextFunc(p.Info.TypeOf(call.Fun)) && x.h.makes(p, call)
	}
	lit, ok := ast.Unparen(d.Call.Fun).(*ast.FuncLit)
	if !ok {
		return made(d.Call)
	}
	return containsNode(lit.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && made(call)
	})
}

// names chooses the names that the fix declares.
func (x *signalFix) names() string {
	free := func(names ...string) string { return x.h.file.FreeName(x.main, names...) }
	x.ctx, x.stop = free("ctx", "sigCtx"), free("stop", "stopSignals")
	x.done = free("drained", "httpDrained")
	// Where one of the pair is taken, both get their other name.
	if x.ctx != "ctx" || x.stop != "stop" {
		x.ctx, x.stop = free("sigCtx", "signalCtx"), free("stopSignals", "stopNotify")
	}
	if x.keep {
		x.stop = free("cancel", "cancelSignal")
	}
	if !x.h.p.IsCall(x.h.exit, "os", "Exit") {
		return "the goroutine ends with " + exprText(x.h.exit.Fun) + ", which says something, too"
	}
	if n, ok := constInt(x.h.p, x.h.exit.Args[0]); ok && n == 0 {
		return ""
	}
	if _, ok := constInt(x.h.p, x.h.exit.Args[0]); !ok {
		x.keep = true
		x.stop = free("cancel", "cancelSignal")
		if t, ok := x.h.p.Info.TypeOf(x.h.exit.Args[0]).(*types.Basic); !ok || t.Kind() != types.Int {
			return "the exit code is computed"
		}
	}
	x.code = free("exitCode", "signalExitCode")
	return ""
}

// explicitExit reports whether main may end with os.Exit itself: nothing that
// matters is deferred in it.
func (x *signalFix) explicitExit() bool {
	return x.code != "" && !x.keep && !slices.ContainsFunc(x.lost, func(l lostCall) bool {
		return x.main.Body.Pos() <= l.stmt.Pos() && l.stmt.Pos() < x.main.Body.End()
	})
}

// place plans the end of what main waits in.
func (x *signalFix) place() string {
	h, w := x.h, x.w
	list := x.main.Body.List
	i := indexOf(list, w.start)
	if i < 0 {
		return "main starts the goroutine under a condition"
	}
	if len(w.waits.list) == 0 {
		return x.placeholder(list[i+1:])
	}
	if len(w.waits.list) > 1 {
		first, second := w.waits.list[0], w.waits.list[1]
		if statementOf(list, first.node) != statementOf(list, second.node) {
			return fmt.Sprintf("main may wait in %s as well as in %s", first.text, second.text)
		}
	}
	x.at = statementOf(list, w.waits.list[0].node)
	if x.at == nil {
		return "what main waits in is not a statement of its own"
	}
	x.follows = indexOf(list, x.at) < len(list)-1
	first := w.waits.list[0]
	if first.kind == waitCallee && first.node.Pos() >= x.at.Pos() && !isLoopStmt(x.at) {
		return x.callee(first)
	}
	x.inMain = true
	if first.kind == waitServe {
		x.inMain, x.serve = false, true
		x.guard = false
		return x.serveIn(h.p, x.main, x.at, first.call, nil)
	}
	return x.block(h.p, x.main, x.leaveMain)
}

func isLoopStmt(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ForStmt, *ast.RangeStmt, *ast.SelectStmt:
		return true
	case *ast.LabeledStmt:
		return isLoopStmt(s.Stmt)
	}
	return false
}

// statementOf returns the statement of list that holds n.
func statementOf(list []ast.Stmt, n ast.Node) ast.Stmt {
	for _, s := range list {
		if s.Pos() <= n.Pos() && n.End() <= s.End() {
			return s
		}
	}
	return nil
}

// placeholder plans for a callee that has nothing to wait in yet.
func (x *signalFix) placeholder(rest []ast.Stmt) string {
	const why = "nothing that main does looks at a context, so it would go on after the signal"
	if len(rest) == 0 {
		return why
	}
	s, ok := rest[len(rest)-1].(*ast.ExprStmt)
	if !ok {
		return why
	}
	call, ok := s.X.(*ast.CallExpr)
	if !ok {
		return why
	}
	fn := x.h.p.Callee(call)
	if fn == nil {
		return why
	}
	decl, _ := declarationOf(x.h.s, fn)
	if decl == nil || decl.Body == nil {
		return why
	}
	for _, s := range decl.Body.List {
		if _, isDefer := s.(*ast.DeferStmt); !isDefer {
			return why
		}
	}
	x.at = s
	return x.pass(call, decl, s)
}

// callee plans for a function that main calls and that waits.
func (x *signalFix) callee(at wait) string {
	if why := x.callForm(at.call); why != "" {
		return why
	}
	x.guard = x.mayReturn(at.callee, 0)
	return x.function(at)
}

// callForm says why main could not go on normally once the call at which it
// waits returns.
func (x *signalFix) callForm(call *ast.CallExpr) string {
	switch s := x.at.(type) {
	case *ast.ExprStmt:
		if s.X == call {
			return ""
		}
	case *ast.IfStmt:
		// if err := run(); err != nil { ... }
		if a, ok := s.Init.(*ast.AssignStmt); ok && len(a.Rhs) == 1 && a.Rhs[0] == call && s.Else == nil && comparesNil(s.Cond) {
			return ""
		}
	case *ast.AssignStmt:
		if len(s.Rhs) == 1 && s.Rhs[0] == call {
			list := x.main.Body.List
			if i := indexOf(list, x.at) + 1; i < len(list) {
				if next, ok := list[i].(*ast.IfStmt); ok && next.Init == nil && next.Else == nil && comparesNil(next.Cond) {
					x.at, x.follows = next, i < len(list)-1
					return ""
				}
			}
			if id, ok := s.Lhs[0].(*ast.Ident); ok && id.Name == "_" {
				return ""
			}
		}
	}
	return "main does something with the result of " + exprText(call.Fun)
}

// comparesNil reports whether x is err != nil.
func comparesNil(x ast.Expr) bool {
	b, ok := x.(*ast.BinaryExpr)
	if !ok || b.Op != token.NEQ {
		return false
	}
	id, ok := b.Y.(*ast.Ident)
	return ok && id.Name == "nil"
}

// mayReturn reports whether the function may return without the signal.
func (x *signalFix) mayReturn(decl *ast.FuncDecl, depth int) bool {
	if decl.Type.Results != nil && len(decl.Type.Results.List) > 0 || depth > maxFrames {
		return true
	}
	list := decl.Body.List
	if len(list) == 0 {
		return true
	}
	loop, ok := list[len(list)-1].(*ast.ForStmt)
	if !ok || loop.Cond != nil {
		return true
	}
	return containsNode(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ReturnStmt:
			return true
		case *ast.BranchStmt:
			return n.Tok == token.BREAK || n.Tok == token.GOTO
		}
		return false
	})
}

// function plans for the callee of at, whose signature gets the context.
func (x *signalFix) function(at wait) string {
	decl, p := at.callee, at.pkg
	if p != x.h.p {
		return exprText(at.call.Fun) + ", which main waits in, is in another package"
	}
	if x.planned[decl] {
		return exprText(at.call.Fun) + " waits in several places"
	}
	x.planned[decl] = true
	if f := p.File(decl); f == nil || f.Generated || f.Test {
		return exprText(at.call.Fun) + " is in a generated file"
	}
	if f := x.h.p.File(decl); x.h.file.FreeName(decl, x.ctx) != x.ctx || f == nil {
		// The context needs a name that is free in all functions.
		for _, name := range []string{"sigCtx", "signalCtx"} {
			if f.FreeName(decl, name) == name && x.h.file.FreeName(x.main, name) == name && len(x.funcs) == 0 {
				x.ctx = name
				break
			}
		}
		if f.FreeName(decl, x.ctx) != x.ctx {
			return "the function " + decl.Name.Name + " has a context or a variable called " + x.ctx
		}
	}
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return "a function that main waits in is not found"
	}
	sig := obj.Signature()
	var leave []dst.Stmt
	switch {
	case sig.Results().Len() == 0:
		leave = rewrite.Stmts("return", nil)
	case isErrorResult(sig):
		leave = rewrite.Stmts("return nil", nil)
	default:
		return decl.Name.Name + " returns something that the signal does not give"
	}
	for i := range sig.Params().Len() {
		if isType(sig.Params().At(i).Type(), "context", "Context") {
			return decl.Name.Name + " has a context already, which its loop does not look at"
		}
	}
	if why := x.pass(at.call, decl, at.node); why != "" {
		return why
	}
	return x.block(p, decl, func(*rewrite.Edit) []dst.Stmt {
		var out []dst.Stmt
		for _, s := range leave {
			out = append(out, dst.Clone(s).(dst.Stmt))
		}
		return out
	})
}

// pass plans that the call passes the context and the function takes it.
func (x *signalFix) pass(call *ast.CallExpr, decl *ast.FuncDecl, _ ast.Node) string {
	p := x.h.p
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return "a function that main waits in is in another package"
	}
	f := p.File(decl)
	for _, name := range []string{x.ctx, "sigCtx", "signalCtx"} {
		if f.FreeName(decl, name) == name && x.h.file.FreeName(x.main, name) == name && len(x.funcs) == 0 {
			if name != x.ctx {
				x.ctx = name
			}
			break
		}
	}
	if f.FreeName(decl, x.ctx) != x.ctx {
		return "there is no name for the context in " + decl.Name.Name
	}
	if mentioned(p, obj.Name()) {
		return obj.Name() + " is used in files that are not built here"
	}
	if decl.Recv != nil && obj.Exported() && p.Name != "main" {
		return obj.Name() + " is exported"
	}
	var others []*ast.CallExpr
	for _, r := range x.h.s.Refs(rewrite.ObjectKey(obj)) {
		c, ok := r.Call()
		if !ok {
			return obj.Name() + " is used as a value"
		}
		if c.Node() == call {
			continue
		}
		if !r.File.Test || r.File.Generated {
			return obj.Name() + " is called in several places"
		}
		others = append(others, c.Node().(*ast.CallExpr))
	}
	x.funcs = append(x.funcs, decl)
	x.edits = append(x.edits, func(e *rewrite.Edit) {
		prepend(e, call, dst.NewIdent(x.ctx))
		for _, c := range others {
			prepend(e, c, rewrite.Expr("context.Background()", nil))
		}
		e.Modify(decl.Type.Params, func(n dst.Node) error {
			list := n.(*dst.FieldList)
			field := &dst.Field{Names: []*dst.Ident{dst.NewIdent(x.ctx)}, Type: rewrite.TypeExpr("context.Context", nil)}
			if len(list.List) > 0 {
				field.Decs.Before = list.List[0].Decs.Before
				field.Decs.After = list.List[0].Decs.Before
			}
			list.List = append([]*dst.Field{field}, list.List...)
			return nil
		})
	})
	return ""
}

// prepend makes arg the first argument of call.
func prepend(e *rewrite.Edit, call *ast.CallExpr, arg dst.Expr) {
	e.Modify(call, func(n dst.Node) error {
		c := n.(*dst.CallExpr)
		if len(c.Args) > 0 {
			arg.Decorations().Before = c.Args[0].Decorations().Before
			arg.Decorations().After = c.Args[0].Decorations().Before
		}
		c.Args = append([]dst.Expr{arg}, c.Args...)
		return nil
	})
}

// pending returns the deferred calls that run after the fix.
func (x *signalFix) pending() []*ast.DeferStmt {
	var out []*ast.DeferStmt
	bodies := []*ast.BlockStmt{x.main.Body}
	for _, d := range x.funcs {
		bodies = append(bodies, d.Body)
	}
	for _, b := range bodies {
		ast.Inspect(b, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.DeferStmt:
				out = append(out, n)
				return false
			}
			return true
		})
	}
	return out
}

// staysInDefer says which deferred call may never return.
func (x *signalFix) staysInDefer(d *ast.DeferStmt) string {
	p := x.h.p
	var w waits
	if lit, ok := ast.Unparen(d.Call.Fun).(*ast.FuncLit); ok {
		w = waitsIn(p, lit.Body)
	} else {
		w = waitsIn(p, d.Call)
	}
	if len(w.list) > 0 {
		return "the deferred " + exprText(d.Call.Fun) + "() may wait for ever"
	}
	for _, c := range w.slow {
		if id := lastName(c.Fun); id == nil || !cleanupName.MatchString(id.Name) {
			x.limit = true
		}
	}
	return ""
}
