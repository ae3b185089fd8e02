package collect

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// kept is where a statement keeps the present time, a variable or field, and the
// variable that this is a part of.
type kept struct{ in, of types.Object }

// keptTimes returns where the statement n keeps the present time, as a point in
// time or a number: t0 := time.Now().UnixNano(), r.Start = time.Now(),
// r := run{Start: time.Now()}.
func keptTimes(p *rewrite.Package, n ast.Node) (out []kept) {
	as, ok := n.(*ast.AssignStmt)
	if !ok || len(as.Lhs) != 1 || len(as.Rhs) != 1 {
		return nil
	}
	root := syntax.VariableOf(as.Lhs[0])
	if root == nil {
		return nil
	}
	of := p.Info.ObjectOf(root)
	add := func(in types.Object, value ast.Expr) {
		if in != nil && of != nil && readsClock(p, value) {
			out = append(out, kept{in, of})
		}
	}
	value := ast.Unparen(as.Rhs[0])
	if sel, ok := as.Lhs[0].(*ast.SelectorExpr); ok {
		add(p.Info.Uses[sel.Sel], value)
	} else {
		add(of, value)
	}
	if addr, ok := value.(*ast.UnaryExpr); ok && addr.Op == token.AND {
		value = ast.Unparen(addr.X)
	}
	if lit, ok := value.(*ast.CompositeLit); ok {
		if st, ok := syntax.Under(p.Info.TypeOf(lit)).(*types.Struct); ok {
			for f := range st.Fields() {
				add(f, syntax.FieldValue(p, lit, f))
			}
		}
	}
	return out
}

// readsClock reports whether x is the present time.
func readsClock(p *rewrite.Package, x ast.Node) bool {
	if call, ok := x.(*ast.CallExpr); ok && len(call.Args) == 1 && p.Info.Types[call.Fun].IsType() {
		return readsClock(p, call.Args[0])
	}
	if p.IsCall(x, "time", "(time.Time).Unix", "(time.Time).UnixMilli", "(time.Time).UnixMicro", "(time.Time).UnixNano") {
		sel, ok := ast.Unparen(x.(*ast.CallExpr).Fun).(*ast.SelectorExpr)
		return ok && p.IsCall(ast.Unparen(sel.X), "time", "Now")
	}
	return p.IsCall(x, "time", "Now")
}

// ended matches the words of names for when something was over.
var ended = regexp.MustCompile(`(?i)(?:^|_)(?:end|ended|stop|stopped|finish|finished|done|complete|completed)(?:_|$)`)

// timesFrom reports whether the statement n keeps the present time, and code of
// within that stands behind it takes the time since then: as a difference to the
// clock, or by the end that is kept beside it. One that only tells the time takes
// none.
func timesFrom(p *rewrite.Package, n, within ast.Node) bool {
	for _, start := range keptTimes(p, n) {
		later := make(map[types.Object]bool)
		if syntax.ContainsNode(within, func(m ast.Node) bool {
			if m.Pos() < n.End() {
				return false
			}
			for _, k := range keptTimes(p, m) {
				if k.of == start.of && k.in != start.in && ended.MatchString(spelled(k.in.Name())) {
					return true
				}
				later[k.in] = true
			}
			return takesSince(p, m, start.in, later)
		}) {
			return true
		}
	}
	return false
}

// takesSince reports whether n takes the time from what start holds until now, or
// until what one of later holds.
func takesSince(p *rewrite.Package, n ast.Node, start types.Object, later map[types.Object]bool) bool {
	isEnd := func(x ast.Expr) bool {
		return syntax.ContainsNode(x, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			return ok && later[p.Info.Uses[id]] || readsClock(p, n)
		})
	}
	switch n := n.(type) {
	case *ast.BinaryExpr:
		return n.Op == token.SUB && isEnd(n.X) && syntax.Mentions(p, n.Y, start)
	case *ast.CallExpr:
		if p.IsCall(n, "time", "Since") {
			return syntax.Mentions(p, n, start)
		}
		sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
		return ok && p.IsCall(n, "time", "(time.Time).Sub") && isEnd(sel.X) && syntax.Mentions(p, n, start)
	}
	return false
}
