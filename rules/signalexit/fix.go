package signalexit

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
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"github.com/runtimefix/runtimefix/rules/signalexit/deferred"
	"github.com/runtimefix/runtimefix/rules/signalexit/handler"
	"github.com/runtimefix/runtimefix/rules/signalexit/locked"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// describeExit is the finding of the exits of one main, and of what is lost by
// them.
func describeExit(group []*exit) rewrite.Finding {
	slices.SortStableFunc(group, func(a, b *exit) int { return int(a.h.Gostmt.Pos() - b.h.Gostmt.Pos()) })
	h, w := group[0].h, group[0].w
	var lost []handler.LostCall
	for _, g := range group {
		for _, l := range g.lost {
			if !slices.Contains(lost, l) {
				lost = append(lost, l)
			}
		}
	}
	var names []string
	for _, l := range lost {
		if !slices.Contains(names, l.Text) {
			names = append(names, l.Text)
		}
	}
	text := strings.Join(names[:min(3, len(names))], ", ")
	if n := len(names) - 3; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	f := rewrite.Finding{
		Pos: h.Exit.Pos(), End: h.Exit.End(),
		Message: fmt.Sprintf("%s in a signal goroutine ends the process without the deferred %s", syntax.ExprText(h.Exit.Fun), text),
	}
	for _, l := range lost {
		f.Notes = append(f.Notes, rewrite.Note{Pos: l.Stmt.Pos(), Message: "does not run: " + l.Text})
	}
	x := &signalFix{h: h, w: w, lost: lost, shared: slices.ContainsFunc(group, func(g *exit) bool { return g.shared })}
	for _, g := range group[1:] {
		f.Notes = append(f.Notes, rewrite.Note{Pos: g.h.Exit.Pos(), Message: "another signal goroutine ends the process here"})
		x.more = append(x.more, g.h)
	}
	if why := x.plan(); why != "" {
		f.NoFix = why + "; let main wait for the signal itself, or make what it waits in return, and clean up behind that"
		return f
	}
	msg := "end what main waits in by a context that the signal cancels, and clean up behind it; deferred calls run, and a turn of the loop or a request under way is finished first"
	if len(x.left) > 0 {
		msg += "; what main defers and the goroutine did, too, is left to the deferred call"
	}
	if slices.ContainsFunc(x.exits(), func(s *ast.ExprStmt) bool { return strings.HasPrefix(h.SayName(h.ExitCall(s)), "Error") }) {
		msg += "; what the exit says is an error"
	}
	if x.limit {
		msg += fmt.Sprintf("; the process ends %d seconds after the signal in any case", limitSeconds)
	} else if x.drains {
		msg += fmt.Sprintf("; requests under way get %d seconds", web.GraceSeconds)
	}
	if x.guarded {
		msg += "; a goroutine that would end the process because of that returns"
	}
	f.Fixes = []*rewrite.Fix{{Message: msg, Safety: rewrite.Unsafe, Apply: x.apply}}
	return f
}

// limitSeconds is how many seconds after the signal the process ends in any
// case: what waits for requests has its own limit before, and what runs the
// process, docker say, kills it after 10.
const limitSeconds = web.GraceSeconds + 2

// signalFix turns the goroutine's exit into the end of a context.
type signalFix struct {
	h    *handler.Handler
	more []*handler.Handler // others of the same main
	w    *waits.Waiting
	lost []handler.LostCall
	// shared says that others call the function that starts the goroutine, too.
	shared bool

	main    *ast.FuncDecl
	file    *rewrite.File // of main
	links   []handOver    // the functions between main and the goroutine
	chDecl  ast.Stmt
	signals []ast.Expr
	ctx     string // name of the context everywhere
	stop    string
	done    string // name of the channel that says that requests are done
	code    string // name of the variable with the exit code, "" for none
	ownCode bool   // the code is not 0
	codes   bool   // the goroutine sets it: it is computed, or differs from exit to exit

	lead    []dst.Stmt             // what makes the context, where that goes in the place of the goroutine
	first   ast.Stmt               // main's statement before which the context is made, nil where the signals are asked for
	at      ast.Stmt               // main's statement that waits
	label   string                 // of main's loop, where it is left in several places; "" otherwise
	wrap    func(e *rewrite.Edit)  // puts the label there, behind all other edits
	follows bool                   // statements follow it
	guard   bool                   // it may return by itself
	inMain  bool                   // the tail goes where main leaves its own loop or select
	serve   bool                   // main itself serves HTTP: the tail runs once requests are done
	keep    bool                   // the goroutine stays and cancels the context in the place of the exit
	limit   bool                   // a goroutine ends the process after a while in any case
	left    map[*ast.CallExpr]bool // the goroutine's calls that are left to main's deferred ones
	drains  bool                   // requests under way are waited for
	funcs   []*ast.FuncDecl
	edits   []func(e *rewrite.Edit)
	planned map[*ast.FuncDecl]bool
	told    map[*ast.FuncDecl]string // goroutines that get the context, and its name there

	ends     []endedValue      // what the fix itself ends
	scopes   []*scope          // code that the fix makes end
	checked  map[ast.Stmt]bool // statements that are not come to when the context is done
	guarded  bool              // a goroutine returns in the place of an exit
	parent   *ast.Ident        // the context of main that the signal's is made from, nil for a new one
	getter   *ast.CallExpr     // returns that context, where no variable holds it
	given    bool              // that context is a caller's
	signed   map[ast.Expr]bool // contexts replaced by the signal's
	literals []*ast.BlockStmt  // goroutines that main waits for
	groupCtx *types.Var        // the context of the group that main waits for, nil for none
	canceled bool              // what main waits in returns the context's error
	handed   bool              // what main waits in returns errors of others who have the context
}

// plan says why the exit cannot be replaced, "" when it can.
func (x *signalFix) plan() string {
	h, w := x.h, x.w
	x.planned, x.signed = make(map[*ast.FuncDecl]bool), make(map[ast.Expr]bool)
	x.told = make(map[*ast.FuncDecl]string)
	x.left, x.checked = make(map[*ast.CallExpr]bool), make(map[ast.Stmt]bool)
	switch {
	case slices.ContainsFunc(append(slices.Clone(x.more), h), func(h *handler.Handler) bool { return h.Ch == nil }):
		return "nothing but the goroutine that exits looks at the context of signal.NotifyContext"
	case version.Compare(h.File.Version(), "go1.16") < 0:
		return "signal.NotifyContext needs Go 1.16"
	case len(h.Notify.Call.Args) < 2:
		return "signal.Notify without a list asks for all signals, SIGURG among them, with which the runtime preempts goroutines: list those that mean the end"
	case len(h.Others) > 0 || h.Decl != nil && h.Called:
		return h.Decl.Name.Name + ", which exits, is for several callers: let it return, and each main wait for it"
	case x.shared:
		return "the function that starts the goroutine is for several callers: let it return, and each main wait for the signal"
	case w.Start == nil:
		return "the goroutine is started by init, before main"
	case w.Host == nil:
		return "the goroutine is started in a function literal"
	case w.Pkg != h.P || h.GoPkg != h.P:
		return "the goroutine is started in another package than the one that waits"
	}
	x.main, x.signals = w.Host, h.Notify.Call.Args[1:]
	x.file = h.P.File(x.main)
	if x.file == nil || x.file.Generated {
		return "main is in a generated file"
	}
	x.keep = !syntax.IsMain(h.P, x.main)
	for _, step := range []func() string{x.chain, x.together, x.stays, x.locks, x.exitCodes, x.names, x.place} {
		if why := step(); why != "" {
			return why
		}
	}
	if len(w.Waits.Slow) > 0 || x.keep && !x.stoppable() {
		x.limit = true
	}
	for _, d := range x.pending() {
		if why := x.staysInDefer(d); why != "" {
			return why
		}
		if why := x.each(func() string {
			if x.repeats(d) {
				return "the goroutine makes a call that is deferred, too"
			}
			return ""
		}); why != "" {
			return why
		}
	}
	if why := x.guardOthers(); why != "" {
		return why
	}
	if x.limit && x.tailMatters() {
		// What it does is done today, however long main takes.
		return x.stay()
	}
	return ""
}

// tailMatters reports whether the goroutine does more before the exit than to
// say something.
func (x *signalFix) tailMatters() bool {
	return slices.ContainsFunc(x.h.Tail, func(s ast.Stmt) bool {
		call := callOf(s)
		return call == nil || !x.left[call] && !handler.TellsOnly(x.h.P, call)
	})
}

// stays decides whether the goroutine stays and cancels the context, or main runs
// its statements, and says why it can do neither.
func (x *signalFix) stays() string {
	moves, why := x.movable()
	if why != "" {
		return why
	}
	if moves = moves && !x.keep; moves {
		x.chDecl = x.private()
	}
	x.keep = !moves || x.chDecl == nil
	for _, d := range x.pending() {
		x.leaveTo(d)
		if x.repeats(d) {
			return "the goroutine makes a call that main defers, too"
		}
	}
	return ""
}

// movable reports whether main can run the goroutine's statements; why says that
// the goroutine cannot end without the process.
func (x *signalFix) movable() (moves bool, why string) {
	h := x.h
	cond, why := x.conditional()
	if why != "" {
		return false, why
	}
	list := h.Tail
	if h.Last != nil {
		list = append(slices.Clone(list), h.Last)
	}
	for _, s := range list {
		if why := x.entangled(s); why != "" {
			return false, why
		}
	}
	for _, s := range h.Pre {
		if syntax.ContainsNode(s, func(n ast.Node) bool { _, ok := n.(*ast.DeferStmt); return ok }) && !x.stoppable() {
			return false, "the goroutine defers a call"
		}
	}
	// It is main's own literal with one exit at its end. What it waits for comes before
	// main is told to stop: the load balancer is to notice, say.
	own := !cond && !h.Mixed && h.Last != nil && len(h.Exits) == 1 && h.Lit != nil && len(h.Lit.Type.Params.List) == 0 && !h.Notify.Call.Ellipsis.IsValid()
	return own && h.Plain() && !h.Stays() && !slices.ContainsFunc(list, x.needsName), ""
}

// entangled says what in s keeps the goroutine from ending without the process.
func (x *signalFix) entangled(s ast.Stmt) (why string) {
	p := x.h.P
	ast.Inspect(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			if syntax.ContainsNode(n, func(n ast.Node) bool {
				c, ok := n.(*ast.CallExpr)
				return ok && syntax.EndsProcess(p, c)
			}) {
				why = "the goroutine exits in a function literal, too"
			}
		case *ast.DeferStmt:
			why = "the goroutine defers a call"
		}
		return why == ""
	})
	return why
}

// needsName reports whether s means something else in main: it declares a name,
// or uses the signal received where that may be one of several.
func (x *signalFix) needsName(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			return true
		}
	case *ast.DeclStmt, *ast.LabeledStmt:
		return true
	}
	return len(x.signals) != 1 && x.h.Sig != nil && syntax.Mentions(x.h.P, s, x.h.Sig)
}

// private returns the statement that declares the channel of signals, when main
// and the goroutine alone know it, so that it can go with the goroutine; nil
// when they do not.
func (x *signalFix) private() (decl ast.Stmt) {
	h := x.h
	for _, c := range syntax.MentionsOf(h.P, h.Ch) {
		switch n := c.Parent().Node().(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE && len(n.Lhs) == 1 && (syntax.IndexOf(x.main.Body.List, n) >= 0 || syntax.IndexOf(h.Pre, n) >= 0) {
				decl = n
				continue
			}
		case *ast.CallExpr:
			if n == h.Notify.Call {
				continue
			}
		case *ast.UnaryExpr, *ast.RangeStmt:
			if h.Gostmt.Pos() <= n.Pos() && n.End() <= h.Gostmt.End() {
				continue
			}
		}
		return nil
	}
	for _, s := range h.Pre {
		if s != decl && s != h.NotifyStmt {
			return nil
		}
	}
	if syntax.IndexOf(x.main.Body.List, h.NotifyStmt) < 0 && syntax.IndexOf(h.Pre, h.NotifyStmt) < 0 {
		return nil
	}
	return decl
}

// names chooses the names that the fix declares.
func (x *signalFix) names() string {
	free := func(names ...string) string { return x.file.FreeName(x.main, names...) }
	x.ctx, x.stop = free("ctx", "sigCtx"), free("stop", "stopSignals")
	x.done = free("drained", "httpDrained")
	// Where one of the pair is taken, both get their other name.
	if x.ctx != "ctx" || x.stop != "stop" {
		x.ctx, x.stop = free("sigCtx", "signalCtx"), free("stopSignals", "stopNotify")
	}
	if x.keep {
		return x.cancelName()
	}
	return ""
}

// cancelName chooses a name for the function that ends the context, for main
// and all functions that hand it on.
func (x *signalFix) cancelName() string {
	for _, name := range []string{"cancel", "cancelSignal", "endSignal"} {
		ok := x.file.FreeName(x.main, name) == name
		for _, l := range x.links {
			ok = ok && x.h.P.File(l.decl).FreeName(l.decl, name) == name
		}
		if ok {
			x.stop = name
			return ""
		}
	}
	return "there is no name for the function that ends the context"
}

// pending returns the deferred calls that run after the fix.
func (x *signalFix) pending() []*ast.DeferStmt {
	var out []*ast.DeferStmt
	bodies := []*ast.BlockStmt{x.main.Body}
	for _, d := range x.funcs {
		bodies = append(bodies, d.Body)
	}
	bodies = append(bodies, x.literals...)
	for _, f := range x.w.Frames {
		// Those of the functions that call main's part, and of those it calls.
		if !slices.Contains(bodies, f.Body) {
			bodies = append(bodies, f.Body)
		}
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
	p := x.h.S.File(d.Pos()).Pkg
	if deferred.Exits(p, d) {
		return "the deferred " + deferred.Text(d) + " exits itself"
	}
	if name := deferred.AsksError(p, d); name != "" {
		return "the deferred " + deferred.Text(d) + " goes by " + name + ", which is no error when the signal ends the function"
	}
	var w waits.Waits
	if lit, ok := ast.Unparen(d.Call.Fun).(*ast.FuncLit); ok {
		w = waits.In(p, lit.Body)
	} else {
		w = waits.In(p, d.Call)
	}
	if len(w.List) > 0 {
		return "the deferred " + deferred.Text(d) + " may wait for ever"
	}
	x.limit = x.limit || locked.Takes(p, d.Call, waits.MaxFrames)
	for _, c := range w.Slow {
		if id := syntax.LastName(c.Fun); id == nil || !cleanupName.MatchString(id.Name) || waits.HasContext(p, c) {
			x.limit = true
		}
	}
	return ""
}
