package collect

import (
	"go/ast"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"golang.org/x/tools/go/ast/inspector"
)

// usesFinalization reports whether the package uses what runs or is decided at
// a collection.
func usesFinalization(p *rewrite.Package) bool {
	keys := []string{"runtime.SetFinalizer", "runtime.AddCleanup", "weak.Make", "unique.Make"}
	for _, r := range p.Snapshot().Refs(keys...) {
		if r.Pkg.Path == p.Path {
			return true
		}
	}
	for _, f := range p.Files {
		if strings.Contains(string(f.Src), "/gc/finalizers") {
			return true
		}
	}
	for _, f := range p.OtherFiles() {
		found := false
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && (sel.Sel.Name == "SetFinalizer" || sel.Sel.Name == "AddCleanup") {
				found = true
			}
			return !found
		})
		if found {
			return true
		}
	}
	return false
}

// yields reports whether the statement behind stmt lets other goroutines run, as
// is done to wait for finalizers and cleanups: it yields, or sleeps in a loop that
// has a condition.
func yields(p *rewrite.Package, stmt inspector.Cursor) bool {
	next, ok := stmt.NextSibling()
	if !ok {
		return false
	}
	s, ok := next.Node().(*ast.ExprStmt)
	if !ok {
		return false
	}
	if p.IsCall(s.X, "runtime", "Gosched") {
		return true
	}
	loop, ok := stmt.Parent().Parent().Node().(*ast.ForStmt)
	return ok && loop.Cond != nil && p.IsCall(s.X, "time", "Sleep")
}

// twice reports whether the statement before or after the call collects too, by
// the same function.
func twice(p *rewrite.Package, cur inspector.Cursor) bool {
	same := func(c inspector.Cursor, ok bool) bool {
		if !ok {
			return false
		}
		s, isExpr := c.Node().(*ast.ExprStmt)
		return isExpr && p.IsCall(s.X, "runtime", "GC") && p.IsCall(cur.Node(), "runtime", "GC")
	}
	stmt := cur.Parent()
	return same(stmt.PrevSibling()) || same(stmt.NextSibling())
}
