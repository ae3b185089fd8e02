package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"slices"
	"strings"

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
