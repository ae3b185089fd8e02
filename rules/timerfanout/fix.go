package timerfanout

import (
	"go/ast"
	"go/token"
	"go/types"
	"go/version"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// fix sets one timer for the batch.
func (f *fanout) fix() *rewrite.Fix {
	msg := "set one timer for the batch; the callbacks then run one after another in one goroutine, where a slow one delays the rest and a panic drops it"
	if version.Compare(f.file.Version(), "go1.22") < 0 && f.sharesVariable() {
		msg += "; each element gets its callback, where so far all callbacks saw the last element"
	}
	return &rewrite.Fix{Message: msg, Safety: rewrite.Unsafe, Apply: f.apply}
}

// sharesVariable reports whether the callback uses a range variable itself.
func (f *fanout) sharesVariable() bool {
	found := false
	ast.Inspect(f.call.Args[1], func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			v, isVar := f.pkg.Info.Uses[id].(*types.Var)
			found = found || isVar && (v == f.value || v == f.key)
		}
		return !found
	})
	return found
}

func (f *fanout) apply(e *rewrite.Edit) error {
	within := syntax.TakeTurn(e, f.file, f.at)
	timer := e.CloneStmts(f.stmt)
	if timer == nil {
		return nil // the edit has noted the error
	}
	switch {
	case f.collect != nil:
		v := f.collect[0]
		name := f.file.FreeName(within, "pending", "batch")
		e.InsertBefore(f.loop, rewrite.Stmts("var $p []$t", rewrite.Holes{"p": name, "t": syntax.TypeExpr(f.file, v.Type())})...)
		e.ReplaceStmt(f.stmt, rewrite.Stmts("$p = append($p, $v)", rewrite.Holes{"p": name, "v": v.Name()})...)
		timer[0].Decorations().Start = nil
		f.wrap(timer[0], "", v.Name(), name)
		e.InsertAfter(f.loop, timer...)
	case f.simple:
		name := f.file.FreeName(within, "pending", "batch")
		clone := f.copyOf(e, name)
		timer[0].Decorations().Before = dst.NewLine
		f.wrap(timer[0], f.nameInUse(f.key), f.nameInUse(f.value), name)
		e.ReplaceStmt(f.loop, append([]dst.Stmt{clone}, timer...)...)
	default:
		name := f.file.FreeName(within, "batch", "pending")
		clone := f.copyOf(e, name)
		f.wrap(timer[0], f.nameInUse(f.key), f.nameInUse(f.value), name)
		f.drop(e)
		e.InsertAfter(f.loop, append([]dst.Stmt{clone}, timer...)...)
	}
	return nil
}

// drop removes the timer from the loop, with the comments above it, and the
// copies of range variables that nothing else uses.
func (f *fanout) drop(e *rewrite.Edit) {
	gone := map[int]bool{}
	for i, stmt := range f.loop.Body.List {
		if stmt == f.stmt {
			gone[i] = true
		}
		for j, c := range f.copyStmts {
			if c == stmt && !f.usedBeside(f.copies[j]) {
				gone[i] = true
			}
		}
	}
	e.Modify(f.loop.Body, func(n dst.Node) error {
		body := n.(*dst.BlockStmt)
		var kept []dst.Stmt
		for i, stmt := range body.List {
			if !gone[i] {
				kept = append(kept, stmt)
			}
		}
		if len(kept) > 0 {
			if kept[0].Decorations().Before == dst.EmptyLine {
				kept[0].Decorations().Before = dst.NewLine
			}
			kept[len(kept)-1].Decorations().After = dst.NewLine
		}
		body.List = kept
		return nil
	})
}

// usedBeside reports whether v is used outside of the timer.
func (f *fanout) usedBeside(v *types.Var) bool {
	found := false
	ast.Inspect(f.loop.Body, func(n ast.Node) bool {
		if n == f.stmt {
			return false
		}
		if id, ok := n.(*ast.Ident); ok && f.pkg.Info.Uses[id] == v {
			found = true
		}
		return !found
	})
	return found
}

// nameInUse returns the name of the range variable when the callback uses it or
// a copy of it, "" otherwise.
func (f *fanout) nameInUse(v *types.Var) string {
	found := false
	ast.Inspect(f.call.Args[1], func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && v != nil {
			u := f.pkg.Info.Uses[id]
			found = found || u == v || u != nil && u.Name() == v.Name() && f.isCopy(u)
		}
		return !found
	})
	if !found {
		return ""
	}
	return v.Name()
}

// copyOf returns the statement that copies the loop's operand.
func (f *fanout) copyOf(e *rewrite.Edit, name string) dst.Stmt {
	x := e.Clone(f.loop.X)
	holes := rewrite.Holes{"p": name, "x": x}
	src := "$p := $clone($x)"
	switch t := syntax.Under(f.pkg.Info.TypeOf(f.loop.X)).(type) {
	case *types.Map:
		holes["clone"] = dst.Expr(rewrite.Use("maps", "Clone"))
	case *types.Array:
		src = "$p := $x"
	case *types.Slice:
		holes["clone"] = dst.Expr(rewrite.Use("slices", "Clone"))
		if f.old() {
			src = "$p := append([]$t(nil), $x...)"
			elem := syntax.TypeExpr(f.file, t.Elem())
			if elem == nil {
				src = "$p := append($y[:0:0], $x...)"
				holes["y"] = e.Clone(f.loop.X)
			}
			holes["t"] = elem
		}
	}
	return rewrite.Stmts(src, holes)[0]
}

// wrap puts a loop over the batch around the callback of timer. key and value
// are the loop's variables, "" where it needs none.
func (f *fanout) wrap(timer dst.Stmt, key, value, batch string) {
	call := timerCall(timer)
	var body []dst.Stmt
	var fn *dst.FuncLit
	if f.lit == nil {
		body = []dst.Stmt{&dst.ExprStmt{X: &dst.CallExpr{Fun: call.Args[1]}}}
		fn = rewrite.Expr("func() {}", nil).(*dst.FuncLit)
		call.Args[1] = fn
	} else {
		fn = call.Args[1].(*dst.FuncLit)
		body = fn.Body.List
		if f.ownFrame() {
			inner := dst.Clone(fn).(*dst.FuncLit)
			inner.Decs.Before, inner.Decs.After = dst.None, dst.None
			body = []dst.Stmt{&dst.ExprStmt{X: &dst.CallExpr{Fun: inner}}}
		}
	}
	for _, st := range body {
		d := st.Decorations()
		if d.Before == dst.None {
			d.Before = dst.NewLine
		}
		if d.After == dst.None {
			d.After = dst.NewLine
		}
	}
	loop := &dst.RangeStmt{X: dst.NewIdent(batch), Tok: token.DEFINE, Body: &dst.BlockStmt{List: body}}
	switch {
	case value != "" && key != "":
		loop.Key, loop.Value = dst.NewIdent(key), dst.NewIdent(value)
	case value != "":
		loop.Key, loop.Value = dst.NewIdent("_"), dst.NewIdent(value)
	case key != "":
		loop.Key = dst.NewIdent(key)
	default:
		loop.Tok = token.ILLEGAL
	}
	loop.Decs.Before, loop.Decs.After = dst.NewLine, dst.NewLine
	fn.Body.List = []dst.Stmt{loop}
}

// timerCall returns the call that the statement consists of.
func timerCall(stmt dst.Stmt) *dst.CallExpr {
	switch s := stmt.(type) {
	case *dst.ExprStmt:
		return s.X.(*dst.CallExpr)
	case *dst.AssignStmt:
		return s.Rhs[0].(*dst.CallExpr)
	}
	return nil
}

// ownFrame reports whether the callback needs a function of its own: it
// returns early or defers something.
func (f *fanout) ownFrame() bool {
	found := false
	ast.Inspect(f.lit.Body, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt, *ast.DeferStmt:
			found = true
		}
		return !found
	})
	return found
}
