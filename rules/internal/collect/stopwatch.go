package collect

import (
	"go/ast"
	"go/types"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// ownStopwatch reports whether the statement n measures time by something of the
// program's own: it sets a variable to a value that holds a point in time and is
// asked for a duration afterwards, calls a function that returns the time that
// something took, or defers a call with the present time.
func ownStopwatch(p *rewrite.Package, n ast.Node) bool {
	if d, ok := n.(*ast.DeferStmt); ok {
		for _, arg := range d.Call.Args {
			if p.IsCall(ast.Unparen(arg), "time", "Now") {
				return true
			}
		}
		return false
	}
	if as, ok := n.(*ast.AssignStmt); ok && len(as.Lhs) == 1 && len(as.Rhs) == 1 {
		id, isIdent := as.Lhs[0].(*ast.Ident)
		if _, isCall := ast.Unparen(as.Rhs[0]).(*ast.CallExpr); isIdent && isCall && askedForDuration(p, id) {
			return true
		}
	}
	return syntax.ContainsNode(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && returnsTimeTaken(p, p.Callee(call))
	})
}

// askedForDuration reports whether the variable at id holds a struct of a point in
// time, and a method of it is called further down for a duration.
func askedForDuration(p *rewrite.Package, id *ast.Ident) bool {
	v := p.Info.ObjectOf(id)
	if v == nil || !holdsTime(v.Type()) {
		return false
	}
	cur, ok := p.Cursor(id)
	if !ok {
		return false
	}
	decl := syntax.EnclosingDecl(cur)
	return decl != nil && syntax.ContainsNode(decl, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || call.Pos() < id.Pos() || !isDuration(p.Info.TypeOf(call)) {
			return false
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		if !ok {
			return false
		}
		of, ok := ast.Unparen(sel.X).(*ast.Ident)
		return ok && p.Info.Uses[of] == v
	})
}

// holdsTime reports whether t is a struct, or points to one, with a field for a
// point in time.
func holdsTime(t types.Type) bool {
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	for f := range st.Fields() {
		if syntax.IsType(f.Type(), "time", "Time") {
			return true
		}
	}
	return false
}

func isDuration(t types.Type) bool { return t != nil && syntax.IsType(t, "time", "Duration") }

// returnsTimeTaken reports whether fn is a function of the module that returns a
// duration and reads a clock twice.
func returnsTimeTaken(p *rewrite.Package, fn *types.Func) bool {
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	duration := false
	for v := range fn.Signature().Results().Variables() {
		duration = duration || isDuration(v.Type())
	}
	if !duration {
		return false
	}
	if fn.Pkg() != p.Types {
		src := sourcesOf(p, fn.Pkg().Path())
		return src != nil && src.takesTime(fn.Name())
	}
	for _, decl := range implementations(p, fn) {
		if decl.Body != nil && spelledSince(decl.Body) {
			return true
		}
	}
	return false
}

// takesTime reports whether a function or method called name reads a clock twice.
func (s *sources) takesTime(name string) bool {
	for _, f := range s.files {
		for _, d := range f.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if ok && decl.Name.Name == name && decl.Body != nil && spelledSince(decl.Body) {
				return true
			}
		}
	}
	return false
}

// spelledSince reports whether n starts a clock, and asks what has passed.
func spelledSince(n ast.Node) bool {
	starts, asks := false, false
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			starts = starts || sel.Sel.Name == "Now"
			asks = asks || sel.Sel.Name == "Since" || sel.Sel.Name == "Sub"
		}
		return true
	})
	return starts && asks
}
