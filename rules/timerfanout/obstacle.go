package timerfanout

import (
	"go/ast"
	"go/token"
	"go/types"
	"go/version"

	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

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
	if newWaiting(f.pkg, f.call).in(f.loop.Body, f.pkg, maxCallees) != "" {
		return between
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
		sel := p.Info.Selections[fn]
		if !ok || sel == nil || sel.Kind() != types.MethodVal || p.Info.Uses[id] == nil || !f.inLoop(p.Info.Uses[id]) {
			return "the callback is a function value"
		}
		return newWaiting(p, nil).function(sel.Obj().(*types.Func), maxCallees)
	default:
		return "the callback is a function value"
	}
	if syntax.ContainsNode(f.lit.Body, func(n ast.Node) bool { _, ok := n.(*ast.LabeledStmt); return ok }) {
		return "the callback has labels"
	}
	if syntax.ContainsNode(f.lit.Body, func(n ast.Node) bool { _, ok := n.(*ast.GoStmt); return ok }) {
		return "the callback starts a goroutine all the same"
	}
	return newWaiting(p, nil).in(f.lit.Body, p, maxCallees)
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
			if syntax.IsBuiltin(f.pkg, n, "panic") {
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
