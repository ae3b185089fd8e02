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
	long    = "the callback may run for long, and would keep those behind it waiting"

	// One timer behind the loop would start later than those in it, or never
	// where the loop waits for what they do.
	between = "the loop may wait between its timers, which start before its end"
)

// maxCallees bounds through how many functions calls are followed.
const maxCallees = 4

// waiting follows what a callback, or the body of the loop but for the timer,
// calls.
type waiting struct {
	s     *rewrite.Snapshot
	seen  map[*ast.FuncDecl]bool
	timer *ast.CallExpr // nil for a callback
}

func newWaiting(p *rewrite.Package, timer *ast.CallExpr) *waiting {
	return &waiting{p.Snapshot(), make(map[*ast.FuncDecl]bool), timer}
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
			if n.Cond == nil || w.timer != nil && !counts(p, n) {
				why = long
			}
		case *ast.RangeStmt:
			switch syntax.Under(p.Info.TypeOf(n.X)).(type) {
			case *types.Chan:
				why = waits
			case *types.Signature:
				why = mayWait
			}
		case *ast.CallExpr:
			if n == w.timer {
				return false
			}
			why = w.call(n, p, depth)
		}
		return why == ""
	})
	return why
}

// counts reports whether the loop goes on by itself, and not until something has
// happened elsewhere: its head has a step, and calls nothing.
func counts(p *rewrite.Package, n *ast.ForStmt) bool {
	calls := func(n ast.Node) bool {
		return syntax.ContainsNode(n, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			return ok && !p.Info.Types[call.Fun].IsType() && !p.Info.Types[call.Fun].IsBuiltin()
		})
	}
	return n.Post != nil && !calls(n.Cond) && !calls(n.Post)
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
	switch {
	case knowledge.Quick(fn):
		return ""
	case depth == 0:
		return mayWait
	}
	decl, q := w.source(fn)
	if decl == nil {
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

// source returns the declaration of fn, nil where its body is not in sight.
func (w *waiting) source(fn *types.Func) (*ast.FuncDecl, *rewrite.Package) {
	decl, p := syntax.DeclarationOf(w.s, fn)
	if decl == nil && !syntax.IsStandard(fn.Pkg().Path()) {
		w.s.Widen(fn.Name())
		decl, p = syntax.DeclarationOf(w.s, fn)
	}
	if decl == nil || decl.Body == nil {
		return nil, nil
	}
	return decl, p
}
