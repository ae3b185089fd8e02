package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
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

The fix takes the signal as the end of a context, makes what main waits in return when the context is done, and moves the goroutine's last statements behind it: a loop gets a case for ctx.Done, a listener that it takes connections from is closed, an HTTP, gRPC, echo, fiber or gin server is shut down and its requests are waited for, goroutines that main waits for leave, and a function that takes a context gets this one. A function that others call, too, keeps its form beside one with a context. Where the statements cannot move (there are several exits or signals, or a helper of main starts the goroutine) the goroutine stays and cancels a context in the place of each exit. The fix is offered only where what main waits in is sure to return then; a context that nobody looks at would make the process ignore the signal. Where that takes a limit of time, the process ends 10 seconds after the signal in any case (15 where requests are waited for).

It fires when a goroutine exits on the first signal, or on one of several, while deferred calls with an effect beyond the process are pending in main, or in the functions that main waits in. It stays silent when those calls only release what the end of the process releases, when the goroutine makes them itself, when it tells main to stop, on that signal or another, and when it exits on a second signal only.`,
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
		w := h.waiting()
		if w == nil || h.tellsMain(w) {
			continue
		}
		lost := h.lost(w)
		if len(lost) == 0 {
			continue
		}
		// Have: deferred calls that matter and do not run.
		out = append(out, describeExit(h, w, lost))
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

	pre   []ast.Stmt // before the receive
	recv  ast.Stmt   // holds the receive; a loop or select when arms is set
	arms  bool       // the receive is that of a loop or select around the tail
	mixed bool       // the loop or select does something else, too
	at    ast.Node   // the receive: an expression or the range statement
	from  ast.Expr   // what is received from: the channel, under its name in the goroutine
	more  []ast.Expr // channels of other signals on which the goroutine exits, too
	sig   *types.Var // the signal received, nil when it is dropped
	ok    *types.Var // whether the channel is still open, nil when nobody asks
	tail  []ast.Stmt // from the receive to the exit
	last  ast.Stmt   // the exit, alone at the end of the list; nil when it is in branches
	exit  *ast.CallExpr
	exits []*ast.ExprStmt // all exits behind the receive, in source order

	calls []madeCall // made between the receive and the exit, once computed
}

// handlerOf returns the goroutine that ends the process when the channel of the
// Notify call delivers for the first time; nil when there is none.
func handlerOf(notify rewrite.Call) *signalHandler {
	p := notify.Pkg
	if len(notify.Call.Args) == 0 {
		return nil
	}
	id := lastName(notify.Call.Args[0])
	if id == nil {
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
	if !ok {
		return nil
	}
	if at, ok = h.goroutine(at); !ok || !h.split(at) {
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
		for k := c.ParentEdgeKind(); k == edge.ParenExpr_X || k == edge.SelectorExpr_Sel; k = c.ParentEdgeKind() {
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
		case *ast.KeyValueExpr:
			if n.Key != c.Node() {
				return at, false
			}
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

// goroutine finds the go statement whose function holds the receive, or calls
// the one that does and returns then: at is the receive or that call.
func (h *signalHandler) goroutine(receive inspector.Cursor) (at inspector.Cursor, ok bool) {
	at = receive
	for range maxFrames {
		fn, ok := enclosingFunc(at)
		if !ok {
			return at, false
		}
		h.file = h.p.File(fn.Node())
		switch n := fn.Node().(type) {
		case *ast.FuncLit:
			call, ok := fn.Parent().Node().(*ast.CallExpr)
			if !ok || call.Fun != n {
				return at, false
			}
			g, ok := fn.Parent().Parent().Node().(*ast.GoStmt)
			if !ok || g.Call != call {
				return at, false
			}
			h.lit, h.body, h.gostmt = n, n.Body, g
		case *ast.FuncDecl:
			obj, _ := h.p.Info.Defs[n.Name].(*types.Func)
			if obj == nil {
				return at, false
			}
			refs := h.s.Refs(rewrite.ObjectKey(obj))
			if len(refs) != 1 || refs[0].Pkg != h.p {
				return at, false
			}
			call, ok := refs[0].Call()
			if !ok {
				return at, false
			}
			g, ok := call.Parent().Node().(*ast.GoStmt)
			if !ok {
				if !returnsBehind(n.Body, at) {
					return at, false
				}
				at = call
				continue
			}
			h.decl, h.body, h.gostmt = n, n.Body, g
		}
		return at, h.file != nil && !h.file.Test && !h.file.Generated
	}
	return at, false
}

// returnsBehind reports whether the function waits at c once and returns: c is
// in a statement of the body's own list.
func returnsBehind(body *ast.BlockStmt, c inspector.Cursor) bool {
	st, _ := enclosingStmt(c)
	i := indexOf(body.List, st)
	switch st.(type) {
	case *ast.ExprStmt, *ast.AssignStmt, *ast.ReturnStmt:
		return i >= 0 && !slices.ContainsFunc(body.List[:i], leaves)
	}
	return false
}

// split cuts the goroutine's body at the receive and the exit.
func (h *signalHandler) split(at inspector.Cursor) bool {
	var list []ast.Stmt // what follows the receive
	c := at
	h.at = at.Node()
	switch n := at.Node().(type) {
	case *ast.RangeStmt:
		h.from, h.arms, list = n.X, true, n.Body.List
		if id, ok := n.Key.(*ast.Ident); ok {
			h.sig, _ = h.p.Info.Defs[id].(*types.Var)
		}
	default:
		var st ast.Stmt
		if st, c = enclosingStmt(at); st == nil {
			return false
		}
		if u, ok := n.(*ast.UnaryExpr); ok {
			h.from = ast.Unparen(u.X)
		}
		if a, ok := st.(*ast.AssignStmt); ok && len(a.Rhs) == 1 && ast.Unparen(a.Rhs[0]) == n {
			h.sig = h.variable(a.Lhs[0])
			if len(a.Lhs) == 2 {
				h.ok = h.variable(a.Lhs[1])
			}
		}
		// if _, ok := <-c; ok {, switch s := <-c; s {, switch <-c {, log.Fatal(<-c)
		switch c.ParentEdgeKind() {
		case edge.IfStmt_Init, edge.SwitchStmt_Init:
			c = c.Parent()
			st = c.Node().(ast.Stmt)
		}
		switch st.(type) {
		case *ast.IfStmt, *ast.SwitchStmt:
			list, h.mixed = []ast.Stmt{st}, true
		case *ast.ExprStmt:
			if h.exitCall(st) != nil {
				list, h.mixed = []ast.Stmt{st}, true
			}
		}
	}
	// Out to the goroutine's own list of statements.
	for c.Parent().Node() != h.body {
		st, _ := c.Node().(ast.Stmt)
		switch parent := c.Parent().Node().(type) {
		case *ast.CommClause:
			// case <-c:
			if parent.Comm != st {
				return false
			}
			c = c.Parent().Parent().Parent()
			h.arms = true
			h.siblings(c.Node().(*ast.SelectStmt), parent)
			list = parent.Body
			if len(list) > 0 && h.always(list) {
				continue
			}
			if block, ok := c.Parent().Node().(*ast.BlockStmt); ok {
				h.mixed = h.mixed || len(list) > 0
				list = slices.Concat(list, block.List[indexOf(block.List, c.Node().(ast.Stmt))+1:])
			}
			continue
		case *ast.BlockStmt:
			// for { <-c; ...; os.Exit(0) }
			i := indexOf(parent.List, st)
			loop, ok := c.Parent().Parent().Node().(*ast.ForStmt)
			if !ok || loop.Cond != nil {
				return false
			}
			_, isSelect := st.(*ast.SelectStmt)
			if !isSelect {
				list = slices.Concat(list, parent.List[i+1:])
			}
			h.mixed = h.mixed || i > 0 || isSelect && len(parent.List) > 1
			h.arms = true
			c = c.Parent().Parent()
		case *ast.LabeledStmt:
			h.mixed = true
			c = c.Parent()
		default:
			return false
		}
	}
	st, ok := c.Node().(ast.Stmt)
	if !ok {
		return false
	}
	h.recv = st
	i := indexOf(h.body.List, st)
	h.pre = h.body.List[:i]
	if !h.arms {
		list = slices.Concat(list, h.body.List[i+1:])
	}
	return h.setTail(list)
}

// siblings notes what else the select around the receive does: it may exit on
// the signals of another channel, too.
func (h *signalHandler) siblings(sel *ast.SelectStmt, own *ast.CommClause) {
	for _, c := range sel.Body.List {
		cc := c.(*ast.CommClause)
		if cc == own {
			continue
		}
		h.mixed = true
		var from ast.Expr
		if cc.Comm != nil && h.always(cc.Body) {
			ast.Inspect(cc.Comm, func(n ast.Node) bool {
				if u, ok := n.(*ast.UnaryExpr); ok && u.Op == token.ARROW && isType(h.p.Info.TypeOf(u), "os", "Signal") {
					from = u.X
				}
				return from == nil
			})
		}
		if from == nil {
			continue
		}
		h.more = append(h.more, from)
		for _, s := range cc.Body {
			h.exits = append(h.exits, h.exitsIn(s)...)
		}
	}
}

// setTail notes the statements from the receive to the exit, when all paths
// through them end in one.
func (h *signalHandler) setTail(list []ast.Stmt) bool {
	if !h.always(list) {
		return false
	}
	// What follows the exit is never reached.
	end := 0
	for i, s := range list {
		if h.ends(s) {
			end = i + 1
			break
		}
	}
	for _, s := range list[:end] {
		h.exits = append(h.exits, h.exitsIn(s)...)
	}
	if len(h.exits) == 0 {
		return false
	}
	h.exit = h.exitCall(h.exits[len(h.exits)-1])
	slices.SortFunc(h.exits, func(a, b *ast.ExprStmt) int { return int(a.Pos() - b.Pos()) })
	h.tail = list[:end]
	if last := list[end-1]; h.exitCall(last) != nil {
		h.tail, h.last = list[:end-1], last
	}
	h.mixed = h.mixed || slices.ContainsFunc(h.tail, leaves)
	return true
}

// exitsIn returns the statements in s that end the process, outside of function
// literals.
func (h *signalHandler) exitsIn(s ast.Stmt) []*ast.ExprStmt {
	var out []*ast.ExprStmt
	ast.Inspect(s, func(n ast.Node) bool {
		if _, isLit := n.(*ast.FuncLit); isLit {
			return false
		}
		if x, ok := n.(*ast.ExprStmt); ok && h.exitCall(x) != nil {
			out = append(out, x)
		}
		return true
	})
	return out
}

// exitCall returns the call in s when s is a statement that ends the process.
func (h *signalHandler) exitCall(s ast.Stmt) *ast.CallExpr {
	x, ok := s.(*ast.ExprStmt)
	if !ok {
		return nil
	}
	call, ok := x.X.(*ast.CallExpr)
	if !ok || !endsProcess(h.p, call) && !h.exitsInside(call) {
		return nil
	}
	return call
}

// exitsInside reports whether call is of a function of the package that ends the
// process at its end.
func (h *signalHandler) exitsInside(call *ast.CallExpr) bool {
	fn := h.p.Callee(call)
	if fn == nil || fn.Pkg() != h.p.Types {
		return false
	}
	decl, q := declarationOf(h.s, fn)
	if decl == nil || decl.Body == nil || len(decl.Body.List) == 0 || slices.ContainsFunc(decl.Body.List, leaves) {
		return false
	}
	x, ok := decl.Body.List[len(decl.Body.List)-1].(*ast.ExprStmt)
	if !ok {
		return false
	}
	last, ok := x.X.(*ast.CallExpr)
	return ok && endsProcess(q, last)
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
// a return or a further turn of the loop around it. Where a statement chooses by
// the signal, the paths of one choice are enough: the handler that reloads on
// SIGHUP ends on SIGTERM.
func (h *signalHandler) always(list []ast.Stmt) bool {
	for _, s := range list {
		if h.ends(s) {
			return true
		}
		if _, chooses := h.choices(s); !chooses && leaves(s) {
			return false
		}
	}
	return false
}

// leaves reports whether s may go on elsewhere than behind itself.
func leaves(s ast.Stmt) bool {
	found := false
	ast.Inspect(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			found = true
		case *ast.BranchStmt:
			found = found || n.Tok == token.CONTINUE || n.Tok == token.GOTO || n.Label != nil || !breaksWithin(s, n)
		}
		return !found
	})
	return found
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

// ends reports whether s always ends the process, for one choice of the signal
// where it chooses by it.
func (h *signalHandler) ends(s ast.Stmt) bool {
	if lists, chooses := h.choices(s); chooses {
		return slices.ContainsFunc(lists, h.always)
	}
	switch s := s.(type) {
	case *ast.ExprStmt:
		return h.exitCall(s) != nil
	case *ast.BlockStmt:
		return h.always(s.List)
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

// choices returns the lists among which s chooses by the signal received; ok is
// false when it does not.
func (h *signalHandler) choices(s ast.Stmt) (lists [][]ast.Stmt, ok bool) {
	switch s := s.(type) {
	case *ast.IfStmt:
		if !h.bySignal(s.Cond) {
			return nil, false
		}
		lists = append(lists, s.Body.List)
		switch e := s.Else.(type) {
		case *ast.BlockStmt:
			lists = append(lists, e.List)
		case *ast.IfStmt:
			lists = append(lists, []ast.Stmt{e})
		}
		return lists, true
	case *ast.SwitchStmt:
		ok = s.Tag != nil && h.bySignal(s.Tag)
		for _, c := range s.Body.List {
			cc := c.(*ast.CaseClause)
			lists = append(lists, cc.Body)
			ok = ok || s.Tag == nil && slices.ContainsFunc(cc.List, h.bySignal)
		}
		return lists, ok
	}
	return nil, false
}

// path returns the statements on the way from the receive to the exit: where one
// chooses by the signal, those of the choices that exit.
func (h *signalHandler) path() []ast.Stmt { return h.pathOf(h.tail) }

func (h *signalHandler) pathOf(list []ast.Stmt) []ast.Stmt {
	var out []ast.Stmt
	for _, s := range list {
		lists, chooses := h.choices(s)
		if !chooses {
			out = append(out, s)
			continue
		}
		for _, l := range lists {
			if h.always(l) || !h.ends(s) && !slices.ContainsFunc(l, leaves) {
				out = append(out, h.pathOf(l)...)
			}
		}
	}
	return out
}

// bySignal reports whether x depends on what was received.
func (h *signalHandler) bySignal(x ast.Expr) bool {
	return containsNode(x, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		return n == h.at || ok && h.sig != nil && h.p.Info.Uses[id] == h.sig || ok && h.ok != nil && h.p.Info.Uses[id] == h.ok
	})
}

// variable returns the variable that x assigns to, nil for none.
func (h *signalHandler) variable(x ast.Expr) *types.Var {
	id, ok := x.(*ast.Ident)
	if !ok {
		return nil
	}
	v, _ := h.p.Info.ObjectOf(id).(*types.Var)
	return v
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
// it exits: the exit then is the end of an orderly shutdown. Closing a listener
// that main closes, too, on its way out, is the goroutine's own cleanup.
func (h *signalHandler) tellsMain(w *waiting) bool {
	for _, s := range h.path() {
		found := containsNode(s, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SendStmt:
				return true
			case *ast.UnaryExpr:
				return n.Op == token.ARROW && n != h.at
			case *ast.CallExpr:
				return h.asksToStop(n) && !h.defersToo(w, n)
			}
			return false
		})
		if found {
			return true
		}
	}
	if h.endsOtherwise(h.tail) {
		return true
	}
	// What other packages end is their own: the goroutines of a database, say.
	return slices.ContainsFunc(h.made(), func(m madeCall) bool {
		return m.call != nil && m.pkg == h.p && stops(m.pkg, m.call) && !h.defersToo(w, m.call)
	})
}

// defersToo reports whether call closes a listener and main defers the same.
func (h *signalHandler) defersToo(w *waiting, call *ast.CallExpr) bool {
	fn := h.p.Callee(call)
	if fn == nil || fn.Name() != "Close" || !strings.Contains(rewrite.ObjectKey(fn), "Listener)") {
		return false
	}
	return slices.ContainsFunc(w.frames, func(f frame) bool {
		return f.pkg == h.p && containsNode(f.body, func(n ast.Node) bool {
			d, ok := n.(*ast.DeferStmt)
			return ok && d.Pos() < f.end && sameCall(h.p, f.body, call, d.Call)
		})
	})
}

// quitName matches channels that tell somebody to stop.
var quitName = regexp.MustCompile(`(?i)quit|stop|done|exit|shut|cancel|term|kill|close`)

// endsOtherwise reports whether another choice of the signal asks the program to
// stop in an orderly way: the exit then is the forced one.
func (h *signalHandler) endsOtherwise(list []ast.Stmt) bool {
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
				if containsNode(s, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.SendStmt:
						id := lastName(n.Chan)
						return id != nil && quitName.MatchString(id.Name)
					case *ast.CallExpr:
						return h.asksToStop(n)
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
	if isBuiltin(p, call, "close") || isContextFunc(p.Info.TypeOf(call.Fun)) {
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
func (h *signalHandler) asksToStop(call *ast.CallExpr) bool {
	if stops(h.p, call) {
		return true
	}
	id := lastName(call.Fun)
	if id == nil || h.exitsInside(call) {
		return false
	}
	if fn := h.p.Callee(call); fn != nil && fn.Pkg() != nil {
		switch key := rewrite.ObjectKey(fn); {
		case strings.HasPrefix(key, "(*net.") && fn.Name() == "Close":
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
