package panicfault

import (
	"go/ast"
	"go/constant"
	"go/types"
	"slices"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/tools/go/cfg"
)

// restores reports whether n is a call of debug.SetPanicOnFault that puts the
// setting back: with false, or with what another call returned. A value from
// elsewhere, a parameter or a flag of the configuration, restores nothing.
func restores(p *rewrite.Package, n ast.Node) bool {
	if !p.IsCall(n, debugPath, "SetPanicOnFault") || len(n.(*ast.CallExpr).Args) != 1 {
		return false
	}
	return isOld(p, n.(*ast.CallExpr).Args[0], make(map[types.Object]bool))
}

// isOld reports whether x is false or the old value of the setting.
func isOld(p *rewrite.Package, x ast.Expr, seen map[types.Object]bool) bool {
	if v := p.Info.Types[x].Value; v != nil {
		return v.Kind() == constant.Bool && !constant.BoolVal(v)
	}
	if p.IsCall(ast.Unparen(x), debugPath, "SetPanicOnFault") {
		return true
	}
	v, _ := syntax.BaseVar(p, x).(*types.Var)
	if v == nil || seen[v] {
		return false
	}
	seen[v] = true
	for value := range syntax.ValuesOf(p, v) {
		if isOld(p, value, seen) {
			return true
		}
	}
	return slices.ContainsFunc(syntax.ArgumentsFor(p, v), func(a syntax.Arg) bool { return isOld(a.Pkg, a.Expr, seen) })
}

// own reports whether match holds for a node of the function's body; function
// literals in it count when deep says so.
func (f *faultSetting) own(deep bool, match func(ast.Node) bool) bool {
	found := false
	ast.Inspect(f.body, func(n ast.Node) bool {
		if _, isLit := n.(*ast.FuncLit); isLit && !deep {
			return false
		}
		if n != nil && !found && match(n) {
			found = true
		}
		return !found
	})
	return found
}

// fullyRestored reports whether a deferred call or a function literal, which
// may be deferred or returned, restores the setting.
func (f *faultSetting) fullyRestored() bool {
	return f.own(true, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.DeferStmt:
			if restores(f.p, n.Call) {
				return true
			}
			return f.callsRestorer(n.Call)
		case *ast.FuncLit:
			return syntax.ContainsNode(n.Body, func(n ast.Node) bool { return restores(f.p, n) })
		}
		return false
	})
}

// callsRestorer reports whether n calls a function of the module that restores the
// setting.
func (f *faultSetting) callsRestorer(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	fn := f.p.Callee(call)
	if fn == nil {
		return false
	}
	s := f.p.Snapshot()
	decl, q := syntax.DeclarationOf(s, fn)
	if decl == nil && fn.Pkg() != nil && f.p.Module.Holds(fn.Pkg().Path()) {
		if _, err := s.FilesUsing(f.p.Module, debugPath, "SetPanicOnFault"); err != nil {
			return true // who knows
		}
		s.Widen("SetPanicOnFault")
		decl, q = syntax.DeclarationOf(s, fn)
	}
	return decl != nil && syntax.ContainsNode(decl, func(n ast.Node) bool { return restores(q, n) })
}

// switchedOff reports whether the function calls another one that only restores the
// setting, and so is the other half of a pair.
func (f *faultSetting) switchedOff() bool {
	return f.own(false, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !f.callsRestorer(call) {
			return false
		}
		decl, q := syntax.DeclarationOf(f.p.Snapshot(), f.p.Callee(call))
		return decl == nil || !syntax.ContainsNode(decl, func(n ast.Node) bool { return switchesOn(q, n) })
	})
}

// plainRestores returns the statements of the function that restore the setting
// without defer.
func (f *faultSetting) plainRestores() []ast.Stmt {
	var out []ast.Stmt
	f.own(false, func(n ast.Node) bool {
		if s, ok := n.(ast.Stmt); ok && s != f.stmt {
			switch s := s.(type) {
			case *ast.ExprStmt:
				if restores(f.p, ast.Unparen(s.X)) {
					out = append(out, s)
				}
			case *ast.AssignStmt:
				if len(s.Rhs) == 1 && len(s.Lhs) == 1 && restores(f.p, ast.Unparen(s.Rhs[0])) && types.ExprString(s.Lhs[0]) == "_" {
					out = append(out, s)
				}
			}
		}
		return false
	})
	return out
}

// following returns those of the statements to which a path leads from the
// setting, without another turn of a loop around it.
func (f *faultSetting) following(stmts []ast.Stmt) []ast.Stmt {
	reached := make(map[ast.Node]bool)
	seen := make(map[*cfg.Block]bool)
	var follow func(nodes []ast.Node, next []*cfg.Block)
	follow = func(nodes []ast.Node, next []*cfg.Block) {
		for _, n := range nodes {
			reached[n] = true
		}
		for _, b := range next {
			if !seen[b] && !f.turns(b) {
				seen[b] = true
				follow(b.Nodes, b.Succs)
			}
		}
	}
	for _, b := range syntax.FlowOf(f.p, f.body).Blocks {
		if i := slices.Index(b.Nodes, ast.Node(f.stmt)); i >= 0 {
			follow(b.Nodes[i+1:], b.Succs)
		}
	}
	return slices.DeleteFunc(slices.Clone(stmts), func(s ast.Stmt) bool { return !reached[s] })
}

// turns reports whether b begins or ends a turn of a loop around the setting.
func (f *faultSetting) turns(b *cfg.Block) bool {
	switch b.Kind {
	case cfg.KindForLoop, cfg.KindForBody, cfg.KindForPost, cfg.KindRangeLoop, cfg.KindRangeBody:
		return syntax.Encloses(b.Stmt, f.stmt)
	}
	return false
}

// conditional reports whether none of the statements stands in a list around the
// setting: it may stay on.
func (f *faultSetting) conditional(stmts []ast.Stmt) bool {
	return !slices.ContainsFunc(stmts, func(s ast.Stmt) bool {
		cur, ok := f.p.Cursor(s)
		return ok && syntax.Encloses(cur.Parent().Node(), f.stmt)
	})
}

func (f *faultSetting) usesOf(v *types.Var) int {
	n := 0
	f.own(true, func(x ast.Node) bool {
		if id, ok := x.(*ast.Ident); ok && f.p.Info.Uses[id] == v {
			n++
		}
		return false
	})
	return n
}

// settings returns how often the function itself switches the setting on.
func (f *faultSetting) settings() int {
	n := 0
	f.own(false, func(x ast.Node) bool {
		if switchesOn(f.p, x) {
			n++
		}
		return false
	})
	return n
}

// endsWithGoroutine reports whether the function runs only as a goroutine of
// its own, with which the setting ends.
func (f *faultSetting) endsWithGoroutine() bool {
	if f.decl == nil {
		call, ok := f.fn.Parent().Node().(*ast.CallExpr)
		if !ok {
			return false
		}
		if call.Fun == f.fn.Node() {
			_, isGo := f.fn.Parent().Parent().Node().(*ast.GoStmt)
			return isGo
		}
		name := syntax.LastName(call.Fun)
		return name != nil && (name.Name == "Go" || name.Name == "TryGo")
	}
	fn, ok := f.p.Info.Defs[f.decl.Name].(*types.Func)
	if !ok {
		return false
	}
	if fn.Exported() {
		f.p.Snapshot().Widen(fn.Name())
	}
	refs := f.p.Snapshot().Refs(rewrite.ObjectKey(fn))
	if len(refs) == 0 {
		return false
	}
	for _, r := range refs {
		call, ok := r.Call()
		if !ok {
			return false
		}
		if _, isGo := call.Parent().Node().(*ast.GoStmt); !isGo {
			return false
		}
	}
	return true
}

// ofAnother reports whether the restoring call gets the old value of other settings
// than this one.
func (f *faultSetting) ofAnother(restoring *ast.CallExpr) bool {
	v, _ := syntax.BaseVar(f.p, restoring.Args[0]).(*types.Var)
	if v == nil {
		return false
	}
	found := false
	for value := range syntax.ValuesOf(f.p, v) {
		call := ast.Unparen(value)
		if call == f.call.Call || !f.p.IsCall(call, debugPath, "SetPanicOnFault") {
			return false
		}
		found = true
	}
	return found
}

// restoredElsewhere reports whether another function of the package restores
// the setting: it may be the other half of a pair.
func (f *faultSetting) restoredElsewhere() bool {
	for _, r := range f.p.Snapshot().Refs(debugPath + ".SetPanicOnFault") {
		if r.Pkg != f.p || r.File.Test {
			continue
		}
		call, ok := r.Call()
		if !ok {
			return true
		}
		fn, inFunc := syntax.EnclosingFunc(call)
		if !inFunc || fn.Node() == f.fn.Node() || !restores(f.p, call.Node()) || f.ofAnother(call.Node().(*ast.CallExpr)) {
			continue
		}
		// A function that saves and restores for itself, by a literal in it
		// perhaps, is no half.
		var whole ast.Node = fn.Node()
		if decl := syntax.EnclosingDecl(call); decl != nil {
			whole = decl
		}
		if !syntax.ContainsNode(whole, func(n ast.Node) bool { return switchesOn(f.p, n) }) {
			return true
		}
	}
	return false
}
