// Package heat answers how often a place in the code is reached: once, in a
// loop, on a timer, for every request.
package heat

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/settings"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// Heat says how often a place in the code is reached.
type Heat struct {
	Kind heatKind
	// paced: the loop around it waits for a clock in every turn.
	Paced bool
	// conditional: an if, switch or select inside the loop or handler guards it.
	Conditional bool
	// finite: the loop around it goes over elements that are all there.
	Finite bool
	// guarded: a function on the way there reads memory statistics, to decide by
	// them.
	Guarded bool
	// why is the evidence: "in a loop", "for every request".
	Why string
}

type heatKind int

const (
	unknownHeat heatKind = iota
	OneShot              // at most once in the life of the process, or nearly so
	Recurring            // again and again
)

// hot reports whether the place is reached again and again without a pause or
// a condition.
func (h Heat) hot() bool { return h.Kind == Recurring && !h.Paced && !h.Conditional }

// maxCallers is the number of functions through which callers are followed.
const MaxCallers = 4

// Of returns the heat of the node at cur.
func Of(p *rewrite.Package, cur inspector.Cursor) Heat {
	return (&heatFinder{s: p.Snapshot(), busy: make(map[string]bool)}).at(p, cur, MaxCallers)
}

type heatFinder struct {
	s    *rewrite.Snapshot
	busy map[string]bool // functions whose callers are being looked at
}

// at climbs from cur to the loop, handler or function that decides.
func (f *heatFinder) at(p *rewrite.Package, cur inspector.Cursor, depth int) Heat {
	conditional := false
	returns := false // the function returns right after it, which ends its loops
	for c := cur; ; c = c.Parent() {
		parent := c.Parent()
		kind := c.ParentEdgeKind()
		switch n := parent.Node().(type) {
		case nil, *ast.File:
			return Heat{}
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
					return Heat{Kind: OneShot}
				}
				if n.Comm == nil || !WaitsForClock(p, n.Comm) {
					conditional = true
				}
			}
		case *ast.BlockStmt:
			// What is followed by a return or break in its block happens once.
			if by := leavesBy(n.List, c.Node()); by != token.ILLEGAL && !syntax.IsFuncBody(parent) {
				conditional = true
				returns = returns || by == token.RETURN
			}
		case *ast.ForStmt:
			if kind == edge.ForStmt_Body && !returns && !fewTurns(p, n) {
				if awaitsSignal(p, n.Body) {
					return Heat{Kind: OneShot}
				}
				return Heat{Kind: Recurring, Paced: pacedBody(p, n.Body) || n.Post != nil && WaitsForClock(p, n.Post), Conditional: conditional, Why: "in a loop"}
			}
		case *ast.RangeStmt:
			if kind == edge.RangeStmt_Body && !returns && !fewElements(p, n.X) {
				if isSignals(p, n.X) || awaitsSignal(p, n.Body) {
					return Heat{Kind: OneShot}
				}
				return Heat{Kind: Recurring, Paced: syntax.IsClock(p, n.X) || pacedBody(p, n.Body), Conditional: conditional, Finite: isFinite(p, n.X), Why: "in a loop"}
			}
		case *ast.FuncLit:
			if kind != edge.FuncLit_Body {
				continue
			}
			if web.IsHandler(p, syntax.SignatureOf(p, n)) {
				return Heat{Kind: Recurring, Conditional: conditional, Why: "for every request"}
			}
			h, on := literalUse(p, parent)
			if on {
				returns = false
				continue
			}
			if named, ok := f.namedLiteral(p, parent, depth); ok {
				h = named
			}
			h.Conditional = h.Conditional || conditional
			return h
		case *ast.FuncDecl:
			h := f.function(p, n, depth)
			h.Conditional = h.Conditional || conditional
			return h
		}
	}
}

// literalUse says what becomes of a function literal: on means that it runs
// where it stands, so that its surroundings decide.
func literalUse(p *rewrite.Package, lit inspector.Cursor) (h Heat, on bool) {
	c := lit
	for {
		if _, ok := c.Parent().Node().(*ast.ParenExpr); !ok {
			break
		}
		c = c.Parent()
	}
	call, ok := c.Parent().Node().(*ast.CallExpr)
	if !ok {
		return Heat{}, false
	}
	if call.Fun == c.Node() {
		return Heat{}, true // called, deferred or started as a goroutine
	}
	if tv := p.Info.Types[call.Fun]; tv.IsType() && syntax.IsType(tv.Type, "expvar", "Func") {
		return Heat{Kind: Recurring, Why: "for every request"}, false
	}
	fn := p.Callee(call)
	if fn == nil {
		return Heat{}, false
	}
	switch key := rewrite.ObjectKey(fn); {
	case key == "(*sync.Once).Do" || key == "sync.OnceFunc":
		return Heat{Kind: OneShot}, false
	case key == "(*sync.WaitGroup).Go" || strings.HasSuffix(key, "errgroup.Group).Go"):
		return Heat{}, true
	case key == "time.AfterFunc":
		if rearms(p, lit.Node().(*ast.FuncLit)) {
			return Heat{Kind: Recurring, Paced: true, Why: "on a timer"}, false
		}
	case isSchedule(fn):
		return Heat{Kind: Recurring, Paced: true, Why: "on a schedule"}, false
	case isScraped(fn):
		return Heat{Kind: Recurring, Why: "for every scrape"}, false
	}
	return Heat{}, false
}

// isScraped reports whether fn makes a metric of Prometheus from a function that
// each scrape calls.
func isScraped(fn *types.Func) bool {
	return fn.Pkg() != nil && strings.Contains(fn.Pkg().Path(), "prometheus") &&
		(fn.Name() == "NewGaugeFunc" || fn.Name() == "NewCounterFunc")
}

// namedLiteral returns the heat of a function literal that a local variable
// names and that is only called by that name; ok is false for others.
func (f *heatFinder) namedLiteral(p *rewrite.Package, lit inspector.Cursor, depth int) (best Heat, ok bool) {
	as, isAssign := lit.Parent().Node().(*ast.AssignStmt)
	if !isAssign || as.Tok != token.DEFINE || len(as.Lhs) != 1 || len(as.Rhs) != 1 || depth == 0 {
		return Heat{}, false
	}
	id, _ := as.Lhs[0].(*ast.Ident)
	v := p.Info.Defs[id]
	decl := syntax.EnclosingDecl(lit)
	key := fmt.Sprintf("literal %d", as.Pos())
	if v == nil || decl == nil || f.busy[key] {
		return Heat{}, false
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
			return Heat{}, false
		}
		count++
		h := f.at(p, c.Parent(), depth-1)
		if h.Kind == OneShot {
			once++
		}
		if h.Kind == Recurring && (best.Kind != Recurring || h.hot() && !best.hot()) {
			pos := f.s.Position(c.Node().Pos())
			h.Why = fmt.Sprintf("%s, through %s at %s:%d", strings.SplitN(h.Why, ", through ", 2)[0], id.Name, filepath.Base(pos.Filename), pos.Line)
			best = h
		}
	}
	if best.Kind != Recurring && count > 0 && once == count {
		best.Kind = OneShot
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
func (f *heatFinder) function(p *rewrite.Package, decl *ast.FuncDecl, depth int) Heat {
	obj, _ := p.Info.Defs[decl.Name].(*types.Func)
	if obj == nil {
		return Heat{}
	}
	sig := obj.Signature()
	if web.IsHandler(p, sig) || web.IsServiceMethod(f.s, obj) {
		return Heat{Kind: Recurring, Why: "for every request (" + decl.Name.Name + ")"}
	}
	if settings.Match(settings.Of(f.s).Handlers, syntax.MethodName(obj)) {
		return Heat{Kind: Recurring, Why: "for every request, as the configuration says of " + decl.Name.Name}
	}
	if decl.Recv != nil && decl.Name.Name == "Collect" && web.IsCollector(sig) {
		return Heat{Kind: Recurring, Why: "for every scrape"}
	}
	if decl.Recv == nil && (decl.Name.Name == "init" || decl.Name.Name == "main" && p.Name == "main" || decl.Name.Name == "TestMain") {
		return Heat{Kind: OneShot}
	}
	h, callers := f.callers(obj, decl, depth)
	if h.Kind == unknownHeat && callers == 0 && web.LooksLikeHandler(decl, sig) {
		if obj.Exported() {
			f.s.Widen(obj.Name()) // that nobody calls it must be known
		}
		return Heat{Kind: Recurring, Why: "for every request, going by the name of " + decl.Name.Name}
	}
	return h
}

// callers combines the heat of the places that call obj, and says how many
// there are.
func (f *heatFinder) callers(obj *types.Func, decl *ast.FuncDecl, depth int) (Heat, int) {
	key := rewrite.ObjectKey(obj)
	if depth == 0 || f.busy[key] {
		return Heat{}, 1
	}
	f.busy[key] = true
	defer delete(f.busy, key)
	if obj.Exported() {
		f.s.TryWiden(obj.Name())
	}
	refs := f.s.Refs(append(interfaceKeys(f.s, obj), key)...)
	var best Heat
	count, once := 0, 0
	for _, r := range refs {
		if r.File.Test {
			continue
		}
		count++
		var h Heat
		if call, ok := r.Call(); ok {
			h = f.at(r.Pkg, call, depth-1)
			if h.Finite && loads.MatchString(decl.Name.Name) {
				// What is loaded piece by piece is loaded once, unless the whole
				// is loaded again and again.
				h = Heat{}
				for loop := range call.Enclosing((*ast.RangeStmt)(nil)) {
					h = f.at(r.Pkg, loop, depth-1)
					break
				}
			}
			if caller := syntax.EnclosingDecl(call); caller != nil && Measures(r.Pkg, caller) {
				h.Guarded = true
			}
		} else {
			h = ValueUse(r)
		}
		if h.Kind == OneShot {
			once++
		}
		if h.Kind == Recurring {
			pos := f.s.Position(r.Ident.Pos())
			h.Why = fmt.Sprintf("%s, through %s at %s:%d", strings.SplitN(h.Why, ", through ", 2)[0], decl.Name.Name, filepath.Base(pos.Filename), pos.Line)
			if best.Kind != Recurring || best.Guarded && !h.Guarded || best.Guarded == h.Guarded && h.hot() && !best.hot() {
				best = h
			}
		}
	}
	if best.Kind == Recurring {
		return best, count
	}
	if count > 0 && once == count {
		return Heat{Kind: OneShot}, count
	}
	return Heat{}, count
}

// ValueUse returns the heat of a function used as a value.
func ValueUse(r rewrite.Ref) Heat {
	e := r.Expr()
	call, ok := e.Parent().Node().(*ast.CallExpr)
	if !ok {
		return Heat{}
	}
	fn := r.Pkg.Callee(call)
	if fn == nil {
		return Heat{}
	}
	switch {
	case rewrite.ObjectKey(fn) == "(*sync.Once).Do":
		return Heat{Kind: OneShot}
	case rewrite.ObjectKey(fn) == "time.AfterFunc":
		// A function that hands itself to a timer runs again and again.
		if decl := syntax.EnclosingDecl(e); decl != nil && r.Pkg.Info.Defs[decl.Name] == r.Pkg.Info.Uses[r.Ident] {
			return Heat{Kind: Recurring, Paced: true, Why: "on a timer"}
		}
	case isSchedule(fn):
		return Heat{Kind: Recurring, Paced: true, Why: "on a schedule"}
	case fn.Pkg() != nil && strings.HasSuffix(fn.Pkg().Path(), "aws-lambda-go/lambda") && strings.HasPrefix(fn.Name(), "Start"):
		return Heat{Kind: Recurring, Why: "for every invocation"}
	}
	return Heat{}
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
	from, ok1 := syntax.ConstInt(p, init.Rhs[0])
	to, ok2 := syntax.ConstInt(p, cond.Y)
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
	if n, ok := syntax.ConstInt(p, x); ok {
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

// pacedBody reports whether every turn of a loop waits for a clock: a sleep, a
// receive from a timer or ticker, or a select with such a case, in the body
// itself and not in a function literal or deeper loop.
func pacedBody(p *rewrite.Package, body *ast.BlockStmt) bool {
	for _, stmt := range body.List {
		if WaitsForClock(p, stmt) {
			return true
		}
		if sel, ok := stmt.(*ast.SelectStmt); ok {
			for _, c := range sel.Body.List {
				if comm := c.(*ast.CommClause).Comm; comm != nil && WaitsForClock(p, comm) {
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
	return ok && syntax.IsType(ch.Elem(), "os", "Signal")
}

// WaitsForClock reports whether stmt itself sleeps or receives from a clock.
func WaitsForClock(p *rewrite.Package, stmt ast.Node) bool {
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
	return ok && u.Op == token.ARROW && syntax.IsClock(p, u.X)
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
