package maxprocs

import (
	"go/ast"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/about"
	"github.com/runtimefix/runtimefix/rules/internal/image"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"golang.org/x/mod/modfile"
)

func (q *quotas) dropImport(m *rewrite.Module, f *rewrite.File) *rewrite.Fix {
	return &rewrite.Fix{
		Message: "drop the import and run go mod tidy; GOMAXPROCS becomes the quota rounded up, at least 2, instead of rounded down",
		Safety:  rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			e.DropImport(f, image.AutomaxprocsPath, "_")
			return q.dropRequire(e, m, f)
		},
	}
}

// forEffect returns the statement that the call of maxprocs.Set is all of, its
// results dropped; nil where it has options beside a logger.
func forEffect(c rewrite.Call) ast.Stmt {
	for _, a := range c.Call.Args {
		opt, ok := ast.Unparen(a).(*ast.CallExpr)
		if !ok || !c.Pkg.IsCall(opt, image.AutomaxprocsPath+"/maxprocs", "Logger") || len(opt.Args) != 1 || !syntax.Pure(c.Pkg, opt.Args[0]) {
			return nil
		}
	}
	var stmt ast.Stmt
	switch n := c.At.Parent().Node().(type) {
	case *ast.ExprStmt:
		stmt = n
	case *ast.AssignStmt:
		for _, l := range n.Lhs {
			if id, ok := l.(*ast.Ident); !ok || id.Name != "_" {
				return nil
			}
		}
		stmt = n
	default:
		return nil
	}
	if !syntax.InList(c.At.Parent()) {
		return nil
	}
	return stmt
}

func (q *quotas) dropSet(c rewrite.Call, stmt ast.Stmt) *rewrite.Fix {
	return &rewrite.Fix{
		Message: "remove the call and run go mod tidy; GOMAXPROCS becomes the quota rounded up, at least 2, instead of rounded down, and is no longer logged",
		Safety:  rewrite.Unsafe,
		Apply: func(e *rewrite.Edit) error {
			e.Delete(stmt, about.Removed("maxprocs", "GOMAXPROCS", "quota"))
			return q.dropRequire(e, c.Pkg.Module, c.File)
		},
	}
}

// dropRequire takes automaxprocs out of the requirements of m where f was the
// last file to import it.
func (q *quotas) dropRequire(e *rewrite.Edit, m *rewrite.Module, f *rewrite.File) error {
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
	last := len(files) == 1 && files[0] == f.Path
	e.GoMod(m, func(mf *modfile.File) error {
		if !last {
			return nil
		}
		return mf.DropRequire(image.AutomaxprocsPath)
	})
	return nil
}
