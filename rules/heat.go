package rules

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// heat says how often a place in the code is reached.
type heat struct {
	kind heatKind
	// paced: the loop around it waits for a clock in every turn.
	paced bool
	// conditional: an if, switch or select inside the loop or handler guards it.
	conditional bool
	// finite: the loop around it goes over elements that are all there.
	finite bool
	// guarded: a function on the way there reads memory statistics, to decide by
	// them.
	guarded bool
	// why is the evidence: "in a loop", "for every request".
	why string
}

type heatKind int

const (
	unknownHeat heatKind = iota
	oneShot              // at most once in the life of the process, or nearly so
	recurring            // again and again
)

// hot reports whether the place is reached again and again without a pause or
// a condition.
func (h heat) hot() bool { return h.kind == recurring && !h.paced && !h.conditional }

// maxCallers is the number of functions through which callers are followed.
const maxCallers = 4

// heatOf returns the heat of the node at cur.
func heatOf(p *rewrite.Package, cur inspector.Cursor) heat {
	return (&heatFinder{s: p.Snapshot(), busy: make(map[string]bool)}).at(p, cur, maxCallers)
}

type heatFinder struct {
	s    *rewrite.Snapshot
	busy map[string]bool // functions whose callers are being looked at
}

// at climbs from cur to the loop, handler or function that decides.
func (f *heatFinder) at(p *rewrite.Package, cur inspector.Cursor, depth int) heat {
	conditional := false
	returns := false // the function returns right after it, which ends its loops
	for c := cur; ; c = c.Parent() {
		parent := c.Parent()
		kind := c.ParentEdgeKind()
		switch n := parent.Node().(type) {
		case nil, *ast.File:
			return heat{}
		case *ast.IfStmt:
			if kind == edge.IfStmt_Body || kind == edge.IfStmt_Else {
				conditional = true
			}
		case *ast.CaseClause:
			conditional = true
			returns = returns || leavesBy(n.Body, c.Node()) == token.RETURN
		case *ast.CommClause:
			returns = returns || leavesBy(n.Body, c.Node()) == token.RETURN
			if kind == edge.CommClause_Body {
				if n.Comm != nil && waitsForSignal(p, n.Comm) {
					return heat{kind: oneShot}
				}
				if n.Comm == nil || !waitsForClock(p, n.Comm) {
					conditional = true
				}
			}
		case *ast.BlockStmt:
			// What is followed by a return or break in its block happens once.
			if by := leavesBy(n.List, c.Node()); by != token.ILLEGAL && !isFuncBody(parent) {
				conditional = true
				returns = returns || by == token.RETURN
			}
		case *ast.ForStmt:
			if kind == edge.ForStmt_Body && !returns && !fewTurns(p, n) {
				if awaitsSignal(p, n.Body) {
					return heat{kind: oneShot}
				}
				return heat{kind: recurring, paced: pacedBody(p, n.Body) || n.Post != nil && waitsForClock(p, n.Post), conditional: conditional, why: "in a loop"}
			}
		case *ast.RangeStmt:
			if kind == edge.RangeStmt_Body && !returns && !fewElements(p, n.X) {
				if isSignals(p, n.X) || awaitsSignal(p, n.Body) {
					return heat{kind: oneShot}
				}
				return heat{kind: recurring, paced: isClock(p, n.X) || pacedBody(p, n.Body), conditional: conditional, finite: isFinite(p, n.X), why: "in a loop"}
			}
		case *ast.FuncLit:
			if kind != edge.FuncLit_Body {
				continue
			}
			if isHandler(p, signatureOf(p, n)) {
				return heat{kind: recurring, conditional: conditional, why: "for every request"}
			}
			h, on := literalUse(p, parent)
			if on {
				returns = false
				continue
			}
			if named, ok := f.namedLiteral(p, parent, depth); ok {
				h = named
			}
			h.conditional = h.conditional || conditional
			return h
		case *ast.FuncDecl:
			h := f.function(p, n, depth)
			h.conditional = h.conditional || conditional
			return h
		}
	}
}

// literalUse says what becomes of a function literal: on means that it runs
// where it stands, so that its surroundings decide.
func literalUse(p *rewrite.Package, lit inspector.Cursor) (h heat, on bool) {
	c := lit
	for {
		if _, ok := c.Parent().Node().(*ast.ParenExpr); !ok {
			break
		}
		c = c.Parent()
	}
	call, ok := c.Parent().Node().(*ast.CallExpr)
	if !ok {
		return heat{}, false
	}
	if call.Fun == c.Node() {
		return heat{}, true // called, deferred or started as a goroutine
	}
	if tv := p.Info.Types[call.Fun]; tv.IsType() && isType(tv.Type, "expvar", "Func") {
		return heat{kind: recurring, why: "for every request"}, false
	}
	fn := p.Callee(call)
	if fn == nil {
		return heat{}, false
	}
	switch key := rewrite.ObjectKey(fn); {
	case key == "(*sync.Once).Do" || key == "sync.OnceFunc":
		return heat{kind: oneShot}, false
	case key == "(*sync.WaitGroup).Go" || strings.HasSuffix(key, "errgroup.Group).Go"):
		return heat{}, true
	case key == "time.AfterFunc":
		if rearms(p, lit.Node().(*ast.FuncLit)) {
			return heat{kind: recurring, paced: true, why: "on a timer"}, false
		}
	case isSchedule(fn):
		return heat{kind: recurring, paced: true, why: "on a schedule"}, false
	case isScraped(fn):
		return heat{kind: recurring, why: "for every scrape"}, false
	}
	return heat{}, false
}

// isScraped reports whether fn makes a metric of Prometheus from a function that
// each scrape calls.
func isScraped(fn *types.Func) bool {
	return fn.Pkg() != nil && strings.Contains(fn.Pkg().Path(), "prometheus") &&
		(fn.Name() == "NewGaugeFunc" || fn.Name() == "NewCounterFunc")
}

// namedLiteral returns the heat of a function literal that a local variable
// names and that is only called by that name; ok is false for others.
func (f *heatFinder) namedLiteral(p *rewrite.Package, lit inspector.Cursor, depth int) (best heat, ok bool) {
	as, isAssign := lit.Parent().Node().(*ast.AssignStmt)
	if !isAssign || as.Tok != token.DEFINE || len(as.Lhs) != 1 || len(as.Rhs) != 1 || depth == 0 {
		return heat{}, false
	}
	id, _ := as.Lhs[0].(*ast.Ident)
	v := p.Info.Defs[id]
	decl := enclosingDecl(lit)
	key := fmt.Sprintf("literal %d", as.Pos())
	if v == nil || decl == nil || f.busy[key] {
		return heat{}, false
	}
	f.busy[key] = true
	defer delete(f.busy, key)
	within, _ := p.Inspector.Root().FindNode(decl)
	once, count := 0, 0
	for c := range within.Preorder((*ast.Ident)(nil)) {
		if p.Info.Uses[c.Node().(*ast.Ident)] != v {
			continue
		}
		call, isCall := c.Parent().Node().(*ast.CallExpr)
		if !isCall || call.Fun != c.Node() {
			return heat{}, false
		}
		count++
		h := f.at(p, c.Parent(), depth-1)
		if h.kind == oneShot {
			once++
		}
		if h.kind == recurring && (best.kind != recurring || h.hot() && !best.hot()) {
			pos := f.s.Position(c.Node().Pos())
			h.why = fmt.Sprintf("%s, through %s at %s:%d", strings.SplitN(h.why, ", through ", 2)[0], id.Name, filepath.Base(pos.Filename), pos.Line)
			best = h
		}
	}
	if best.kind != recurring && count > 0 && once == count {
		best.kind = oneShot
	}
	return best, count > 0
}

// isSchedule reports whether fn registers a job with a cron library.
func isSchedule(fn *types.Func) bool {
	return fn.Pkg() != nil && strings.Contains(fn.Pkg().Path(), "cron") && strings.HasPrefix(fn.Name(), "Add")
}

// rearms reports whether a timer's function sets a timer again.
func rearms(p *rewrite.Package, lit *ast.FuncLit) bool {
	found := false
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		if p.IsCall(n, "time", "AfterFunc", "(*time.Timer).Reset") {
			found = true
		}
		return !found
	})
	return found
}

// function returns the heat of a whole declared function.
func (f *heatFinder) function(p *rewrite.Package, decl *ast.FuncDecl, depth int) heat {
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return heat{}
	}
	sig := obj.Signature()
	if isHandler(p, sig) || isServiceMethod(f.s, obj) {
		return heat{kind: recurring, why: "for every request (" + decl.Name.Name + ")"}
	}
	if matchesAny(settingsOf(f.s).Handlers, methodName(obj)) {
		return heat{kind: recurring, why: "for every request, as the configuration says of " + decl.Name.Name}
	}
	if decl.Recv != nil && decl.Name.Name == "Collect" && isCollector(sig) {
		return heat{kind: recurring, why: "for every scrape"}
	}
	if decl.Recv == nil && (decl.Name.Name == "init" || decl.Name.Name == "main" && p.Name == "main" || decl.Name.Name == "TestMain") {
		return heat{kind: oneShot}
	}
	h, callers := f.callers(obj, decl, depth)
	if h.kind == unknownHeat && callers == 0 && looksLikeHandler(decl, sig) {
		if obj.Exported() {
			f.s.Widen(obj.Name()) // that nobody calls it must be known
		}
		return heat{kind: recurring, why: "for every request, going by the name of " + decl.Name.Name}
	}
	return h
}

// callers combines the heat of the places that call obj, and says how many
// there are.
func (f *heatFinder) callers(obj *types.Func, decl *ast.FuncDecl, depth int) (heat, int) {
	key := rewrite.ObjectKey(obj)
	if depth == 0 || f.busy[key] {
		return heat{}, 1
	}
	f.busy[key] = true
	defer delete(f.busy, key)
	if obj.Exported() {
		f.s.TryWiden(obj.Name())
	}
	refs := f.s.Refs(append(interfaceKeys(f.s, obj), key)...)
	var best heat
	count, once := 0, 0
	for _, r := range refs {
		if r.File.Test {
			continue
		}
		count++
		var h heat
		if call, ok := r.Call(); ok {
			h = f.at(r.Pkg, call, depth-1)
			if h.finite && loads.MatchString(decl.Name.Name) {
				// What is loaded piece by piece is loaded once, unless the whole
				// is loaded again and again.
				h = heat{}
				for loop := range call.Enclosing((*ast.RangeStmt)(nil)) {
					h = f.at(r.Pkg, loop, depth-1)
					break
				}
			}
			if caller := enclosingDecl(call); caller != nil && measures(r.Pkg, caller) {
				h.guarded = true
			}
		} else {
			h = valueUse(r)
		}
		if h.kind == oneShot {
			once++
		}
		if h.kind == recurring {
			pos := f.s.Position(r.Ident.Pos())
			h.why = fmt.Sprintf("%s, through %s at %s:%d", strings.SplitN(h.why, ", through ", 2)[0], decl.Name.Name, filepath.Base(pos.Filename), pos.Line)
			if best.kind != recurring || best.guarded && !h.guarded || best.guarded == h.guarded && h.hot() && !best.hot() {
				best = h
			}
		}
	}
	if best.kind == recurring {
		return best, count
	}
	if count > 0 && once == count {
		return heat{kind: oneShot}, count
	}
	return heat{}, count
}

// valueUse returns the heat of a function used as a value.
func valueUse(r rewrite.Ref) heat {
	e := r.Expr()
	call, ok := e.Parent().Node().(*ast.CallExpr)
	if !ok {
		return heat{}
	}
	fn := r.Pkg.Callee(call)
	if fn == nil {
		return heat{}
	}
	switch {
	case rewrite.ObjectKey(fn) == "(*sync.Once).Do":
		return heat{kind: oneShot}
	case rewrite.ObjectKey(fn) == "time.AfterFunc":
		// A function that hands itself to a timer runs again and again.
		if decl := enclosingDecl(e); decl != nil && r.Pkg.Info.Defs[decl.Name] == r.Pkg.Info.Uses[r.Ident] {
			return heat{kind: recurring, paced: true, why: "on a timer"}
		}
	case isSchedule(fn):
		return heat{kind: recurring, paced: true, why: "on a schedule"}
	case fn.Pkg() != nil && strings.HasSuffix(fn.Pkg().Path(), "aws-lambda-go/lambda") && strings.HasPrefix(fn.Name(), "Start"):
		return heat{kind: recurring, why: "for every invocation"}
	}
	return heat{}
}

// interfaceKeys returns the keys of interface methods through which obj may be
// called, for interfaces that nothing else in the loaded packages implements.
func interfaceKeys(s *rewrite.Snapshot, obj *types.Func) []string {
	recv := obj.Signature().Recv()
	if recv == nil {
		return nil
	}
	type decl struct{ named []*types.TypeName }
	all := s.Memo("named types", func() any {
		var d decl
		for _, p := range s.Packages {
			if p.Types == nil {
				continue
			}
			for _, name := range p.Types.Scope().Names() {
				if tn, ok := p.Types.Scope().Lookup(name).(*types.TypeName); ok && !tn.IsAlias() {
					d.named = append(d.named, tn)
				}
			}
		}
		return d
	}).(decl)
	var keys []string
	for _, tn := range all.named {
		iface, ok := tn.Type().Underlying().(*types.Interface)
		if !ok {
			continue
		}
		var method *types.Func
		for m := range iface.Methods() {
			if m.Name() == obj.Name() {
				method = m
			}
		}
		if method == nil || !types.Implements(recv.Type(), iface) {
			continue
		}
		impls := 0
		for _, other := range all.named {
			if types.IsInterface(other.Type()) {
				continue
			}
			if types.Implements(other.Type(), iface) || types.Implements(types.NewPointer(other.Type()), iface) {
				impls++
			}
		}
		if impls == 1 {
			keys = append(keys, rewrite.ObjectKey(method))
		}
	}
	return keys
}

func signatureOf(p *rewrite.Package, lit *ast.FuncLit) *types.Signature {
	sig, _ := p.Info.TypeOf(lit).(*types.Signature)
	return sig
}

// isHandler reports whether sig is that of a request handler: net/http's, or of
// one of the common frameworks.
func isHandler(p *rewrite.Package, sig *types.Signature) bool {
	if sig == nil {
		return false
	}
	params := sig.Params()
	if params.Len() == 2 && isType(params.At(0).Type(), "net/http", "ResponseWriter") &&
		isPointerTo(params.At(1).Type(), "net/http", "Request") {
		return true
	}
	if params.Len() != 1 {
		return false
	}
	t := params.At(0).Type()
	if ptr, ok := t.(*types.Pointer); ok {
		t = ptr.Elem()
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Pkg() == nil {
		return false
	}
	path, name := named.Obj().Pkg().Path(), named.Obj().Name()
	switch {
	case strings.HasPrefix(path, "github.com/gin-gonic/gin") && name == "Context",
		strings.HasPrefix(path, "github.com/labstack/echo") && name == "Context",
		strings.HasPrefix(path, "github.com/gofiber/fiber") && name == "Ctx",
		strings.HasPrefix(path, "github.com/valyala/fasthttp") && name == "RequestCtx":
		return true
	}
	return false
}

// isType reports whether t is the named type path.name.
func isType(t types.Type, path, name string) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == name && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == path
}

func isPointerTo(t types.Type, path, name string) bool {
	ptr, ok := types.Unalias(t).(*types.Pointer)
	return ok && isType(ptr.Elem(), path, name)
}

var registerServer = regexp.MustCompile(`^Register\w*Server$`)

// isServiceMethod reports whether obj answers remote calls: a gRPC unary method
// or a net/rpc method, on a type that is registered as a service.
func isServiceMethod(s *rewrite.Snapshot, obj *types.Func) bool {
	sig := obj.Signature()
	if sig.Recv() == nil || !obj.Exported() {
		return false
	}
	params, results := sig.Params(), sig.Results()
	isErr := func(i int) bool { return types.Identical(results.At(i).Type(), types.Universe.Lookup("error").Type()) }
	unary := params.Len() == 2 && results.Len() == 2 && isType(params.At(0).Type(), "context", "Context") && isErr(1)
	rpc := params.Len() == 2 && results.Len() == 1 && isErr(0)
	if !unary && !rpc {
		return false
	}
	services := s.Memo("registered services", func() any { return registered(s) }).(map[string]bool)
	return services[typeKey(sig.Recv().Type())]
}

// registered returns the types that are passed to functions which register
// services.
func registered(s *rewrite.Snapshot) map[string]bool {
	out := make(map[string]bool)
	for _, p := range s.Packages {
		for cur := range p.Inspector.Root().Preorder((*ast.CallExpr)(nil)) {
			call := cur.Node().(*ast.CallExpr)
			fn := p.Callee(call)
			if fn == nil || len(call.Args) == 0 {
				continue
			}
			key := rewrite.ObjectKey(fn)
			if !registerServer.MatchString(fn.Name()) && key != "net/rpc.Register" && key != "(*net/rpc.Server).Register" &&
				key != "net/rpc.RegisterName" && key != "(*net/rpc.Server).RegisterName" {
				continue
			}
			if t := p.Info.TypeOf(call.Args[len(call.Args)-1]); t != nil {
				out[typeKey(t)] = true
			}
		}
	}
	return out
}

// typeKey names the type behind a pointer independently of how its package was
// loaded.
func typeKey(t types.Type) string {
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		t = ptr.Elem()
	}
	return types.TypeString(t, func(p *types.Package) string { return p.Path() })
}

// isCollector reports whether sig is that of a Prometheus collector's Collect.
func isCollector(sig *types.Signature) bool {
	if sig.Params().Len() != 1 {
		return false
	}
	ch, ok := sig.Params().At(0).Type().Underlying().(*types.Chan)
	if !ok || ch.Dir() != types.SendOnly {
		return false
	}
	named, ok := types.Unalias(ch.Elem()).(*types.Named)
	return ok && named.Obj().Name() == "Metric" && named.Obj().Pkg() != nil && strings.Contains(named.Obj().Pkg().Path(), "prometheus")
}

var (
	handlerName  = regexp.MustCompile(`^(?:(?i:handle|serve|process)|on[A-Z])`)
	requestParam = regexp.MustCompile(`(?:Request|Req|Message|Msg|Event|Job|Task)$`)
)

// looksLikeHandler reports whether the function's name and a parameter's type
// both say that it is called for every request. It counts only where no caller
// is to be seen.
func looksLikeHandler(decl *ast.FuncDecl, sig *types.Signature) bool {
	if !handlerName.MatchString(decl.Name.Name) {
		return false
	}
	for v := range sig.Params().Variables() {
		t := v.Type()
		if ptr, ok := t.(*types.Pointer); ok {
			t = ptr.Elem()
		}
		if named, ok := types.Unalias(t).(*types.Named); ok && requestParam.MatchString(named.Obj().Name()) {
			return true
		}
	}
	return false
}

func isFuncBody(block inspector.Cursor) bool {
	k := block.ParentEdgeKind()
	return k == edge.FuncDecl_Body || k == edge.FuncLit_Body
}

// leavesBy says by what statement the list leaves the loop or function behind
// child: RETURN, BREAK, GOTO, or ILLEGAL when it does not.
func leavesBy(list []ast.Stmt, child ast.Node) token.Token {
	if len(list) == 0 {
		return token.ILLEGAL
	}
	last := list[len(list)-1]
	if last == child {
		return token.ILLEGAL
	}
	switch s := last.(type) {
	case *ast.ReturnStmt:
		return token.RETURN
	case *ast.BranchStmt:
		if s.Tok == token.BREAK || s.Tok == token.GOTO {
			return s.Tok
		}
	}
	return token.ILLEGAL
}

// fewTurns reports whether the loop's trip count is a constant of at most 3.
func fewTurns(p *rewrite.Package, n *ast.ForStmt) bool {
	cond, ok := n.Cond.(*ast.BinaryExpr)
	if !ok || n.Init == nil || n.Post == nil {
		return false
	}
	init, ok := n.Init.(*ast.AssignStmt)
	if !ok || len(init.Rhs) != 1 {
		return false
	}
	from, ok1 := constInt(p, init.Rhs[0])
	to, ok2 := constInt(p, cond.Y)
	if _, isInc := n.Post.(*ast.IncDecStmt); !ok1 || !ok2 || !isInc {
		return false
	}
	turns := to - from
	if turns < 0 {
		turns = -turns
	}
	if cond.Op == token.LEQ || cond.Op == token.GEQ {
		turns++
	}
	return turns <= 3
}

// fewElements reports whether a range over x has at most 3 turns for sure.
func fewElements(p *rewrite.Package, x ast.Expr) bool {
	if n, ok := constInt(p, x); ok {
		return n <= 3
	}
	if lit, ok := ast.Unparen(x).(*ast.CompositeLit); ok {
		return len(lit.Elts) <= 3
	}
	if t := p.Info.TypeOf(x); t != nil {
		if arr, ok := t.Underlying().(*types.Array); ok {
			return arr.Len() <= 3
		}
	}
	return false
}

func constInt(p *rewrite.Package, x ast.Expr) (int64, bool) {
	tv, ok := p.Info.Types[x]
	if !ok || tv.Value == nil {
		return 0, false
	}
	return constant.Int64Val(constant.ToInt(tv.Value))
}

// pacedBody reports whether every turn of a loop waits for a clock: a sleep, a
// receive from a timer or ticker, or a select with such a case, in the body
// itself and not in a function literal or deeper loop.
func pacedBody(p *rewrite.Package, body *ast.BlockStmt) bool {
	for _, stmt := range body.List {
		if waitsForClock(p, stmt) {
			return true
		}
		if sel, ok := stmt.(*ast.SelectStmt); ok {
			for _, c := range sel.Body.List {
				if comm := c.(*ast.CommClause).Comm; comm != nil && waitsForClock(p, comm) {
					return true
				}
			}
		}
	}
	return false
}

// loads matches names of functions that make something ready for use.
var loads = regexp.MustCompile(`^(?i:re)?(?i:load|build|compile|create|import|init|open|prepare|restore|setup|warm)`)

// isFinite reports whether a range over x ends with the elements that x has.
func isFinite(p *rewrite.Package, x ast.Expr) bool {
	t := p.Info.TypeOf(x)
	if t == nil {
		return false
	}
	switch t.Underlying().(type) {
	case *types.Slice, *types.Array, *types.Map, *types.Pointer:
		return true
	}
	return false
}

// awaitsSignal reports whether every turn of a loop waits for a signal of the
// system, as a loop that reloads on SIGHUP does: in the body itself, or in a
// loop in it.
func awaitsSignal(p *rewrite.Package, body *ast.BlockStmt) bool {
	for _, stmt := range body.List {
		if waitsForSignal(p, stmt) {
			return true
		}
		if inner, ok := stmt.(*ast.ForStmt); ok && inner.Cond == nil && awaitsSignal(p, inner.Body) {
			return true
		}
		if inner, ok := stmt.(*ast.RangeStmt); ok && isSignals(p, inner.X) {
			return true
		}
	}
	return false
}

// waitsForSignal reports whether stmt itself receives from a channel of
// signals.
func waitsForSignal(p *rewrite.Package, stmt ast.Node) bool {
	switch stmt.(type) {
	case *ast.ExprStmt, *ast.AssignStmt, *ast.DeclStmt, *ast.IfStmt, *ast.SwitchStmt:
	default:
		return false
	}
	found := false
	ast.Inspect(stmt, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt, *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && isSignals(p, n.X) {
				found = true
			}
		}
		return !found
	})
	return found
}

// isSignals reports whether x is a channel of signals.
func isSignals(p *rewrite.Package, x ast.Expr) bool {
	t := p.Info.TypeOf(x)
	if t == nil {
		return false
	}
	ch, ok := t.Underlying().(*types.Chan)
	return ok && isType(ch.Elem(), "os", "Signal")
}

// waitsForClock reports whether stmt itself sleeps or receives from a clock.
func waitsForClock(p *rewrite.Package, stmt ast.Node) bool {
	var x ast.Expr
	switch s := stmt.(type) {
	case *ast.ExprStmt:
		x = s.X
	case *ast.AssignStmt:
		if len(s.Rhs) == 1 {
			x = s.Rhs[0]
		}
	}
	if x == nil {
		return false
	}
	if call, ok := ast.Unparen(x).(*ast.CallExpr); ok && isSleep(call) {
		return true
	}
	u, ok := ast.Unparen(x).(*ast.UnaryExpr)
	return ok && u.Op == token.ARROW && isClock(p, u.X)
}

// isSleep reports whether call is to time.Sleep or to something else by that
// name, which some packages have with a context or a clock of their own.
func isSleep(call *ast.CallExpr) bool {
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		return strings.EqualFold(fun.Name, "sleep")
	case *ast.SelectorExpr:
		return strings.EqualFold(fun.Sel.Name, "sleep")
	}
	return false
}

// isClock reports whether x is a channel of times: a ticker's or timer's C,
// time.Tick or time.After.
func isClock(p *rewrite.Package, x ast.Expr) bool {
	t := p.Info.TypeOf(x)
	if t == nil {
		return false
	}
	ch, ok := t.Underlying().(*types.Chan)
	return ok && isType(ch.Elem(), "time", "Time")
}
