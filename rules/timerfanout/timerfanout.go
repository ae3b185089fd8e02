// Package timerfanout finds loops that start a timer for each element.
package timerfanout

import (
	"go/ast"
	"go/token"
	"go/types"
	"go/version"

	"github.com/dave/dst"
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

It fires when a statement in a range loop over a slice, array or map sets a timer with a delay that is the same for all elements. It stays silent when the timer is kept, the delay differs from element to element, or the elements are few. It only reports callbacks that wait for something, and loops that may be left before the last element.`,
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
	Needs: []rewrite.Need{{Import: "time", Idents: []string{"AfterFunc"}}},
	Emits: []string{"maps", "slices"},
	Find:  timerFanouts,
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
		if f == nil || f.delayVaries() || f.few() {
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
	if id, ok := length.Fun.(*ast.Ident); !ok || call.Pkg.Info.Uses[id] != types.Universe.Lookup("len") {
		return rewrite.Finding{}, false
	}
	varies := false
	ast.Inspect(call.Call.Args[0], func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			v := call.Pkg.Info.Uses[id]
			varies = varies || v != nil && loop.Pos() <= v.Pos() && v.Pos() < loop.End()
		}
		return !varies
	})
	if varies {
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
	return f.loop.Pos() <= v.Pos() && v.Pos() < f.loop.End()
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

// obstacle finds out how the loop can be turned into one timer, and says why
// not when it cannot.
func (f *fanout) obstacle() string {
	if f.loop.Tok == token.ASSIGN {
		return "the loop sets variables that are declared outside of it"
	}
	loop, ok := f.pkg.Cursor(f.loop)
	if !ok || !syntax.InList(loop) {
		return "nothing can be put behind the loop"
	}
	if _, labeled := loop.Parent().Node().(*ast.LabeledStmt); labeled {
		return "the loop has a label"
	}
	timers := 0
	for c := range loop.Preorder((*ast.CallExpr)(nil)) {
		if f.pkg.IsCall(c.Node(), "time", "AfterFunc") {
			timers++
		}
	}
	if timers > 1 {
		return "the loop or the callback sets other timers"
	}
	if why := f.callback(); why != "" {
		return why
	}
	if f.leaves() {
		return "the loop may be left by a return or goto, so that not every element gets its timer"
	}
	f.findCopies()
	return f.choose()
}

// callback checks the function that the timer calls.
func (f *fanout) callback() string {
	p := f.pkg
	switch fn := ast.Unparen(f.call.Args[1]).(type) {
	case *ast.FuncLit:
		f.lit = fn
	case *ast.SelectorExpr:
		id, ok := ast.Unparen(fn.X).(*ast.Ident)
		if sel := p.Info.Selections[fn]; !ok || sel == nil || sel.Kind() != types.MethodVal || p.Info.Uses[id] == nil || !f.inLoop(p.Info.Uses[id]) {
			return "the callback is a function value"
		}
		return ""
	default:
		return "the callback is a function value"
	}
	why := ""
	ast.Inspect(f.lit.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectStmt, *ast.SendStmt:
			why = "the callback waits, and would keep those behind it waiting"
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				why = "the callback waits, and would keep those behind it waiting"
			}
		case *ast.ForStmt:
			if n.Cond == nil {
				why = "the callback may run for long, and would keep those behind it waiting"
			}
		case *ast.RangeStmt:
			if _, ok := syntax.Under(p.Info.TypeOf(n.X)).(*types.Chan); ok {
				why = "the callback waits, and would keep those behind it waiting"
			}
		case *ast.LabeledStmt:
			why = "the callback has labels"
		case *ast.CallExpr:
			if p.IsCall(n, "time", "Sleep", "(*sync.WaitGroup).Wait", "(*sync.Cond).Wait") {
				why = "the callback waits, and would keep those behind it waiting"
			}
		case *ast.GoStmt:
			return false
		}
		return why == ""
	})
	return why
}

// leaves reports whether the loop's own body can leave the loop for good.
func (f *fanout) leaves() bool {
	found := false
	ast.Inspect(f.loop.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			found = true
		case *ast.BranchStmt:
			if n.Tok == token.GOTO || n.Label != nil {
				found = true
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && f.pkg.Info.Uses[id] == types.Universe.Lookup("panic") {
				found = true
			}
		}
		return !found
	})
	return found
}

// findCopies notes the statements "r := r" of the loop's body.
func (f *fanout) findCopies() {
	for _, stmt := range f.loop.Body.List {
		as, ok := stmt.(*ast.AssignStmt)
		if !ok || as.Tok != token.DEFINE || len(as.Lhs) != 1 || len(as.Rhs) != 1 {
			continue
		}
		l, ok1 := as.Lhs[0].(*ast.Ident)
		r, ok2 := as.Rhs[0].(*ast.Ident)
		if !ok1 || !ok2 {
			continue
		}
		v, _ := f.pkg.Info.Defs[l].(*types.Var)
		from := f.pkg.Info.Uses[r]
		if v == nil || from == nil || from != f.value && from != f.key {
			continue
		}
		f.copies = append(f.copies, v)
		f.copyStmts = append(f.copyStmts, as)
	}
}

// isCopy reports whether v is a copy of a range variable under the same name.
func (f *fanout) isCopy(v types.Object) bool {
	for _, c := range f.copies {
		if c == v && (f.value != nil && c.Name() == f.value.Name() || f.key != nil && c.Name() == f.key.Name()) {
			return true
		}
	}
	return false
}

// choose decides whether the elements are copied as a whole or those for which
// a timer would be set are collected.
func (f *fanout) choose() string {
	p := f.pkg
	// What the callback uses of the loop's own variables.
	var used []*types.Var
	whole := true
	ast.Inspect(f.call.Args[1], func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		v, ok := p.Info.Uses[id].(*types.Var)
		if !ok || v.IsField() || !f.inLoop(v) || f.call.Args[1].Pos() <= v.Pos() && v.Pos() < f.call.Args[1].End() {
			return true
		}
		for _, u := range used {
			if u == v {
				return true
			}
		}
		used = append(used, v)
		if v != f.value && v != f.key && !f.isCopy(v) {
			whole = false
		}
		return true
	})
	for _, v := range used {
		switch first, last := f.mutations(v); {
		case last > f.stmt.Pos():
			return "the loop sets " + v.Name() + " after the timer is set"
		case first.IsValid():
			whole = false // what the element has become is to be kept
		}
	}
	if len(used) == 1 && used[0] == f.key {
		whole = false
	}
	block := f.at.Parent().Parent().Node()
	if block != f.loop.Body || f.skips() {
		whole = false
	}
	if whole {
		if why := f.wholeObstacle(); why == "" {
			f.simple = len(f.loop.Body.List) == 1+len(f.copyStmts)
			return ""
		}
	}
	// The elements are collected: what is used must be one variable.
	if len(used) != 1 {
		return "the callback needs several variables of the loop's body"
	}
	if syntax.TypeExpr(f.file, used[0].Type()) == nil {
		return "the type of " + used[0].Name() + " cannot be written here"
	}
	f.collect = used
	return ""
}

// wholeObstacle says why the loop's operand cannot be copied as a whole.
func (f *fanout) wholeObstacle() string {
	p := f.pkg
	switch syntax.Under(p.Info.TypeOf(f.loop.X)).(type) {
	case *types.Slice:
		if !syntax.Pure(p, f.loop.X) && !f.only() {
			return "the operand would be computed twice"
		}
		if f.old() && !syntax.Pure(p, f.loop.X) {
			return "the operand cannot be copied in one expression"
		}
		// The loop may put other elements into the slice.
		if f.setsElements() || f.lendsElements() {
			return "the loop changes the elements"
		}
	case *types.Array:
		if !syntax.Pure(p, f.loop.X) || f.setsElements() || f.lendsElements() {
			return "the operand would be computed twice"
		}
	case *types.Map:
		if f.old() || !syntax.Pure(p, f.loop.X) && !f.only() || f.setsElements() || f.lendsElements() {
			return "there is no short way to copy a map before Go 1.21"
		}
	case *types.Pointer:
		return "the elements are those of an array behind a pointer"
	}
	return ""
}

// only reports whether the timer is all that the loop is for.
func (f *fanout) only() bool { return len(f.loop.Body.List) == 1+len(f.copyStmts) }

// old reports whether the file's language is older than the slices and maps
// packages.
func (f *fanout) old() bool { return version.Compare(f.file.Version(), "go1.21") < 0 }

// skips reports whether a continue or break of the loop may leave an element
// without its timer.
func (f *fanout) skips() bool {
	found := false
	ast.Inspect(f.loop.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.BranchStmt:
			found = found || n.Tok == token.BREAK || n.Tok == token.CONTINUE
		}
		return !found
	})
	return found
}

// lendsElements reports whether the body, outside of the callback, calls a
// function that may change the elements of the operand: one that is handed the
// operand or what it is a part of, or any of the package when the operand is one
// of its variables.
func (f *fanout) lendsElements() bool {
	if f.only() {
		return false
	}
	p := f.pkg
	root := ast.Unparen(f.loop.X)
	for {
		sel, ok := root.(*ast.SelectorExpr)
		if !ok {
			break
		}
		root = ast.Unparen(sel.X)
	}
	id, ok := root.(*ast.Ident)
	if !ok {
		return true
	}
	obj := p.Info.Uses[id]
	global := obj != nil && obj.Parent() == p.Types.Scope()
	return syntax.ContainsNode(f.loop.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || call == f.call || f.call.Pos() <= call.Pos() && call.End() <= f.call.End() {
			return false
		}
		if tv := p.Info.Types[call.Fun]; tv.IsType() || tv.IsBuiltin() {
			return false
		}
		if fn := p.Callee(call); global && (fn == nil || fn.Pkg() == p.Types) {
			return true
		}
		return syntax.ContainsNode(call, func(n ast.Node) bool {
			x, ok := n.(*ast.Ident)
			return ok && p.Info.Uses[x] == obj && obj != nil
		})
	})
}

// setsElements reports whether the body assigns to elements of the operand,
// deletes some, or sets the operand itself.
func (f *fanout) setsElements() bool {
	id := syntax.LastName(f.loop.X)
	if id == nil {
		return false
	}
	obj := f.pkg.Info.Uses[id]
	mentions := func(x ast.Expr) bool {
		found := false
		ast.Inspect(x, func(n ast.Node) bool {
			if i, ok := n.(*ast.Ident); ok && obj != nil && f.pkg.Info.Uses[i] == obj {
				found = true
			}
			return !found
		})
		return found
	}
	found := false
	ast.Inspect(f.loop.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				found = found || mentions(l)
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") && len(n.Args) > 0 {
				found = found || mentions(n.Args[0])
			}
		}
		return !found
	})
	return found
}

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
