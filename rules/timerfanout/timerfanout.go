// Package timerfanout finds loops that start a timer for each element.
package timerfanout

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/rule"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/ast/inspector"
)

var Rule = &rule.Rule{
	Name:  "timerfanout",
	Title: "a time.AfterFunc per element",
	Doc: `Some time after a large batch of work the scheduling latency jumps: hundreds of thousands of goroutines want to run at once.

Every time.AfterFunc callback gets a goroutine of its own when its timer expires (time/sleep.go, goFunc). Timers set with one delay in a loop over a batch expire together, and so do their goroutines. Pending timers are cheap; the expiry is what hurts.

One timer for the batch runs the callbacks one after another, over a copy of the batch: the caller may reuse its slice meanwhile. In files of Go 1.21 and older, where all callbacks share the loop variable, each element now gets its own callback.

It fires when a statement in a range loop over a slice, array or map sets a timer with a delay that is the same for all elements. It stays silent when the timer is kept, the delay differs from element to element, the elements are few, or the loop waits between them, for a clock or the network say. It only reports callbacks that wait for something or may, for the network, a database, a file or a lock say, themselves or in what they call; loops that may wait between the timers; and loops that may be left before the last element.`,
	Before: `for _, req := range pendingRequests {
	time.AfterFunc(30*time.Second, func() {
		cleanup(req)
	})
}`,
	After: `pending := slices.Clone(pendingRequests)
time.AfterFunc(30*time.Second, func() {
	for _, req := range pending {
		cleanup(req)
	}
})`,
	Needs: []rewrite.Need{{Import: "time", Idents: []string{"AfterFunc"}, Syntax: inLoop}},
	Emits: []string{"maps", "slices"},
	Find:  timerFanouts,
}

// inLoop reports whether the result of a timer is dropped somewhere within a loop.
func inLoop(f *ast.File) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		var body *ast.BlockStmt
		switch n := n.(type) {
		case *ast.RangeStmt:
			body = n.Body
		case *ast.ForStmt:
			body = n.Body
		default:
			return !found
		}
		ast.Inspect(body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ExprStmt:
				found = found || callsAfterFunc(n.X)
			case *ast.AssignStmt:
				found = found || callsAfterFunc(n.Rhs[0])
			}
			return !found
		})
		return !found
	})
	return found
}

func callsAfterFunc(x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return false
	}
	id := syntax.LastName(call.Fun)
	return id != nil && id.Name == "AfterFunc"
}

// fewTimers is the number of elements up to which a loop is no fan-out.
const fewTimers = 16

// fanout is a timer set in every turn of a range loop.
type fanout struct {
	pkg  *rewrite.Package
	file *rewrite.File
	call *ast.CallExpr
	stmt ast.Stmt // the call
	at   inspector.Cursor
	loop *ast.RangeStmt
	lit  *ast.FuncLit // the callback; nil for a method value of the element

	key, value *types.Var   // of the range clause
	copies     []*types.Var // made by "r := r" from value or key, at the top of the body
	copyStmts  []ast.Stmt
	simple     bool         // the loop does nothing else
	collect    []*types.Var // what the callback needs where the elements cannot be copied as a whole
}

func timerFanouts(s *rewrite.Snapshot) []rewrite.Finding {
	var out []rewrite.Finding
	for call := range s.Calls("time", "AfterFunc") {
		if call.File.Test || call.Pkg.Wide || len(call.Call.Args) != 2 || heat.LastTurn(call.At) {
			continue
		}
		if finding, ok := countingLoop(call); ok {
			out = append(out, finding)
			continue
		}
		f := fanoutOf(call)
		if f == nil || f.delayVaries() || f.few() || paced(f.pkg, f.loop.Body, f.call) {
			continue
		}
		// Have: timers with one delay, set for many elements and kept by nobody.
		finding := rewrite.Finding{
			Pos: call.Call.Pos(), End: call.Call.End(),
			Message: fanoutMessage,
		}
		if why := f.obstacle(); why != "" {
			finding.NoFix = why + "; set one timer for the batch and go through its elements there"
		} else {
			finding.Fixes = []*rewrite.Fix{f.fix()}
		}
		out = append(out, finding)
	}
	return out
}

// fanoutOf returns the fan-out that the call belongs to, nil when it is not a
// statement in a loop over a batch.
func fanoutOf(call rewrite.Call) *fanout {
	f := &fanout{pkg: call.Pkg, file: call.File, call: call.Call, at: call.At}
	stmt := call.At.Parent()
	switch n := stmt.Node().(type) {
	case *ast.ExprStmt:
		f.stmt = n
	case *ast.AssignStmt:
		id, ok := n.Lhs[0].(*ast.Ident)
		if !ok || id.Name != "_" || len(n.Lhs) != 1 {
			return nil
		}
		f.stmt = n
	default:
		return nil
	}
	if !syntax.InList(stmt) {
		return nil
	}
	for c := range stmt.Enclosing((*ast.RangeStmt)(nil), (*ast.ForStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil), (*ast.SelectStmt)(nil)) {
		loop, ok := c.Node().(*ast.RangeStmt)
		if !ok {
			return nil
		}
		f.loop = loop
		break
	}
	switch t := f.pkg.Info.TypeOf(f.loop.X); t := syntax.Under(t).(type) {
	case *types.Slice, *types.Array, *types.Map:
	case *types.Pointer:
		if _, ok := syntax.Under(t.Elem()).(*types.Array); !ok {
			return nil
		}
	default:
		return nil
	}
	f.key, f.value = f.defined(f.loop.Key), f.defined(f.loop.Value)
	return f
}

// countingLoop reports a timer set with one delay in a loop that counts up to
// the length of something.
func countingLoop(call rewrite.Call) (rewrite.Finding, bool) {
	stmt, ok := call.At.Parent().Node().(*ast.ExprStmt)
	if !ok {
		return rewrite.Finding{}, false
	}
	loop, ok := call.At.Parent().Parent().Parent().Node().(*ast.ForStmt)
	if !ok || loop.Init == nil || loop.Post == nil || !syntax.Pure(call.Pkg, call.Call.Args[0]) {
		return rewrite.Finding{}, false
	}
	cond, ok := loop.Cond.(*ast.BinaryExpr)
	if !ok || cond.Op != token.LSS && cond.Op != token.LEQ {
		return rewrite.Finding{}, false
	}
	length, ok := ast.Unparen(cond.Y).(*ast.CallExpr)
	if !ok || len(length.Args) != 1 {
		return rewrite.Finding{}, false
	}
	if !syntax.IsBuiltin(call.Pkg, length, "len") {
		return rewrite.Finding{}, false
	}
	varies := false
	ast.Inspect(call.Call.Args[0], func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			v := call.Pkg.Info.Uses[id]
			varies = varies || v != nil && syntax.DeclaredIn(loop, v)
		}
		return !varies
	})
	if varies || paced(call.Pkg, loop.Body, call.Call) {
		return rewrite.Finding{}, false
	}
	return rewrite.Finding{
		Pos: stmt.Pos(), End: stmt.End(),
		Message: fanoutMessage,
		NoFix:   "the loop counts; range over the elements, or set one timer for the batch and go through its elements there",
	}, true
}

const fanoutMessage = "one timer for each element: all of them expire together, each with a goroutine of its own"

// defined returns the variable that a range clause declares as x.
func (f *fanout) defined(x ast.Expr) *types.Var {
	id, ok := x.(*ast.Ident)
	if !ok || f.loop.Tok != token.DEFINE {
		return nil
	}
	v, _ := f.pkg.Info.Defs[id].(*types.Var)
	return v
}

// delayVaries reports whether the delay may differ from element to element.
func (f *fanout) delayVaries() bool {
	if !syntax.Pure(f.pkg, f.call.Args[0]) {
		return true
	}
	varies := false
	ast.Inspect(f.call.Args[0], func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		if v, ok := f.pkg.Info.Uses[id].(*types.Var); ok && (f.inLoop(v) || f.changed(v, f.loop.Body)) {
			varies = true
		}
		return !varies
	})
	return varies
}

// inLoop reports whether v is declared by the loop or in its body.
func (f *fanout) inLoop(v types.Object) bool {
	return syntax.DeclaredIn(f.loop, v)
}

// mutations returns the first and last place in the loop's body, outside of the
// callback, that sets v or a part of it, or takes its address.
func (f *fanout) mutations(v *types.Var) (first, last token.Pos) {
	root := func(x ast.Expr) bool {
		for {
			switch n := ast.Unparen(x).(type) {
			case *ast.Ident:
				return f.pkg.Info.Uses[n] == v
			case *ast.SelectorExpr:
				if sel := f.pkg.Info.Selections[n]; sel == nil || sel.Indirect() {
					return false
				}
				x = n.X
			case *ast.IndexExpr:
				if _, ok := syntax.Under(f.pkg.Info.TypeOf(n.X)).(*types.Array); !ok {
					return false
				}
				x = n.X
			default:
				return false
			}
		}
	}
	note := func(x ast.Expr) {
		if x == nil || !root(x) {
			return
		}
		if !first.IsValid() {
			first = x.Pos()
		}
		last = x.Pos()
	}
	ast.Inspect(f.loop.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				note(l)
			}
		case *ast.IncDecStmt:
			note(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				note(n.X)
			}
		case *ast.RangeStmt:
			note(n.Key)
			note(n.Value)
		case *ast.SelectorExpr:
			// A method with a pointer receiver, called on a value.
			if sel := f.pkg.Info.Selections[n]; sel != nil && sel.Kind() == types.MethodVal && !syntax.IsPointer(f.pkg.Info.TypeOf(n.X)) && syntax.IsPointer(sel.Obj().(*types.Func).Signature().Recv().Type()) {
				note(n.X)
			}
		}
		return n != ast.Node(f.call.Args[1])
	})
	return first, last
}

// changed reports whether a statement below n sets v, or something takes its
// address.
func (f *fanout) changed(v *types.Var, n ast.Node) bool {
	is := func(x ast.Expr) bool {
		switch x := ast.Unparen(x).(type) {
		case *ast.Ident:
			return f.pkg.Info.Uses[x] == v
		case *ast.SelectorExpr:
			return f.pkg.Info.Uses[x.Sel] == v
		}
		return false
	}
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				found = found || is(l)
			}
		case *ast.IncDecStmt:
			found = found || is(n.X)
		case *ast.UnaryExpr:
			found = found || n.Op == token.AND && is(n.X)
		case *ast.RangeStmt:
			found = found || n.Key != nil && is(n.Key) || n.Value != nil && is(n.Value)
		}
		return !found
	})
	return found
}

// few reports whether the loop has a small, constant number of elements.
func (f *fanout) few() bool {
	x := ast.Unparen(f.loop.X)
	if id := syntax.LastName(x); id != nil {
		if v, ok := f.pkg.Info.Uses[id].(*types.Var); ok && !v.IsField() {
			n := 0
			var only ast.Expr
			for rhs := range syntax.ValuesOf(f.pkg, v) {
				n++
				only = ast.Unparen(rhs)
			}
			if n == 1 && !v.Exported() {
				x = only
			}
		}
	}
	if lit, ok := x.(*ast.CompositeLit); ok {
		return len(lit.Elts) <= fewTimers
	}
	t := syntax.Under(f.pkg.Info.TypeOf(x))
	if ptr, ok := t.(*types.Pointer); ok {
		t = syntax.Under(ptr.Elem())
	}
	arr, ok := t.(*types.Array)
	return ok && arr.Len() <= fewTimers
}
