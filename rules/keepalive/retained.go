package keepalive

import (
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"slices"
	"strings"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/cgo"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/liveness"
	"github.com/runtimefix/runtimefix/rules/internal/settings"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// keepsPointer reports whether the called C function works on its pointers after
// it has returned.
func keepsPointer(x *crossing) bool {
	switch {
	case strings.HasPrefix(x.Name, "clEnqueue"):
		// OpenCL: an argument tells whether the call blocks.
		return slices.ContainsFunc(x.Call.Args, func(arg ast.Expr) bool { return cgo.CName(x.p, cgo.Converted(x.p, arg)) == "CL_FALSE" })
	case strings.HasPrefix(x.Name, "sqlite3_bind_blob"), strings.HasPrefix(x.Name, "sqlite3_bind_text"):
		// SQLite: the destructor tells whether the value is copied.
		last := cgo.Converted(x.p, x.Call.Args[len(x.Call.Args)-1])
		return x.p.Info.Types[last].IsNil() || cgo.CName(x.p, last) == "SQLITE_STATIC"
	}
	return knowledge.CAsync(x.Name)
}

// retained reports a pointer to Go memory that C keeps after the call.
func (k *keeper) retained(x *crossing, arg ast.Expr) *rewrite.Finding {
	configured := settings.Match(settings.Of(k.s).AsyncC, x.Name)
	strong := configured || keepsPointer(x)
	if !configured && (!strong && !knowledge.CMayKeep(x.Name) || knowledge.CWaits(x.Name)) {
		return nil
	}
	p := x.p
	m, ok := k.goMemory(x, arg)
	if !ok || cgo.UintptrOfPointer(p, arg) != nil {
		return nil
	}
	if m.value && k.alive(x, liveness.Subject{V: m.v}) {
		return nil // the function's result, most likely
	}
	if k.pinned(x, m.v) {
		return nil
	}
	waits := k.waitsAfter(x)
	if !strong && !waits {
		return nil
	}
	// Have: a Go pointer that C works on after the call has returned.
	f := &rewrite.Finding{
		Pos: x.Call.Pos(), End: x.Call.End(),
		Message: x.What() + " keeps the pointer to " + m.v.Name() + " after it has returned: the memory may be collected or reused while C works on it",
	}
	modern := version.Compare(x.file.Version(), "go1.21") >= 0
	switch {
	case waits && modern:
		if fix := k.pinFix(x, arg); fix != nil {
			f.Fixes = []*rewrite.Fix{fix}
			return f
		}
		f.NoFix = "the call stands where no deferred Unpin can be put; pin " + m.v.Name() + " with runtime.Pinner until C is done"
		return f
	case waits:
		f.NoFix = "runtime.Pinner needs Go 1.21; give C memory of its own (C.CBytes)"
		return f
	}
	advice := "runtime.KeepAlive alone does not make an asynchronous call safe: pin " + m.v.Name() + " with runtime.Pinner until C is done, or give C memory of its own (C.CBytes)"
	if m.value || k.alive(x, liveness.Subject{V: m.v}) {
		f.NoFix = "the end of C's work is not in sight; " + advice
		return f
	}
	fix, why := k.keepFix([]use{{x, resource{v: m.v}}})
	if fix == nil {
		f.NoFix = why + "; " + advice
		return f
	}
	fix.Safety = rewrite.Unsafe
	fix.Message = "keep " + m.v.Name() + " alive up to the end of the call; " + advice
	f.Notes = []rewrite.Note{{Message: advice}}
	f.Fixes = []*rewrite.Fix{fix}
	return f
}

// pinned reports whether the function pins v's memory, or something does that
// it hands v to.
func (k *keeper) pinned(x *crossing, v *types.Var) bool {
	l := k.flow(x.p, x.body)
	return syntax.ContainsNode(x.body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !x.p.IsCall(call, "runtime", "(*runtime.Pinner).Pin") {
			return false
		}
		if l.Mentions(call, v) {
			return true
		}
		if id, ok := cgo.Converted(x.p, call.Args[0]).(*ast.Ident); ok {
			if w := syntax.LocalVar(x.p, id); w != nil {
				if def := syntax.OnlyValue(x.p, x.body, w); def != nil && l.Mentions(def, v) {
					return true
				}
			}
		}
		return false
	})
}

// waitsAfter reports whether every path from the call to an exit passes
// something that waits for C, those aside that only leave because the call
// failed.
func (k *keeper) waitsAfter(x *crossing) bool {
	l := k.flow(x.p, x.body)
	waits := func(n ast.Node) bool {
		return syntax.ContainsNode(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.CallExpr:
				if n == x.Call {
					return false
				}
				if name := cgo.CName(x.p, n.Fun); name != "" {
					return knowledge.CWaits(name)
				}
				switch fun := ast.Unparen(n.Fun).(type) {
				case *ast.Ident:
					return knowledge.CWaits(fun.Name)
				case *ast.SelectorExpr:
					return knowledge.CWaits(fun.Sel.Name)
				}
			case *ast.UnaryExpr:
				if n.Op == token.ARROW {
					return knowledge.CWaits(x.file.Text(n.X))
				}
			}
			return false
		})
	}
	failed := k.failures(x)
	found := false
	missed := l.Leaks(x.Call, func(n ast.Node) bool {
		if waits(n) {
			found = true
			return true
		}
		return slices.ContainsFunc(failed, func(b *ast.BlockStmt) bool { return b.Pos() <= n.Pos() && n.End() <= b.End() })
	})
	return found && !missed
}

// failures returns the branches that leave the function when the call failed:
// the if statement tests its result right behind it.
func (k *keeper) failures(x *crossing) []*ast.BlockStmt {
	c, stmt := listStmt(x.cur)
	var out []*ast.BlockStmt
	leave := func(n ast.Node) {
		s, ok := n.(*ast.IfStmt)
		if !ok || len(s.Body.List) == 0 {
			return
		}
		if _, ok := s.Body.List[len(s.Body.List)-1].(*ast.ReturnStmt); ok {
			out = append(out, s.Body)
		}
	}
	leave(stmt)
	if next, ok := c.NextSibling(); ok {
		if s, ok := next.Node().(*ast.IfStmt); ok {
			if d := derived(x, stmt); d != nil && k.flow(x.p, x.body).Mentions(s.Cond, d) {
				leave(s)
			}
		}
	}
	return out
}

// pinFix pins the memory from before the call to the function's end.
func (k *keeper) pinFix(x *crossing, arg ast.Expr) *rewrite.Fix {
	_, stmt := listStmt(x.cur)
	target := cgo.Converted(x.p, arg)
	if stmt == nil || !pureUnsafe(x.p, target) {
		return nil
	}
	// In a loop one pinner serves all turns.
	first := stmt
	for c := range x.cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		loop, ok := c.Node().(ast.Stmt)
		if !ok {
			break
		}
		if !syntax.InList(c) {
			return nil // labelled
		}
		first = loop
	}
	name := x.file.FreeName(x.fn.Node(), "pinner", "pin")
	return &rewrite.Fix{
		Message: "pin the memory until the function has waited for C and returns; it then stays in place and alive for longer", Safety: rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			pin := rewrite.Stmts("$pinner.Pin($target)", rewrite.Holes{"pinner": name, "target": dst.Expr(e.Clone(target))})
			declare := rewrite.Stmts("var $pinner runtime.Pinner\ndefer $pinner.Unpin()", rewrite.Holes{"pinner": name})
			if first == stmt {
				e.InsertBefore(stmt, append(declare, pin...)...)
				return nil
			}
			e.InsertBefore(first, declare...)
			e.InsertBefore(stmt, pin...)
			return nil
		},
	}
}
