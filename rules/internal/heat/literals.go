package heat

import (
	"fmt"
	"go/ast"
	"go/token"
	"path/filepath"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/internal/syntax"
	"github.com/runtimefix/runtimefix/rules/internal/web"
	"golang.org/x/tools/go/ast/inspector"
)

// literal returns the heat of the function literal at lit: on means that it runs
// where it stands, so that its surroundings decide.
func (f *heatFinder) literal(p *rewrite.Package, lit inspector.Cursor, depth int) (h Heat, on bool) {
	n := lit.Node().(*ast.FuncLit)
	request := Heat{Kind: Recurring, Why: "for every request", Path: []Place{{p, lit}}}
	if web.IsHandler(syntax.SignatureOf(p, n)) {
		return request, false
	}
	if h, on = f.literalUse(p, lit, depth); on || h.Kind != unknownHeat {
		return h, on
	}
	if wrapsCalls(p, lit) {
		return request, false
	}
	if named, ok := f.namedLiteral(p, lit, depth); ok {
		return named, false
	}
	return Heat{}, false
}

// literalUse says what becomes of a function literal that is called, or handed
// to a call.
func (f *heatFinder) literalUse(p *rewrite.Package, lit inspector.Cursor, depth int) (h Heat, on bool) {
	c := lit
	for {
		if _, ok := c.Parent().Node().(*ast.ParenExpr); !ok {
			break
		}
		c = c.Parent()
	}
	if isRegistered(p, c, syntax.SignatureOf(p, lit.Node().(*ast.FuncLit))) {
		return Heat{Kind: Recurring, Why: "for every request", Path: []Place{{p, lit}}}, false
	}
	call, ok := c.Parent().Node().(*ast.CallExpr)
	if !ok {
		return Heat{}, false
	}
	if call.Fun == c.Node() {
		return Heat{}, true // called, deferred or started as a goroutine
	}
	if tv := p.Info.Types[call.Fun]; tv.IsType() && syntax.IsType(tv.Type, "expvar", "Func") {
		return Heat{Kind: Recurring, Why: "for every request"}, false
	}
	fn := p.Callee(call)
	if fn == nil {
		return Heat{}, false
	}
	switch key := rewrite.ObjectKey(fn); {
	case key == "(*sync.Once).Do" || key == "sync.OnceFunc":
		return Heat{Kind: OneShot}, false
	case key == "(*sync.WaitGroup).Go" || strings.HasSuffix(key, "errgroup.Group).Go"):
		return Heat{}, true
	case key == "time.AfterFunc":
		if rearms(p, lit.Node().(*ast.FuncLit)) {
			return Heat{Kind: Recurring, Paced: true, Why: "on a timer"}, false
		}
	case isSchedule(fn):
		return Heat{Kind: Recurring, Paced: true, Why: "on a schedule"}, false
	case isScraped(fn):
		return Heat{Kind: Recurring, Why: "for every scrape"}, false
	}
	return f.passed(p, c.Parent(), c.ParentEdgeIndex(), depth)
}

// namedLiteral returns the heat of a function literal that a local variable
// names and that is only called by that name; ok is false for others.
func (f *heatFinder) namedLiteral(p *rewrite.Package, lit inspector.Cursor, depth int) (best Heat, ok bool) {
	as, isAssign := lit.Parent().Node().(*ast.AssignStmt)
	if !isAssign || as.Tok != token.DEFINE || len(as.Lhs) != 1 || len(as.Rhs) != 1 || depth == 0 {
		return Heat{}, false
	}
	id, _ := as.Lhs[0].(*ast.Ident)
	v := p.Info.Defs[id]
	decl := syntax.EnclosingDecl(lit)
	key := fmt.Sprintf("literal %d", as.Pos())
	if v == nil || decl == nil || f.busy[key] {
		return Heat{}, false
	}
	f.busy[key] = true
	defer delete(f.busy, key)
	within, _ := p.Cursor(decl)
	once, count := 0, 0
	for c := range within.Preorder((*ast.Ident)(nil)) {
		if p.Info.Uses[c.Node().(*ast.Ident)] != v {
			continue
		}
		call, isCall := c.Parent().Node().(*ast.CallExpr)
		if !isCall || call.Fun != c.Node() {
			return Heat{}, false
		}
		count++
		h := f.at(p, c.Parent(), depth-1)
		if h.Kind == OneShot {
			once++
		}
		if h.Kind == Recurring && (best.Kind != Recurring || h.hot() && !best.hot()) {
			pos := f.s.Position(c.Node().Pos())
			h.Why = fmt.Sprintf("%s, through %s at %s:%d", strings.SplitN(h.Why, ", through ", 2)[0], id.Name, filepath.Base(pos.Filename), pos.Line)
			best = h
		}
	}
	if best.Kind != Recurring && count > 0 && once == count {
		best.Kind = OneShot
	}
	return best, count > 0
}

// rearms reports whether a timer's function sets a timer again.
func rearms(p *rewrite.Package, lit *ast.FuncLit) bool {
	found := false
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		if p.IsCall(n, "time", "AfterFunc", "(*time.Timer).Reset") {
			found = true
		}
		return !found
	})
	return found
}
