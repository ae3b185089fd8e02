// Package goroutinealert finds alerts on a fixed number of goroutines.
package goroutinealert

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

var Rule = &rule.Rule{
	Name:  "goroutinealert",
	Title: "alert on the level of NumGoroutine",
	Doc: `An alert about leaking goroutines fires after a burst of load and does not stop, though nothing leaks: the count went up by a step and stays there.

runtime.NumGoroutine counts the goroutines of idle connections and of pools, too: an idle keep-alive connection costs a server one goroutine and a client two. A level above a limit tells such a plateau from a leak no better than it finds a slow leak below the limit. A leak shows in the floor of the count, which rises from one stretch of time to the next.

The condition is given a second half: the smallest count of each window of samples has risen for some windows in a row. Limit and message stay as they are. The windows are constants in the added type, counted in samples.

Alerting rules of Prometheus get the same half: the smallest go_goroutines of the last ten minutes is above that of an hour before.

It fires when a loop that waits for a clock compares the count with a limit and all that hangs on it is a message, and when an alerting rule compares go_goroutines, its sum or average with a number. It stays silent where the change of the count is looked at (deriv, delta, offset), in recording rules, where work is refused or put off, where two readings are compared, where the count is waited for or exported, and in tests.`,
	Before: `for range time.Tick(10 * time.Second) {
	if n := runtime.NumGoroutine(); n > limit {
		alert("goroutine leak")
	}
}`,
	After: `var growth goroutineGrowth
for range time.Tick(10 * time.Second) {
	if n := runtime.NumGoroutine(); growth.observe(n) && n > limit {
		alert("goroutine leak")
	}
}`,
	Needs:     []rewrite.Need{{Import: "runtime", Idents: []string{"NumGoroutine"}}},
	TextNeeds: []rewrite.TextNeed{{Kinds: []rewrite.TextKind{rewrite.YAML, rewrite.JSON}, Contains: []string{"go_goroutines"}}},
	Find: func(s *rewrite.Snapshot) []rewrite.Finding {
		return append(levelAlerts(s), promqlAlerts(s)...)
	},
}

// growthDecl is the helper that tells a rising floor from a plateau.
const growthDecl = `// $type tells steady growth of the goroutine count from a step that
// levels off: it compares the smallest count of each window of samples with
// that of the window before.
type $type struct {
	samples int // in the current window
	low     int // smallest count of the current window
	prev    int // smallest count of the previous window
	rises   int // windows in a row whose smallest count rose
}

func (g *$type) observe(n int) bool {
	const (
		window = 6
		rises  = 10
	)
	if g.samples == 0 || n < g.low {
		g.low = n
	}
	if g.samples++; g.samples == window {
		if g.low > g.prev && g.prev > 0 {
			g.rises++
		} else {
			g.rises = 0
		}
		g.prev, g.samples = g.low, 0
	}
	return g.rises >= rises
}`

// levelAlert is an alert on the number of goroutines.
type levelAlert struct {
	pkg    *rewrite.Package
	file   *rewrite.File
	stmt   *ast.IfStmt
	count  ast.Expr           // the reading as it is compared, conversions included
	called *ast.CallExpr      // the call of NumGoroutine, nil when count is a variable
	loop   ast.Stmt           // the loop that takes the samples, nil when it is elsewhere
	decl   *ast.FuncDecl      // the function that takes the samples
	holder *syntax.StructDecl // the receiver's type when that function is a method
}

// levelAlerts returns the alerts on the level of the count in Go code.
func levelAlerts(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for call := range s.Calls("runtime", "NumGoroutine") {
		if call.File.Test || call.Pkg.Wide {
			continue
		}
		list := alertsOf(call)
		if len(list) == 0 {
			continue
		}
		// Have: comparisons of the count with a limit that decide about a
		// message.
		h := heat.Of(call.Pkg, call.At)
		if h.Kind != heat.Recurring || !h.Paced {
			continue
		}
		for _, a := range list {
			f := rewrite.Finding{
				Pos: a.stmt.Cond.Pos(), End: a.stmt.Cond.End(),
				Message: "alert on the number of goroutines: idle connections and pools raise it for good, and a slow leak stays below the limit for long",
			}
			why := a.place(s, call)
			if why != "" {
				f.NoFix = why + "; alert when the smallest count of a window rises from one window to the next"
			} else {
				f.Fixes = []*rewrite.Fix{a.fix()}
			}
			out = append(out, f)
		}
	}
	return out
}

// alertsOf returns the alerts that the reading at call is for.
func alertsOf(call rewrite.Call) []*levelAlert {
	p := call.Pkg
	cur := call.At
	for syntax.IsConversion(p, cur.Parent()) {
		cur = cur.Parent()
	}
	var out []*levelAlert
	add := func(a *levelAlert) {
		if onlyTells(p, a.stmt.Body) {
			out = append(out, a)
		}
	}
	switch n := cur.Parent().Node().(type) {
	case *ast.BinaryExpr:
		a := &levelAlert{pkg: p, file: call.File, count: cur.Node().(ast.Expr), called: call.Call}
		if a.compared(cur) {
			add(a)
		}
	case *ast.AssignStmt:
		v := assignedVar(p, n)
		if v == nil || !onlyReadings(p, v) {
			return nil
		}
		// Have: a variable that holds nothing but readings.
		for c := range cur.Parent().Parent().Preorder((*ast.IfStmt)(nil)) {
			a := &levelAlert{pkg: p, file: call.File}
			if a.decides(c, v) {
				add(a)
			}
		}
	}
	return out
}

// assignedVar returns the variable that the assignment of one value sets.
func assignedVar(p *rewrite.Package, n *ast.AssignStmt) *types.Var {
	if len(n.Lhs) != 1 || len(n.Rhs) != 1 || n.Tok != token.DEFINE && n.Tok != token.ASSIGN {
		return nil
	}
	id, ok := n.Lhs[0].(*ast.Ident)
	if !ok {
		return nil
	}
	v, _ := p.Info.ObjectOf(id).(*types.Var)
	if v == nil || v.IsField() || v.Parent() == p.Types.Scope() {
		return nil
	}
	return v
}

// onlyReadings reports whether the local variable v is set from NumGoroutine
// and from nothing else.
func onlyReadings(p *rewrite.Package, v *types.Var) bool {
	ok := true
	for rhs := range syntax.ValuesOf(p, v) {
		rhs = ast.Unparen(rhs)
		for {
			c, isCall := rhs.(*ast.CallExpr)
			if !isCall || len(c.Args) != 1 || !p.Info.Types[c.Fun].IsType() {
				break
			}
			rhs = ast.Unparen(c.Args[0])
		}
		if !p.IsCall(rhs, "runtime", "NumGoroutine") {
			ok = false
		}
	}
	return ok
}

// decides notes the if statement at c when its condition compares v with a
// limit, and reports whether it does.
func (a *levelAlert) decides(c inspector.Cursor, v *types.Var) bool {
	n := c.Node().(*ast.IfStmt)
	for x := range c.ChildAt(edge.IfStmt_Cond, -1).Preorder((*ast.Ident)(nil)) {
		if a.pkg.Info.Uses[x.Node().(*ast.Ident)] != v {
			continue
		}
		for syntax.IsConversion(a.pkg, x.Parent()) {
			x = x.Parent()
		}
		a.count = x.Node().(ast.Expr)
		if a.compared(x) && a.stmt == n {
			return true
		}
	}
	return false
}

// compared reports whether the reading at cur is compared with a limit that is
// no reading itself, as the first condition of an if statement without else;
// it notes that statement.
func (a *levelAlert) compared(cur inspector.Cursor) bool {
	p := a.pkg
	cmp, ok := cur.Parent().Node().(*ast.BinaryExpr)
	if !ok {
		return false
	}
	limit := cmp.Y
	switch {
	case (cmp.Op == token.GTR || cmp.Op == token.GEQ) && cmp.X == cur.Node():
	case (cmp.Op == token.LSS || cmp.Op == token.LEQ) && cmp.Y == cur.Node():
		limit = cmp.X
	default:
		return false
	}
	if isReading(p, limit, make(map[types.Object]bool)) {
		return false
	}
	c := cur.Parent()
	for {
		parent := c.Parent()
		if _, ok := parent.Node().(*ast.ParenExpr); ok {
			c = parent
			continue
		}
		and, ok := parent.Node().(*ast.BinaryExpr)
		if !ok {
			break
		}
		if and.Op != token.LAND || isReading(p, other(and, c.Node()), make(map[types.Object]bool)) {
			return false
		}
		if and.Y == c.Node() && !syntax.Pure(p, and.X) {
			return false
		}
		c = parent
	}
	n, ok := c.Parent().Node().(*ast.IfStmt)
	if !ok || n.Cond != c.Node() || c.Parent().ParentEdgeKind() == edge.IfStmt_Else {
		return false
	}
	if n.Else != nil {
		if block, ok := n.Else.(*ast.BlockStmt); !ok || !onlyTells(p, block) {
			return false
		}
	}
	a.stmt = n
	return true
}

func other(b *ast.BinaryExpr, x ast.Node) ast.Expr {
	if b.X == x {
		return b.Y
	}
	return b.X
}

// isReading reports whether x derives from NumGoroutine: calls it, or mentions
// something that is set from it.
func isReading(p *rewrite.Package, x ast.Expr, seen map[types.Object]bool) bool {
	found := false
	ast.Inspect(x, func(n ast.Node) bool {
		if found || p.IsCall(n, "runtime", "NumGoroutine") {
			found = true
			return false
		}
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		v, ok := p.Info.Uses[id].(*types.Var)
		if !ok || seen[v] {
			return true
		}
		seen[v] = true
		if basic, ok := v.Type().Underlying().(*types.Basic); !ok || basic.Info()&types.IsNumeric == 0 {
			return true
		}
		for rhs := range syntax.ValuesOf(p, v) {
			if isReading(p, rhs, seen) {
				found = true
				break
			}
		}
		return true
	})
	return found
}

var (
	tellName = regexp.MustCompile(`(?i)alert|alarm|warn|notify|\bpage|log|print|report|error|leak|capture|metric|stack|profile`)
	// actName matches what ends or bends the work beside telling about it.
	actName = regexp.MustCompile(`(?i)^(exit|fatal\w*|panic\w*|goexit|abort\w*|shed\w*|throttle\w*|limit\w*|reject\w*|close|cancel|stop|shutdown|kill|restart|gc|freeosmemory|writeheader|error|wait)$`)
)

// onlyTells reports whether a block raises an alert and does nothing else that
// matters: calls with names as of messages and logs, and notes of what was
// last told.
func onlyTells(p *rewrite.Package, body *ast.BlockStmt) bool {
	tells, acts := false, false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ReturnStmt, *ast.BranchStmt, *ast.SendStmt, *ast.GoStmt, *ast.ForStmt, *ast.RangeStmt, *ast.SelectStmt, *ast.IncDecStmt:
			acts = true
		case *ast.FuncLit:
			acts = true
			return false
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if n.Tok != token.DEFINE && !(len(n.Rhs) == len(n.Lhs) && isRemembered(p, l, n.Rhs[i])) {
					acts = true
				}
			}
		case *ast.ExprStmt:
			call, ok := n.X.(*ast.CallExpr)
			if !ok {
				acts = true
				break
			}
			name := calleeName(p, call)
			switch {
			case isTest(p, call):
				acts = true
			case tellName.MatchString(name):
				if id := syntax.LastName(call.Fun); id != nil && actName.MatchString(id.Name) && !isLogger(p, call) {
					acts = true
				}
				if strings.HasSuffix(name, "Fatal") || strings.HasSuffix(name, "Fatalf") || strings.HasSuffix(name, "Fatalln") || strings.HasSuffix(name, "Panic") || strings.HasSuffix(name, "Panicf") {
					acts = true
				}
				tells = true
			default:
				acts = true
			}
		}
		return !acts
	})
	return tells && !acts
}

// isRemembered reports whether an assignment only remembers that or when an
// alert was raised.
func isRemembered(p *rewrite.Package, l, r ast.Expr) bool {
	if id, ok := l.(*ast.Ident); ok && id.Name == "_" {
		return true
	}
	return p.IsCall(ast.Unparen(r), "time", "Now")
}

// isTest reports whether call is a method of the testing package.
func isTest(p *rewrite.Package, call *ast.CallExpr) bool {
	fn := p.Callee(call)
	return fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == "testing"
}

// isLogger reports whether call is a method named Error of a logger: what it is
// called on, or its package, has log in its name.
func isLogger(p *rewrite.Package, call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	if sel.Sel.Name != "Error" {
		return false
	}
	fn := p.Callee(call)
	return fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "net/http"
}

// calleeName returns the callee of call as it is written, with the package or
// the chain of calls it is selected from, and the name of its receiver's type.
func calleeName(p *rewrite.Package, call *ast.CallExpr) string {
	var names []string
	for x := ast.Expr(call); x != nil; {
		switch n := ast.Unparen(x).(type) {
		case *ast.CallExpr:
			x = n.Fun
		case *ast.SelectorExpr:
			names = append([]string{n.Sel.Name}, names...)
			x = n.X
		case *ast.Ident:
			names = append([]string{n.Name}, names...)
			x = nil
		default:
			x = nil
		}
	}
	if fn := p.Callee(call); fn != nil && fn.Pkg() != nil {
		names = append([]string{fn.Pkg().Name()}, names...)
	}
	return strings.Join(names, ".")
}

// place finds where the state between samples can stand, and says why it has no
// place when there is none.
func (a *levelAlert) place(s *rewrite.Snapshot, call rewrite.Call) string {
	if a.stmt.Else != nil {
		return "what else tells would be told of a high level, too"
	}
	for c := range call.At.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch n := c.Node().(type) {
		case *ast.ForStmt:
			if n.Init != nil || n.Post != nil && !heat.WaitsForClock(a.pkg, n.Post) {
				return "the loop ends by itself, so that its samples do not make a trend"
			}
			a.loop = n
		case *ast.RangeStmt:
			if !syntax.IsClock(a.pkg, n.X) {
				return "the loop ends by itself, so that its samples do not make a trend"
			}
			a.loop = n
		case *ast.FuncLit:
			return "the samples are taken in a function literal, which keeps no state between them"
		case *ast.FuncDecl:
			return a.helper(s, n)
		}
		break
	}
	if a.loop == nil {
		return "the samples are not taken in a loop"
	}
	if c, ok := a.pkg.Cursor(a.loop); !ok || !syntax.InList(c) {
		return "nothing can be declared before the loop"
	}
	return ""
}

// helper says why the state cannot be kept in the package for a function that
// is called for every sample.
func (a *levelAlert) helper(s *rewrite.Snapshot, decl *ast.FuncDecl) string {
	fn, _ := a.pkg.Info.Defs[decl.Name].(*types.Func)
	if fn == nil || decl.Type.TypeParams != nil {
		return "the samples are taken in a generic function"
	}
	if decl.Recv != nil {
		if fn.Exported() {
			return "the samples are taken in a method that other code may call"
		}
		if a.holder = syntax.ReceiverStruct(a.pkg, decl); a.holder == nil {
			return "the samples are taken in a method whose receiver cannot keep the state"
		}
	} else if fn.Exported() {
		s.Widen(fn.Name())
	}
	refs := s.Refs(rewrite.ObjectKey(fn))
	if len(refs) != 1 || syntax.Mentioned(a.pkg, fn.Name()) {
		return "the samples are taken in a function that is called from several places"
	}
	if _, ok := refs[0].Call(); !ok || refs[0].File.Test {
		return "the samples are taken in a function that is called from several places"
	}
	a.decl = decl
	return ""
}

// fix makes steady growth a condition of the alert.
func (a *levelAlert) fix() *rewrite.Fix {
	return &rewrite.Fix{
		Message: "alert on steady growth above the limit; a level that stays no longer alerts, and a leak alerts after ten rising windows of six samples",
		Safety:  rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			name := a.helperType(e)
			growth := a.declare(e, name)
			n := a.file.FreeName(a.stmt, "n", "count", "goroutines")
			holes := rewrite.Holes{"g": growth}
			switch {
			case a.called == nil:
				holes["n"] = a.sample(e)
			case a.stmt.Init != nil:
				holes["n"] = e.Clone(a.called)
			default:
				holes["n"] = n
			}
			observe := rewrite.Expr("$g.observe($n)", holes)
			var init dst.Stmt
			if a.called != nil && a.stmt.Init == nil {
				init = rewrite.Stmts("$n := $reading", rewrite.Holes{"n": n, "reading": e.Clone(a.called)})[0]
				init.Decorations().Before, init.Decorations().After = dst.None, dst.None
			}
			e.Modify(a.stmt, func(d dst.Node) error {
				stmt := d.(*dst.IfStmt)
				if init != nil {
					stmt.Init = init
					replaceCall(stmt.Cond, n)
				}
				stmt.Cond = conjunction(observe, stmt.Cond)
				return nil
			})
			return nil
		},
	}
}

// replaceCall puts the name of a variable in the place of the first call of
// NumGoroutine in x.
func replaceCall(x dst.Expr, name string) {
	done := false
	dst.Inspect(x, func(n dst.Node) bool {
		var at *dst.Expr
		swap := func(e *dst.Expr) {
			if call, ok := (*e).(*dst.CallExpr); ok && len(call.Args) == 0 && !done {
				if sel, ok := call.Fun.(*dst.SelectorExpr); ok && sel.Sel.Name == "NumGoroutine" {
					at = e
				}
				if id, ok := call.Fun.(*dst.Ident); ok && id.Name == "NumGoroutine" {
					at = e
				}
			}
			if at != nil && !done {
				*at, done = dst.NewIdent(name), true
			}
		}
		switch n := n.(type) {
		case *dst.BinaryExpr:
			swap(&n.X)
			swap(&n.Y)
		case *dst.ParenExpr:
			swap(&n.X)
		case *dst.CallExpr:
			for i := range n.Args {
				swap(&n.Args[i])
			}
		}
		return !done
	})
}

// conjunction returns x && y with x before all the operands of y.
func conjunction(x, y dst.Expr) dst.Expr {
	if b, ok := y.(*dst.BinaryExpr); ok && b.Op == token.LAND {
		b.X = conjunction(x, b.X)
		return b
	}
	return &dst.BinaryExpr{X: x, Op: token.LAND, Y: y}
}

// sample returns the reading as an int.
func (a *levelAlert) sample(e *rewrite.Edit) dst.Expr {
	x := ast.Unparen(a.count)
	for {
		c, ok := x.(*ast.CallExpr)
		if !ok || len(c.Args) != 1 {
			break
		}
		x = ast.Unparen(c.Args[0])
	}
	if types.Identical(a.pkg.Info.TypeOf(x), types.Typ[types.Int]) {
		return e.Clone(x)
	}
	return rewrite.Expr("int($n)", rewrite.Holes{"n": e.Clone(x)})
}

// declare puts the variable that keeps the state where it outlives a sample.
func (a *levelAlert) declare(e *rewrite.Edit, typeName string) dst.Expr {
	if a.loop != nil {
		c, _ := a.pkg.Cursor(a.loop)
		name := a.file.FreeName(syntax.TakeTurn(e, a.file, c), "growth")
		e.InsertBefore(a.loop, rewrite.Stmts("var $g $type", rewrite.Holes{"g": name, "type": typeName})...)
		return dst.NewIdent(name)
	}
	if a.holder != nil {
		name := a.holder.FreeField("growth", "goroutineGrowth", "goroutineTrend")
		a.holder.AddField(e, name, typeName)
		return &dst.SelectorExpr{X: dst.NewIdent(a.decl.Recv.List[0].Names[0].Name), Sel: dst.NewIdent(name)}
	}
	c, _ := a.pkg.Cursor(a.decl.Name)
	syntax.TakeTurn(e, a.file, c)
	name := a.pkg.FreePackageName(a.decl.Name.Name + "Growth")
	e.AddDeclsBefore(a.decl, rewrite.Decls("var $g $type", rewrite.Holes{"g": name, "type": typeName})...)
	return dst.NewIdent(name)
}

// helperType returns the name of the helper's type, which it adds when the
// package has none.
func (a *levelAlert) helperType(e *rewrite.Edit) string {
	const name = "goroutineGrowth"
	if tn, ok := a.pkg.Types.Scope().Lookup(name).(*types.TypeName); ok && observes(tn) {
		return name
	}
	free := a.pkg.FreePackageName(name, "goroutineTrend")
	e.AddDecls(a.file, rewrite.Decls(strings.ReplaceAll(growthDecl, "$type", free), nil)...)
	// A second alert of the package waits until the helper is there.
	for _, f := range a.pkg.Files {
		if !f.Test && !f.Generated {
			e.Modify(f.AST.Name, func(dst.Node) error { return nil })
			break
		}
	}
	return free
}

// observes reports whether tn is the helper.
func observes(tn *types.TypeName) bool {
	m, _, _ := types.LookupFieldOrMethod(types.NewPointer(tn.Type()), true, tn.Pkg(), "observe")
	fn, ok := m.(*types.Func)
	return ok && types.TypeString(fn.Type(), nil) == "func(n int) bool" || ok && types.TypeString(fn.Type(), nil) == "func(int) bool"
}
