package goroutinealert

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

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

// fix makes steady growth a condition of the alert.
func (a *levelAlert) fix(call rewrite.Call) *rewrite.Fix {
	return &rewrite.Fix{
		Message: "alert on steady growth above the limit; a level that stays no longer alerts, and a leak alerts after " + a.soon(call),
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
