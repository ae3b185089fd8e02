package goroutinealert

import (
	"fmt"
	"go/ast"
	"go/types"
	"time"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/heat"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
)

// place finds where the state between samples can stand, and says why it has no
// place when there is none.
func (a *levelAlert) place(s *rewrite.Snapshot, call rewrite.Call) string {
	if a.rungs != nil || a.stmt.Else != nil {
		return "what else tells would be told of a high level, too"
	}
	if step := a.interval(call); step > maxStep {
		return fmt.Sprintf("with a sample every %s it takes %s until a leak is told from a plateau, take one every minute", step, step*growthSamples)
	}
	for c := range call.At.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch n := c.Node().(type) {
		case *ast.ForStmt:
			if n.Init != nil || n.Post != nil && !heat.WaitsForClock(a.pkg, n.Post) {
				return "the loop ends by itself, so that its samples do not make a trend"
			}
			a.loop = n
		case *ast.RangeStmt:
			if !syntax.IsClock(a.pkg, n.X) {
				return "the loop ends by itself, so that its samples do not make a trend"
			}
			a.loop = n
		case *ast.FuncLit:
			return "the samples are taken in a function literal, which keeps no state between them"
		case *ast.FuncDecl:
			return a.helper(s, n)
		}
		break
	}
	if a.loop == nil {
		return "the samples are not taken in a loop"
	}
	if c, ok := a.pkg.Cursor(a.loop); !ok || !syntax.InList(c) {
		return "nothing can be declared before the loop"
	}
	return ""
}

// helper says why the state cannot be kept in the package for a function that
// is called for every sample.
func (a *levelAlert) helper(s *rewrite.Snapshot, decl *ast.FuncDecl) string {
	fn, _ := a.pkg.Info.Defs[decl.Name].(*types.Func)
	if fn == nil || decl.Type.TypeParams != nil {
		return "the samples are taken in a generic function"
	}
	if decl.Recv != nil {
		if fn.Exported() {
			return "the samples are taken in a method that other code may call"
		}
		if a.holder = syntax.ReceiverStruct(a.pkg, decl); a.holder == nil {
			return "the samples are taken in a method whose receiver cannot keep the state"
		}
	} else if fn.Exported() {
		s.Widen(fn.Name())
	}
	refs := s.Refs(rewrite.ObjectKey(fn))
	if len(refs) != 1 || syntax.Mentioned(a.pkg, fn.Name()) {
		return "the samples are taken in a function that is called from several places"
	}
	if _, ok := refs[0].Call(); !ok || refs[0].File.Test {
		return "the samples are taken in a function that is called from several places"
	}
	a.decl = decl
	return ""
}

// growthSamples is how many samples it takes until growth is told: the first
// window and ten that rise.
const growthSamples = 66

// maxStep is the longest time between two samples with which growth is told
// soon enough: within two hours.
const maxStep = 2 * time.Hour / growthSamples

// interval returns the time between two samples, 0 when it is not constant.
func (a *levelAlert) interval(call rewrite.Call) time.Duration {
	at, p := call.At, a.pkg
	decl := syntax.EnclosingDecl(at)
	if step := stepOf(p, decl); step != 0 || syntax.InLoop(at) || decl == nil {
		return step
	}
	// Have: a function that takes one sample. Its only caller has the loop.
	if c, q := syntax.OnlyCall(p.Snapshot(), p, decl); q != nil {
		return stepOf(q, syntax.EnclosingDecl(c))
	}
	return 0
}

// stepOf returns the one constant duration that decl waits for, 0 when there are
// several or none.
func stepOf(p *rewrite.Package, decl *ast.FuncDecl) time.Duration {
	if decl == nil {
		return 0
	}
	var all []time.Duration
	ast.Inspect(decl, func(n ast.Node) bool {
		if p.IsCall(n, "time", "NewTicker", "Tick", "Sleep", "After", "NewTimer") {
			n, _ := syntax.ConstInt(p, n.(*ast.CallExpr).Args[0])
			all = append(all, time.Duration(n))
		}
		return true
	})
	if len(all) != 1 {
		return 0
	}
	return all[0]
}

// soon says how long it takes until a leak alerts.
func (a *levelAlert) soon(call rewrite.Call) string {
	if step := a.interval(call); step > 0 {
		return fmt.Sprintf("%s of growth, with a sample every %s", (step * growthSamples).Round(time.Second), step)
	}
	return "ten rising windows of six samples"
}
