package timerfanout

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/knowledge"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// One timer for the batch runs the callbacks one after another. That is no loss
// where they only touch memory. Where one waits, for the network, a database, a
// program, a file or a lock, all behind it wait as well.

const (
	waits   = "the callback waits, and would keep those behind it waiting"
	mayWait = "the callback calls what may wait, and would keep those behind it waiting"
)

// maxCallees bounds through how many functions calls are followed.
const maxCallees = 4

// waiting follows what a callback calls.
type waiting struct {
	s    *rewrite.Snapshot
	seen map[*ast.FuncDecl]bool
}

// in says why the code at n of p may wait, "" when it does not.
func (w *waiting) in(n ast.Node, p *rewrite.Package, depth int) string {
	why := ""
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			return false
		case *ast.SelectStmt, *ast.SendStmt:
			why = waits
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				why = waits
			}
		case *ast.ForStmt:
			if n.Cond == nil {
				why = "the callback may run for long, and would keep those behind it waiting"
			}
		case *ast.RangeStmt:
			if _, ok := syntax.Under(p.Info.TypeOf(n.X)).(*types.Chan); ok {
				why = waits
			}
		case *ast.CallExpr:
			why = w.call(n, p, depth)
		}
		return why == ""
	})
	return why
}

// call says why the call may wait.
func (w *waiting) call(call *ast.CallExpr, p *rewrite.Package, depth int) string {
	if tv := p.Info.Types[call.Fun]; tv.IsType() || tv.IsBuiltin() {
		return ""
	}
	if _, ok := ast.Unparen(call.Fun).(*ast.FuncLit); ok {
		return "" // its body is looked at where it stands
	}
	fn := p.Callee(call)
	if fn == nil || fn.Pkg() == nil {
		if syntax.IsContextFunc(p.Info.TypeOf(call.Fun)) || fn != nil {
			return "" // a cancel function, or the Error method
		}
		return mayWait
	}
	return w.function(fn, depth)
}

// function says why fn may wait.
func (w *waiting) function(fn *types.Func, depth int) string {
	path := fn.Pkg().Path()
	switch {
	case knowledge.Quick(fn):
		return ""
	case depth == 0:
		return mayWait
	}
	decl, q := syntax.DeclarationOf(w.s, fn)
	if decl == nil && !syntax.IsStandard(path) {
		w.s.Widen(fn.Name())
		decl, q = syntax.DeclarationOf(w.s, fn)
	}
	if decl == nil || decl.Body == nil {
		return mayWait
	}
	if w.seen[decl] {
		return ""
	}
	w.seen[decl] = true
	if why := w.in(decl.Body, q, depth-1); why != "" {
		return strings.Replace(why, "the callback", "the callback, in "+fn.Name()+",", 1)
	}
	return ""
}
