package maxprocs

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/image"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/mod/modfile"
	"golang.org/x/tools/go/ast/inspector"
)

func (q *quotas) dropImport(m *rewrite.Module, f *rewrite.File) *rewrite.Fix {
	return &rewrite.Fix{
		Message: "drop the import and run go mod tidy; GOMAXPROCS becomes the quota rounded up, at least 2, instead of rounded down",
		Safety:  rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			e.DropImport(f, image.AutomaxprocsPath, "_")
			return q.dropRequire(e, m, f, false)
		},
	}
}

// forEffect returns the statement that the call of maxprocs.Set is all of, its
// results dropped or only its error checked, with those behind it that only look
// at the results; nil where it has options beside a logger, or would take
// something else with it.
func forEffect(c rewrite.Call) []ast.Stmt {
	for _, a := range c.Call.Args {
		opt, ok := ast.Unparen(a).(*ast.CallExpr)
		if !ok || !c.Pkg.IsCall(opt, image.AutomaxprocsPath+"/maxprocs", "Logger") || len(opt.Args) != 1 {
			return nil
		}
		if _, literal := ast.Unparen(opt.Args[0]).(*ast.FuncLit); !literal && !syntax.Pure(c.Pkg, opt.Args[0]) {
			return nil
		}
	}
	up := c.At.Parent()
	n, ok := up.Node().(*ast.AssignStmt)
	var looks []ast.Stmt
	switch {
	case ok && up.Parent().Node() != nil && isCheck(up, n):
		up = up.Parent()
	case ok && syntax.InList(up) && n.Tok == token.DEFINE && len(n.Lhs) == 2:
		if looks, ok = looksBehind(c.Pkg, up, n); !ok {
			return nil
		}
	case ok:
		if slices.ContainsFunc(n.Lhs, func(l ast.Expr) bool { return !isBlank(l) }) {
			return nil
		}
	default:
		if _, ok := up.Node().(*ast.ExprStmt); !ok {
			return nil
		}
	}
	stmt, ok := up.Node().(ast.Stmt)
	if !ok || !syntax.InList(up) {
		return nil
	}
	all := append([]ast.Stmt{stmt}, looks...)
	if slices.ContainsFunc(all, func(s ast.Stmt) bool { return holdsComment(c.File, s) }) || lastUse(c.Pkg, all...) {
		return nil
	}
	return all
}

// looksBehind returns the statements right behind undo, err := maxprocs.Set() that
// undo it at the end and look at the error; ok is false where the results are
// used elsewhere, too.
func looksBehind(p *rewrite.Package, up inspector.Cursor, n *ast.AssignStmt) (looks []ast.Stmt, ok bool) {
	var left []*types.Var // with a look to come
	for _, l := range n.Lhs {
		if id, isIdent := l.(*ast.Ident); !isIdent || isBlank(l) {
			continue
		} else if v, defined := p.Info.Defs[id].(*types.Var); defined {
			left = append(left, v)
		} else {
			return nil, false
		}
	}
	list := syntax.StmtsOf(up.Parent().Node())
	for _, s := range list[syntax.IndexOf(list, n)+1:] {
		i := slices.IndexFunc(left, func(v *types.Var) bool { return defersCall(p, s, v) || checksError(p, s, v) })
		if i < 0 {
			break
		}
		for _, c := range syntax.MentionsOf(p, left[i]) {
			if !syntax.Encloses(s, c.Node()) && !syntax.Encloses(n, c.Node()) {
				return nil, false
			}
		}
		looks, left = append(looks, s), slices.Delete(left, i, i+1)
	}
	return looks, len(left) == 0
}

// defersCall reports whether s is defer v().
func defersCall(p *rewrite.Package, s ast.Stmt, v *types.Var) bool {
	d, ok := s.(*ast.DeferStmt)
	if !ok || len(d.Call.Args) > 0 {
		return false
	}
	id, ok := d.Call.Fun.(*ast.Ident)
	return ok && p.Info.Uses[id] == v
}

// checksError reports whether s is if v != nil { ... } without an else.
func checksError(p *rewrite.Package, s ast.Stmt, v *types.Var) bool {
	check, ok := s.(*ast.IfStmt)
	if !ok || check.Init != nil || check.Else != nil {
		return false
	}
	cond, ok := check.Cond.(*ast.BinaryExpr)
	if !ok || cond.Op != token.NEQ || !syntax.IsNil(p, cond.Y) {
		return false
	}
	id, ok := cond.X.(*ast.Ident)
	return ok && p.Info.Uses[id] == v
}

// optional reports whether the program asks for the statements: they stand under a
// condition, or in a function that does nothing else but return before them.
func optional(p *rewrite.Package, list []ast.Stmt) bool {
	at, ok := p.Cursor(list[0])
	if !ok {
		return true
	}
	for c := range at.Parent().Enclosing((*ast.IfStmt)(nil), (*ast.CaseClause)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		body := syntax.BodyOf(c.Node())
		if body == nil {
			return true
		}
		before := len(body.List) - len(list)
		return before > 0 && body.List[before] == list[0] &&
			!slices.ContainsFunc(body.List[:before], func(s ast.Stmt) bool { return !onlyReturns(s) })
	}
	return false
}

// onlyReturns reports whether s is a condition that leads to a return.
func onlyReturns(s ast.Stmt) bool {
	n, ok := s.(*ast.IfStmt)
	if !ok || n.Else != nil || len(n.Body.List) != 1 {
		return false
	}
	_, ok = n.Body.List[0].(*ast.ReturnStmt)
	return ok
}

// isCheck reports whether the assignment at up is that of if _, err := ...; err
// != nil without an else.
func isCheck(up inspector.Cursor, n *ast.AssignStmt) bool {
	check, ok := up.Parent().Node().(*ast.IfStmt)
	if !ok || check.Init != n || check.Else != nil || len(n.Lhs) != 2 || !isBlank(n.Lhs[0]) || n.Tok != token.DEFINE {
		return false
	}
	cond, ok := check.Cond.(*ast.BinaryExpr)
	if !ok || cond.Op != token.NEQ {
		return false
	}
	x, isIdent := cond.X.(*ast.Ident)
	y, isNil := cond.Y.(*ast.Ident)
	err, _ := n.Lhs[1].(*ast.Ident)
	return isIdent && isNil && err != nil && x.Name == err.Name && y.Name == "nil"
}

func isBlank(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "_"
}

// holdsComment reports whether a comment stands within n.
func holdsComment(f *rewrite.File, n ast.Node) bool {
	return slices.ContainsFunc(f.AST.Comments, func(c *ast.CommentGroup) bool { return n.Pos() <= c.Pos() && c.End() <= n.End() })
}

// lastUse reports whether a local variable that is defined before the statements is
// used nowhere but in them.
func lastUse(p *rewrite.Package, list ...ast.Stmt) bool {
	within := func(pos token.Pos) bool {
		return slices.ContainsFunc(list, func(s ast.Stmt) bool { return s.Pos() <= pos && pos < s.End() })
	}
	last := func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return false
		}
		v, ok := p.Info.Uses[id].(*types.Var)
		if !ok || v.IsField() || v.Parent() == nil || v.Parent() == v.Pkg().Scope() || within(v.Pos()) {
			return false
		}
		for _, c := range syntax.MentionsOf(p, v) {
			_, isField := c.Parent().Node().(*ast.Field) // parameters need no use
			if isField || p.Info.Defs[c.Node().(*ast.Ident)] == nil && !within(c.Node().Pos()) && !syntax.Written(c) {
				return false
			}
		}
		return true
	}
	return slices.ContainsFunc(list, func(s ast.Stmt) bool { return syntax.ContainsNode(s, last) })
}

func (q *quotas) dropSet(c rewrite.Call, list []ast.Stmt) *rewrite.Fix {
	return &rewrite.Fix{
		Message: "remove the call and run go mod tidy; GOMAXPROCS becomes the quota rounded up, at least 2, instead of rounded down, and is no longer logged",
		Safety:  rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			for _, s := range list {
				e.Delete(s, about.Removed("maxprocs", "GOMAXPROCS", "quota"))
			}
			return q.dropRequire(e, c.Pkg.Module, c.File, usesBeside(c.Pkg, c.File, list[0]))
		},
	}
}

// usesBeside reports whether the file uses automaxprocs outside of stmt.
func usesBeside(p *rewrite.Package, f *rewrite.File, stmt ast.Stmt) bool {
	for id, obj := range p.Info.Uses {
		if obj.Pkg() != nil && strings.HasPrefix(obj.Pkg().Path(), image.AutomaxprocsPath) && p.File(id) == f && !syntax.Encloses(stmt, id) {
			return true
		}
	}
	return false
}

// dropRequire takes automaxprocs out of the requirements of m where f was the
// last file to import it; with used, f goes on to.
func (q *quotas) dropRequire(e *rewrite.Edit, m *rewrite.Module, f *rewrite.File, used bool) error {
	mod, err := q.s.GoModOf(m)
	if err != nil {
		return err
	}
	required := false
	for _, r := range mod.Require {
		required = required || r.Mod.Path == image.AutomaxprocsPath
	}
	files, err := q.s.GoFilesWith(m, image.AutomaxprocsPath)
	if err != nil {
		return err
	}
	if !required || q.s.OthersRequire(m, image.AutomaxprocsPath) {
		return nil // go mod tidy knows better
	}
	// Fixes that edit go.mod take turns, so of several imports the last
	// one to go finds itself alone and takes the requirement with it.
	last := !used && len(files) == 1 && files[0] == f.Path
	e.GoMod(m, func(mf *modfile.File) error {
		if !last {
			return nil
		}
		return mf.DropRequire(image.AutomaxprocsPath)
	})
	return nil
}
