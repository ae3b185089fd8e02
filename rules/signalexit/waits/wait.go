// Package waits tells what main waits in when a signal arrives.
package waits

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"
	"time"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
)

// Kind says in what a goroutine waits.
type Kind int

const (
	waitOther      Kind = iota // a call that may never return
	WaitSleep                  // time.Sleep in a loop, or a long one
	WaitSelect                 // a select without default
	WaitClock                  // a receive from a ticker or timer
	WaitClockRange             // a range over a ticker
	WaitReceive                // a receive from another channel
	WaitChanRange              // a range over another channel
	WaitSend                   // a send
	WaitSpin                   // a loop without an end that waits in nothing
	WaitServe                  // a server that can be told to stop
	WaitClosable               // what returns an error once its receiver is closed
	WaitGroup                  // goroutines that main waits for
	WaitCallee                 // a function of the module that waits
	WaitActors                 // actors of github.com/oklog/run
)

// Wait is one place where a goroutine may stay.
type Wait struct {
	Kind   Kind
	Node   ast.Node
	Call   *ast.CallExpr
	Callee *ast.FuncDecl
	Pkg    *rewrite.Package // of the callee
	Text   string           // what it is, for messages
}

// Obstacle says why nothing ends a wait for which there is no stopper.
func (w Wait) Obstacle(p *rewrite.Package) string {
	switch w.Kind {
	case WaitChanRange:
		return "which ends when the sender closes the channel"
	case WaitGroup:
		return "which ends with the last of its goroutines"
	}
	if w.Call != nil {
		if fn := p.Callee(w.Call); fn != nil && fn.Pkg() != nil {
			switch fn.Pkg().Path() {
			case "bufio", "fmt", "io", "os":
				return "a read that no context ends: read in a goroutine of its own that sends what it reads to main"
			case "github.com/gin-gonic/gin":
				return "which takes its address from the environment: serve the engine by a http.Server with that address"
			case "os/exec":
				return "which ends with the command: make it with exec.CommandContext"
			}
		}
	}
	return "which nothing ends on a signal"
}

// Apart reports whether nothing in the program has a part in the end of the wait:
// select {}, and the loops over a ticker and over signals.
func (w Wait) Apart(p *rewrite.Package) bool {
	switch n := w.Node.(type) {
	case *ast.SelectStmt:
		return len(n.Body.List) == 0
	case *ast.RangeStmt:
		ch, ok := syntax.Under(p.Info.TypeOf(n.X)).(*types.Chan)
		return w.Kind == WaitClockRange || ok && syntax.IsType(ch.Elem(), "os", "Signal")
	}
	return false
}

// maxFrames is the number of calls through which a wait is looked for.
const MaxFrames = 3

// Waits are the places in a piece of code where it may stay for long.
type Waits struct {
	List []Wait
	// slow are calls of which is not known how long they take.
	Slow []*ast.CallExpr
	// away are the names of functions of the module that are not loaded.
	away []string
}

type waitFinder struct {
	s    *rewrite.Snapshot
	busy map[*ast.FuncDecl]bool
}

// In returns the waits in nodes, in source order, without those of
// goroutines started, functions deferred and function literals.
func In(p *rewrite.Package, nodes ...ast.Node) Waits {
	f := &waitFinder{s: p.Snapshot(), busy: make(map[*ast.FuncDecl]bool)}
	var out Waits
	for _, n := range nodes {
		f.visit(p, n, &out, MaxFrames, false)
	}
	return out
}

func (f *waitFinder) visit(p *rewrite.Package, n ast.Node, out *Waits, depth int, looped bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.GoStmt:
			f.args(p, n.Call, out, depth, looped)
			return false
		case *ast.DeferStmt:
			f.args(p, n.Call, out, depth, looped)
			return false
		case *ast.ForStmt:
			if looped && n.Cond != nil || n.Cond != nil && n.Post != nil && n.Init != nil {
				return true // its end is near, or it counts
			}
			f.loop(p, n, out, depth, looped)
			return false
		case *ast.RangeStmt:
			f.ranges(p, n, out, depth, looped)
			return false
		case *ast.SelectStmt:
			f.selects(p, n, out, depth)
			return false
		case *ast.SendStmt:
			out.add(WaitSend, n, "the send to a channel")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				if syntax.IsClock(p, n.X) {
					out.add(WaitClock, n, "the receive from a timer")
				} else {
					out.add(WaitReceive, n, "the receive from a channel")
				}
				return false
			}
		case *ast.CallExpr:
			f.call(p, n, out, depth, looped)
		}
		return true
	})
}

func (ws *Waits) add(k Kind, n ast.Node, text string) {
	call, _ := n.(*ast.CallExpr)
	ws.List = append(ws.List, Wait{Kind: k, Node: n, Call: call, Text: text})
}

// args visits the operands of a call that is made elsewhere, or later.
func (f *waitFinder) args(p *rewrite.Package, call *ast.CallExpr, out *Waits, depth int, looped bool) {
	for _, a := range call.Args {
		f.visit(p, a, out, depth, looped)
	}
}

// loop notes what a loop waits in; one that waits in nothing is a wait itself.
func (f *waitFinder) loop(p *rewrite.Package, n *ast.ForStmt, out *Waits, depth int, looped bool) {
	before := len(out.List)
	for _, x := range []ast.Node{n.Init, n.Cond, n.Post, n.Body} {
		if x != nil && !isNilNode(x) {
			f.visit(p, x, out, depth, true)
		}
	}
	if len(out.List) == before && (n.Cond == nil || !looped) {
		out.add(WaitSpin, n, "the loop")
	}
}

func (f *waitFinder) ranges(p *rewrite.Package, n *ast.RangeStmt, out *Waits, depth int, looped bool) {
	if t := p.Info.TypeOf(n.X); t != nil {
		if _, isChan := t.Underlying().(*types.Chan); isChan {
			if syntax.IsClock(p, n.X) {
				out.add(WaitClockRange, n, "the loop over a ticker")
				f.visit(p, n.Body, out, depth, true)
			} else {
				out.add(WaitChanRange, n, "the range over a channel")
			}
			return
		}
	}
	f.visit(p, n.X, out, depth, looped)
	f.visit(p, n.Body, out, depth, true)
}

func (f *waitFinder) selects(p *rewrite.Package, n *ast.SelectStmt, out *Waits, depth int) {
	hasDefault := false
	for _, c := range n.Body.List {
		hasDefault = hasDefault || c.(*ast.CommClause).Comm == nil
	}
	if !hasDefault {
		text := "the select"
		if len(n.Body.List) == 0 {
			text = "select {}"
		}
		out.add(WaitSelect, n, text)
	}
	for _, c := range n.Body.List {
		for _, s := range c.(*ast.CommClause).Body {
			f.visit(p, s, out, depth, true)
		}
	}
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
func (f *waitFinder) call(p *rewrite.Package, call *ast.CallExpr, out *Waits, depth int, looped bool) {
	if p.Info.Types[call.Fun].IsType() || p.Info.Types[call.Fun].IsBuiltin() || syntax.EndsProcess(p, call) || syntax.IsContextFunc(p.Info.TypeOf(call.Fun)) {
		return
	}
	if p.IsCall(call, "time", "Sleep") {
		if looped || !shortSleep(p, call) {
			out.add(WaitSleep, call, "time.Sleep")
		}
		return
	}
	fn, text := p.Callee(call), syntax.ExprText(call.Fun)
	switch {
	case web.ServeCall(p, call) != nil:
		out.add(WaitServe, call, text)
	case fn == nil:
		if _, isLit := ast.Unparen(call.Fun).(*ast.FuncLit); isLit {
			out.add(waitOther, call, "a function literal")
		}
		id := syntax.LastName(call.Fun)
		switch {
		case fromChannel(p, call):
			// A job taken from a channel is taken to return.
		case id != nil && stayName.MatchString(id.Name):
			// Of a package that could not be loaded, or a value.
			out.add(waitOther, call, text)
		default:
			out.Slow = append(out.Slow, call)
		}
	case isClosable(fn):
		out.add(WaitClosable, call, text)
	case isGroupWait(fn):
		out.add(WaitGroup, call, text)
	case rewrite.ObjectKey(fn) == "(*github.com/oklog/run.Group).Run":
		out.add(WaitActors, call, text)
	default:
		if decl, q := syntax.DeclarationOf(f.s, fn); decl != nil && decl.Body != nil {
			f.declared(q, call, decl, out, depth)
			return
		}
		if isAway(p, fn) {
			out.away = append(out.away, fn.Name())
		}
		switch callSpeed(fn) {
		case mayStay:
			out.add(waitOther, call, text)
		case unknownSpeed:
			out.Slow = append(out.Slow, call)
		}
	}
}

// declared notes the call of decl, a function of q, where that waits.
func (f *waitFinder) declared(q *rewrite.Package, call *ast.CallExpr, decl *ast.FuncDecl, out *Waits, depth int) {
	if f.busy[decl] {
		return
	}
	if depth == 0 {
		out.Slow = append(out.Slow, call)
		return
	}
	f.busy[decl] = true
	var inner Waits
	f.visit(q, decl.Body, &inner, depth-1, false)
	delete(f.busy, decl)
	if len(inner.List) > 0 {
		out.List = append(out.List, Wait{Kind: WaitCallee, Node: call, Call: call, Callee: decl, Pkg: q, Text: syntax.ExprText(call.Fun)})
	}
	out.Slow = append(out.Slow, inner.Slow...)
	out.away = append(out.away, inner.away...)
}

// isAway reports whether fn may stay by its name and is declared in another
// package of p's module.
func isAway(p *rewrite.Package, fn *types.Func) bool {
	if p.Module == nil || !p.Module.Main || fn.Pkg() == nil || callSpeed(fn) != mayStay {
		return false
	}
	if syntax.IsAbstract(fn) {
		return false
	}
	return p.Module.Holds(fn.Pkg().Path())
}

// fromChannel reports whether the function value that is called was received by
// a case of a select.
func fromChannel(p *rewrite.Package, call *ast.CallExpr) bool {
	id, ok := ast.Unparen(call.Fun).(*ast.Ident)
	if !ok || p.Info.Uses[id] == nil {
		return false
	}
	c, ok := p.Cursor(id)
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
	d, ok := syntax.ConstInt(p, call.Args[0])
	return ok && d <= int64(time.Second)
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
	// quickNet matches what of package net does not wait for the network.
	quickNet = regexp.MustCompile(`^(Listen|Resolve|Parse|Close|Addr|LocalAddr|RemoteAddr|Timeout|Temporary|Join|Split)`)
	// quickHTTP matches what of package net/http makes or sets a handler.
	quickHTTP = regexp.MustCompile(`^(Handle|HandleFunc|HandlerFunc|\w+Handler|FileServer|FileServerFS|StripPrefix|FS|Error|Redirect|StatusText)$`)
	// readsFile matches functions that read a file at most.
	readsFile = regexp.MustCompile(`^(ReadFile|ReadDir|ReadInConfig|ReadConfig|ReadBuildInfo|ReadLink|Readlink|CopyFile)$`)
	// soonName matches functions that build, register and tell.
	soonName = regexp.MustCompile(`^(New|Make|Register|Handle|With|Use|Set|Add|GET|POST|PUT|DELETE|PATCH|Group|Print|Sprint|Fprint|Info|Debug|Warn|Error|Trace|Log|Msg|Str|String|Is|Has|Parse|Format|Must|Var|Bool|Int|Duration|Now|Since)`)
	soonPkgs = map[string]bool{
		"bytes": true, "context": true, "errors": true, "expvar": true, "flag": true, "fmt": true, "log": true, "log/slog": true,
		"maps": true, "math": true, "math/rand": true, "os/signal": true, "path": true, "path/filepath": true, "reflect": true, "regexp": true,
		"runtime": true, "runtime/debug": true, "runtime/pprof": true, "runtime/trace": true, "slices": true, "sort": true, "strconv": true, "strings": true, "sync": true, "sync/atomic": true, "time": true, "unicode": true, Errgroup: true,
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
	case path == "net/http" && quickHTTP.MatchString(fn.Name()):
		return returnsSoon
	case path == "net" && quickNet.MatchString(fn.Name()), readsFile.MatchString(fn.Name()):
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

// HasContext reports whether the call passes a context, without which it may
// take any time.
func HasContext(p *rewrite.Package, call *ast.CallExpr) bool {
	fn := p.Callee(call)
	return fn != nil && takesContext(fn.Signature())
}

// takesContext reports whether the function has a context among its
// parameters, as what may take long has.
func takesContext(sig *types.Signature) bool {
	for v := range sig.Params().Variables() {
		if syntax.IsType(v.Type(), "context", "Context") {
			return true
		}
	}
	return false
}
