package handler

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/signalexit/waits"
)

// stopName matches what tells the rest of the program to stop, or waits until
// it has.
var stopName = regexp.MustCompile(`(?i:^(cancel|shut_?down|stop|graceful|terminate|quit|wait|drain|kill|interrupt|abort))|(Cancel|Shut[dD]own|Stop|Graceful|Terminate|Quit|Drain)([A-Z_]|$)`)

// TellsMain reports whether the goroutine asks other goroutines to stop before
// it exits: the exit then is the end of an orderly shutdown. Closing a listener
// that main closes, too, on its way out, is the goroutine's own cleanup.
func (h *Handler) TellsMain(w *waits.Waiting) bool {
	for _, s := range h.path() {
		found := syntax.ContainsNode(s, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SendStmt:
				return true
			case *ast.UnaryExpr:
				return n.Op == token.ARROW && n != h.at
			case *ast.CallExpr:
				return h.asksToStop(h.P, n) && !h.defersToo(w, n) && !h.endsOwn(h.P, n) && !besides(h.P, w, n)
			}
			return false
		})
		if found {
			return true
		}
	}
	if h.endsOtherwise(h.Tail) || h.sleeps() && h.othersNotified() {
		return true
	}
	// What other packages end is their own: the goroutines of a database, say.
	return slices.ContainsFunc(h.made(), func(m MadeCall) bool {
		if m.value != nil {
			return h.toldBy(m.pkg, m.value)
		}
		return m.Call != nil && (m.pkg == h.P || m.pkg == h.GoPkg) && stops(m.pkg, m.Call) && !h.defersToo(w, m.Call) && !h.endsOwn(m.pkg, m.Call) && !besides(m.pkg, w, m.Call) && !closesOwn(w, m)
	})
}

// sleeps reports whether the goroutine gives others time before it exits.
func (h *Handler) sleeps() bool {
	return slices.ContainsFunc(h.path(), func(s ast.Stmt) bool {
		return syntax.ContainsNode(s, func(n ast.Node) bool { return h.P.IsCall(n, "time", "Sleep") })
	})
}

// othersNotified reports whether something else asks for the same signal, too: its
// exit may be the one in order, and the goroutine's the one that is forced.
func (h *Handler) othersNotified() bool {
	own := signalsOf(h.Notify.Call)
	for c := range h.S.Calls("os/signal", "Notify", "NotifyContext") {
		if c.File.Test || c.Call == h.Notify.Call || c.Pkg != h.P && !waits.Imports(c.Pkg.Types, h.P.Path) && !waits.Imports(h.P.Types, c.Pkg.Path) {
			continue
		}
		list := signalsOf(c.Call)
		if len(list) == 0 || slices.ContainsFunc(list, func(name string) bool { return slices.Contains(own, name) }) {
			return true
		}
	}
	return false
}

// signalsOf returns the names of the signals that the call asks for.
func signalsOf(call *ast.CallExpr) (out []string) {
	for _, a := range call.Args[min(1, len(call.Args)):] {
		switch id := syntax.LastName(a); {
		case id == nil:
		case id.Name == "Interrupt":
			out = append(out, "SIGINT")
		default:
			out = append(out, id.Name)
		}
	}
	return out
}

// toldBy reports whether the function x, which is passed to the goroutine, asks
// others to stop: it ends a context, is called after that, or its body does.
func (h *Handler) toldBy(p *rewrite.Package, x ast.Expr) bool {
	id := syntax.LastName(x)
	if id != nil && stopName.MatchString(id.Name) || syntax.IsContextFunc(p.Info.TypeOf(x)) {
		return true
	}
	var body *ast.BlockStmt
	if id != nil {
		if def := syntax.Definition(p, id); def != nil {
			x = def.Value
		}
		if fn, ok := p.Info.Uses[id].(*types.Func); ok {
			if decl, q := syntax.DeclarationOf(h.S, fn); decl != nil && decl.Body != nil {
				p, body = q, decl.Body
			}
		}
	}
	if lit, ok := ast.Unparen(x).(*ast.FuncLit); ok {
		body = lit.Body
	}
	return body != nil && syntax.ContainsNode(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SendStmt:
			return true
		case *ast.UnaryExpr:
			return n.Op == token.ARROW
		case *ast.CallExpr:
			return h.asksToStop(p, n)
		}
		return false
	})
}

// closesOwn reports whether the call closes a channel that main does not look at
// where it waits: that tells the goroutines of a store, say.
func closesOwn(w *waits.Waiting, m MadeCall) bool {
	if !syntax.IsBuiltin(m.pkg, m.Call, "close") {
		return false
	}
	ch := syntax.BaseVar(m.pkg, m.Call.Args[0])
	if v, ok := ch.(*types.Var); !ok || !v.IsField() {
		return false
	}
	return !slices.ContainsFunc(w.Frames, func(f waits.Frame) bool { return f.Pkg != m.pkg || syntax.Mentions(f.Pkg, f.Body, ch) })
}

// defersToo reports whether call closes a listener and main defers the same.
func (h *Handler) defersToo(w *waits.Waiting, call *ast.CallExpr) bool {
	fn := h.P.Callee(call)
	if fn == nil || fn.Name() != "Close" || !strings.Contains(rewrite.ObjectKey(fn), "Listener)") {
		return false
	}
	return slices.ContainsFunc(w.Frames, func(f waits.Frame) bool {
		return f.Pkg == h.P && syntax.ContainsNode(f.Body, func(n ast.Node) bool {
			d, ok := n.(*ast.DeferStmt)
			return ok && d.Pos() < f.End && SameCall(h.P, f.Body, call, d.Call)
		})
	})
}

// quitName matches channels that tell somebody to stop.
var quitName = regexp.MustCompile(`(?i)quit|stop|done|exit|shut|cancel|term|kill|close`)

// endsOtherwise reports whether another choice of the signal asks the program to
// stop in an orderly way: the exit then is the forced one.
func (h *Handler) endsOtherwise(list []ast.Stmt) bool {
	for _, s := range list {
		lists, _ := h.choices(s)
		for _, l := range lists {
			if h.endsOtherwise(l) {
				return true
			}
			if h.always(l) {
				continue
			}
			for _, s := range l {
				if syntax.ContainsNode(s, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.SendStmt:
						id := syntax.LastName(n.Chan)
						return id != nil && quitName.MatchString(id.Name)
					case *ast.CallExpr:
						return h.asksToStop(h.P, n)
					}
					return false
				}) {
					return true
				}
			}
		}
	}
	return false
}

// stops reports whether call closes a channel, a server or a listener, or ends a
// context.
func stops(p *rewrite.Package, call *ast.CallExpr) bool {
	if syntax.IsBuiltin(p, call, "close") || syntax.IsContextFunc(p.Info.TypeOf(call.Fun)) {
		return true
	}
	fn := p.Callee(call)
	if fn == nil {
		return false
	}
	key := rewrite.ObjectKey(fn)
	return key == "(*net/http.Server).Close" || key == "(*net/http.Server).Shutdown" || key == "(net.Listener).Close" ||
		strings.HasPrefix(key, "(*net.") && strings.Contains(key, "Listener") && fn.Name() == "Close" || fn.Name() == "GracefulStop"
}

// asksToStop reports whether call stops something, or is named after that.
func (h *Handler) asksToStop(p *rewrite.Package, call *ast.CallExpr) bool {
	if stops(p, call) {
		return true
	}
	id := syntax.LastName(call.Fun)
	if id == nil || p == h.P && h.ExitsInside(call) {
		return false
	}
	if fn := p.Callee(call); fn != nil && fn.Pkg() != nil {
		switch key := rewrite.ObjectKey(fn); {
		case strings.HasPrefix(key, "(*net.") && fn.Name() == "Close":
			return true
		case key == "runtime/pprof.StopCPUProfile", key == "runtime/trace.Stop", fn.Pkg().Path() == "context", fn.Pkg().Path() == "os/signal", fn.Pkg().Path() == "time":
			return false
		}
	}
	return stopName.MatchString(id.Name)
}
