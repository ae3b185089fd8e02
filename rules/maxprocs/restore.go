package maxprocs

import (
	"go/ast"
	"go/version"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// otherProcs returns a call of runtime.GOMAXPROCS in the program of c, tests
// aside, that sets another number than that of the CPUs; nil when there is none.
// A call in another branch of the same if or switch is none.
func (q *quotas) otherProcs(c rewrite.Call) *rewrite.Ref {
	for _, r := range q.s.Refs("runtime.GOMAXPROCS") {
		if r.File.Test || r.Pkg.Module != c.Pkg.Module || !sameProgram(c.Pkg, r.Pkg) {
			continue
		}
		at, ok := r.Call()
		if !ok {
			return &r // called through a variable
		}
		call := at.Node().(*ast.CallExpr)
		if len(call.Args) != 1 || asksOnly(ast.Unparen(call.Args[0])) {
			continue
		}
		if _, isCount := cpuCount(r.Pkg, call.Args[0]); !isCount && !alternative(c, call) {
			return &r
		}
	}
	return nil
}

// sameProgram reports whether p and q may be linked together.
func sameProgram(p, q *rewrite.Package) bool {
	switch {
	case p == q:
		return true
	case q.Name == "main":
		return p.Name != "main"
	}
	return p.Name != "main" || slices.Contains(p.Deps(), q.Path)
}

// alternative reports whether other stands in another branch of an if or switch
// than c does, so that only one of them is come to.
func alternative(c rewrite.Call, other *ast.CallExpr) bool {
	for up := range c.At.Enclosing((*ast.IfStmt)(nil), (*ast.SwitchStmt)(nil), (*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch n := up.Node().(type) {
		case *ast.IfStmt:
			if n.Else == nil || !syntax.Encloses(n, other) {
				continue
			}
			return syntax.Encloses(n.Body, c.Call) != syntax.Encloses(n.Body, other)
		case *ast.SwitchStmt:
			if !syntax.Encloses(n, other) {
				continue
			}
			for _, clause := range n.Body.List {
				if syntax.Encloses(clause, other) {
					return !syntax.Encloses(clause, c.Call)
				}
			}
		default:
			return false
		}
	}
	return false
}

// restore gives f the fix for a call that may undo what the call at other sets:
// without it that number would stay.
func (q *quotas) restore(f *rewrite.Finding, c rewrite.Call, stmt ast.Stmt, other *rewrite.Ref) {
	f.Notes = append(f.Notes, rewrite.Note{Pos: other.Ident.Pos(), Message: "another number is set here"})
	if version.Compare(c.File.Version(), "go1.25") < 0 {
		f.NoFix = "the call may restore what another one sets; from the go line 1.25 on runtime.SetDefaultGOMAXPROCS does that"
		return
	}
	f.Fixes = append(f.Fixes, &rewrite.Fix{
		Message: "call runtime.SetDefaultGOMAXPROCS, which undoes the other call as well and honours the quota",
		Safety:  rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			e.ReplaceStmt(stmt, rewrite.Stmts("runtime.SetDefaultGOMAXPROCS()", nil)...)
			return nil
		},
	})
}
