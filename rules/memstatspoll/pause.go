package memstatspoll

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"go/version"
	"slices"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// pauseAlert is an alert on the growth of PauseTotalNs from one reading to the
// next.
type pauseAlert struct {
	r     *memReading
	prev  *types.Var // what PauseTotalNs was in the round before
	decl  ast.Stmt   // its declaration
	delta ast.Stmt   // "delta := m.PauseTotalNs - prev"; nil where it is in the condition
	keep  ast.Stmt   // "prev = m.PauseTotalNs"
	alert *ast.IfStmt
	limit ast.Expr
}

// pauseAlert returns the alert that the reading is for, nil when it is for
// something else or the limit is compared in another way.
func (r *memReading) pauseAlert() *pauseAlert {
	if len(r.reads) != 1 || len(r.uses) != 2 || r.shared() || r.grouped() || r.decl == nil ||
		version.Compare(r.file.Version(), "go1.16") < 0 {
		return nil
	}
	read, _ := r.pkg.Cursor(r.reads[0].stmt)
	loop, ok := ownLoop(read)
	if !ok {
		return nil
	}
	a := &pauseAlert{r: r}
	var diff inspector.Cursor
	for _, u := range r.uses {
		if u.name != "PauseTotalNs" || u.duration {
			return nil
		}
		switch n := u.at.Parent().Node().(type) {
		case *ast.BinaryExpr:
			if n.Op != token.SUB || n.X != u.node {
				return nil
			}
			id, ok := ast.Unparen(n.Y).(*ast.Ident)
			if !ok {
				return nil
			}
			a.prev, _ = r.pkg.Info.Uses[id].(*types.Var)
			diff = u.at.Parent()
		case *ast.AssignStmt:
			if n.Tok != token.ASSIGN || len(n.Lhs) != 1 {
				return nil
			}
			a.keep = n
		default:
			return nil
		}
	}
	if a.prev == nil || a.keep == nil || !a.isPrev(a.keep.(*ast.AssignStmt).Lhs[0]) || !a.findPrev(loop.Node()) || !a.findAlert(diff) {
		return nil
	}
	// Have: one list of statements that reads, compares and keeps.
	for _, stmt := range []ast.Stmt{a.delta, a.keep, a.alert} {
		if stmt == nil || stmt == ast.Stmt((*ast.IfStmt)(nil)) {
			continue
		}
		c, _ := r.pkg.Cursor(stmt)
		if c.Parent().Node() != r.reads[0].list || stmt.Pos() < r.reads[0].stmt.End() {
			return nil
		}
	}
	if a.keep.Pos() < diff.Node().Pos() {
		return nil
	}
	return a
}

func (a *pauseAlert) isPrev(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && a.r.pkg.Info.Uses[id] == a.prev
}

// findPrev notes the declaration of prev, and reports whether it stands before
// the loop and prev is used for nothing else.
func (a *pauseAlert) findPrev(loop ast.Node) bool {
	p := a.r.pkg
	if a.prev.IsField() || a.prev.Parent() == p.Types.Scope() {
		return false
	}
	uses := 0
	for _, in := range a.r.scope() {
		for c := range in.Preorder((*ast.Ident)(nil)) {
			id := c.Node().(*ast.Ident)
			if p.Info.Uses[id] == a.prev {
				uses++
			}
			if p.Info.Defs[id] != a.prev {
				continue
			}
			switch n := c.Parent().Node().(type) {
			case *ast.ValueSpec:
				d, ok := c.Parent().Parent().Parent().Node().(*ast.DeclStmt)
				if ok && len(n.Names) == 1 && len(c.Parent().Parent().Node().(*ast.GenDecl).Specs) == 1 && (len(n.Values) == 0 || a.zero(n.Values[0])) {
					a.decl = d
				}
			case *ast.AssignStmt:
				if len(n.Lhs) == 1 && len(n.Rhs) == 1 && a.zero(n.Rhs[0]) && syntax.InList(c.Parent()) {
					a.decl = n
				}
			}
		}
	}
	return a.decl != nil && uses == 2 && a.decl.End() <= loop.Pos()
}

func (a *pauseAlert) zero(x ast.Expr) bool {
	tv := a.r.pkg.Info.Types[x]
	return tv.Value != nil && constant.Sign(tv.Value) == 0
}

// findAlert notes the if statement that the difference decides about.
func (a *pauseAlert) findAlert(diff inspector.Cursor) bool {
	p := a.r.pkg
	for syntax.IsConversion(p, diff.Parent()) {
		diff = diff.Parent()
		if t := p.Info.TypeOf(diff.Node().(ast.Expr)); !syntax.IsType(t, "time", "Duration") && !types.Identical(t, types.Typ[types.Uint64]) {
			return false
		}
	}
	operand := diff
	if as, ok := diff.Parent().Node().(*ast.AssignStmt); ok {
		if as.Tok != token.DEFINE || len(as.Lhs) != 1 {
			return false
		}
		delta, _ := p.Info.Defs[as.Lhs[0].(*ast.Ident)].(*types.Var)
		uses := 0
		for _, in := range a.r.scope() {
			for c := range in.Preorder((*ast.Ident)(nil)) {
				if delta != nil && p.Info.Uses[c.Node().(*ast.Ident)] == delta {
					operand = c
					uses++
				}
			}
		}
		if uses != 1 {
			return false
		}
		if diff.Parent().ParentEdgeKind() != edge.IfStmt_Init {
			a.delta = as
		}
		for syntax.IsConversion(p, operand.Parent()) {
			operand = operand.Parent()
		}
	}
	cmp, ok := operand.Parent().Node().(*ast.BinaryExpr)
	if !ok {
		return false
	}
	switch {
	case (cmp.Op == token.GTR || cmp.Op == token.GEQ) && cmp.X == operand.Node():
		a.limit = cmp.Y
	case (cmp.Op == token.LSS || cmp.Op == token.LEQ) && cmp.Y == operand.Node():
		a.limit = cmp.X
	default:
		return false
	}
	a.alert, ok = operand.Parent().Parent().Node().(*ast.IfStmt)
	if !ok || a.alert.Cond != cmp || !syntax.Pure(p, a.limit) {
		return false
	}
	if a.alert.Init != nil && a.delta != nil {
		return false
	}
	for _, v := range []*types.Var{a.prev, a.r.v} {
		if syntax.Mentions(p, a.limit, v) {
			return false
		}
	}
	return true
}

// fix compares the limit with single pauses.
func (a *pauseAlert) fix() *rewrite.Fix {
	return &rewrite.Fix{
		Message: "compare single pauses, from the histogram in runtime/metrics; one long pause then alerts, many short ones in a round do not",
		Safety:  rewrite.Unsafe,
		Apply:   a.apply,
	}
}

func (a *pauseAlert) apply(e *rewrite.Edit) error {
	r := a.r
	within := syntax.TakeTurn(e, r.file, r.at)
	metric := "/sched/pauses/total/gc:seconds"
	if metricMissing([]string{metric}, r.file.Version()) != "" {
		metric = "/gc/pauses:seconds" // the same under its older name
	}
	holes := rewrite.Holes{
		"samples": r.file.FreeName(within, "samples", "pauses"),
		"prev":    a.prev.Name(),
		"h":       r.file.FreeName(within, "h", "hist"),
		"long":    r.file.FreeName(within, "long", "longPause"),
		"i":       r.file.FreeName(a.limit, "i", "j"),
		"n":       r.file.FreeName(a.limit, "n", "count"),
		"limit":   a.seconds(e),
	}
	e.ReplaceStmt(a.decl, rewrite.Stmts("$samples := "+samples([]string{metric})+"\nvar $prev []uint64", holes)...)
	e.Delete(r.decl, about.Removed())
	e.ReplaceStmt(r.reads[0].stmt, rewrite.Stmts(`metrics.Read($samples)
$h := $samples[0].Value.Float64Histogram()
if $prev == nil {
	$prev = make([]uint64, len($h.Counts))
}
$long := false
for $i, $n := range $h.Counts {
	// Counts are cumulative; bucket i covers [Buckets[i], Buckets[i+1]).
	if $n > $prev[$i] && $h.Buckets[$i+1] > $limit {
		$long = true
	}
}`, holes)...)
	if a.delta != nil {
		e.Delete(a.delta, about.Removed("delta", "pause"))
	}
	e.ReplaceStmt(a.keep, rewrite.Stmts("copy($prev, $h.Counts)", holes)...)
	if a.alert.Init == nil {
		e.Replace(a.alert.Cond, dst.NewIdent(holes["long"].(string)))
		return nil
	}
	e.Modify(a.alert.Init, func(dst.Node) error { return nil })
	e.Modify(a.alert.Cond, func(dst.Node) error { return nil })
	long := holes["long"].(string)
	e.Modify(a.alert, func(n dst.Node) error {
		s := n.(*dst.IfStmt)
		s.Init, s.Cond = nil, dst.NewIdent(long)
		return nil
	})
	return nil
}

// seconds returns the limit in seconds.
func (a *pauseAlert) seconds(e *rewrite.Edit) dst.Expr {
	p := a.r.pkg
	isDuration := func(x ast.Expr) bool { return syntax.IsType(p.Info.TypeOf(x), "time", "Duration") }
	x := ast.Unparen(a.limit)
	if call, ok := x.(*ast.CallExpr); ok && !isDuration(x) && isDuration(call.Args[0]) {
		x = ast.Unparen(call.Args[0]) // uint64(limit)
	}
	k := e.Clone(x)
	if !isDuration(x) {
		return rewrite.Expr("float64($k)/1e9", rewrite.Holes{"k": k})
	}
	switch x.(type) {
	case *ast.BinaryExpr, *ast.UnaryExpr, *ast.StarExpr:
		k = &dst.ParenExpr{X: k}
	}
	return &dst.CallExpr{Fun: &dst.SelectorExpr{X: k, Sel: dst.NewIdent("Seconds")}}
}

// durations returns the variables that hold PauseTotalNs or what derives from
// it, with the type in their declaration where that names one, if the package
// has the type error of comparing such a variable with a Duration. PauseTotal
// is a Duration, so that all is well once they are Durations, too.
func (r *memReading) durations() map[*types.Var]ast.Expr {
	home := syntax.EnclosingDecl(r.at)
	if home == nil {
		return nil
	}
	if !r.comparedWithDuration(home) {
		return nil
	}
	vars := r.derivedVars(home)
	if len(vars) == 0 {
		return nil
	}
	// All that is done with them must do with Durations.
	for c := range r.scope()[0].Preorder((*ast.Ident)(nil)) {
		v, _ := r.pkg.Info.ObjectOf(c.Node().(*ast.Ident)).(*types.Var)
		if _, in := vars[v]; !in || v == nil {
			continue
		}
		if spec, ok := c.Parent().Node().(*ast.ValueSpec); ok {
			if len(spec.Names) != 1 || len(spec.Values) != 0 {
				return nil
			}
			vars[v] = spec.Type
		} else if !r.mayBeDuration(c, vars) {
			return nil
		}
	}
	return vars
}

// comparedWithDuration reports whether a type error in home says that a number is
// compared with a Duration.
func (r *memReading) comparedWithDuration(home *ast.FuncDecl) bool {
	from, to := r.pkg.Snapshot().Position(home.Pos()), r.pkg.Snapshot().Position(home.End())
	return slices.ContainsFunc(r.pkg.Errors, func(err rewrite.Problem) bool {
		return err.Pos.Filename == from.Filename && from.Offset <= err.Pos.Offset && err.Pos.Offset < to.Offset &&
			strings.Contains(err.Message, "mismatched types") && strings.Contains(err.Message, "uint64") && strings.Contains(err.Message, "time.Duration")
	})
}

// localUint returns the local variable of type uint64 that x is, nil for none.
func (r *memReading) localUint(x ast.Expr) *types.Var {
	id, ok := x.(*ast.Ident)
	if !ok {
		return nil
	}
	v, _ := r.pkg.Info.ObjectOf(id).(*types.Var)
	if v == nil || v.IsField() || v.Parent() == r.pkg.Types.Scope() || !types.Identical(v.Type(), types.Typ[types.Uint64]) {
		return nil
	}
	return v
}

// derivedVars returns the local variables of home that are set to PauseTotalNs or
// to what derives from it.
func (r *memReading) derivedVars(home *ast.FuncDecl) map[*types.Var]ast.Expr {
	vars := make(map[*types.Var]ast.Expr)
	for grown := true; grown; {
		grown = false
		ast.Inspect(home, func(n ast.Node) bool {
			as, ok := n.(*ast.AssignStmt)
			if !ok || len(as.Lhs) != len(as.Rhs) {
				return true
			}
			for i, l := range as.Lhs {
				if v := r.localUint(l); v != nil && r.derived(as.Rhs[i], vars) {
					if _, known := vars[v]; !known {
						vars[v] = nil
						grown = true
					}
				}
			}
			return true
		})
	}
	return vars
}

// mayBeDuration reports whether what is done with the variable at c, one of vars,
// can be done with a Duration when the others of vars are Durations, too.
func (r *memReading) mayBeDuration(c inspector.Cursor, vars map[*types.Var]ast.Expr) bool {
	id := c.Node().(*ast.Ident)
	switch n := c.Parent().Node().(type) {
	case *ast.BinaryExpr:
		other := n.X
		if n.X == id {
			other = n.Y
		}
		return r.derived(other, vars) || syntax.IsType(r.pkg.Info.TypeOf(other), "time", "Duration")
	case *ast.AssignStmt:
		if len(n.Lhs) != len(n.Rhs) {
			return false
		}
		for i := range n.Lhs {
			if n.Lhs[i] == id && !r.derived(n.Rhs[i], vars) {
				return false
			}
			if n.Rhs[i] == id {
				if _, both := vars[r.localUint(n.Lhs[i])]; !both {
					return false
				}
			}
		}
		return true
	}
	return false
}

// derived reports whether x is PauseTotalNs, one of vars, or a sum or
// difference of such.
func (r *memReading) derived(x ast.Expr, vars map[*types.Var]ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		v, _ := r.pkg.Info.ObjectOf(x).(*types.Var)
		_, in := vars[v]
		return v != nil && in
	case *ast.SelectorExpr:
		return x.Sel.Name == "PauseTotalNs" && r.is(x.X)
	case *ast.BinaryExpr:
		return (x.Op == token.ADD || x.Op == token.SUB) && r.derived(x.X, vars) && r.derived(x.Y, vars)
	}
	return false
}
