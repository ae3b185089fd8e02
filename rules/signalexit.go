package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

var signalexit = &Rule{
	Name:  "signalexit",
	Title: "os.Exit in a signal goroutine",
	Doc: `On SIGTERM the last metrics, log lines or temporary files are not flushed or removed, although main defers that.

A goroutine receives the signal and ends the process with os.Exit, which runs no deferred call of any goroutine (os.Exit, "deferred functions are not run"); log.Fatal does the same.

The fix takes the signal as the end of a context, makes what main waits in return when the context is done, and moves the goroutine's last statements behind it: a loop gets a case for ctx.Done, an HTTP server is shut down and its requests are waited for. It is offered only where what main waits in is sure to return then; a context that nobody looks at would make the process ignore the signal. Where that takes a limit of time, the process ends 10 seconds after the signal in any case.

It fires when a goroutine exits on the first signal while deferred calls with an effect beyond the process are pending in main, or in the functions that main waits in. It stays silent when those calls only release what the end of the process releases, when the goroutine makes them itself, when it tells main to stop, and when it exits on a second signal only.`,
	Before: `c := make(chan os.Signal, 1)
signal.Notify(c, syscall.SIGTERM)
go func() {
	<-c
	flushLogs()
	os.Exit(0)
}()
runServer()`,
	After: `ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
defer stop()
runServer(ctx)
flushLogs()`,
	Needs: []rewrite.Need{{Import: "os/signal", Idents: []string{"Notify"}}},
	Emits: []string{"context", "net/http", "time"},
	Find:  findSignalExits,
}

func findSignalExits(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	done := make(map[ast.Stmt]bool)
	for call := range s.Calls("os/signal", "Notify") {
		if call.Pkg.Wide || call.File.Test {
			continue
		}
		h := handlerOf(call)
		if h == nil || done[h.recv] {
			continue
		}
		done[h.recv] = true
		// Have: a goroutine that exits on the first signal.
		if h.tellsMain() {
			continue
		}
		w := h.waiting()
		if w == nil {
			continue
		}
		lost := h.lost(w)
		if len(lost) == 0 {
			continue
		}
		// Have: deferred calls that matter and do not run.
		out = append(out, h.finding(w, lost))
	}
	return out
}

// signalHandler is a goroutine that ends the process on the first signal.
type signalHandler struct {
	s    *rewrite.Snapshot
	p    *rewrite.Package
	file *rewrite.File

	notify     rewrite.Call
	notifyStmt *ast.ExprStmt
	ch         *types.Var

	gostmt *ast.GoStmt
	lit    *ast.FuncLit   // nil for a declared function
	decl   *ast.FuncDecl  // nil for a literal
	body   *ast.BlockStmt // of the goroutine

	pre  []ast.Stmt // before the receive
	recv ast.Stmt   // holds the receive; a loop or select when looped is set
	arms bool       // the receive is that of a loop or select around the tail
	sig  *types.Var // the signal received, nil when it is dropped
	tail []ast.Stmt // from the receive to the exit
	last ast.Stmt   // the exit, alone at the end of the list; nil when it is in branches
	exit *ast.CallExpr
}

// handlerOf returns the goroutine that ends the process when the channel of the
// Notify call delivers for the first time; nil when there is none.
func handlerOf(notify rewrite.Call) *signalHandler {
	p := notify.Pkg
	if len(notify.Call.Args) == 0 {
		return nil
	}
	id, ok := ast.Unparen(notify.Call.Args[0]).(*ast.Ident)
	if !ok {
		return nil
	}
	ch, ok := p.Info.Uses[id].(*types.Var)
	if !ok || ch.Pkg() != p.Types {
		return nil
	}
	h := &signalHandler{s: p.Snapshot(), p: p, notify: notify, ch: ch}
	h.notifyStmt, _ = notify.At.Parent().Node().(*ast.ExprStmt)
	if h.notifyStmt == nil {
		return nil
	}
	at, ok := h.receive(ch, 0)
	if !ok || !h.goroutine(at) || !h.split(at) {
		return nil
	}
	return h
}

// receive returns the only place where v delivers: a receive expression or a
// range statement. It follows v as an argument.
func (h *signalHandler) receive(v *types.Var, depth int) (at inspector.Cursor, ok bool) {
	count := 0
	for c := range h.p.Inspector.Root().Preorder((*ast.Ident)(nil)) {
		id := c.Node().(*ast.Ident)
		if h.p.Info.Uses[id] != v {
			continue
		}
		for c.ParentEdgeKind() == edge.ParenExpr_X {
			c = c.Parent()
		}
		switch n := c.Parent().Node().(type) {
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				at = c.Parent()
				count++
			}
		case *ast.RangeStmt:
			if n.X == c.Node() {
				at = c.Parent()
				count++
			}
		case *ast.CallExpr:
			if h.p.IsCall(n, "os/signal", "Notify", "Stop") || n.Fun == c.Node() || isBuiltin(h.p, n, "close") || isBuiltin(h.p, n, "cap") {
				continue
			}
			param := h.param(n, c)
			if param == nil || depth > 2 {
				return at, false
			}
			inner, ok := h.receive(param, depth+1)
			if !ok {
				return at, false
			}
			at = inner
			count++
		case *ast.ValueSpec, *ast.AssignStmt:
		case *ast.SendStmt:
			if n.Chan != c.Node() {
				return at, false
			}
		default:
			return at, false // stored, returned, captured in a struct
		}
	}
	return at, count == 1
}

// param returns the parameter that stands for the argument at c, where the
// callee is a function literal or a function of the package.
func (h *signalHandler) param(call *ast.CallExpr, c inspector.Cursor) *types.Var {
	i := -1
	for j, a := range call.Args {
		if a == c.Node() {
			i = j
		}
	}
	var sig *types.Signature
	if lit, ok := ast.Unparen(call.Fun).(*ast.FuncLit); ok {
		sig = signatureOf(h.p, lit)
	} else if fn := h.p.Callee(call); fn != nil && fn.Pkg() == h.p.Types {
		sig = fn.Signature()
	}
	if sig == nil || i < 0 || sig.Variadic() || i >= sig.Params().Len() {
		return nil
	}
	return sig.Params().At(i)
}

// goroutine finds the go statement whose function holds the receive.
func (h *signalHandler) goroutine(at inspector.Cursor) bool {
	fn, ok := enclosingFunc(at)
	if !ok {
		return false
	}
	h.file = h.p.File(fn.Node())
	switch n := fn.Node().(type) {
	case *ast.FuncLit:
		call, ok := fn.Parent().Node().(*ast.CallExpr)
		if !ok || call.Fun != n {
			return false
		}
		g, ok := fn.Parent().Parent().Node().(*ast.GoStmt)
		if !ok || g.Call != call {
			return false
		}
		h.lit, h.body, h.gostmt = n, n.Body, g
	case *ast.FuncDecl:
		obj, _ := h.p.Info.Defs[n.Name].(*types.Func)
		if obj == nil {
			return false
		}
		refs := h.s.Refs(rewrite.ObjectKey(obj))
		if len(refs) != 1 || refs[0].Pkg != h.p {
			return false
		}
		call, ok := refs[0].Call()
		if !ok {
			return false
		}
		g, ok := call.Parent().Node().(*ast.GoStmt)
		if !ok || g.Call != call.Node() {
			return false
		}
		h.decl, h.body, h.gostmt = n, n.Body, g
	}
	return h.file != nil && !h.file.Test && !h.file.Generated
}

// split cuts the goroutine's body at the receive and the exit.
func (h *signalHandler) split(at inspector.Cursor) bool {
	// The statement that holds the receive, and the list around it.
	var list []ast.Stmt
	if r, ok := at.Node().(*ast.RangeStmt); ok {
		if at.Parent().Node() != h.body {
			return false
		}
		h.recv, h.arms, list = r, true, r.Body.List
		if id, ok := r.Key.(*ast.Ident); ok {
			h.sig, _ = h.p.Info.Defs[id].(*types.Var)
		}
	} else {
		st, c := enclosingStmt(at)
		if st == nil {
			return false
		}
		h.recv = st
		if a, ok := st.(*ast.AssignStmt); ok && len(a.Rhs) == 1 && ast.Unparen(a.Rhs[0]) == at.Node() {
			if id, ok := a.Lhs[0].(*ast.Ident); ok {
				h.sig, _ = h.p.Info.ObjectOf(id).(*types.Var)
			}
		}
		switch parent := c.Parent().Node().(type) {
		case *ast.BlockStmt:
			i := indexOf(parent.List, st)
			list = parent.List[i+1:]
			if parent != h.body {
				// for { <-c; ...; os.Exit(0) }
				loop, ok := c.Parent().Parent().Node().(*ast.ForStmt)
				if !ok || loop.Cond != nil || i != 0 || c.Parent().Parent().Parent().Node() != h.body {
					return false
				}
				h.recv, h.arms = loop, true
				list = parent.List[1:]
			}
		case *ast.CommClause:
			sel := c.Parent().Parent().Parent()
			block, ok := sel.Parent().Node().(*ast.BlockStmt)
			if parent.Comm != st || len(sel.Node().(*ast.SelectStmt).Body.List) != 1 || !ok {
				return false
			}
			h.recv, h.arms = sel.Node().(*ast.SelectStmt), true
			list = parent.Body
			if block != h.body {
				loop, ok := sel.Parent().Parent().Node().(*ast.ForStmt)
				if !ok || loop.Cond != nil || len(block.List) != 1 || sel.Parent().Parent().Parent().Node() != h.body {
					return false
				}
				h.recv = loop
			} else if rest := block.List[indexOf(block.List, h.recv)+1:]; len(rest) > 0 {
				if len(list) > 0 && h.always(list) {
					return h.setTail(list)
				}
				if len(list) > 0 {
					return false
				}
				list = rest
			}
		default:
			return false
		}
	}
	i := indexOf(h.body.List, h.recv)
	if i < 0 {
		return false
	}
	h.pre = h.body.List[:i]
	return h.setTail(list)
}

// setTail notes the statements from the receive to the exit, when all paths
// through them end in one.
func (h *signalHandler) setTail(list []ast.Stmt) bool {
	if !h.always(list) {
		return false
	}
	// What follows the exit is never reached.
	for i, s := range list {
		if call := h.exitCall(s); call != nil {
			h.tail, h.last, h.exit = list[:i], s, call
			return true
		}
	}
	h.tail = list
	ast.Inspect(list[len(list)-1], func(n ast.Node) bool {
		if s, ok := n.(ast.Stmt); ok && h.exit == nil {
			h.exit = h.exitCall(s)
		}
		return h.exit == nil
	})
	return h.exit != nil
}

// exitCall returns the call in s when s is a statement that ends the process.
func (h *signalHandler) exitCall(s ast.Stmt) *ast.CallExpr {
	x, ok := s.(*ast.ExprStmt)
	if !ok {
		return nil
	}
	call, ok := x.X.(*ast.CallExpr)
	if !ok || !endsProcess(h.p, call) {
		return nil
	}
	return call
}

// endsProcess reports whether the call exits without running deferred calls:
// os.Exit, log.Fatal and the Fatal functions of other loggers.
func endsProcess(p *rewrite.Package, call *ast.CallExpr) bool {
	if p.IsCall(call, "os", "Exit") || p.IsCall(call, "syscall", "Exit") {
		return true
	}
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	switch fn.Name() {
	case "Fatal", "Fatalf", "Fatalln", "Fatalw":
		return fn.Pkg().Path() != "testing"
	}
	return false
}

// always reports whether every path through the list ends the process, without
// a return or a further turn of the loop around it.
func (h *signalHandler) always(list []ast.Stmt) bool {
	leaves := false
	for _, s := range list {
		ast.Inspect(s, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.ReturnStmt, *ast.BranchStmt:
				if b, ok := n.(*ast.BranchStmt); !ok || b.Tok == token.CONTINUE || b.Tok == token.GOTO || b.Label != nil || !breaksWithin(s, b) {
					leaves = true
				}
			}
			return true
		})
		if h.ends(s) {
			return !leaves
		}
	}
	return false
}

// breaksWithin reports whether the break leaves something inside of s.
func breaksWithin(s ast.Stmt, b *ast.BranchStmt) bool {
	return b.Tok == token.FALLTHROUGH || containsNode(s, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
			return n.Pos() <= b.Pos() && b.End() <= n.End()
		}
		return false
	})
}

func (h *signalHandler) ends(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ExprStmt:
		return h.exitCall(s) != nil
	case *ast.BlockStmt:
		return len(s.List) > 0 && h.always(s.List)
	case *ast.IfStmt:
		return s.Else != nil && h.always(s.Body.List) && h.ends(s.Else)
	case *ast.SwitchStmt:
		hasDefault := false
		for _, c := range s.Body.List {
			cc := c.(*ast.CaseClause)
			hasDefault = hasDefault || cc.List == nil
			if !h.always(cc.Body) {
				return false
			}
		}
		return hasDefault
	}
	return false
}

func indexOf(list []ast.Stmt, s ast.Stmt) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

// enclosingStmt returns the innermost statement around c.
func enclosingStmt(c inspector.Cursor) (ast.Stmt, inspector.Cursor) {
	for ; c.Node() != nil; c = c.Parent() {
		if s, ok := c.Node().(ast.Stmt); ok {
			return s, c
		}
	}
	return nil, c
}

// stopName matches what tells the rest of the program to stop, or waits until
// it has.
var stopName = regexp.MustCompile(`(?i:^(cancel|shut_?down|stop|graceful|terminate|quit|wait|drain|kill|interrupt|abort))|(Cancel|Shut[dD]own|Stop|Graceful|Terminate|Quit|Drain)([A-Z_]|$)`)

// tellsMain reports whether the goroutine asks other goroutines to stop before
// it exits: the exit then is the end of an orderly shutdown.
func (h *signalHandler) tellsMain() bool {
	for _, s := range h.tail {
		found := containsNode(s, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SendStmt:
				return true
			case *ast.UnaryExpr:
				return n.Op == token.ARROW
			case *ast.CallExpr:
				return h.asksToStop(n)
			}
			return false
		})
		if found {
			return true
		}
	}
	return false
}

// asksToStop reports whether call closes a channel or a server, or is named
// after ending something.
func (h *signalHandler) asksToStop(call *ast.CallExpr) bool {
	if isBuiltin(h.p, call, "close") {
		return true
	}
	if isContextFunc(h.p.Info.TypeOf(call.Fun)) {
		return true
	}
	id := lastName(call.Fun)
	if id == nil {
		return false
	}
	if fn := h.p.Callee(call); fn != nil && fn.Pkg() != nil {
		switch key := rewrite.ObjectKey(fn); {
		case key == "(*net/http.Server).Close" || key == "(net.Listener).Close" || strings.HasPrefix(key, "(*net.") && fn.Name() == "Close":
			return true
		case key == "runtime/pprof.StopCPUProfile", key == "runtime/trace.Stop", fn.Pkg().Path() == "os/signal", fn.Pkg().Path() == "time":
			return false
		}
	}
	return stopName.MatchString(id.Name)
}

// isContextFunc reports whether t is one of context's cancel functions.
func isContextFunc(t types.Type) bool {
	return t != nil && (isType(t, "context", "CancelFunc") || isType(t, "context", "CancelCauseFunc"))
}
