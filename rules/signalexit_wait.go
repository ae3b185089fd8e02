package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"
	"time"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// waitKind says in what a goroutine waits.
type waitKind int

const (
	waitOther      waitKind = iota // a call that may never return
	waitSleep                      // time.Sleep in a loop, or a long one
	waitSelect                     // a select without default
	waitClock                      // a receive from a ticker or timer
	waitClockRange                 // a range over a ticker
	waitReceive                    // a receive from another channel
	waitChanRange                  // a range over another channel
	waitSend                       // a send
	waitSpin                       // a loop without an end that waits in nothing
	waitServe                      // an HTTP server
	waitCallee                     // a function of the module that waits
)

// wait is one place where a goroutine may stay.
type wait struct {
	kind   waitKind
	node   ast.Node
	call   *ast.CallExpr
	callee *ast.FuncDecl
	pkg    *rewrite.Package // of the callee
	text   string           // what it is, for messages
}

// maxFrames is the number of calls through which a wait is looked for.
const maxFrames = 3

// waits are the places in a piece of code where it may stay for long.
type waits struct {
	list []wait
	// slow are calls of which is not known how long they take.
	slow []*ast.CallExpr
}

type waitFinder struct {
	s    *rewrite.Snapshot
	busy map[*ast.FuncDecl]bool
}

// waitsIn returns the waits in nodes, in source order, without those of
// goroutines started, functions deferred and function literals.
func waitsIn(p *rewrite.Package, nodes ...ast.Node) waits {
	f := &waitFinder{s: p.Snapshot(), busy: make(map[*ast.FuncDecl]bool)}
	var out waits
	for _, n := range nodes {
		f.visit(p, n, &out, maxFrames, false)
	}
	return out
}

func (f *waitFinder) visit(p *rewrite.Package, n ast.Node, out *waits, depth int, looped bool) {
	add := func(k waitKind, n ast.Node, text string) {
		out.list = append(out.list, wait{kind: k, node: n, text: text})
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.GoStmt:
			for _, a := range n.Call.Args {
				f.visit(p, a, out, depth, looped)
			}
			return false
		case *ast.DeferStmt:
			for _, a := range n.Call.Args {
				f.visit(p, a, out, depth, looped)
			}
			return false
		case *ast.ForStmt:
			if looped && n.Cond != nil {
				return true
			}
			if n.Cond != nil && n.Post != nil && n.Init != nil {
				return true // it counts
			}
			before := len(out.list)
			for _, x := range []ast.Node{n.Init, n.Cond, n.Post, n.Body} {
				if x != nil && !isNilNode(x) {
					f.visit(p, x, out, depth, true)
				}
			}
			if len(out.list) == before && (n.Cond == nil || !looped) {
				add(waitSpin, n, "the loop")
			}
			return false
		case *ast.RangeStmt:
			if t := p.Info.TypeOf(n.X); t != nil {
				if _, isChan := t.Underlying().(*types.Chan); isChan {
					if isClock(p, n.X) {
						add(waitClockRange, n, "the loop over a ticker")
						f.visit(p, n.Body, out, depth, true)
					} else {
						add(waitChanRange, n, "the range over a channel")
					}
					return false
				}
			}
			f.visit(p, n.X, out, depth, looped)
			f.visit(p, n.Body, out, depth, true)
			return false
		case *ast.SelectStmt:
			hasDefault := false
			for _, c := range n.Body.List {
				hasDefault = hasDefault || c.(*ast.CommClause).Comm == nil
			}
			if !hasDefault {
				text := "the select"
				if len(n.Body.List) == 0 {
					text = "select {}"
				}
				add(waitSelect, n, text)
			}
			for _, c := range n.Body.List {
				for _, s := range c.(*ast.CommClause).Body {
					f.visit(p, s, out, depth, true)
				}
			}
			return false
		case *ast.SendStmt:
			add(waitSend, n, "the send to a channel")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				if isClock(p, n.X) {
					add(waitClock, n, "the receive from a timer")
				} else {
					add(waitReceive, n, "the receive from a channel")
				}
				return false
			}
		case *ast.CallExpr:
			f.call(p, n, out, depth, looped)
		}
		return true
	})
}

func isNilNode(n ast.Node) bool {
	switch n := n.(type) {
	case ast.Stmt:
		return n == nil
	case ast.Expr:
		return n == nil
	}
	return false
}

// call notes a call that may not return, or not soon.
func (f *waitFinder) call(p *rewrite.Package, call *ast.CallExpr, out *waits, depth int, looped bool) {
	if p.Info.Types[call.Fun].IsType() || p.Info.Types[call.Fun].IsBuiltin() || endsProcess(p, call) {
		return
	}
	if p.IsCall(call, "time", "Sleep") {
		if looped || !shortSleep(p, call) {
			out.list = append(out.list, wait{kind: waitSleep, node: call, call: call, text: "time.Sleep"})
		}
		return
	}
	if serveCall(p, call) != nil {
		out.list = append(out.list, wait{kind: waitServe, node: call, call: call, text: exprText(call.Fun)})
		return
	}
	fn := p.Callee(call)
	if fn == nil {
		if _, isLit := ast.Unparen(call.Fun).(*ast.FuncLit); isLit {
			out.list = append(out.list, wait{node: call, call: call, text: "a function literal"})
		}
		// A job taken from a channel is taken to return.
		if !fromChannel(p, call) {
			out.slow = append(out.slow, call)
		}
		return
	}
	if decl, q := declarationOf(f.s, fn); decl != nil && decl.Body != nil {
		if f.busy[decl] {
			return
		}
		if depth == 0 {
			out.slow = append(out.slow, call)
			return
		}
		f.busy[decl] = true
		var inner waits
		f.visit(q, decl.Body, &inner, depth-1, false)
		delete(f.busy, decl)
		if len(inner.list) > 0 {
			out.list = append(out.list, wait{kind: waitCallee, node: call, call: call, callee: decl, pkg: q, text: exprText(call.Fun)})
		}
		out.slow = append(out.slow, inner.slow...)
		return
	}
	switch callSpeed(fn) {
	case mayStay:
		out.list = append(out.list, wait{node: call, call: call, text: exprText(call.Fun)})
	case unknownSpeed:
		out.slow = append(out.slow, call)
	}
}

// fromChannel reports whether the function value that is called was received by
// a case of a select.
func fromChannel(p *rewrite.Package, call *ast.CallExpr) bool {
	id, ok := ast.Unparen(call.Fun).(*ast.Ident)
	if !ok || p.Info.Uses[id] == nil {
		return false
	}
	c, ok := p.Inspector.Root().FindNode(id)
	if !ok {
		return false
	}
	for d := range c.Enclosing((*ast.CommClause)(nil)) {
		comm := d.Node().(*ast.CommClause).Comm
		return comm != nil && comm.Pos() <= p.Info.Uses[id].Pos() && p.Info.Uses[id].Pos() < comm.End()
	}
	return false
}

// shortSleep reports whether the call sleeps for a second at most.
func shortSleep(p *rewrite.Package, call *ast.CallExpr) bool {
	if len(call.Args) != 1 {
		return false
	}
	d, ok := constInt(p, call.Args[0])
	return ok && d <= int64(time.Second)
}

// exprText returns x as it is written, shortened.
func exprText(x ast.Expr) string { return types.ExprString(x) }

// declarationOf returns the declaration of fn in the loaded packages.
func declarationOf(s *rewrite.Snapshot, fn *types.Func) (*ast.FuncDecl, *rewrite.Package) {
	type declared struct {
		decl *ast.FuncDecl
		pkg  *rewrite.Package
	}
	all := s.Memo("declared functions", func() any {
		m := make(map[string]declared)
		for _, p := range s.Packages {
			for _, f := range p.Files {
				for _, d := range f.AST.Decls {
					if fd, ok := d.(*ast.FuncDecl); ok {
						if obj, ok := p.Info.Defs[fd.Name].(*types.Func); ok {
							m[rewrite.ObjectKey(obj)] = declared{fd, p}
						}
					}
				}
			}
		}
		return m
	}).(map[string]declared)
	d := all[rewrite.ObjectKey(fn)]
	return d.decl, d.pkg
}

// speed says whether a function outside of the module returns soon.
type speed int

const (
	unknownSpeed speed = iota
	returnsSoon
	mayStay
)

var (
	// stayName matches functions that serve, read or wait until something
	// outside of the program happens.
	stayName = regexp.MustCompile(`^(Serve|ListenAndServe|Listen|Run|Start|Wait|Accept|Scan|Read|Recv|Receive|Copy|Join|Loop|Main|Execute|Subscribe|Consume|Block|Dispatch|Prompt|Readline|Poll|ShowAndRun)`)
	// soonName matches functions that build, register and tell.
	soonName = regexp.MustCompile(`^(New|Make|Register|Handle|With|Use|Set|Add|GET|POST|PUT|DELETE|PATCH|Group|Print|Sprint|Fprint|Info|Debug|Warn|Error|Trace|Log|Msg|Str|String|Is|Has|Parse|Format|Must|Var|Bool|Int|Duration|Now|Since)`)
	soonPkgs = map[string]bool{
		"bytes": true, "context": true, "errors": true, "expvar": true, "flag": true, "fmt": true, "log": true, "log/slog": true,
		"maps": true, "math": true, "math/rand": true, "os/signal": true, "path": true, "path/filepath": true, "reflect": true, "regexp": true,
		"runtime": true, "runtime/debug": true, "runtime/pprof": true, "slices": true, "sort": true, "strconv": true, "strings": true, "sync": true, "sync/atomic": true, "time": true, "unicode": true,
	}
)

// callSpeed judges a function by its package and name.
func callSpeed(fn *types.Func) speed {
	if fn.Pkg() == nil {
		return returnsSoon // error's method
	}
	path := fn.Pkg().Path()
	switch {
	case path == "sync" && fn.Name() == "Wait":
		return mayStay
	case path == "fmt" && strings.Contains(fn.Name(), "can"):
		return mayStay // Scan and its like read from the terminal
	case path == "os" && fn.Name() != "Read" && !strings.HasPrefix(fn.Name(), "Wait"):
		return returnsSoon
	case soonPkgs[path], strings.HasPrefix(path, "encoding"), strings.HasPrefix(path, "math/"), strings.HasPrefix(path, "hash"):
		return returnsSoon
	case stayName.MatchString(fn.Name()):
		return mayStay
	case takesContext(fn.Signature()):
		return unknownSpeed
	case soonName.MatchString(fn.Name()):
		return returnsSoon
	}
	return unknownSpeed
}

// takesContext reports whether the function has a context among its
// parameters, as what may take long has.
func takesContext(sig *types.Signature) bool {
	for v := range sig.Params().Variables() {
		if isType(v.Type(), "context", "Context") {
			return true
		}
	}
	return false
}

// frame is a function on the stack of the goroutine that waits.
type frame struct {
	pkg  *rewrite.Package
	body *ast.BlockStmt
	end  token.Pos // deferred calls before this position are pending
}

// waiting is where main is when the signal arrives.
type waiting struct {
	host   *ast.FuncDecl // the function that installs the handler or calls the one that does; nil for a literal
	start  ast.Stmt      // in the host's body: the statement that installs the handler
	rest   []ast.Stmt    // what follows in the host, at the level of start
	waits  waits         // in rest
	frames []frame
}

// waiting finds the stack that stands while the goroutine waits for the
// signal, nil when nothing is left to do once the handler is installed.
func (h *signalHandler) waiting() *waiting {
	cur, ok := h.p.Inspector.Root().FindNode(h.gostmt)
	if !ok {
		return nil
	}
	p := h.p
	for range maxCallers {
		fn, ok := enclosingFunc(cur)
		if !ok {
			return nil
		}
		w := &waiting{}
		var body *ast.BlockStmt
		switch n := fn.Node().(type) {
		case *ast.FuncDecl:
			w.host, body = n, n.Body
		case *ast.FuncLit:
			body = n.Body
		}
		w.start, w.rest = following(cur, body)
		w.waits = waitsIn(p, nodesOf(w.rest)...)
		if len(w.waits.list) > 0 || works(p, w.rest) {
			w.stack(h.s, p, body, fn)
			return w
		}
		// The function only installs the handler.
		if w.host == nil {
			return nil
		}
		call, q := onlyCall(h.s, p, w.host)
		if q == nil {
			return nil
		}
		cur, p = call, q
	}
	return nil
}

// following returns the statement of body's list that holds c, and those that
// come after c in all lists around it.
func following(c inspector.Cursor, body *ast.BlockStmt) (at ast.Stmt, rest []ast.Stmt) {
	for ; c.Node() != nil && c.Node() != body; c = c.Parent() {
		s, ok := c.Node().(ast.Stmt)
		if !ok {
			continue
		}
		var list []ast.Stmt
		switch parent := c.Parent().Node().(type) {
		case *ast.BlockStmt:
			list = parent.List
		case *ast.CaseClause:
			list = parent.Body
		case *ast.CommClause:
			list = parent.Body
		}
		if i := indexOf(list, s); i >= 0 {
			at = s
			rest = append(rest, list[i+1:]...)
		}
	}
	return at, rest
}

func nodesOf(list []ast.Stmt) []ast.Node {
	var out []ast.Node
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// works reports whether the statements call anything but loggers.
func works(p *rewrite.Package, list []ast.Stmt) bool {
	for _, s := range list {
		if _, isDefer := s.(*ast.DeferStmt); isDefer {
			continue
		}
		if containsNode(s, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return false
			}
			fn := p.Callee(call)
			return fn != nil && fn.Pkg() != nil && fn.Pkg().Path() != "fmt" && fn.Pkg().Path() != "log" && fn.Pkg().Path() != "os/signal"
		}) {
			return true
		}
	}
	return false
}

// onlyCall returns the only call of the declared function, outside of tests.
func onlyCall(s *rewrite.Snapshot, p *rewrite.Package, decl *ast.FuncDecl) (inspector.Cursor, *rewrite.Package) {
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return inspector.Cursor{}, nil
	}
	if obj.Exported() {
		s.Widen(obj.Name())
	}
	var found *rewrite.Ref
	for _, r := range s.Refs(rewrite.ObjectKey(obj)) {
		if r.File.Test {
			continue
		}
		if found != nil {
			return inspector.Cursor{}, nil
		}
		found = &r
	}
	if found == nil {
		return inspector.Cursor{}, nil
	}
	call, ok := found.Call()
	if !ok {
		return inspector.Cursor{}, nil
	}
	switch call.Parent().Node().(type) {
	case *ast.GoStmt, *ast.DeferStmt:
		return inspector.Cursor{}, nil
	}
	return call, found.Pkg
}

// stack collects the frames: those of the functions that the host waits in, the
// host, and its only callers.
func (w *waiting) stack(s *rewrite.Snapshot, p *rewrite.Package, body *ast.BlockStmt, fn inspector.Cursor) {
	end := body.Rbrace
	var first *wait
	if len(w.waits.list) > 0 {
		first = &w.waits.list[0]
		end = first.node.Pos()
	}
	w.frames = append(w.frames, frame{p, body, end})
	// Down into what it waits in.
	var callee *ast.FuncDecl
	q := p
	if first != nil {
		callee, q = first.callee, first.pkg
	} else if len(w.rest) > 0 {
		if x, ok := w.rest[len(w.rest)-1].(*ast.ExprStmt); ok {
			if call, ok := x.X.(*ast.CallExpr); ok {
				if f := p.Callee(call); f != nil {
					callee, q = declarationOf(s, f)
				}
			}
		}
	}
	for range maxFrames {
		if callee == nil || callee.Body == nil {
			break
		}
		inner := waitsIn(q, callee.Body)
		end := callee.Body.Rbrace
		var next *ast.FuncDecl
		nextPkg := q
		if len(inner.list) > 0 {
			end = inner.list[0].node.Pos()
			next, nextPkg = inner.list[0].callee, inner.list[0].pkg
		}
		w.frames = append(w.frames, frame{q, callee.Body, end})
		callee, q = next, nextPkg
	}
	// Up to main.
	for range maxCallers {
		decl, ok := fn.Node().(*ast.FuncDecl)
		if !ok {
			return
		}
		call, caller := onlyCall(s, p, decl)
		if caller == nil {
			return
		}
		up, ok := enclosingFunc(call)
		if !ok {
			return
		}
		switch n := up.Node().(type) {
		case *ast.FuncDecl:
			w.frames = append(w.frames, frame{caller, n.Body, call.Node().Pos()})
		case *ast.FuncLit:
			w.frames = append(w.frames, frame{caller, n.Body, call.Node().Pos()})
		}
		fn, p = up, caller
	}
}
